"""The API as a page, drawn by the server from the same document that programs read at `/openapi.json`."""

from __future__ import annotations

from typing import Any, cast

from apiflask import APIFlask
from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

bp = Blueprint("reference", __name__)
TITLES = {"For programs": _l("For programs"), "Chat": _l("Chat")}
METHODS = ("get", "post", "put", "patch", "delete")


@bp.get("/api/reference")
def reference() -> ResponseReturnValue:
    document = cast("dict[str, Any]", cast(APIFlask, current_app)._get_spec("json"))
    tags: dict[str, list[dict[str, Any]]] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                operation = {**item[method], "method": method.upper(), "path": path}
                operation["parameters"] = [*item.get("parameters", ()), *operation.get("parameters", ())]
                tags.setdefault(operation.get("tags", [""])[0], []).append(operation)
    return render_template(
        "integration/reference.html",
        tags=tags,
        titles=TITLES,
        schemas=document["components"].get("schemas", {}),
        security=document["components"].get("securitySchemes", {}),
        version=document["info"]["version"],
    )
