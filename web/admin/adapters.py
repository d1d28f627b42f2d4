"""The shelf as a page: adapters side by side, who speaks, what everybody says to a question, in and out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, cast

from flask import abort, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_login import current_user

from bot.teaching.trial import ask_everybody
from strategies.errors import StrategyError
from strategies.lora.shelf import Adapter, Proof, ShelfError, UnknownAdapter
from strategies.lora.shelf.card import CURVE, SAMPLES
from strategies.lora.shelf.parcel import Refused
from strategies.lora.training.work import Told, read_lines
from strategies.lora.trust.reliability import reliability
from strategies.router.plan import interval
from web.admin import bp, curve
from web.auth import requires
from web.current import kotae
from web.security import accepts_bytes
from web.sentences import told

FORM_BYTES = 64 * 1024
IMPORTED_BYTES = 256 * 1024 * 1024  # the command line takes larger adapters
SIDE_BY_SIDE = ("held_out_loss", "held_out_exact", "confidence_answered", "confidence_wrong", "seconds")
LOWER_IS_BETTER = ("held_out_loss", "confidence_wrong", "seconds")
FIGURES = {  # what training measures, in the admin's words; another figure is shown by its name
    "held_out_loss": _l("Held-out loss"),
    "held_out_exact": _l("Held-out answers, word for word"),
    "held_out_token_accuracy": _l("Held-out tokens foretold"),
    "examples": _l("Examples learned from"),
    "steps": _l("Best step"),
    "seconds": _l("Seconds of training"),
    "weights": _l("Weights of the adapter"),
    "preferences": _l("Preferences learned from"),
    "preferences_held_out": _l("Preferences held out"),
    "preferences_won": _l("Held-out preferences won against its parent"),
    "preferences_ahead": _l("Held-out preferences whose better answer is likelier"),
    "preferences_ahead_before": _l("The same with its parent"),
    "confidence_answered": _l("Questions about what was taught that it answers"),
    "confidence_answered_outside": _l("Other questions that it answers"),
    "confidence_wrong": _l("Wrong among its answers, misleading questions included"),
    "confidence_enough": _l("Answers from this likelihood on"),
    "confidence_examples": _l("Questions it was calibrated on"),
}
SHARES = {
    "held_out_exact",
    "held_out_token_accuracy",
    "preferences_won",
    "preferences_ahead",
    "preferences_ahead_before",
    "confidence_answered",
    "confidence_answered_outside",
    "confidence_wrong",
}
VOICES = {
    "base": _l("The base without an adapter"),
    "adapter": _l("The adapter"),
    "nearest": _l("The nearest taught question"),
    "quotes": _l("Quotes from the documents"),
}


@dataclass(frozen=True)
class Turn:
    """A promotion, with names where the shelf has hashes."""

    name: str
    previous_name: str
    by: str
    at: datetime


@dataclass(frozen=True)
class Sample:
    """A held-out question with what was answered at each checkpoint."""

    question: str
    wanted: str
    said: Sequence[tuple[int, str]]


@bp.get("/adapters")
@requires("admin")
def adapters() -> ResponseReturnValue:
    found = kotae().shelf.all()
    speaks, fault = speaking()
    longest = kotae().settings.limits.question_characters
    query = request.args.get("q", "").strip()[:longest]
    hashes = [one.hash for one in found]
    chosen = next((which for which in (request.args.get("adapter"), speaks, *hashes) if which in hashes), "")
    return render_template(
        "console/adapters.html",
        adapters=found,
        speaks=speaks,
        fault=fault,
        figures=[name for name in SIDE_BY_SIDE if any(name in one.figures for one in found)],
        labels=FIGURES,
        best=best(found),
        figure=figure,
        history=[] if fault else turns(found),
        query=query,
        chosen=chosen,
        longest=longest,
        said=ask_everybody(kotae(), query, chosen) if query else (),
        outdated={one.hash: gone for one in found if (gone := len(kotae().outdated.of(one)))},
        voices=VOICES,
    )


@bp.post("/adapters")
@accepts_bytes(lambda: IMPORTED_BYTES + FORM_BYTES)
@requires("admin")
def import_adapter() -> ResponseReturnValue:
    file = request.files.get("file")
    if file is None or not file.filename:
        flash(_("Choose a file first."), "warning")
        return redirect(url_for("admin.adapters"))
    try:
        shelf = kotae().shelf
        taken = shelf.import_(
            cast("BinaryIO", file.stream), base=shelf.base, largest=IMPORTED_BYTES, by=current_user.email
        )
    except (Refused, ShelfError, StrategyError) as refused:
        flash(
            _("%(file)s was not taken: %(why)s. Nothing was changed.", file=file.filename, why=told(refused)),
            "danger",
        )
        return redirect(url_for("admin.adapters"))
    flash(_("%(name)s stands on the shelf.", name=taken.name), "success")
    return redirect(url_for("admin.adapter", adapter=taken.hash))


@bp.post("/adapters/back")
@requires("admin")
def adapter_back() -> ResponseReturnValue:
    try:
        change = kotae().shelf.back(current_user.email)
    except ShelfError as refused:
        flash(_("Could not go back: %(why)s.", why=told(refused)), "warning")
    else:
        back = (
            _("Back to %(name)s: it speaks within a second.", name=kotae().shelf.get(change.hash).name)
            if change.hash
            else _("No adapter speaks any more: until one is promoted, the product model gives no answers.")
        )
        flash(back, "success")
    return redirect(url_for("admin.adapters"))


@bp.get("/adapters/<adapter>")
@requires("admin")
def adapter(adapter: str) -> ResponseReturnValue:
    shown = known(adapter)
    speaks, _fault = speaking()
    return render_template(
        "console/adapter.html",
        adapter=shown,
        speaks=speaks,
        figures=[(FIGURES.get(name, name), figure(name, value)) for name, value in shown.figures.items()],
        drawn=curve.draw(Told(**line) for line in read_lines(shown.path / CURVE)),
        foretold=foretold(shown.path),
        samples=list(samples_of(shown.path)),
        made_from=made_from(shown),
        outdated=kotae().outdated.of(shown),
    )


@bp.get("/adapters/<adapter>/file")
@requires("admin")
def export_adapter(adapter: str) -> ResponseReturnValue:
    shown = known(adapter)
    with TemporaryDirectory() as folder:
        file = kotae().shelf.export(shown.hash, Path(folder))
        packed = file.open("rb")  # read on after its name is gone
    return send_file(packed, mimetype="application/zip", as_attachment=True, download_name=file.name)


@bp.post("/adapters/<adapter>/promote")
@requires("admin")
def promote_adapter(adapter: str) -> ResponseReturnValue:
    shown = known(adapter)
    proofs: list[Proof] = []

    def prove(adapter: Adapter) -> Proof:
        proofs.append(kotae().shelf.proof(adapter))
        return proofs[-1]

    try:
        kotae().shelf.promote(shown.hash, current_user.email, prove)
    except (Refused, ShelfError) as refused:
        flash(_("%(name)s does not speak: %(why)s.", name=shown.name, why=told(refused)), "danger")
    else:
        flash(verdict(shown, proofs[0]), "success")
    return redirect(url_for("admin.adapters"))


@bp.post("/adapters/<adapter>/remove")
@requires("admin")
def remove_adapter(adapter: str) -> ResponseReturnValue:
    shown = known(adapter)
    try:
        kotae().shelf.remove(shown.hash, by=current_user.email)
    except ShelfError as refused:
        flash(_("%(name)s was not removed: %(why)s.", name=shown.name, why=told(refused)), "danger")
        return redirect(url_for("admin.adapter", adapter=shown.hash))
    flash(_("%(name)s is gone from the shelf.", name=shown.name), "success")
    return redirect(url_for("admin.adapters"))


def verdict(shown: Adapter, proof: Proof) -> str:
    """What was proven, in a sentence."""
    return str(
        ngettext(
            "%(name)s speaks from the next question on. Proven on %(num)s question: it answers as it did in "
            "training (%(apart)s nats a token apart) and not as the base does (up to %(changed)s nats).",
            "%(name)s speaks from the next question on. Proven on %(num)s questions: it answers as it did in "
            "training (%(apart)s nats a token apart) and not as the base does (up to %(changed)s nats).",
            round(proof.figures.get("canaries", 0)),
            name=shown.name,
            apart=f"{proof.figures.get('apart', 0):.4f}",
            changed=f"{proof.figures.get('changed', 0):.1f}",
        )
    )


def figure(name: str, value: float | None) -> str:
    """A figure as people read it."""
    if value is None:
        return "–"
    if name in SHARES:
        return f"{value:.1%}"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.3g}"


def best(found: Sequence[Adapter]) -> dict[str, float]:
    """Of each figure that is compared, where there is something to compare with."""
    figures = {name: [one.figures[name] for one in found if name in one.figures] for name in SIDE_BY_SIDE}
    return {
        name: min(values) if name in LOWER_IS_BETTER else max(values)
        for name, values in figures.items()
        if len(set(values)) > 1
    }


def known(which: str) -> Adapter:
    try:
        return kotae().shelf.get(which)
    except UnknownAdapter:
        abort(404)


def speaking() -> tuple[str, str]:
    """The hash of the adapter that is promoted, and the sentence to show when that cannot be told."""
    try:
        current = kotae().shelf.current()
    except ShelfError as fault:
        return "", told(fault)
    return (current.hash if current else ""), ""


def turns(found: Iterable[Adapter]) -> list[Turn]:
    names = {one.hash: one.called for one in found}
    return [
        Turn(
            names.get(c.hash, c.hash[:8]) or nobody(),
            names.get(c.previous, c.previous[:8]) or nobody(),
            c.by,
            c.at,
        )
        for c in kotae().shelf.history(20)
    ]


def nobody() -> str:
    """Who speaks while no adapter is promoted."""
    return str(_("nobody"))


def foretold(folder: Path) -> curve.Calibration | None:
    """How true it is what the adapter foretells, as a drawing; None where that is not known."""
    if (known := reliability(folder)) is None:
        return None
    piles = (curve.Pile(one.likely, one.right, *interval(one.right, one.of), one.of) for one in known.piles)
    return curve.calibration(piles, known.enough)


def samples_of(folder: Path) -> Iterator[Sample]:
    said: dict[str, list[dict[str, Any]]] = {}
    for line in read_lines(folder / SAMPLES):
        said.setdefault(line["question"], []).append(line)
    for question, lines in said.items():
        yield Sample(question, lines[0]["wanted"], [(line["step"], line["answer"]) for line in lines])


def made_from(shown: Adapter) -> list[tuple[str, object]]:
    recipe = ", ".join(f"{name} {value}" for name, value in shown.recipe.items())
    libraries = ", ".join(f"{name} {version}" for name, version in shown.libraries.items())
    return [
        (_("Base"), f"{shown.base} ({shown.model or shown.base_hash[:12]})"),
        (_("Pairs"), shown.pairs[:12]),
        *(
            [(_("Goes on from"), shown.parent), (_("Preferences"), shown.preferences[:12])]
            if shown.parent
            else []
        ),
        (_("Documents"), len(shown.documents) or ""),
        (_("Recipe"), recipe),
        (_("Template"), shown.template),
        (_("Tokenizer"), shown.tokenizer),
        (_("Seed"), shown.seed),
        (_("Libraries"), libraries),
    ]
