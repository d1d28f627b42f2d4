"""The strategy around the product model: who speaks, whether it is sure, and what is kept of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from pydantic import Field

from knowledge_base.errors import KnowledgeError
from strategies.base import Embedder, Kit, Options, Question
from strategies.cross_encoder.reading import shipped
from strategies.errors import Misconfigured, NoAnswer, Unavailable
from strategies.events import Decision, Event, Token, Usage
from strategies.followups import standalone
from strategies.lora import bases
from strategies.lora.bases import template
from strategies.lora.engine import sharing
from strategies.lora.engine.speaking import NOTHING
from strategies.lora.engine.watching import Watch
from strategies.lora.shelf.adapters import Adapter, Shelf
from strategies.lora.shelf.card import CURRENT
from strategies.lora.shelf.parcel import content_hash
from strategies.lora.trust.confidence import HELD_BACK, Considered, Fitted, Judge, Opening
from strategies.lora.trust.grounding import Ungrounded, grounded
from strategies.lora.trust.lessons import Lessons, identity
from strategies.lora.trust.reading import Reader
from strategies.lora.trust.support import borne_out, supported
from strategies.lora.trust.witnesses import Witnesses

if TYPE_CHECKING:
    from strategies.lora.engine.speaking import Ended, Piece

log = logging.getLogger(__name__)

ADAPTERS = "adapters"  # the shelf, in the data directory
NOBODY = "no adapter is promoted: train one ('kotae train'), then promote it ('kotae adapters promote NAME')"
WITH_DOCUMENTS = 0.6  # of the likelihood that is enough alone, where documents must bear the answer out
FROM_THE_MODEL = "the answer comes from the product model, not from a document"


class LoraOptions(Options):
    """What an operator may set."""

    base: str = Field(
        default=bases.SHIPPED,
        min_length=1,
        description="The model that speaks: shipped, a folder, or a name of the hub like Qwen/Qwen3-0.6B.",
    )
    adapter: str = Field(
        default=CURRENT,
        min_length=1,
        description="Whose manner it speaks in: current is whichever is promoted, else a name or a hash.",
    )
    max_tokens: int = Field(default=256, ge=1, le=4096, description="The longest answer, in tokens.")
    enough: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="From which likelihood on it answers; unset: as calibrated. Higher refuses more.",
    )
    evidence: bool = Field(
        default=True, description="Afterwards, show the documents that say the same as the answer."
    )
    outdated: bool = Field(
        default=False,
        description="Say also what documents said when it was taught, and do not say any more.",
    )
    at_once: int = Field(
        default=sharing.AT_ONCE, ge=1, le=256, description="How many answers are made together."
    )
    waiting: int = Field(
        default=sharing.WAITING, ge=0, le=10_000, description="How many more questions may wait."
    )
    threads: int = Field(
        default=0, ge=0, description="Threads it computes with; 0: one for a small base, else torch's choice."
    )
    device: str = Field(default="", description="Where it computes, like cuda; empty: a GPU if there is one.")
    dtype: str = Field(
        default="", description="Its precision, like bfloat16; empty: float32 on a CPU, bfloat16 on a GPU."
    )


@dataclass(frozen=True, eq=False)
class Adapted:
    """A voice: an adapter in the engine, and how far it may be believed."""

    adapter: Adapter
    shared: sharing.Shared
    judge: Judge | None
    fitted: Fitted | None
    witnesses: Witnesses

    def hold(self) -> None:
        self.shared.hold(self.adapter)

    def release(self) -> None:
        self.shared.release(self.adapter)


@dataclass
class Said:
    """What came from the engine so far. Everything is paid for, also what no customer reads."""

    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    text: str = ""
    ended: Ended | None = None

    @property
    def opening(self) -> Opening:
        return Opening(tuple(self.ids[:HELD_BACK]), tuple(self.logprobs[:HELD_BACK]))

    def take(self, said: Piece | Ended) -> str:
        """Its text; `""` of the end."""
        from strategies.lora.engine.speaking import Ended

        if isinstance(said, Ended):
            self.ended = said
            return ""
        self.ids += said.ids
        self.logprobs += said.logprobs
        self.text += said.text
        return said.text


class Lora:
    """Answers with the model that was tuned on the desk's own pairs; needs no documents."""

    Options = LoraOptions

    def __init__(self, options: LoraOptions, kit: Kit) -> None:
        self._options = options
        self._kit = kit
        self._named = kit.named or "lora"
        self._shared: sharing.Shared | None = None
        self._watch = Watch(Shelf(kit.data / ADAPTERS), options.adapter, self._ready)

    @classmethod
    def make(cls, options: LoraOptions, kit: Kit) -> Lora:
        return cls(options, kit)

    def warm_up(self) -> None:
        """Load the base and whoever speaks. Nobody need be promoted yet."""
        options = self._options
        if self._shared is None:
            self._shared = sharing.shared(
                options.base,
                at_once=options.at_once,
                waiting=options.waiting,
                threads=options.threads,
                device=options.device,
                dtype=options.dtype,
            )
        self._watch.begin()

    def speaker(self) -> str:
        """The adapter that speaks just now."""
        return self._watch.hash()

    def signs(self, question: Question) -> Mapping[str, float]:
        """How near the question is to what was taught; beside documents also whether they bear out what was
        taught there. Nothing is spoken for it.
        """
        if self._shared is None:
            self.warm_up()
        asked = " ".join((question.query or standalone(question).query).split())
        with self._watch.speaker() as voice:
            if voice is None or voice.judge is None or not asked:
                return {}
            told, answer = voice.judge.beforehand(asked)
        if question.passages:
            held = borne_out(answer, asked, question.language or "en", question.passages)
            told["borne out"] = float(held)
        return told

    def stream(self, question: Question) -> Iterator[Event]:
        if self._shared is None:
            self.warm_up()
        with self._watch.speaker() as voice:
            if voice is None:
                raise NoAnswer(self._watch.status or NOBODY)
            yield self._introduced(voice.adapter)
            yield from Answering(self._named, self._options, self._kit, voice, question).events()

    def _introduced(self, adapter: Adapter) -> Decision:
        why = "; ".join(part for part in (FROM_THE_MODEL, adapter.stale, self._watch.status) if part)
        return Decision(
            self._named, f"spoke with {adapter.called}", why, {"adapter": adapter.hash, "base": adapter.base}
        )

    def _ready(self, adapter: Adapter) -> Adapted:
        """The adapter in the engine, held. Raises Misconfigured when it cannot be served as trained."""
        from strategies.lora.shelf.canary import mismatches

        assert self._shared is not None
        if faults := mismatches(adapter, self._shared.engine.base):
            raise Misconfigured(f"{adapter.called} cannot speak: {'; '.join(faults)}")
        if content_hash(adapter.path) != adapter.hash:
            raise Misconfigured(
                f"the files of {adapter.called} are not those that were shelved; import it again"
            )
        fitted, lessons = Fitted.load(adapter.path), Lessons.load(adapter.path)
        self._shared.hold(adapter)
        judge = None
        if lessons is not None and (embedder := self._embedder(lessons)) is not None:
            shipped().warm_up()
            judge = Judge(lessons, self._shared.engine, adapter.hash, embedder.embed_query)
        return Adapted(adapter, self._shared, judge, fitted, Witnesses.load(adapter.path))

    def _embedder(self, lessons: Lessons) -> Embedder | None:
        """The one that the questions were embedded with: the index's, or another that is loaded for it."""
        if identity(self._kit.embedder) == lessons.embedder:
            return self._kit.embedder
        from knowledge_base.embedding import embedder

        try:
            found = embedder(lessons.embedder.partition("@")[0])
            if identity(found) == lessons.embedder:
                return found
        except KnowledgeError as error:
            log.warning("%s", error)
        log.warning(
            "%r abstains by no confidence: it was calibrated with the embedder %r, which is not here",
            self._named,
            lessons.embedder,
        )
        return None


class Answering:
    """One answer."""

    def __init__(
        self, named: str, options: LoraOptions, kit: Kit, voice: Adapted, question: Question
    ) -> None:
        self._named = named
        self._options = options
        self._kit = kit
        self._voice = voice
        self._question = question
        self._asked = " ".join((question.query or standalone(question).query).split())
        self._engine = voice.shared.engine
        self._said = Said()
        self._considered: Considered | None = None
        self._told_usage = Usage()
        # An adapter of bare pairs answers from memory whatever it is given to read, and mostly wrongly.
        self._reads = bool(question.passages) and voice.adapter.recipe.get("raft") is not False

    def events(self) -> Iterator[Event]:
        if not self._asked:
            raise NoAnswer("nothing was asked")
        self._stay_within_what_was_taught()
        self._prompt = self._read()
        judge = self._voice.judge
        if judge is not None and not self._reads:
            self._considered = judge.consider(self._asked, self._prompt)
        speaking = self._engine.speak(
            self._prompt,
            adapter=self._voice.adapter.hash,
            max_tokens=self._options.max_tokens,
            begun=self._considered.begun if self._considered else NOTHING,
            meant=self._considered.meant if self._considered else (),
        )
        with closing(speaking) as pieces:
            opening = self._hold_back(pieces)
            yield from self._sure()
            self._stay_with_the_documents()
            if self._question.passages and not self._reads:
                yield self._usage()  # now: whoever hears how sure it is may let another one speak
            try:
                yield from self._told(chain([opening], filter(None, map(self._said.take, pieces))))
            except Unavailable:
                yield self._usage()
                raise
        yield self._usage()
        if self._said.ended and self._said.ended.reason == "length":
            yield Decision(self._named, "the answer was cut off", f"max_tokens is {self._options.max_tokens}")
        if not self._question.passages and self._options.evidence:
            yield from self._support()

    def _told(self, words: Iterator[str]) -> Iterator[Event]:
        """The words for the customer. Of what was read, only what stands there is said; what was remembered
        beside documents is said whole, if they bear it out.
        """
        if not self._question.passages:
            yield from map(Token, words)
            return
        if not self._reads:
            yield Token(self._borne_out("".join(words)))
            return
        said = False
        try:
            for sentence in grounded(words, [self._asked, *self._excerpts], self._question.language or "en"):
                said = True
                yield Token(sentence)
        except Ungrounded as wrong:
            if not said:
                raise self._abstained(str(wrong)) from wrong
            yield Decision(self._named, "stopped", str(wrong), {"sentence": wrong.sentence})

    def _borne_out(self, answer: str) -> str:
        language = self._question.language or "en"
        if borne_out(answer, self._asked, language, self._question.passages):
            return answer
        raise self._abstained("the documents that were found do not say what it remembers")

    def _read(self) -> template.Prompt:
        """What the model is given: the question, and of the passages what may answer it."""
        base, kit = self._engine.base, self._kit
        if not self._reads:
            return template.prompt(base, self._asked)
        reader = Reader(
            kit.embedder, kit.sentences, lambda text: len(template.plain(base.reader, text)), kit.weigh
        )
        self._excerpts = [each.text for each in reader.excerpts(self._asked, self._question.passages)]
        return template.prompt(base, self._asked, self._excerpts)

    def _stay_within_what_was_taught(self) -> None:
        judge = self._voice.judge
        if judge is None or self._reads:
            return
        if writing := judge.foreign(self._asked):
            taught = " and ".join(sorted(map(str.title, judge.lessons.scripts))) or "none"
            why = (
                f"the question is written in {writing.title()} script, and the adapter was taught questions "
                f"in {taught} only"
            )
            raise self._abstained(why)
        if code := judge.untaught(self._asked):
            raise self._abstained(f"the adapter was taught codes like {code.upper()}, and not that one")

    def _hold_back(self, pieces: Iterator[Piece | Ended]) -> str:
        """The first words, before anybody reads them. Raises NoAnswer where there are none."""
        for piece in pieces:
            self._said.take(piece)
            if len(self._said.ids) >= HELD_BACK:
                break
        if self._said.ended and self._said.ended.reason == "refused":
            raise self._abstained(
                "the model says that it is not there", refusal=round(self._said.ended.refusal, 4)
            )
        if not self._said.text:
            raise self._abstained("the model had nothing to say")
        return self._said.text

    def _sure(self) -> Iterator[Event]:
        """A decision about how likely the answer is right. Raises NoAnswer when it is not enough."""
        judge, fitted = self._voice.judge, self._voice.fitted
        if self._reads:
            return
        if judge is None or fitted is None or self._considered is None:
            why = "the adapter was never calibrated: it abstains only where the model itself refuses"
            yield Decision(self._named, "answered without knowing how sure it is", why)
            return
        enough = fitted.enough if self._options.enough is None else self._options.enough
        enough *= WITH_DOCUMENTS if self._question.passages else 1.0
        verdict = judge.verdict(fitted, self._considered, self._said.opening)
        numbers = {"likelihood": round(verdict.likelihood, 4), "enough": round(enough, 4), **verdict.evidence}
        if verdict.likelihood < enough:
            why = f"its answer is right with likelihood {verdict.likelihood:.2f}, below {enough:.2f}"
            raise self._abstained(why, **numbers)
        yield Decision(self._named, "was sure enough to answer", "", numbers)

    def _stay_with_the_documents(self) -> None:
        """Raises NoAnswer where documents said what it was taught, and do not say it any more."""
        if self._considered is None or self._options.outdated:
            return
        fact, kit = self._considered.agreed[0].fact, self._kit
        try:
            gone = self._voice.witnesses.gone(fact, kit.search, kit.version)
        except KnowledgeError as error:
            log.warning("whether documents still say what was taught is not known: %s", error)
            return
        if gone:
            raise self._abstained(
                f"when it was taught this, documents said so, and they do not say it any more: {gone}"
            )

    def _abstained(self, why: str, **numbers: float) -> NoAnswer:
        events: list[Event] = [Decision(self._named, "abstained", why, numbers)]
        if self._said.ids or self._said.ended:
            events.insert(0, self._usage())
        return NoAnswer(why, tuple(events))

    def _usage(self) -> Usage:
        """What was used since it was last told."""
        adapter, ended, before = self._voice.adapter, self._said.ended, self._told_usage
        self._told_usage = Usage(
            self._prompt.prompt_tokens,
            self._prompt.passage_tokens,
            ended.completion_tokens if ended else len(self._said.ids),
        )
        now = self._told_usage
        return Usage(
            prompt_tokens=now.prompt_tokens - before.prompt_tokens,
            passage_tokens=now.passage_tokens - before.passage_tokens,
            completion_tokens=now.completion_tokens - before.completion_tokens,
            model=self._options.base,
            adapter=adapter.hash,
            prompt_version=adapter.template,
        )

    def _support(self) -> Iterator[Event]:
        """Documents that say the same, found afterwards."""
        try:
            passages = self._kit.search(self._asked, 6)
        except KnowledgeError as error:
            yield Decision(self._named, "looked for no evidence", f"the search does not answer: {error}")
            return
        found = supported(self._said.text, self._question.language or "en", passages)
        yield from found.citations
        yield Decision(
            self._named,
            f"found documents that say {found.held} of {found.sentences} sentences",
            "the model did not read them: they were found afterwards",
        )
