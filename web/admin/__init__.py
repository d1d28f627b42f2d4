"""The admin's console: the product documents that answers rest on."""

from flask import Blueprint

bp = Blueprint("admin", __name__, url_prefix="/console/documents")
