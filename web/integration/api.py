"""The API for programs. The key in `Authorization: Bearer kotae_…` says what they may, and how often."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, BinaryIO, ParamSpec, TypeVar, cast

from apiflask import APIBlueprint, HTTPError, HTTPTokenAuth
from flask import current_app, request
from flask_babel import gettext as _

from bot.access.keys import Key
from bot.conversations.turn import Ended, Failed
from bot.teaching.pairs import Kept, PairRefused, UnknownPair
from knowledge_base import catalogue
from strategies import base
from strategies.errors import StrategyError
from strategies.lora.pairs import BadPairs
from web.admin.documents import upload_bytes
from web.chat.schemas import Done, Error
from web.current import kotae
from web.integration import schemas
from web.security import accepts_bytes, csrf

bp = APIBlueprint("integration", __name__, url_prefix="/api/v1", tag="For programs")
csrf.exempt(bp)
program = HTTPTokenAuth(
    security_scheme_name="ProgramKey",
    description="A key that an admin made in the console or with `kotae keys add`.",
)


def errors(*statuses: int) -> dict[int, Any]:
    """What else may come, as the document says it."""
    told = {"content": {"application/json": {"schema": Error.model_json_schema()}}}
    return dict.fromkeys(statuses, told)


P = ParamSpec("P")
R = TypeVar("R")


@program.verify_token  # type: ignore[untyped-decorator]
def _verify(secret: str) -> Key | None:
    return kotae().keys.check(secret) if secret else None


@program.error_processor
def _refuse(_error: HTTPError) -> Any:
    raise HTTPError(401, _("This request carries no valid key."))


def allowed(scope: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Only with a key of this scope, and no oftener than it may."""

    def guard(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            if not key().may(scope):
                raise HTTPError(403, _("This key has no scope %(scope)s.", scope=scope))
            if not kotae().keys.allows(key()):
                raise HTTPError(
                    429,
                    _("More than %(n)s requests a minute with this key.", n=key().per_minute),
                    extra_data={"retry": True},
                    headers={"Retry-After": "60"},
                )
            return view(*args, **kwargs)

        return guarded

    return guard


def key() -> Key:
    return cast(Key, program.current_user)


@bp.before_request
def _wait_until_ready() -> None:
    if not current_app.extensions["readiness"].ready:
        raise HTTPError(
            503, _("We are just starting. Please try again in a moment."), extra_data={"retry": True}
        )


# ---- questions ----


@bp.post("/ask")
@bp.auth_required(program)
@bp.input(schemas.NewQuestion)
@bp.output(schemas.Answer)
@bp.doc(responses=errors(403, 413, 429, 503))
@allowed("ask")
def ask(json_data: schemas.NewQuestion) -> schemas.Answer:
    """Ask a question; nothing of it is kept."""
    history = [base.Turn(turn.role, turn.text) for turn in json_data.history]
    try:
        turn = kotae().try_out(
            json_data.question,
            strategy=json_data.strategy or None,
            history=history,
            audience=json_data.audience,
        )
    except StrategyError as refused:
        raise HTTPError(400, str(refused)) from refused
    failed = ""
    for event in turn:
        if isinstance(event, Failed):
            failed = event.text
        elif isinstance(event, Ended) and not failed:
            return _answer(event)
    raise HTTPError(503, failed, extra_data={"retry": True})


@bp.get("/search")
@bp.auth_required(program)
@bp.input(schemas.Query, location="query")
@bp.output(schemas.Passages)
@bp.doc(responses=errors(403, 429, 503))
@allowed("search")
def search(query_data: schemas.Query) -> schemas.Passages:
    """Find passages."""
    audience = [name.strip() for name in query_data.audience.split(",") if name.strip()]
    found = kotae().library.search(query_data.q, query_data.k, audience=audience)
    return schemas.Passages(
        passages=[
            schemas.Passage(
                id=one.id, document=one.title, source=one.source, text=one.text, score=one.score or 0.0
            )
            for one in found
        ]
    )


# ---- documents ----


@bp.get("/documents")
@bp.auth_required(program)
@bp.output(schemas.Documents)
@bp.doc(responses=errors(403, 429, 503))
@allowed("documents:read")
def documents() -> schemas.Documents:
    """The documents, with how far each is."""
    return schemas.Documents(documents=[_document(one) for one in kotae().library.documents()])


@bp.post("/documents/<name>")
@accepts_bytes(upload_bytes)
@bp.auth_required(program)
@bp.output(schemas.KnownDocument, status_code=202)
@bp.doc(responses=errors(403, 413, 422, 429, 503))
@allowed("documents:write")
def upload(name: str) -> schemas.KnownDocument:
    """Bring a document, its bytes as the body; a known name is a new version. It is ingested as a job."""
    received = kotae().library.receive(cast("BinaryIO", request.stream), name, by=key().who)
    kotae().jobs.enqueue("ingest", document_id=received.document.id)
    kotae().audit.note(key().who, "upload", received.document.id, source=name)
    return _document(received.document)


@bp.delete("/documents/<document_id>")
@bp.auth_required(program)
@bp.output(Done, status_code=202)
@bp.doc(responses=errors(403, 404, 429, 503))
@allowed("documents:write")
def remove(document_id: str) -> Done:
    """Delete a document from every answer, as a job."""
    document = kotae().library.document(document_id)
    kotae().jobs.enqueue("remove", document_id=document.id)
    kotae().audit.note(key().who, "remove", document.id, source=document.source)
    return Done()


# ---- pairs ----


@bp.get("/pairs")
@bp.auth_required(program)
@bp.input(schemas.Page, location="query")
@bp.output(schemas.Pairs)
@bp.doc(responses=errors(403, 429, 503))
@allowed("pairs:read")
def pairs(query_data: schemas.Page) -> schemas.Pairs:
    """Question–answer pairs."""
    found = kotae().pairs.list(query_data.q, limit=query_data.limit, offset=query_data.offset)
    return schemas.Pairs(pairs=[_pair(kept) for kept in found.pairs], total=found.total)


@bp.post("/pairs")
@bp.auth_required(program)
@bp.input(schemas.NewPair)
@bp.output(schemas.Pair, status_code=201)
@bp.doc(responses=errors(403, 409, 429, 503))
@allowed("pairs:write")
def add_pair(json_data: schemas.NewPair) -> schemas.Pair:
    """Add a pair; personal data is taken out."""
    try:
        return _pair(kotae().pairs.add(json_data.model_dump(), by=key().who))
    except PairRefused as refused:
        raise HTTPError(409, str(refused)) from refused
    except BadPairs as refused:
        raise HTTPError(400, str(refused)) from refused


@bp.delete("/pairs/<pair_id>")
@bp.auth_required(program)
@bp.output(Done)
@bp.doc(responses=errors(403, 404, 429, 503))
@allowed("pairs:write")
def remove_pair(pair_id: str) -> Done:
    """Remove a pair."""
    try:
        kotae().pairs.remove(pair_id, by=key().who)
    except UnknownPair as unknown:
        raise HTTPError(404, str(unknown)) from unknown
    return Done()


# ---- as schemas ----


def _answer(event: Ended) -> schemas.Answer:
    usage = event.answer.usage
    return schemas.Answer(
        answer=event.answer.text,
        strategy=event.strategy,
        abstained=event.abstained,
        citations=[
            schemas.Citation(
                number=cited.number,
                document=cited.passage.title,
                source=cited.passage.source,
                quote=cited.quote,
            )
            for cited in event.answer.citations
        ],
        prompt_tokens=usage.prompt_tokens,
        passage_tokens=usage.passage_tokens,
        completion_tokens=usage.completion_tokens,
        ms=event.ms,
    )


def _document(document: catalogue.Document) -> schemas.KnownDocument:
    return schemas.KnownDocument(
        id=document.id,
        title=document.title,
        source=document.source,
        state=document.state,
        version=document.version,
        error=document.error,
    )


def _pair(kept: Kept) -> schemas.Pair:
    pair = kept.pair
    return schemas.Pair(
        id=kept.id,
        question=pair.question,
        answer=pair.answer,
        fact=pair.fact,
        language=pair.language,
        tags=list(pair.tags),
        created_at=kept.created_at,
    )
