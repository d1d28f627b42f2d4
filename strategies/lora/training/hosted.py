"""Fine-tuning at OpenAI, or whoever speaks its API: pairs are taught there, and a model's name comes back.

    files uploaded ─▶ job created ─▶ followed ─▶ a card that names the model, for the shelf

What goes there are the checked pairs, without personal data; the held-out ones go as the validation file,
which is measured on and not learned. Each step is written down as soon as it is done (hosted.json), so a run
that was killed follows the job that it began. One that learns preferences is tuned there by DPO, from its
parent's model.
"""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strategies.llm.opening import NO_ANSWER
from strategies.lora.pairs import preferences
from strategies.lora.pairs.raft import Example
from strategies.lora.shelf.card import Card, read_card, write_card
from strategies.lora.training.preparing import preferences_of, prepare
from strategies.lora.training.recipe import Recipe
from strategies.lora.training.work import CURVE, Told, TrainingFailed, Work, append, lines, read_lines, write

if TYPE_CHECKING:
    import openai
    from openai.types.fine_tuning import FineTuningJob

PREFIX = "openai:"  # of a base that is tuned there
FILE = "hosted.json"
FEWEST = 10  # examples that OpenAI takes
ENDED = {"succeeded", "failed", "cancelled"}
LOOKS = 30  # in a row that may fail before a run gives up following
ASK_SECONDS = 0.2  # between two looks whether to stop
STEP = re.compile(r"[Ss]tep (\d+)/(\d+)")
SUFFIX = re.compile(r"[^a-z0-9-]+")
TEMPLATE = "served-1"  # the words around question and passages: those of `strategies.lora.served`


@dataclass(frozen=True)
class Account:
    """Where models are tuned, and by whose leave."""

    base_url: str
    api_key: str
    look_seconds: float = 10.0


def is_hosted(base: str) -> bool:
    return base.startswith(PREFIX)


def train_there(
    work: Work, account: Account, told: Callable[[Told], None], stopped: Callable[[], bool]
) -> Path:
    """Tune what the folder says and return the folder with the model's card. `stopped` may raise to end the
    following; the job goes on there. Raises TrainingFailed.
    """
    with work.alone():
        if work.adapter.exists():
            return work.adapter
        prepare(work)
        with reached(account) as client:
            return Hosted(work, client, account, told, stopped).run()


def pause(work: Work, account: Account) -> None:
    """Have the job wait there, if it was begun and still runs."""
    import openai

    job = noted(work).get("job")
    if job:
        with suppress(TrainingFailed, openai.APIError), reached(account) as client:
            client.fine_tuning.jobs.pause(job)


class Hosted:
    """One tuning there."""

    def __init__(
        self,
        work: Work,
        client: openai.OpenAI,
        account: Account,
        told: Callable[[Told], None],
        stopped: Callable[[], bool],
    ) -> None:
        self.work, self.job, self.client = work, work.job, client
        self._account, self._told, self._stopped = account, told, stopped

    def run(self) -> Path:
        learned, measured = self.files()
        job = self.begun(self.uploaded("training", learned), self.uploaded("validation", measured))
        job = self.followed(job)
        if job.status == "cancelled":
            raise TrainingFailed("the fine-tuning job was cancelled there; resume to begin another")
        if job.status == "failed" or not job.fine_tuned_model:
            why = job.error.message if job.error and job.error.message else "no reason is given"
            raise TrainingFailed(f"the fine-tuning job failed there: {why}")
        return self.carded(job, job.fine_tuned_model, examples=learned.count(b"\n"))

    # ---- what goes there ----

    def files(self) -> tuple[bytes, bytes]:
        """What is learned, and what is measured on, as the API reads it."""
        if self.job.preferences:
            parts = preferences_of(self.work)
            learned, measured = written(parts.learned), written(parts.held_out)
        else:
            learned, measured = chats(self.work.train()), chats(self.work.held_out())
        if (count := learned.count(b"\n")) < FEWEST:
            raise TrainingFailed(f"at least {FEWEST} examples are needed there, not {count}")
        return learned, measured

    def uploaded(self, which: str, content: bytes) -> str:
        """The id of the file there; "" for an empty one. What was uploaded before is not uploaded again."""
        known = noted(self.work)
        if which not in known and content:
            self.say(f"uploading the {which} file")
            file = self.client.files.create(file=(f"{which}.jsonl", io.BytesIO(content)), purpose="fine-tune")
            known = self.note(which, file.id)
        return known.get(which, "")

    def begun(self, training: str, validation: str) -> FineTuningJob:
        """The job there: the one that was begun before, where it can go on, else a new one."""
        jobs = self.client.fine_tuning.jobs
        job = self.known_job(training)
        if job is not None and str(job.status) == "paused":
            job = jobs.resume(job.id)
        if job is None or job.status in ("failed", "cancelled"):
            job = jobs.create(
                model=self.model,
                training_file=training,
                validation_file=validation or None,
                method=self.method(),  # type: ignore[arg-type]
                seed=self.job.recipe.seed,
                suffix=SUFFIX.sub("-", self.job.name.lower()).strip("-")[:40] or "kotae",
            )
            self.say(f"the fine-tuning job {job.id} was created")
        self.note("job", job.id)
        return job

    def known_job(self, training: str) -> FineTuningJob | None:
        """The one that was written down, or that a killed run created without coming to write it down."""
        jobs = self.client.fine_tuning.jobs
        if job := noted(self.work).get("job"):
            return jobs.retrieve(job)
        return next((one for one in jobs.list(limit=20).data if one.training_file == training), None)

    @property
    def model(self) -> str:
        """What is tuned: the base, or what came of it before."""
        return read_card(self.work.parent).model if self.job.preferences else self.job.base[len(PREFIX) :]

    def method(self) -> dict[str, Any]:
        recipe, plain = self.job.recipe, Recipe()
        chosen: dict[str, Any] = {}
        if recipe.epochs != plain.epochs:
            chosen["n_epochs"] = recipe.epochs
        if recipe.batch != plain.batch:
            chosen["batch_size"] = recipe.batch
        if self.job.preferences:
            return {"type": "dpo", "dpo": {"hyperparameters": {**chosen, "beta": recipe.beta}}}
        return {"type": "supervised", "supervised": {"hyperparameters": chosen}}

    # ---- following ----

    def followed(self, job: FineTuningJob) -> FineTuningJob:
        """The job when it has ended. A server that cannot be reached for a while is asked again."""
        import openai

        heard: set[str] = set()
        missed = 0
        while True:
            try:
                self.listen(job, heard)
                job = self.client.fine_tuning.jobs.retrieve(job.id)
                missed = 0
            except (openai.APIConnectionError, openai.InternalServerError, openai.RateLimitError):
                missed += 1
                if missed >= LOOKS:
                    raise
            if job.status in ENDED:
                self.listen(job, heard)
                return job
            self.wait()

    def wait(self) -> None:
        until = time.monotonic() + self._account.look_seconds
        while time.monotonic() < until:
            if self._stopped():
                raise TrainingFailed("stopped; the job goes on there, resume to follow it")
            time.sleep(min(ASK_SECONDS, self._account.look_seconds))

    def listen(self, job: FineTuningJob, heard: set[str]) -> None:
        """Tell what happened there since the last look, in its order."""
        events = list(self.client.fine_tuning.jobs.list_events(job.id, limit=100).data)
        for event in reversed(events):
            if event.id not in heard:
                heard.add(event.id)
                self.tell(event.message, event.data if isinstance(event.data, dict) else {}, job)

    def tell(self, message: str, data: dict[str, Any], job: FineTuningJob) -> None:
        counted = STEP.search(message)
        step = int(data.get("step") or (counted[1] if counted else 0))
        steps = int(data.get("total_steps") or (counted[2] if counted else max(step, 1)))
        left = (job.estimated_finish or 0) - time.time()
        measured = data.get("full_valid_loss", data.get("valid_loss"))
        self.add(
            Told(
                step=step,
                steps=max(step, steps),
                epoch=0.0,
                loss=data.get("train_loss"),
                held_out=measured,
                rate=0.0,
                left=max(0.0, round(left, 1)),
                note="" if step else message,
            )
        )

    def say(self, words: str) -> None:
        self.add(Told(0, 1, 0.0, None, None, 0.0, 0.0, words))

    def add(self, told: Told) -> None:
        if asdict(told) not in list(read_lines(self.work.folder / CURVE)):  # a resumed run hears all again
            append(self.work.folder / CURVE, asdict(told))
            self._told(told)

    # ---- what comes back ----

    def carded(self, job: FineTuningJob, model: str, *, examples: int) -> Path:
        """A folder for the shelf: no weights, but the name under which the model speaks there."""
        half = self.work.folder / "adapter.half"
        half.mkdir(exist_ok=True)
        curve = self.work.told()
        held_out = [told.held_out for told in curve if told.held_out is not None]
        figures = {
            "examples": float(examples),
            **({"held_out_loss": held_out[-1]} if held_out else {}),
            **({"trained_tokens": float(job.trained_tokens)} if job.trained_tokens else {}),
            **({"seconds": float(job.finished_at - job.created_at)} if job.finished_at else {}),
        }
        card = Card(
            name=self.job.name,
            base=self.job.base,
            base_hash="",
            template=TEMPLATE,
            tokenizer="",
            pairs=self.job.pairs,
            made_at=datetime.now(UTC),
            documents=self.job.documents,
            seed=self.job.recipe.seed,
            figures=figures,
            recipe={"method": self.method(), "job": job.id},
            parent=self.job.parent,
            preferences=self.job.preferences,
            model=model,
        )
        write_card(half, card)
        write(half / CURVE, lines(asdict(told) for told in curve))
        half.rename(self.work.adapter)
        return self.work.adapter

    def note(self, what: str, value: str) -> dict[str, str]:
        known = {**noted(self.work), what: value}
        write(self.work.folder / FILE, json.dumps(known).encode())
        return known


def noted(work: Work) -> dict[str, str]:
    """What was done there already: the ids of files and job."""
    try:
        return dict(json.loads((work.folder / FILE).read_text("utf-8")))
    except FileNotFoundError:
        return {}


def chats(examples: Iterable[Example]) -> bytes:
    """Examples as conversations: passages before the question, as serving shows them."""
    return lines(
        {
            "messages": [
                {"role": "user", "content": "\n\n".join([*example.passages, example.question])},
                {"role": "assistant", "content": example.answer or NO_ANSWER},
            ]
        }
        for example in examples
    )


def written(given: Iterable[preferences.Preference]) -> bytes:
    stream = io.BytesIO()
    preferences.write(given, stream)
    return stream.getvalue()


@contextmanager
def reached(account: Account) -> Iterator[openai.OpenAI]:
    """A client, whose faults come out as sentences."""
    import openai

    where = f"the fine-tuning API at {account.base_url}"
    if not account.api_key:
        raise TrainingFailed("no key for the fine-tuning API: set [openai] api_key (KOTAE_OPENAI__API_KEY)")
    try:
        with openai.OpenAI(
            base_url=account.base_url, api_key=account.api_key, max_retries=3, timeout=60
        ) as client:
            yield client
    except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
        raise TrainingFailed(f"{where} refused the key; set [openai] api_key") from error
    except openai.APIStatusError as error:
        raise TrainingFailed(f"{where} refused: {said(error)}") from error
    except openai.APIConnectionError as error:
        raise TrainingFailed(
            f"{where} cannot be reached; what was begun goes on there, resume later"
        ) from error


def said(error: openai.APIStatusError) -> str:
    body = error.body
    told = body.get("message") if isinstance(body, dict) else None
    return " ".join(str(told or error.message).split())[:300]
