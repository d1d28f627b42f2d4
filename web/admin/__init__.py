"""The admin's console: the product documents that answers rest on."""

from flask import Blueprint

bp = Blueprint("admin", __name__, url_prefix="/console/documents")

from web.admin import documents  # noqa: E402, F401 - it adds its views to bp
