"""A form made from a pydantic model: its defaults, its bounds, and a sentence beside what is not accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from flask_babel import gettext as _
from flask_babel.speaklater import LazyString
from pydantic import BaseModel, ValidationError

Words = Mapping[str, tuple[LazyString, LazyString]]  # per option: its label, and what it is for
BOUNDS = {"minimum": "min", "exclusiveMinimum": "min", "maximum": "max", "exclusiveMaximum": "max"}


@dataclass(frozen=True)
class Field:
    """One field as templates/console/fields.html draws it. `limits` are HTML's attributes."""

    name: str
    label: str
    kind: Literal["text", "number", "checkbox", "area"] = "text"
    value: Any = ""
    about: str = ""
    fault: str = ""
    limits: Mapping[str, Any] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    needed: bool = False


def fields(
    model: type[BaseModel],
    words: Words,
    given: Mapping[str, Any] | None = None,
    faults: Mapping[str, str] | None = None,
) -> list[Field]:
    """A field for each option, with what was typed before, or its default."""
    properties = model.model_json_schema()["properties"]
    return [
        Field(
            name,
            label=str(words[name][0]) if name in words else name,
            kind="checkbox" if told["type"] == "boolean" else kind(told),
            value=(given or {}).get(name, told.get("default")),
            about=str(words[name][1]) if name in words else told.get("description", ""),
            fault=(faults or {}).get(name, ""),
            limits=limits(told),
            choices=tuple(told.get("enum", ())),
        )
        for name, told in properties.items()
    ]


def typed(model: type[BaseModel], form: Mapping[str, str]) -> dict[str, Any]:
    """What was typed into the fields; an empty one means the default, an unticked box means no."""
    properties = model.model_json_schema()["properties"]
    return {
        name: name in form if told["type"] == "boolean" else form[name].strip()
        for name, told in properties.items()
        if told["type"] == "boolean" or form.get(name, "").strip()
    }


def faults_of(model: type[BaseModel], error: ValidationError) -> dict[str, str]:
    """A sentence for each option that was refused."""
    properties = model.model_json_schema()["properties"]
    return {str(fault["loc"][0]): accepted(properties[str(fault["loc"][0])]) for fault in error.errors()}


def accepted(told: Mapping[str, Any]) -> str:
    bounds = limits(told)
    least, most = bounds.get("min"), bounds.get("max")
    if least is None:
        sentence = _("A number is accepted here.")
    elif most is None:
        sentence = _("A number from %(least)s up is accepted here.", least=least)
    else:
        sentence = _("A number from %(least)s to %(most)s is accepted here.", least=least, most=most)
    return str(sentence)


def kind(told: Mapping[str, Any]) -> Literal["text", "number"]:
    return "number" if told["type"] in ("integer", "number") else "text"


def limits(told: Mapping[str, Any]) -> dict[str, Any]:
    if told["type"] not in ("integer", "number"):
        return {}
    bounds = {attribute: told[name] for name, attribute in BOUNDS.items() if name in told}
    return {**bounds, "step": 1 if told["type"] == "integer" else "any"}
