"""The desk's pairs as a page: a file is reported on before it is kept; look through, add, mend, export."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import groupby
from typing import Any, BinaryIO, cast

from flask import abort, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from bot.teaching.pairs import Kept, Page, PairRefused, Preview, UnknownPair
from knowledge_base.readers.language import UNKNOWN
from strategies.lora.pairs import FORMATS, BadPairs, Fault, Finding
from web import languages
from web.admin import bp
from web.admin.drafts import Drafts, UnknownDraftError
from web.admin.fields import Field
from web.auth import requires
from web.current import kotae
from web.numbers import whole
from web.security import accepts_bytes
from web.sentences import told

PAGE = 25
WORDINGS = 12  # of one fact, that are read beside a pair
TOLD = 8  # findings of a kind that are read at once; the others are a click away
FILE_BYTES = 8 * 1024 * 1024  # some ten thousand pairs; the command line takes larger files
FORM_BYTES = 64 * 1024
LABELS = {
    "openai": _l("JSONL, OpenAI chat"),
    "alpaca": "JSONL, Alpaca",
    "sharegpt": "JSONL, ShareGPT",
    "plain": _l("JSONL, question / answer"),
    "csv": "CSV",
}
KINDS = {  # what the check finds, in the admin's words
    "conflict": _l("One question, answers that disagree"),
    "long": _l("Too long"),
    "empty": _l("Nothing asked or nothing answered"),
    "near": _l("Nearly the same question, another answer"),
    "language": _l("Asked in one language, answered in another"),
    "facts": _l("Few pairs or few wordings"),
    "duplicate": _l("There twice"),
    "alike": _l("Hardly two wordings"),
    "personal": _l("Personal data, taken out"),
}
SEVERITIES = {
    "error": ("danger", _l("to mend")),
    "warning": ("warning", _l("to look at")),
    "note": ("secondary", _l("to know")),
}


@dataclass(frozen=True)
class Group:
    """Findings of one kind."""

    title: str
    severity: str
    findings: Sequence[Finding | Unread]

    @property
    def colour(self) -> str:
        return SEVERITIES[self.severity][0]

    @property
    def label(self) -> str:
        return str(SEVERITIES[self.severity][1])

    @property
    def total(self) -> int:
        return len(self.findings)

    @property
    def shown(self) -> Sequence[Finding | Unread]:
        return self.findings[:TOLD]

    @property
    def rest(self) -> Sequence[Finding | Unread]:
        return self.findings[TOLD:]


@dataclass(frozen=True)
class Unread:
    """What was wrong with a line of the file, shown like what the check finds."""

    sentence: str
    lines: tuple[int, ...]


def upload_bytes() -> int:
    return FILE_BYTES + FORM_BYTES


@bp.get("/pairs")
@requires("admin")
def pairs() -> ResponseReturnValue:
    query = request.args.get("q", "").strip()[:200]
    chosen = {
        name: request.args.get(name, "") for name in ("written", "tag", "part")
    }  # not "language": that is the page's own
    page = max(request.args.get("page", 1, type=whole), 1)
    of = known(request.args["of"]) if request.args.get("of") else None
    fact = of.pair.fact if of else ""
    found = kotae().pairs.list(query, **wanted(chosen), fact=fact, limit=PAGE, offset=(page - 1) * PAGE)
    return render_template(
        "console/pairs.html",
        pairs=found.pairs,
        found=found.total,
        of=of,
        wordings=kotae().pairs.wordings({one.pair.fact for one in found.pairs}),
        counts=kotae().pairs.counts(),
        waiting=kotae().candidates.list(limit=1).total,
        suggested=kotae().wordings.waiting()[0],
        query=query,
        chosen=chosen,
        page=page,
        more=found.total > page * PAGE,
        formats=LABELS,
    )


def wanted(chosen: Mapping[str, str]) -> dict[str, Any]:
    """The page's filters as the store knows them."""
    part = chosen["part"]
    withdrawn = {"withdrawn": True, "train": False, "held-out": False}.get(part)
    return {
        "language": chosen["written"],
        "tag": chosen["tag"],
        "split": part if part in ("train", "held-out") else "",
        "withdrawn": withdrawn,
    }


@bp.get("/pairs/file")
@requires("admin")
def export_pairs() -> ResponseReturnValue:
    form = request.args.get("format", "")
    if form not in FORMATS:
        abort(404)
    file = BytesIO()
    kotae().pairs.export(file, form)  # type: ignore[arg-type]  # it is one of them
    file.seek(0)
    kind, ending = ("text/csv", "csv") if form == "csv" else ("application/jsonl", "jsonl")
    return send_file(file, mimetype=kind, as_attachment=True, download_name=f"pairs.{ending}")


# ---- a file: check, then keep ----


@bp.post("/pairs/check")
@accepts_bytes(upload_bytes)
@requires("admin")
def check_pairs() -> ResponseReturnValue:
    file = request.files.get("file")
    if file is None or not file.filename:
        flash(_("Choose a file first."), "warning")
        return redirect(url_for("admin.pairs"))
    draft = drafts().put(cast("BinaryIO", file.stream), file.filename)
    return redirect(url_for("admin.report", draft=draft))


@bp.get("/pairs/report/<draft>")
@requires("admin")
def report(draft: str) -> ResponseReturnValue:
    try:
        with drafts().open(draft) as (file, name):
            preview = kotae().pairs.preview(file, name)
    except UnknownDraftError:
        return gone()
    except BadPairs as refused:
        drafts().discard(draft)
        flash(_("Nothing can be read from this file: %(why)s.", why=told(refused)), "danger")
        return redirect(url_for("admin.pairs"))
    return render_template(
        "console/report.html",
        file=name,
        draft=draft,
        kept=len(preview.report.pairs),
        left_out=len(preview.reading.faults),
        counts=counts(preview),
        groups=list(groups(preview)),
    )


@bp.post("/pairs/report/<draft>/keep")
@requires("admin")
def keep_pairs(draft: str) -> ResponseReturnValue:
    try:
        with drafts().open(draft) as (file, name):
            kept = kotae().pairs.import_(file, name, by=current_user.email, despite_faults=True)
    except UnknownDraftError:
        return gone()
    except BadPairs as refused:
        flash(_("Nothing was kept: %(why)s.", why=told(refused)), "danger")
    else:
        flash(_("New pairs: %(n)s. They are kept.", n=kept.added), "success")
    drafts().discard(draft)
    return redirect(url_for("admin.pairs"))


@bp.post("/pairs/report/<draft>/discard")
@requires("admin")
def discard_pairs(draft: str) -> ResponseReturnValue:
    drafts().discard(draft)
    flash(_("Nothing of the file was kept."), "success")
    return redirect(url_for("admin.pairs"))


def gone() -> ResponseReturnValue:
    flash(_("This file is no longer here. Choose it again."), "warning")
    return redirect(url_for("admin.pairs"))


def drafts() -> Drafts:
    return Drafts(kotae().settings.data / "drafts")


def counts(preview: Preview) -> list[tuple[str, object]]:
    told = preview.report
    parts = told.parts
    return [
        (_("New pairs"), preview.new),
        (_("Here already"), preview.known or ""),
        (_("Facts in all"), told.facts),
        (
            _("Languages"),
            ", ".join(f"{spoken(code)} {n}" for code, n in told.languages.items()),
        ),
        (_("Taught"), parts["train"]),
        (_("Held out, other wordings"), parts["held-out paraphrases"]),
        (_("Held out, whole facts"), parts["held-out facts"]),
    ]


def spoken(code: str) -> str:
    return str(_("unknown") if code == UNKNOWN else languages.NAMES.get(code, code))


def groups(preview: Preview) -> Iterator[Group]:
    """What the check found, the worst first."""
    read = preview.reading
    for faults, severity, title in (
        (read.faults, "error", _("Lines that cannot be taken")),
        (read.notes, "warning", _("Lines that are taken, to look at first")),
    ):
        if faults:
            yield Group(str(title), severity, [unread(fault) for fault in faults])
    for (severity, kind), found in groupby(preview.report.findings, key=lambda one: (one.severity, one.kind)):
        yield Group(str(KINDS[kind]), severity, list(found))


def unread(fault: Fault) -> Unread:
    return Unread(fault.sentence, (fault.line,) if fault.line else ())


# ---- one pair ----


@bp.get("/pairs/new")
@requires("admin")
def new_pair() -> ResponseReturnValue:
    like = another_wording_of()
    told = {name: getattr(like.pair, name) for name in ("answer", "language", "tags")} if like else {}
    return pair_page(None, told)


@bp.post("/pairs/new")
@requires("admin")
def add_pair() -> ResponseReturnValue:
    entry, like = typed(), another_wording_of()
    entry["fact"] = entry["fact"] or (like.pair.fact if like else "")
    try:
        kotae().pairs.add(entry, by=current_user.email)
    except (BadPairs, PairRefused) as refused:
        return pair_page(None, entry, told(refused))
    flash(_("The pair is kept."), "success")
    return redirect(url_for("admin.pair", pair_id=like.id) if like else url_for("admin.pairs"))


@bp.get("/pairs/<pair_id>")
@requires("admin")
def pair(pair_id: str) -> ResponseReturnValue:
    kept = known(pair_id)
    told = {name: getattr(kept.pair, name) for name in ("question", "answer", "language", "tags", "split")}
    return pair_page(kept, {**told, "fact": kept.fact})


@bp.post("/pairs/<pair_id>")
@requires("admin")
def edit_pair(pair_id: str) -> ResponseReturnValue:
    kept, entry = known(pair_id), typed()
    entry["split"] = entry["split"] or kept.pair.split  # what is held out stays so
    entry["fact"] = entry["fact"] or ("" if kept.fact else kept.pair.fact)  # its wordings stay together
    try:
        kotae().pairs.edit(pair_id, entry, by=current_user.email)
    except (BadPairs, PairRefused) as refused:
        return pair_page(kept, entry, told(refused))
    flash(_("The pair is kept."), "success")
    return redirect(url_for("admin.pairs"))


@bp.post("/pairs/<pair_id>/use")
@requires("admin")
def use_pair(pair_id: str) -> ResponseReturnValue:
    known(pair_id)
    use = request.form.get("use", "")
    kotae().pairs.use_as(pair_id, use, by=current_user.email)  # type: ignore[arg-type]  # it checks
    kotae().jobs.tick()
    flash(_("This pair is used as you chose."), "success")
    return redirect(url_for("admin.pair", pair_id=pair_id))


@bp.post("/pairs/<pair_id>/remove")
@requires("admin")
def remove_pair(pair_id: str) -> ResponseReturnValue:
    known(pair_id)
    kotae().pairs.remove(pair_id, by=current_user.email)
    flash(_("The pair is removed."), "success")
    return redirect(url_for("admin.pairs"))


@bp.post("/pairs/<pair_id>/restore")
@requires("admin")
def restore_pair(pair_id: str) -> ResponseReturnValue:
    known(pair_id)
    kotae().pairs.restore(pair_id, by=current_user.email)
    flash(_("The pair is taught again."), "success")
    return redirect(url_for("admin.pair", pair_id=pair_id))


def another_wording_of() -> Kept | None:
    """The pair that the new one asks for in other words."""
    return known(request.args["like"]) if request.args.get("like") else None


def known(pair_id: str) -> Kept:
    try:
        return kotae().pairs.get(pair_id)
    except UnknownPair:
        abort(404)


def typed() -> dict[str, Any]:
    """What the form says."""
    entry: dict[str, Any] = {
        name: request.form.get(name, "").strip() for name in ("question", "answer", "fact", "language")
    }
    entry["tags"] = [tag for tag in map(str.strip, re.split("[,;、，]", request.form.get("tags", ""))) if tag]
    entry["split"] = "held-out" if "held_out" in request.form else ""
    return entry


def pair_page(kept: Kept | None, entry: Mapping[str, Any], fault: str = "") -> ResponseReturnValue:
    of = kept or another_wording_of()
    text = render_template(
        "console/pair.html",
        kept=kept,
        of=of,
        wordings=other_wordings(of, kept) if of else None,
        fields=pair_fields(kept, entry),
        fact=fact_field(entry),
        fault=fault,
    )
    return text, 400 if fault else 200


def other_wordings(of: Kept, but: Kept | None) -> Page:
    """What else asks for the same, some of it; all but the pair whose page it is."""
    found = kotae().pairs.list(fact=of.pair.about, limit=None)
    others = tuple(one for one in found.pairs if but is None or one.id != but.id)
    return Page(others[:WORDINGS], len(others))


def fact_field(entry: Mapping[str, Any]) -> Field:
    return Field(
        "fact",
        _("Name of the fact"),
        value=entry.get("fact", ""),
        about=_(
            "As files call it: pairs of one name are wordings of one question. "
            "Empty: those that are answered alike."
        ),
    )


def pair_fields(kept: Kept | None, entry: Mapping[str, Any]) -> list[Field]:
    held_out = entry.get("split") == "held-out"
    stays = kept is not None and kept.pair.split == "held-out"
    return [
        Field("question", _("Question"), "area", entry.get("question", ""), needed=True),
        Field("answer", _("Answer"), "area", entry.get("answer", ""), limits={"rows": 6}, needed=True),
        Field(
            "language",
            _("Language"),
            value=entry.get("language", ""),
            about=_("A code such as en or ja; empty: as it looks."),
        ),
        Field("tags", _("Tags"), value=", ".join(entry.get("tags", ())), about=_("Separated by commas.")),
        Field(
            "held_out",
            _("Hold it out"),
            "checkbox",
            held_out,
            about=_("Training never sees it; the adapter is judged by it."),
            limits={"disabled": "disabled"} if stays else {},
        ),
    ]
