"""Training as people see it: started, watched, cancelled, resumed; each run is a folder and a job.

    start ─▶ data/training/<run>/ ─▶ job "train" ─▶ a process of its own ─▶ adapter ─▶ shelf (─▶ promoted)

The folder holds what is trained and how far it is (`strategies.lora.training.work`), the job's row says
whether it is wanted. A server that is killed takes the training down with it, and the next one goes on from
the checkpoint.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError

from bot.access.audit import Audit
from bot.jobs import AlreadyRunning, Cancelled, Job, Jobs, Progress, UnknownJob, WorkFailed
from knowledge_base.database import now
from knowledge_base.errors import KnowledgeError
from strategies.base import Search
from strategies.errors import StrategyError
from strategies.lora.pairs.preferences import Preference
from strategies.lora.pairs.raft import Read, whole
from strategies.lora.pairs.values import Pair
from strategies.lora.shelf import Adapter, Shelf, ShelfError
from strategies.lora.shelf.card import CURRENT, Name
from strategies.lora.shelf.parcel import Refused
from strategies.lora.training.hosted import Account, is_hosted, pause, train_there
from strategies.lora.training.recipe import Recipe
from strategies.lora.training.work import Told, TrainingFailed, Work, lines, read_lines, write

log = logging.getLogger(__name__)

NOWHERE = Account("", "")
KIND = "train"
SHELVED = "shelved.jsonl"
MANY = 10_000  # jobs
LEARNING = 0.95  # of the whole; the rest is for the shelf

Versions = Callable[[Iterable[str]], Mapping[str, int]]
Promote = Callable[[str, str], object]  # an adapter's hash, and who wants it to speak


class TrainingRefused(TrainingFailed):
    """A training cannot be started; the message is for the admin."""


class UnknownRun(UnknownJob):
    """There is no such training."""


@dataclass(frozen=True)
class Run:
    """One training, known by its job. `adapter` is the hash of what came of it, "" until it is shelved."""

    job: Job
    name: str
    base: str
    recipe: Recipe
    told: tuple[Told, ...]
    folder: Path
    adapter: str = ""

    @property
    def id(self) -> str:
        return self.job.id

    @property
    def left(self) -> float | None:
        """Seconds until it ends, as far as one can say."""
        return self.told[-1].left if self.job.state == "running" and self.told else None


class Training:
    """Everything about the trainings of this installation."""

    def __init__(
        self,
        folder: Path,
        jobs: Jobs,
        audit: Audit,
        shelf: Shelf,
        *,
        stored: Callable[[], Sequence[Pair]],
        marked: Callable[[Iterable[Pair]], Sequence[Pair]] = tuple,
        search: Search | None = None,
        read: Read = whole,
        versions: Versions = lambda _ids: {},
        embedding: str = "",
        promote: Promote | None = None,
        account: Account = NOWHERE,
    ) -> None:
        """`stored` has the desk's pairs, and `marked` marks those from elsewhere that the desk holds out.
        `search` finds passages for those that shall be answered from them, and `read` is what serving gives
        of passages. `versions` tells those of the documents that pairs were drawn from, `embedding` names the
        model that their questions are compared by. `account` is where bases like "openai:…" are tuned.
        """
        self.folder = folder
        self._jobs = jobs
        self._audit = audit
        self._shelf = shelf
        self._stored = stored
        self._marked = marked
        self._search = search
        self._read = read
        self._embedding = embedding
        self._versions = versions
        self._promote = promote
        self._account = account

    def start(
        self,
        name: str,
        *,
        by: str,
        base: str = "shipped",
        recipe: Recipe | None = None,
        pairs: Sequence[Pair] | None = None,
        promote: bool = False,
    ) -> Job:
        """Train an adapter of this name, on all stored pairs if none are given. Raises TrainingRefused."""
        return self._begin("train", name, base, recipe or Recipe(), pairs, by=by, promote=promote)

    def prefer(
        self,
        name: str,
        preferences: Sequence[Preference],
        *,
        by: str,
        parent: str = CURRENT,
        recipe: Recipe | None = None,
        pairs: Sequence[Pair] | None = None,
        promote: bool = False,
    ) -> Job:
        """Let an adapter, the promoted one if none is named, learn what people prefer; what comes of it is
        another one. `pairs` are those that it was taught, all stored ones if none are given: they tell what
        is held out, and when to believe it. Raises TrainingRefused.
        """
        adapter = self._parent(parent)
        if not preferences:
            raise TrainingRefused(
                "there are no preferences yet; they come of thumbs down where the desk has a better answer, "
                "and of corrections that an admin accepted"
            )
        return self._begin(
            "tune preferences",
            name,
            adapter.base,
            (recipe or Recipe()).going_on(adapter.recipe),
            pairs,
            by=by,
            promote=promote,
            preferences=preferences,
            parent=(adapter.hash, adapter.path),
        )

    def cancel(self, run_id: str, by: str) -> Job:
        """Stop it at its next step; what was reached stays, to be resumed. Raises UnknownRun."""
        run = self.run(run_id)
        job = self._jobs.cancel(run_id)
        self._audit.note(by, "cancel training", run.name, job=run_id)
        return job

    def resume(self, run_id: str, by: str) -> Job:
        """Go on with a training that failed or was cancelled, from its last checkpoint."""
        run = self.run(run_id)
        with one_at_a_time():
            job = self._jobs.reopen(run_id)
        self._audit.note(by, "resume training", run.name, job=run_id)
        return job

    def runs(self, limit: int = 50) -> list[Run]:
        """The newest first."""
        jobs = self._jobs.list(limit=limit, kind=KIND)
        return [self._run(job) for job in jobs if self._work(job).begun]

    def run(self, run_id: str) -> Run:
        """One training, by its job. Raises UnknownRun."""
        try:
            job = self._jobs.get(run_id)
        except UnknownJob:
            raise UnknownRun(f"there is no training {run_id!r}") from None
        if job.kind != KIND or not self._work(job).begun:
            raise UnknownRun(f"there is no training {run_id!r}")
        return self._run(job)

    def forget(self, told: Callable[[Mapping[str, Any]], bool]) -> Sequence[str]:
        """Take pairs and preferences out of every training that was given them: the hashes of the adapters
        that came of these. A training that has not ended is given up, with its folder.
        """
        jobs = {job.arguments["run"]: job for job in self._jobs.list(limit=MANY, kind=KIND)}
        taught = []
        for folder in sorted(self.folder.glob("*/")):
            work = Work(folder)
            if not work.knows(told):
                continue
            if adapter := self._adapter(work):
                work.forget(told)
                taught.append(adapter)
                continue
            if (job := jobs.get(folder.name)) and job.state in ("queued", "running"):
                self._jobs.cancel(job.id)
            shutil.rmtree(folder, ignore_errors=True)
        return taught

    # ---- the job ----

    def work(self, arguments: Mapping[str, Any], progress: Progress) -> None:
        """What the worker does; it may have done a part of it before."""
        from strategies.lora.training.preparing import prepare

        work = Work(self.folder / arguments["run"])
        learned = 0.0

        def told(news: Told) -> None:
            nonlocal learned
            learned = news.step / news.steps

        def stopped() -> bool:
            progress("learning", LEARNING * learned)  # raises when the worker or the admin wants an end
            return False

        try:
            if not (work.folder / SHELVED).exists():
                progress("preparing", 0.0)
                prepare(work, self._search, self._read)
                finished = self._tuned(work, told, stopped)
                self._look_up(finished, progress)
                progress("shelving", LEARNING)  # raises when it was cancelled in its last moment
                adapter = self._shelf.put(finished)
                write(work.folder / SHELVED, lines([{"adapter": adapter.hash}]))
                shutil.rmtree(work.adapter)  # it stands on the shelf
            if arguments["promote"] and self._promote is not None:
                progress("promoting", LEARNING)
                self._promote(self._adapter(work), arguments["by"])
        except (TrainingFailed, Refused, ShelfError, StrategyError) as fault:
            raise WorkFailed(str(fault)) from fault

    def _look_up(self, adapter: Path, progress: Progress) -> None:
        """Keep with a finished adapter what the documents say now of what it was taught."""
        from strategies.lora.trust.lessons import Lessons
        from strategies.lora.trust.witnesses import witnesses

        lessons = Lessons.load(adapter)
        if lessons is None or self._search is None:
            return
        progress("looking answers up", LEARNING)
        try:
            witnesses(lessons, self._search, lambda _: progress("looking answers up", LEARNING)).save(adapter)
        except KnowledgeError as fault:
            log.warning("it is not kept what documents say of what %s was taught: %s", adapter, fault)

    def _tuned(self, work: Work, told: Callable[[Told], None], stopped: Callable[[], bool]) -> Path:
        """The finished adapter, from a process of its own or from elsewhere."""
        if not is_hosted(work.job.base):
            from strategies.lora.training.apart import run_apart

            return run_apart(work.folder, told, stopped)
        try:
            return train_there(work, self._account, told, stopped)
        except Cancelled:
            pause(work, self._account)
            raise

    # ---- parts ----

    def _begin(
        self,
        what: str,
        name: str,
        base: str,
        recipe: Recipe,
        pairs: Sequence[Pair] | None,
        *,
        by: str,
        promote: bool,
        **more: Any,
    ) -> Job:
        """A run's folder, its job, and a line in the audit; `more` is what `Work.begin` takes besides."""
        name = _checked(name)
        self._check_base(base)
        pairs = list(self._stored() if pairs is None else self._marked(pairs))
        if not pairs:
            raise TrainingRefused(
                "there are no pairs to learn from; import some first: kotae pairs import FILE"
            )
        run = f"{now():%Y%m%d-%H%M%S}-{uuid4().hex[:6]}"
        Work.begin(
            self.folder / run,
            name=name,
            base=base,
            recipe=recipe,
            pairs=pairs,
            documents=self._versions({pair.document for pair in pairs if pair.document}),
            embedding=self._embedding,
            **more,
        )
        try:
            with one_at_a_time():
                job = self._jobs.enqueue(KIND, run=run, promote=promote, by=by)
        except TrainingRefused:
            shutil.rmtree(self.folder / run)
            raise
        preferences = {"preferences": len(more["preferences"])} if more else {}
        self._audit.note(by, what, name, job=job.id, base=base, pairs=len(pairs), **preferences)
        return job

    def _check_base(self, base: str) -> None:
        if not is_hosted(base):
            _check_here(base)
        elif not self._account.api_key:
            raise TrainingRefused(
                f"the base {base!r} is tuned by the fine-tuning API, which needs a key: set [openai] api_key "
                "(KOTAE_OPENAI__API_KEY)"
            )

    def _parent(self, which: str) -> Adapter:
        """The adapter to go on from."""
        try:
            adapter = self._shelf.current() if which == CURRENT else self._shelf.get(which)
        except ShelfError as fault:
            raise TrainingRefused(str(fault)) from fault
        if adapter is None:
            raise TrainingRefused(
                "no adapter is promoted: promote one, or name the one to go on from (--from)"
            )
        return adapter

    def _run(self, job: Job) -> Run:
        work = self._work(job)
        told, spec = tuple(work.told()), work.job
        return Run(job, spec.name, spec.base, spec.recipe, told, work.folder, self._adapter(work))

    def _work(self, job: Job) -> Work:
        return Work(self.folder / job.arguments["run"])

    @staticmethod
    def _adapter(work: Work) -> str:
        for line in read_lines(work.folder / SHELVED):
            return str(line["adapter"])
        return ""


@contextmanager
def one_at_a_time() -> Iterator[None]:
    try:
        yield
    except AlreadyRunning as fault:
        raise TrainingRefused(
            f"a training is {fault.job.state} already; wait until it has ended, or cancel it"
        ) from fault


def _checked(name: str) -> str:
    try:
        name = TypeAdapter(Name).validate_python(name)
    except ValidationError as error:
        raise TrainingRefused(
            f"an adapter cannot be called {name!r}; up to 80 characters, without slashes, are accepted"
        ) from error
    if name == CURRENT:
        raise TrainingRefused(f"an adapter cannot be called {CURRENT!r}: that is whichever is promoted")
    return name


def _check_here(base: str) -> None:
    """What is on this machine is found or missed at once; a name of the hub shows when it is fetched."""
    from strategies.lora import bases

    if base.count("/") == 1 and not base.startswith((".", "/", "~")) and not Path(base).exists():
        return
    try:
        bases.found(base)
    except StrategyError as fault:
        raise TrainingRefused(str(fault)) from fault
