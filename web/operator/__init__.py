"""The operator's console: which strategy speaks, what was said, and what a search finds."""

from flask import Blueprint

bp = Blueprint("operator", __name__, url_prefix="/console")
