"""How often an answer cache would be wrong, as a part of its strategy's page: measured before it is used."""

from __future__ import annotations

from dataclasses import dataclass

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from bot.evaluation.metrics import BY_NAME
from bot.evaluation.rehearsals import Rehearsal, RehearsalRefused
from bot.evaluation.repeats import PASSES
from bot.evaluation.report import show
from bot.evaluation.sets import UnknownSet
from bot.evaluation.values import AskedQuestion
from web.auth import requires
from web.current import kotae
from web.operator import bp
from web.sentences import told

VERDICTS = {
    "passes": ("success", _l("may be used")),
    "few": ("warning", _l("not certain yet")),
    "wrong": ("danger", _l("too often wrong")),
}


@dataclass(frozen=True)
class Shown:
    """A rehearsal as the page shows it."""

    rehearsal: Rehearsal

    @property
    def wrong(self) -> int:
        return len(self.rehearsal.found.wrong)

    @property
    def share(self) -> str:
        return percent(self.rehearsal.found.false.value)

    @property
    def interval(self) -> str:
        false = self.rehearsal.found.false
        return f"{percent(false.low)} – {percent(false.high)}"

    @property
    def colour(self) -> str:
        return VERDICTS[self._verdict][0]

    @property
    def verdict(self) -> str:
        return str(VERDICTS[self._verdict][1])

    @property
    def mistakes(self) -> list[tuple[AskedQuestion, AskedQuestion]]:
        """What was asked, and whose answer it got; without what the set holds no more."""
        asked = kotae().question_sets.get(self.rehearsal.set_id, self.rehearsal.set_version)
        known = {question.id: question for question in asked.questions}
        pairs = self.rehearsal.found.wrong
        return [(known[one], known[other]) for one, other in pairs if one in known and other in known]

    @property
    def passes(self) -> bool:
        return self.rehearsal.holds and self.rehearsal.found.passes

    @property
    def _verdict(self) -> str:
        found = self.rehearsal.found
        if found.passes:
            return "passes"
        return "wrong" if found.asked and found.false.low > PASSES else "few"


@bp.get("/strategy/<name>/rehearsals")
@requires("operator")
def live_rehearsals(name: str) -> ResponseReturnValue:
    return render_template("console/rehearsals.html", **parts(known(name)))


@bp.post("/strategy/<name>/rehearsals")
@requires("operator")
def rehearse(name: str) -> ResponseReturnValue:
    known(name)
    try:
        kotae().rehearsals.begin(name, request.form.get("set", ""), by=current_user.email)
    except UnknownSet:
        flash(_("Choose a question set."), "danger")
    except RehearsalRefused as refused:
        flash(told(refused), "danger")
    else:
        flash(_("The questions are being asked of the cache."), "success")
    return redirect(url_for("operator.strategy_options", name=name, _anchor="rehearsals"))


def parts(name: str) -> dict[str, object]:
    """What the part of the page shows."""
    return {
        "name": name,
        "job": kotae().rehearsals.job(name),
        "rehearsals": [Shown(one) for one in kotae().rehearsals.of(name)],
        "sets": kotae().question_sets.list(),
        "allowed": percent(PASSES),
    }


def newest(name: str) -> Shown | None:
    """What the card of a cache says."""
    return next((Shown(one) for one in kotae().rehearsals.of(name)), None)


def percent(share: float) -> str:
    return show(share, BY_NAME["refused"])  # any metric that is a share: how it is written


def known(name: str) -> str:
    if name not in kotae().rehearsals.names():
        abort(404)
    return name
