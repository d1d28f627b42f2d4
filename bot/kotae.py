"""What web and the command line hold. Everything of this installation is reached from it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from huey import Huey  # type: ignore[import-untyped]
from huey.exceptions import ConfigurationError  # type: ignore[import-untyped]
from limits.errors import ConfigurationError as UncountableError

from bot import looking
from bot.access.audit import Audit
from bot.access.keys import Keys
from bot.access.users import Users
from bot.answering import routing
from bot.answering.relearning import Relearning
from bot.answering.routing import Routers
from bot.answering.shadow import Shadows, Wish
from bot.answering.shelf import Shelf
from bot.answering.switch import Switch, laid_over
from bot.appearance import Appearances
from bot.conversations import limits, retention
from bot.conversations.archive import Archive
from bot.conversations.conversation import Conversations, Record
from bot.conversations.erasure import Erasure
from bot.conversations.feedback import Feedback
from bot.conversations.question import clean, language_of
from bot.conversations.turn import Reply, reply
from bot.conversations.writings import Writings
from bot.engines import Engines
from bot.evaluation import drafts, opinions, rehearsals, runs
from bot.evaluation.asking import Asking
from bot.evaluation.desk import Desk
from bot.evaluation.drafts import Drafts
from bot.evaluation.helper import Helpers
from bot.evaluation.opinions import Opinions
from bot.evaluation.rehearsals import Rehearsals
from bot.evaluation.results import Results
from bot.evaluation.sets import QuestionSets
from bot.handoff.canned import CannedAnswers
from bot.handoff.changes import Changes, look_into
from bot.handoff.handoffs import Handoffs, Kept
from bot.handoff.inbox import Inbox
from bot.handoff.presence import Presence
from bot.handoff.rules import Rules
from bot.jobs import Jobs, Progress, Task, Work, WorkFailed, open_queue
from bot.notices.deliveries import KIND as DELIVER
from bot.notices.deliveries import Deliveries
from bot.notices.transcripts import Transcripts
from bot.reports.measures import Measures
from bot.reports.overview import Traffic
from bot.reports.unanswered import UnansweredQuestions
from bot.reports.uses import Uses
from bot.settings import BadSettings, Settings
from bot.store import reading
from bot.store.migrate import upgrade
from bot.teaching import outdated, training, wordings
from bot.teaching.candidates import Candidates
from bot.teaching.nearby import Nearby
from bot.teaching.outdated import OutdatedAnswers
from bot.teaching.pair_documents import KIND as PAIR_DOCUMENTS
from bot.teaching.pair_documents import PairDocuments
from bot.teaching.pairs import Pairs
from bot.teaching.preferences import Preferences
from bot.teaching.proposals import KIND as PROPOSE
from bot.teaching.proposals import Proposals
from bot.teaching.wordings import Wordings
from knowledge_base.database import open_engine
from knowledge_base.errors import KnowledgeError, NotFound, Unavailable
from knowledge_base.index import Server, knock
from knowledge_base.library import Library
from knowledge_base.limits import MEBIBYTE
from knowledge_base.limits import Limits as DocumentLimits
from knowledge_base.line import CORES
from knowledge_base.passages import Passage
from strategies.base import Kit, Question, Strategy, Turn
from strategies.lora.training.hosted import Account
from strategies.lora.trust.reading import Reader
from strategies.registry import Strategies

NO_REDIS = "a URL such as redis://host:6379/0 is accepted, with 'pip install kotae[redis]'"
LONG = {  # kinds of jobs with a worker of their own; those of one name wait for one another
    training.KIND: training.KIND,
    looking.KIND: looking.KIND,
    runs.KIND: runs.KIND,
    opinions.KIND: runs.KIND,  # nothing else runs here while answers are measured
    drafts.KIND: runs.KIND,
    wordings.KIND: runs.KIND,
    routing.LEARN: runs.KIND,
}
log = logging.getLogger(__name__)

KNOCK_SECONDS = 2.0  # for a Chroma server, by whoever watches
CLAIM_SECONDS = 60  # beyond the time of an answer: after a crash, a conversation is free again by then


class Kotae:
    """One installation, opened. Safe for many threads."""

    def __init__(
        self, settings: Settings, engine: sa.Engine, library: Library, strategies: Strategies, queue: Huey
    ) -> None:
        self.settings = settings
        self.engine = engine
        self.library = library
        self.strategies = strategies
        # Who may come in, and what they did
        self.users = Users(engine)
        self.keys = keys_of(engine, settings)
        self.audit = Audit(engine)
        # Who answers
        self.switch = Switch(engine, strategies, settings.chat.strategy, settings.strategy_options())
        self.shadows = Shadows(engine, settings.say, settings.limits.answer_seconds)
        self.shelf = Shelf.of(settings.data, settings.strategies, self.audit)
        # What is said
        self.conversations = Conversations(engine)
        # An embedded Chroma stands one process: without a server for vectors nobody reads elsewhere.
        self.writings = Writings(engine) if settings.vectors.url else None
        self.feedback = Feedback(engine)
        self.retention = retention.Retention(engine, settings.retention.days)
        self.erasure = Erasure(
            engine, self.shelf, lambda told: self.training.forget(told), self._forget_erased
        )
        self.appearances = Appearances(engine, settings.widget)
        self._pace = pace_of(settings)
        # What the desk teaches
        self.pairs = Pairs(engine, library.embedder, partial(ids_of_files, library))
        self.pair_documents = PairDocuments(self.pairs, library, self.remove)
        self.nearby = Nearby(self.pairs, library.embedder)
        self.candidates = Candidates(engine, self.pairs)
        self.preferences = Preferences(engine, self.pairs)
        self.archive = Archive(engine, self.conversations, self.candidates)
        self.watches = looking.watches_of(library, settings.fetching)
        # How it is going
        self.traffic = Traffic(engine, settings.prices)
        self.uses = Uses(engine)
        self.unanswered = UnansweredQuestions(engine, library.embedder)
        self.proposals = Proposals(
            engine, self.unanswered, self.candidates, self.nearby, settings.candidates.asked
        )
        # People who take over, and others who are told
        self.presence = Presence(engine)
        self.inbox = Inbox(engine)
        self.canned = CannedAnswers(engine)
        self.changes = Changes(look_into(engine))
        self.deliveries = Deliveries(
            engine,
            settings.mail,
            settings.webhooks,
            settings.handoff.retry_seconds,
            lambda delivery_id: self.jobs.enqueue(DELIVER, delivery_id=delivery_id),
        )
        self.handoffs = Handoffs(engine, settings.handoff, settings.say, self.deliveries)
        self.transcripts = Transcripts(
            engine, settings.mail, settings.say, self.deliveries, settings.handoff.email_to
        )
        self._rules = Rules(settings.handoff, library.embedder.embed_query)
        # What takes longer, and what is made of it
        self.jobs = self._jobs(queue)
        self.engines = engines_of(self, self._pace)
        self.measures = Measures(engine, self.engines.answer)
        self.question_sets = QuestionSets(engine)
        self.training = self._training()
        self.outdated = OutdatedAnswers(self.shelf, library.search_for(()), library.version)
        self.evaluations = self._evaluations()
        self.results = self._results()
        self.rehearsals = Rehearsals(
            engine, self.jobs, self.audit, self.question_sets, library.embedder, strategies, self.configured
        )
        self.helpers = Helpers(settings.helper, strategies, settings.prices)
        self.opinions = Opinions(engine, self.jobs, self.audit, self.evaluations, self.helpers)
        self.drafts = Drafts(
            engine,
            self.jobs,
            self.question_sets,
            library,
            self.helpers,
            self.unanswered,
            self.conversations,
            settings.limits.history_turns,
        )
        self.wordings = Wordings(
            engine, self.jobs, self.pairs, self.helpers, library.embedder, self.question_sets.set_apart
        )
        self.routers = Routers(
            settings.data, strategies, self.evaluations, library.embedder, self.audit, self.jobs
        )
        self.relearning = Relearning(self.routers, self.evaluations, self.question_sets)

    def _jobs(self, queue: Huey) -> Jobs:
        """The queue with every kind of work; parts that are made after it are asked for when they work."""
        return Jobs(
            self.engine,
            queue,
            {
                **work_of(self.library, self.remove),
                training.KIND: lambda arguments, tell: self.training.work(arguments, tell),
                looking.KIND: lambda _arguments, tell: looking.work(self.watches, self.jobs, tell),
                runs.KIND: lambda arguments, tell: self._as_chosen(self.evaluations.work, arguments, tell),
                opinions.KIND: lambda arguments, tell: self.opinions.work(arguments, tell),
                rehearsals.KIND: lambda arguments, tell: self._as_chosen(
                    self.rehearsals.work, arguments, tell
                ),
                drafts.KIND: lambda arguments, tell: self.drafts.work(arguments, tell),
                wordings.KIND: lambda arguments, tell: self.wordings.work(arguments, tell),
                routing.LEARN: lambda arguments, tell: self._as_chosen(self.routers.work, arguments, tell),
                DELIVER: self.deliveries.work,
                PAIR_DOCUMENTS: self.pair_documents.work,
                retention.KIND: self.retention.work,
                PROPOSE: self.proposals.work,
                outdated.KIND: lambda arguments, tell: self.outdated.work(arguments, tell),
            },
            left_over=lambda: [*left_over(self.library), *undelivered(self.deliveries)],
            patience_of={DELIVER: self.settings.handoff.retry_seconds},
            long=messengers(self.settings),
            due=self._due,
        )

    def _training(self) -> training.Training:
        library, settings = self.library, self.settings
        return training.Training(
            settings.data / "training",
            self.jobs,
            self.audit,
            self.shelf,
            stored=lambda: self.question_sets.set_apart(self.pairs.all()),
            marked=lambda pairs: self.question_sets.set_apart(self.pairs.with_marks(pairs)),
            search=library.search_for(()),  # what a model is taught, everybody is told
            read=partial(excerpts, library),
            versions=partial(versions, library),
            embedding=settings.embedding.of.kept,
            promote=self.shelf.promote,
            account=account(settings),
        )

    def _evaluations(self) -> runs.Evaluations:
        library = self.library
        return runs.Evaluations(
            self.engine,
            self.jobs,
            self.audit,
            self.question_sets,
            ask=Asking(self.try_out, library.by_id, library.version, self.cool, self.settings.prices),
            warm=self.switch.ready,
            strategies=self.strategies.names,
            conditions=self._conditions,
        )

    def _results(self) -> Results:
        return Results(
            self.evaluations,
            self.switch,
            self.audit,
            rules=self.settings.gate,
            conditions=self._conditions,
            embedder=self.library.embedder,
            manner=Desk(lambda: self.question_sets.set_apart(self.pairs.all()), self.library).manner,
        )

    @classmethod
    def open(cls, settings: Settings) -> Kotae:
        """Folders made, database upgraded, strategies' options checked; nothing heavy. Raises BadSettings."""
        engine = open_store(settings)
        try:
            upgrade(engine)
            library = Library.open(
                settings.data,
                engine,
                vectors=vectors_of(settings),
                embedding=settings.embedding.of,
                product=settings.product,
                limits=document_limits(settings),
            )
            strategies = Strategies(settings.strategy_options(), kit(settings, library))
            if faults := strategies.check():
                raise BadSettings(faults)
            return cls(settings, engine, library, strategies, queue_of(settings))
        except BaseException:
            engine.dispose()
            raise

    def warm_up(self) -> None:
        """Load the index and the strategy that speaks now, and follow the switch from here on."""
        self.library.warm_up()
        if self.writings is None:  # the data directory is ours alone from here on
            self.conversations.free()
        self.switch.current()
        self.switch.watch()

    def close(self) -> None:
        """Stop what runs and let go of files."""
        self.changes.close()
        self.shadows.close()
        self.switch.close()
        self.jobs.stop()
        self.library.close()
        self.engine.dispose()

    def ask(
        self, conversation_id: str, text: str, *, client: str = "", question_id: str = "", replaces: str = ""
    ) -> Reply | Kept:
        """A customer's turn: answered, or kept where it is for a person. Raises UnknownConversation or
        `bot.conversations.limits.Refused` before anything is streamed.

        `client` names who asks (an address, hashed) where several conversations share a limit. A question
        with the id of one that was asked is that one, answered anew; `replaces` names the question that is
        asked in other words now. Close the reply when the customer leaves: what was said until then is kept.
        """
        with self._told_to_the_customer():
            opening = self.conversations.opening(conversation_id)
            question = replace(self._read(text, opening.language), audience=opening.audience)
            silent = opening.with_a_person
            why = None if silent else self._rules.why(question.text, question.language)
            if not self._pace.allows(conversation_id, client):
                raise limits.TooMany(self.settings.say("too_many", question.language))
            said = (conversation_id, question.text, question.language, question_id)
            upset = why is not None and why[0] == "upset"
            if why and (not upset or self.handoffs.there()):
                kept = self.handoffs.keep_aside(*said)
                return Kept(kept, self.handoffs.ask(conversation_id, reason=why[0], detail=why[1]))
            if silent and (kept := self.handoffs.keep(*said)):
                return Kept(kept, self.handoffs.standing(conversation_id))
            with CORES.place():  # or those who come now take the cores from those who wait for an answer
                speaker, index_version = self.switch.speaker(conversation_id), self.library.version()
                history = self.conversations.begin_turn(
                    conversation_id,
                    question.text,
                    question.language,
                    turns=self.settings.limits.history_turns,
                    seconds=self.settings.limits.answer_seconds + CLAIM_SECONDS,
                    question_id=question_id,
                    replaces=replaces,
                )
            if history is None:
                raise limits.Busy(self.settings.say("busy", question.language))
        question = replace(question, history=history)
        keep = partial(self._end_turn, conversation_id, question)
        self.shadows.begins()
        offers = partial(self.handoffs.offers, conversation_id)
        offer_for = "upset" if upset else ""  # nobody is there: an answer, and a person beside it
        return self._reply(speaker, question, keep, index_version, offers=offers, offer_for=offer_for)

    def try_out(
        self,
        text: str,
        *,
        strategy: str | None = None,
        history: Sequence[Turn] = (),
        language: str = "en",
        audience: Sequence[str] = (),
    ) -> Reply:
        """The same path, with nothing kept: the console's test, `kotae ask`, and evaluations. `language` is
        that of a question which does not tell by its script; without an `audience`, it is everybody's.

        StrategyError if it cannot warm.
        """
        question = replace(self._read(text, language), history=tuple(history), audience=tuple(audience))
        speaker = (strategy, self.switch.ready(strategy)) if strategy else self.switch.current()
        return self._reply(speaker, question, _forget, self.library.version())

    def _forget_erased(self) -> None:
        """What was erased is in no memory of this process, and the pairs that are found are written anew."""
        self.cool()
        self.nearby.forget()
        for kind, arguments in self.pair_documents.due():
            self.jobs.enqueue(kind, **arguments)

    def cool(self) -> None:
        """Forget what makes a second question faster than the first."""
        self.library.embedder.forget()
        self.strategies.forget()

    def _due(self) -> list[Task]:
        """What a minute's tick begins."""
        if self.writings:
            self.writings.tidy()
        self.switch.lay_over()
        return [
            *looking.due(self.watches),
            *self.pair_documents.due(),
            *self.retention.due(),
            *self.proposals.due(),
            *self.outdated.due(),
            *self.relearning.due(),
        ]

    def remove(self, document_id: str) -> None:
        """Delete a document from every answer: pairs drawn from it are taught no longer, and an adapter that
        was trained on it is marked first, for it still knows what stood there.
        """
        document = self.library.document(document_id)
        why = f"the document {document.title!r} was deleted"
        self.pairs.withdraw(document.id, why)
        self.shelf.outdate(document.id, why)
        self.drafts.forget(document.id)
        self.library.remove(document.id)

    def configured(self) -> dict[str, dict[str, Any]]:
        """The strategies as they are configured now: the file's, with what operators changed. Secrets are
        where the file says.
        """
        return laid_over(self.settings.strategies, self.switch.chosen().overrides)

    def _end_turn(self, conversation_id: str, question: Question, record: Record) -> None:
        """Keep the answer; whoever answers in the shadow may begin."""
        try:
            self.conversations.end_turn(conversation_id, record)
        finally:
            self.shadows.ends()
        log.info("answered message=%s conversation=%s %s", record.message_id, conversation_id, told(record))
        if others := self.switch.shadows(record.message_id):
            self.shadows.wish(Wish(record.message_id, question, others, record.index_version))

    def _as_chosen(self, work: Work, arguments: Mapping[str, Any], tell: Progress) -> None:
        """The work with the options that operators have set, also in a process that answers nobody."""
        self.switch.current()
        work(arguments, tell)

    def _conditions(self, strategies: Sequence[str]) -> dict[str, Any]:
        """What a reader of an evaluation's figures should know of this installation."""
        return {
            "live": self.switch.name(),
            "index_version": self.library.version(),
            "prices": {name: price.model_dump() for name, price in self.settings.prices.items()},
            "standing": {name: self.strategies.standing(name) for name in strategies},
        }

    def _read(self, text: str, otherwise: str) -> Question:
        """The question cleaned and its language told, or Refused."""
        longest = self.settings.limits.question_characters
        text = clean(text[: longest * 4 + 1])  # a letter may be typed as several characters, not as many
        language = language_of(text, otherwise)
        if not text:
            raise limits.Nothing(self.settings.say("nothing", language))
        if len(text) > longest:
            raise limits.TooLong(self.settings.say("too_long", language))
        return Question(text, language=language)

    def _reply(
        self,
        speaker: tuple[str, Strategy],
        question: Question,
        keep: Callable[[Record], None],
        index_version: str,
        *,
        offers: Callable[[], bool] = lambda: True,
        offer_for: str = "",
    ) -> Reply:
        return Reply(
            reply(
                speaker,
                question,
                say=self.settings.say,
                keep=keep,
                offers=offers,
                offer_for=offer_for,
                index_version=index_version,
                seconds=self.settings.limits.answer_seconds,
            )
        )

    @contextmanager
    def _told_to_the_customer(self) -> Iterator[None]:
        """A database that does not answer is a sentence of the operator's to a customer."""
        try:
            yield
        except Unavailable as fault:
            raise limits.Unkept(self.settings.say("failed", "en")) from fault


def told(record: Record) -> str:
    """How an answer came about, for the log: nothing that anybody said."""
    usage, first = record.answer.usage, "-" if record.ms_first is None else f"{record.ms_first:.0f}"
    outcome = "failed" if record.error else "abstained" if record.abstained else "answered"
    return (
        f"strategy={record.strategy!r} outcome={outcome} ms={record.ms:.0f} first_ms={first} "
        f"tokens={usage.prompt_tokens}+{usage.passage_tokens}+{usage.completion_tokens}"
    )


def _forget(_record: Record) -> None:
    """Nothing is kept of a question that only tries out."""


# ---- what the parts are made from ----


def open_store(settings: Settings) -> sa.Engine:
    """The data directory and the database in it, or the one at `store.url`."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise BadSettings(
            [f"data = {str(settings.data)!r}: the folder cannot be made ({fault.strerror})"]
        ) from fault
    if not os.access(settings.data, os.W_OK | os.X_OK):  # SQLite would only say that it cannot open its file
        raise BadSettings([f"data = {str(settings.data)!r}: the folder cannot be written"])
    url = settings.store.url.get_secret_value() or _own_database(settings.data)
    try:
        return open_engine(url)
    except (
        sa.exc.ArgumentError,
        ModuleNotFoundError,
    ) as fault:  # the URL may hold a password: it is not shown
        raise BadSettings([f"store.url: no database can be opened by this URL ({fault})"]) from fault


def _own_database(data: Path) -> str:
    """Made for its owner alone: it holds what customers said."""
    file = data / "kotae.db"
    with suppress(OSError):  # there already; or else the database says what is wrong
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    return f"sqlite:///{file}"


def vectors_of(settings: Settings) -> Server | None:
    at = settings.vectors
    return Server(at.url, at.token.get_secret_value(), at.tenant, at.database) if at.url else None


def document_limits(settings: Settings) -> DocumentLimits:
    return DocumentLimits(
        upload_bytes=settings.limits.upload_megabytes * MEBIBYTE,
        page_bytes=settings.fetching.page_megabytes * MEBIBYTE,
        page_seconds=settings.fetching.page_seconds,
        site_pages=settings.fetching.site_pages,
    )


def engines_of(kotae: Kotae, pace: limits.Pace) -> Engines:
    server = vectors_of(kotae.settings)

    def store() -> None:
        with reading(kotae.engine) as session:
            session.execute(sa.select(1))

    def vectors() -> None:
        if server:
            knock(server, KNOCK_SECONDS)

    return Engines({"store": store, "vectors": vectors, "jobs": kotae.jobs.waiting, "limits": pace.answers})


def queue_of(settings: Settings, name: str = "kotae") -> Huey:
    try:
        return open_queue(settings.data, settings.jobs.url.get_secret_value(), name)
    except (ConfigurationError, ValueError) as fault:
        raise BadSettings([f"jobs.url: {NO_REDIS}"]) from fault


def messengers(settings: Settings) -> dict[str, Huey]:
    """The queue of each kind of long work."""
    queues = {name: queue_of(settings, f"kotae-{name}") for name in dict.fromkeys(LONG.values())}
    return {kind: queues[name] for kind, name in LONG.items()}


def keys_of(engine: sa.Engine, settings: Settings) -> Keys:
    try:
        return Keys(engine, settings.limits.url.get_secret_value())
    except (UncountableError, ValueError) as fault:
        raise BadSettings([f"limits.url: {NO_REDIS}"]) from fault


def pace_of(settings: Settings) -> limits.Pace:
    counted = settings.limits
    try:
        return limits.Pace(
            counted.questions_per_minute, counted.client_questions_per_minute, counted.url.get_secret_value()
        )
    except (UncountableError, ValueError) as fault:
        raise BadSettings([f"limits.url: {NO_REDIS}"]) from fault


def account(settings: Settings) -> Account:
    """Where models are tuned that are not tuned here."""
    there = settings.openai
    return Account(there.base_url, there.api_key.get_secret_value(), there.look_seconds)


def kit(settings: Settings, library: Library) -> Kit:
    """What strategies are handed; `Strategies` puts itself behind the door to the others."""

    def nobody(name: str) -> Strategy:
        raise LookupError(name)

    return Kit(
        search=library.search_for(()),
        search_for=library.search_for,
        embedder=library.embedder,
        sentences=library.sentences,
        strategy=nobody,
        data=settings.data,
        neighbours=library.neighbours,
        weigh=library.weigh,
        version=library.version,
        languages=library.languages,
    )


def work_of(library: Library, take_out: Callable[[str], None]) -> dict[str, Work]:
    """The kinds of jobs. Each may run twice, and what it is about may be gone meanwhile."""

    def ingest(arguments: Mapping[str, Any], progress: Progress) -> None:
        document = library.ingest(arguments["document_id"], progress)
        if document.state == "failed":
            raise WorkFailed(document.error)

    def remove(arguments: Mapping[str, Any], progress: Progress) -> None:
        progress("removing", 0.0)
        take_out(arguments["document_id"])

    def reindex(_arguments: Mapping[str, Any], progress: Progress) -> None:
        library.reindex(progress)

    def go_back(_arguments: Mapping[str, Any], progress: Progress) -> None:
        library.go_back(progress)

    kinds = {"ingest": ingest, "remove": remove, "reindex": reindex, "index back": go_back}
    return {kind: _told(work) for kind, work in kinds.items()}


def _told(work: Work) -> Work:
    """What the knowledge base says is for the admin; a document that is gone needs nothing done to it."""

    def tell(arguments: Mapping[str, Any], progress: Progress) -> None:
        try:
            work(arguments, progress)
        except Unavailable:
            raise
        except NotFound:
            return
        except KnowledgeError as fault:
            raise WorkFailed(str(fault)) from fault

    return tell


def excerpts(library: Library, question: str, passages: Sequence[Passage]) -> list[str]:
    """What a small model is given to read of passages, in training as in serving."""
    reader = Reader(library.embedder, library.sentences, library.embedder.count, library.weigh)
    return [excerpt.text for excerpt in reader.excerpts(question, passages)]


def versions(library: Library, ids: Iterable[str]) -> dict[str, int]:
    """Which version of each document is live; one that is gone is left out."""
    live = {document.id: document.version for document in library.documents()}
    return {each: live[each] for each in sorted(ids) if each in live}


def ids_of_files(library: Library) -> dict[str, str]:
    """The documents by the names of their files, as a file of pairs names them."""
    return {document.source: document.id for document in library.documents()}


def undelivered(deliveries: Deliveries) -> list[tuple[str, dict[str, Any]]]:
    """What was to be told to the outside when the process was killed."""
    return [(DELIVER, {"delivery_id": delivery_id}) for delivery_id in deliveries.unfinished()]


def left_over(library: Library) -> list[tuple[str, dict[str, Any]]]:
    """What a killed process left in the middle, and an index that another embedding was configured for."""
    unfinished: list[tuple[str, dict[str, Any]]] = [
        ("ingest", {"document_id": document_id}) for document_id in library.pending()
    ]
    status = library.status()
    return [*unfinished, ("reindex", {})] if status.changing and not status.held else unfinished
