"""The admin's console: the documents that answers rest on, and the model that is trained on pairs."""

from flask import Blueprint

bp = Blueprint("admin", __name__, url_prefix="/console")

from web.admin import (  # noqa: E402, F401 - they add their views to bp
    adapters,
    appearance,
    audit,
    candidates,
    deliveries,
    documents,
    index,
    keys,
    pairs,
    passages,
    training,
    versions,
    watches,
    wordings,
)
