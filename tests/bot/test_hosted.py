"""Models are tuned by the fine-tuning API, stand on the shelf, and answer customers through it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from bot.kotae import Kotae
from bot.settings import Settings
from bot.teaching.training import TrainingRefused
from strategies.events import Token
from strategies.lora.pairs.preferences import Preference
from strategies.lora.training.hosted import Account, noted, train_there
from strategies.lora.training.recipe import Recipe
from strategies.lora.training.work import Told, TrainingFailed, Work
from tests.bot.test_jobs import until
from tests.strategies.lora.desk import Listener, never, pairs
from tests.strategies.lora.tuning_server import KEY, TuningServer, tuning_server

BASE = "openai:gpt-4.1-mini-2025-04-14"


@pytest.fixture
def server() -> Iterator[TuningServer]:
    with tuning_server() as made:
        yield made


@pytest.fixture
def kotae(server: TuningServer, tmp_path: Path, one_embedder: None) -> Iterator[Kotae]:
    """An installation whose product model speaks at the server."""
    there = {"base_url": server.url, "api_key": KEY}
    product = {"use": "served", "model": "gpt-4.1-mini", **there}
    settings = Settings(
        data=tmp_path,
        strategies={"product": product, "parrot": {"use": "echo"}},
        chat={"strategy": "parrot"},
        openai={**there, "look_seconds": 0.01},
    )
    made = Kotae.open(settings)
    for pair in pairs():
        made.pairs.add(asdict(pair) | {"tags": []}, by="ada")
    yield made
    made.close()


def account(server: TuningServer, key: str = KEY) -> Account:
    return Account(server.url, key, 0.01)


def work(folder: Path, given: int | None = None) -> Work:
    return Work.begin(
        folder, name="Spring desk", base=BASE, recipe=Recipe(augment=False), pairs=pairs()[:given]
    )


def test_from_pairs_to_a_model_there_that_answers_customers_and_learns_what_they_prefer(
    kotae: Kotae, server: TuningServer
) -> None:
    job = kotae.training.start("spring", base=BASE, by="ada", recipe=Recipe(augment=False), promote=True)
    kotae.jobs.drain()
    run = kotae.training.run(job.id)
    assert (run.job.state, run.job.error) == ("done", "")
    assert [told.held_out for told in run.told if told.step] == [3.0, 1.5, 1.0, 0.75]

    asked = {line["messages"][0]["content"] for line in server.files["file-0"]}
    assert asked == {pair.question for pair in pairs() if pair.split == "train"}
    measured = {line["messages"][0]["content"] for line in server.files["file-1"]}
    assert measured == {pair.question for pair in pairs() if pair.split == "held-out"}
    assert server.job()["model"] == BASE.removeprefix("openai:")
    assert server.job()["method"]["type"] == "supervised"

    adapter = kotae.shelf.current()
    assert adapter is not None
    assert adapter.model == "ft:gpt-4.1-mini-2025-04-14:desk:spring:1"
    assert adapter.figures["held_out_loss"] == 0.75
    kotae.switch.use("product", "olga")
    conversation = kotae.conversations.start()
    events = list(kotae.ask(conversation.id, "How big is the lamp?"))
    assert "".join(event.text for event in events if isinstance(event, Token)) == "The lamp is 12 cm."
    assert server.asked[-1]["model"] == adapter.model

    better = [Preference(pair.question, f"{pair.answer} Wide.", pair.answer) for pair in pairs()]
    job = kotae.training.prefer("summer", better, by="ada")
    kotae.jobs.drain()
    assert kotae.training.run(job.id).job.state == "done"
    assert server.job()["model"] == adapter.model
    assert server.job()["method"] == {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.1}}}
    assert set(server.files["file-2"][0]) == {"input", "preferred_output", "non_preferred_output"}
    assert kotae.shelf.get("summer").parent == adapter.hash


def test_a_run_that_was_killed_follows_the_job_that_it_began(server: TuningServer, tmp_path: Path) -> None:
    begun = work(tmp_path / "run")
    server.stays = True

    class Killed(BaseException):
        pass

    def killed() -> bool:
        if server.job()["status"] == "running":
            raise Killed
        return False

    with pytest.raises(Killed):
        train_there(begun, account(server), Listener(), killed)
    server.stays = False
    heard = Listener()
    assert train_there(begun, account(server), heard, never).name == "adapter"
    assert (len(server.jobs), len(server.files)) == (1, 2)
    steps = [told.step for told in begun.told() if told.step]
    assert steps == sorted(set(steps))


def test_a_job_that_was_created_but_not_written_down_is_found_again(
    server: TuningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from strategies.lora.training import hosted

    begun = work(tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(hosted.Hosted, "followed", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train_there(begun, account(server), Listener(), never)
    known = noted(begun)
    (begun.folder / hosted.FILE).write_text(f'{{"training": "{known["training"]}", "validation": "file-1"}}')
    train_there(begun, account(server), Listener(), never)
    assert len(server.jobs) == 1


def test_a_cancelled_training_waits_there_and_goes_on_when_it_is_resumed(
    kotae: Kotae, server: TuningServer
) -> None:
    server.stays = True
    job = kotae.training.start("spring", base=BASE, by="ada", recipe=Recipe(augment=False))
    kotae.jobs.start()
    until(lambda: bool(server.jobs) and server.job()["status"] == "running")
    kotae.training.cancel(job.id, by="ada")
    until(lambda: server.job()["status"] == "paused")
    server.stays = False
    kotae.training.resume(job.id, by="ada")
    until(lambda: kotae.training.run(job.id).job.state == "done")
    kotae.jobs.stop()
    assert len(server.jobs) == 1


def test_a_server_that_is_away_for_a_moment_is_asked_again(server: TuningServer, tmp_path: Path) -> None:
    server.down = 1
    assert train_there(work(tmp_path / "run"), account(server), Listener(), never).exists()


def test_a_job_that_fails_there_says_why_and_another_one_is_begun_on_resume(
    server: TuningServer, tmp_path: Path
) -> None:
    begun = work(tmp_path / "run")
    server.fails = "the file has too few examples"
    with pytest.raises(TrainingFailed, match="failed there: the file has too few examples"):
        train_there(begun, account(server), Listener(), never)
    server.fails = ""
    train_there(begun, account(server), Listener(), never)
    assert (len(server.jobs), len(server.files)) == (2, 2)


@pytest.mark.parametrize(
    ("key", "pairs_given", "sentence"),
    [
        ("", None, "set \\[openai\\] api_key"),
        ("sk-wrong", None, "refused the key; set \\[openai\\] api_key"),
        (KEY, 5, "at least 10 examples are needed there, not 4"),
    ],
)
def test_what_cannot_be_tuned_there_is_a_sentence(
    server: TuningServer, tmp_path: Path, key: str, pairs_given: int | None, sentence: str
) -> None:
    with pytest.raises(TrainingFailed, match=sentence):
        train_there(work(tmp_path / "run", pairs_given), account(server, key), Listener(), never)
    assert server.jobs == []


def test_without_a_key_nothing_is_begun(tmp_path: Path, one_embedder: None) -> None:
    made = Kotae.open(Settings(data=tmp_path, strategies={"manuals": {"use": "echo"}}))
    with pytest.raises(TrainingRefused, match="needs a key"):
        made.training.start("spring", base=BASE, by="ada", pairs=pairs())
    made.close()


def test_a_model_elsewhere_does_not_speak_where_no_strategy_asks_a_server(
    server: TuningServer, tmp_path: Path, one_embedder: None
) -> None:
    made = Kotae.open(Settings(data=tmp_path, strategies={"manuals": {"use": "echo"}}))
    made.shelf.put(train_there(work(tmp_path / "run"), account(server), heard_nothing, never))
    proof = made.shelf.proof(made.shelf.get("Spring desk"))
    assert 'give the strategy use = "served"' in proof.faults[0]
    made.close()


def heard_nothing(_told: Told) -> None:
    """Nobody listens."""
