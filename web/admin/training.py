"""Training as a page: a form with plain defaults, the training under way with its curve, those of before.

A training is a job. The page's script looks again at the parts that say how far it is (console/live.js).
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from flask import abort, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_timedelta
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from pydantic import ValidationError

from bot.teaching.training import Run, TrainingRefused, UnknownRun
from strategies.lora.bases import SHIPPED
from strategies.lora.shelf import Adapter, ShelfError
from strategies.lora.training.recipe import Recipe
from web.admin import bp, curve
from web.admin.fields import Field, Words, faults_of, fields, typed
from web.auth import requires
from web.current import kotae
from web.sentences import told

UNDER_WAY = {"queued", "running"}
STATES = {
    "queued": _l("Waiting"),
    "running": _l("Training"),
    "done": _l("Done"),
    "failed": _l("Failed"),
    "cancelled": _l("Cancelled"),
}
STEPS = {
    "preparing": _l("preparing the examples"),
    "learning": _l("learning"),
    "looking answers up": _l("looking for its answers in the documents"),
    "shelving": _l("putting the adapter on the shelf"),
    "promoting": _l("proving the adapter"),
    "waiting to try again": _l("waiting to try again"),
}
COLOURS = {"done": "success", "failed": "danger", "cancelled": "secondary"}
NAME = 80  # characters
WORDS: Words = {
    "rank": (_l("Rank"), _l("How much the adapter can hold.")),
    "alpha": (_l("Alpha"), _l("How loud the adapter speaks. 0: twice the rank.")),
    "rate": (_l("Learning rate"), _l("The highest one, after the warm-up. 0: by the width of the base.")),
    "loraplus": (
        _l("LoRA+"),
        _l("How many times faster the matrix that writes learns than the one that reads. 0: by the base."),
    ),
    "epochs": (
        _l("Epochs"),
        _l("How often every example is seen, at most. 0: as often as there is something to gain."),
    ),
    "batch": (_l("Batch"), _l("Pairs that are learned in one step.")),
    "warm_up": (_l("Warm-up"), _l("The share of steps in which the rate rises.")),
    "dropout": (_l("Dropout"), _l("The share of the adapter's inputs that is left out at random.")),
    "encoder": (_l("Adapt the reading part, too"), _l("Other wordings are understood better. Slower.")),
    "contrast": (
        _l("Telling questions apart"),
        _l("Epochs in which the reading part learns this first, more where pairs are few. 0: none."),
    ),
    "pooled": (
        _l("Hear a question as one"),
        _l("By its meaning instead of token by token. Only for a base of a reader and a speaker."),
    ),
    "vocabulary": (_l("Adapt the output layer, too"), _l("For words or scripts the base hardly knows.")),
    "dora": (_l("DoRA"), _l("Direction and size are learned apart. Such an adapter is served merged.")),
    "rslora": (_l("rsLoRA"), _l("Scaled by the root of the rank; for high ranks.")),
    "quantized": (_l("QLoRA"), _l("The base in four bits; needs a CUDA device.")),
    "raft": (
        _l("Learn to read passages"),
        _l("Also answers from what a search finds, wrong passages among it."),
    ),
    "augment": (_l("Other wordings"), _l("Also learn from other wordings of each question.")),
    "beta": (_l("Beta"), _l("How near preference tuning stays to what was said before: more, nearer.")),
    "seconds": (_l("Longest time, in seconds"), _l("The best so far is kept.")),
    "patience": (_l("Patience"), _l("Measurements without a better held-out loss before it ends.")),
    "seed": (_l("Seed"), _l("Another seed, another order and another beginning.")),
}


@dataclass(frozen=True)
class Form:
    """What the page asks for; `open` shows the recipe because something in it was refused."""

    first: tuple[Field, ...]
    promote: Field
    recipe: Sequence[Field]
    open: bool = False


@dataclass(frozen=True)
class Shown:
    """A training as the page shows it."""

    run: Run

    @property
    def id(self) -> str:
        return self.run.id

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def base(self) -> str:
        return self.run.base

    @property
    def adapter(self) -> str:
        return self.run.adapter

    @property
    def label(self) -> str:
        return str(STATES[self.run.job.state])

    @property
    def colour(self) -> str:
        return COLOURS.get(self.run.job.state, "primary")

    @property
    def under_way(self) -> bool:
        return self.run.job.state in UNDER_WAY

    @property
    def share(self) -> float:
        return self.run.job.progress

    @property
    def error(self) -> str:
        return self.run.job.error

    @property
    def ended_at(self) -> datetime | None:
        return self.run.job.ended_at

    @cached_property
    def drawn(self) -> curve.Curve | None:
        return curve.draw(self.run.told)

    @property
    def best(self) -> float | None:
        return self.drawn.best.held_out if self.drawn and self.drawn.best else None

    @property
    def told(self) -> str:
        """How far it is, in a line."""
        measured = [told for told in self.run.told if told.step]
        if not measured:
            return str(STEPS.get(self.run.job.step, self.run.job.step))
        last = measured[-1]
        left = format_timedelta(last.left)
        return str(
            _("step %(step)s of %(steps)s · %(left)s left", step=last.step, steps=last.steps, left=left)
        )

    @property
    def resumable(self) -> bool:
        """One that was cancelled may have been meant to speak, though its adapter is shelved."""
        return self.run.job.state == "cancelled" or (self.run.job.state == "failed" and not self.adapter)

    @property
    def notes(self) -> list[tuple[int, str]]:
        return [(told.step, told.note) for told in self.run.told if told.note]

    @property
    def facts(self) -> list[tuple[str, object]]:
        chosen = self.run.recipe.model_dump(exclude_defaults=True)
        recipe = ", ".join(f"{WORDS[name][0]} {value}" for name, value in chosen.items())
        return [(_("Base model"), self.base), (_("Recipe"), recipe or _("plain defaults"))]


@bp.get("/training")
@requires("admin")
def training() -> ResponseReturnValue:
    return page(form())


def page(asked: Form, status: int = 200) -> ResponseReturnValue:
    shown = [Shown(run) for run in kotae().training.runs()]
    text = render_template(
        "console/training.html",
        form=asked,
        pairs=len(kotae().pairs.all()),
        preferences=len(kotae().preferences.all()),
        parent=speaking(),
        now=[run for run in shown if run.under_way],
        past=[run for run in shown if not run.under_way],
    )
    return text, status


def speaking() -> Adapter | None:
    """The adapter that would learn preferences; none where the shelf is broken, which its own page says."""
    try:
        return kotae().shelf.current()
    except ShelfError:
        return None


@bp.get("/training/now")
@requires("admin")
def live_training() -> ResponseReturnValue:
    now = [run for run in map(Shown, kotae().training.runs()) if run.under_way]
    return render_template("console/runs_now.html", now=now)


@bp.get("/training/past")
@requires("admin")
def live_past() -> ResponseReturnValue:
    past = [run for run in map(Shown, kotae().training.runs()) if not run.under_way]
    return render_template("console/runs_past.html", past=past)


@bp.post("/training")
@requires("admin")
def start_training() -> ResponseReturnValue:
    given = typed(Recipe, request.form)
    name = " ".join(request.form.get("name", "").split())
    base = request.form.get("base", "").strip() or SHIPPED
    faults = {} if name else {"name": str(_("Give the adapter a name, such as the product's and a date."))}
    recipe = Recipe()
    try:
        recipe = Recipe.model_validate(given)
    except ValidationError as refused:
        faults |= faults_of(Recipe, refused)
    asked = {**given, "name": name, "base": base, "promote": "promote" in request.form}
    if faults:
        return page(form(asked, faults), 400)
    try:
        job = kotae().training.start(
            name, base=base, recipe=recipe, promote=asked["promote"], by=current_user.email
        )
    except TrainingRefused as refused:
        flash(_("The training was not started: %(why)s.", why=told(refused)), "danger")
        return page(form(asked), 409)
    flash(_("%(name)s is being trained.", name=name), "success")
    return redirect(url_for("admin.run", run_id=job.id))


@bp.post("/training/preferences")
@requires("admin")
def tune_preferences() -> ResponseReturnValue:
    """What people would rather be told is learned by the adapter that speaks; another one comes of it."""
    name = " ".join(request.form.get("name", "").split())
    try:
        job = kotae().training.prefer(
            name,
            kotae().preferences.all(),
            promote="promote" in request.form,
            by=current_user.email,
        )
    except TrainingRefused as refused:
        flash(_("The training was not started: %(why)s.", why=told(refused)), "danger")
        return page(form(), 409)
    flash(_("%(name)s is being trained.", name=name), "success")
    return redirect(url_for("admin.run", run_id=job.id))


@bp.get("/training/preferences.jsonl")
@requires("admin")
def export_preferences() -> ResponseReturnValue:
    stream = io.BytesIO()
    kotae().preferences.export(stream)
    stream.seek(0)
    return send_file(
        stream, mimetype="application/jsonl", as_attachment=True, download_name="preferences.jsonl"
    )


@bp.get("/training/<run_id>")
@requires("admin")
def run(run_id: str) -> ResponseReturnValue:
    return render_template("console/run.html", run=known(run_id))


@bp.get("/training/<run_id>/now")
@requires("admin")
def live_run(run_id: str) -> ResponseReturnValue:
    return render_template("console/run_now.html", run=known(run_id))


@bp.post("/training/<run_id>/cancel")
@requires("admin")
def cancel_training(run_id: str) -> ResponseReturnValue:
    shown = known(run_id)
    kotae().training.cancel(run_id, by=current_user.email)
    flash(_("%(name)s is being cancelled; what it has learned so far is kept.", name=shown.name), "success")
    return redirect(url_for("admin.run", run_id=run_id))


@bp.post("/training/<run_id>/resume")
@requires("admin")
def resume_training(run_id: str) -> ResponseReturnValue:
    shown = known(run_id)
    if not shown.resumable:
        flash(_("%(name)s has nothing to go on with.", name=shown.name), "warning")
        return redirect(url_for("admin.run", run_id=run_id))
    try:
        kotae().training.resume(run_id, by=current_user.email)
    except TrainingRefused as refused:
        flash(_("The training was not started: %(why)s.", why=told(refused)), "danger")
    else:
        flash(_("%(name)s goes on where it was.", name=shown.name), "success")
    return redirect(url_for("admin.run", run_id=run_id))


def known(run_id: str) -> Shown:
    try:
        return Shown(kotae().training.run(run_id))
    except UnknownRun:
        abort(404)


def form(asked: Mapping[str, Any] | None = None, faults: Mapping[str, str] | None = None) -> Form:
    """The form with what was typed before, or with plain defaults."""
    asked, faults = asked or {"base": SHIPPED}, faults or {}
    recipe = fields(Recipe, WORDS, asked, faults)
    name = Field(
        "name",
        _("Name"),
        value=asked.get("name", ""),
        about=_("What you will know it by on the shelf."),
        fault=faults.get("name", ""),
        limits={"maxlength": NAME, "autocomplete": "off"},
        needed=True,
    )
    base = Field(
        "base",
        _("Base model"),
        value=asked["base"],
        about=_(
            "“shipped” is the small one that comes with Kotae; else give a folder, a name of the hub, or "
            "“openai:” and the name of a model that is tuned there."
        ),
        limits={"autocomplete": "off"},
    )
    promote = Field(
        "promote", _("Let it speak as soon as it is proven"), "checkbox", value=asked.get("promote", False)
    )
    return Form((name, base), promote, recipe, open=bool(faults.keys() & WORDS.keys()))
