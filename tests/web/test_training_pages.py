"""The admin's training: a form with plain defaults, how far it is, cancelled, resumed, failed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from bot.kotae import Kotae
from bot.teaching.training import Run
from strategies.lora.shelf import Proof
from strategies.lora.testing import tiny_base
from strategies.lora.training import apart
from strategies.lora.training.recipe import Recipe
from strategies.lora.training.work import CURVE, Told, TrainingFailed, Work
from tests.people import Admin, Customer, Operator
from tests.strategies.lora.adapters import on_paper
from tests.strategies.lora.desk import pairs as desk_pairs
from web.admin.training import WORDS


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_base(tmp_path_factory.mktemp("base")))


@pytest.fixture
def desk(admin: Admin, kotae: Kotae) -> Admin:
    """An admin whose desk has pairs."""
    for pair in desk_pairs()[:8]:
        kotae.pairs.add(asdict(pair) | {"tags": list(pair.tags)}, by=admin.email)
    return admin


@pytest.fixture
def plays(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception | None], None]:
    """The training's own process is played: it ends with an adapter, or with a fault."""

    def play(fault: Exception | None = None) -> None:
        def run_apart(
            folder: Path, told: Callable[[Told], None], stopped: Callable[[], bool], threads: int = 1
        ) -> Path:
            stopped()
            if fault is not None:
                raise fault
            return on_paper(folder / "adapter", Work(folder).job.name)

        monkeypatch.setattr(apart, "run_apart", run_apart)

    return play


def starts(desk: Admin, base: str, name: str = "spring", **more: str) -> str:
    """The page of the training that began."""
    checked = dict.fromkeys(("augment", "encoder", "pooled"), "true")
    begun = desk.sends("/console/training", name=name, base=base, **checked, **more)
    assert begun.status_code == 302, begun.text
    return str(begun.location)


def the_run(kotae: Kotae) -> Run:
    (run,) = kotae.training.runs()
    return run


def test_an_operator_may_not_train(operator: Operator) -> None:
    assert operator.opens("/console/training").status_code == 403
    assert operator.sends("/console/training", name="spring").status_code == 403
    assert operator.opens("/console/training/now").status_code == 403


def test_without_pairs_the_page_says_what_to_do_first(admin: Admin) -> None:
    page = admin.opens("/console/training").text
    assert "There is no pair to train on yet." in page
    assert "<form" not in page.split('id="main"')[1]


def test_every_choice_of_the_recipe_is_a_field_with_words_of_its_own(desk: Admin) -> None:
    page = desk.opens("/console/training").text
    assert set(WORDS) == set(Recipe.model_fields)
    for name in Recipe.model_fields:
        assert f'name="{name}"' in page
    assert 'name="rank" value="16"' in page
    assert "Train on 8 pairs" in page


def test_a_training_begins_and_is_found_on_its_page(desk: Admin, kotae: Kotae, base: str) -> None:
    path = starts(desk, base, rank="4", epochs="2")
    run = the_run(kotae)
    assert (run.name, run.base, run.recipe.rank, run.recipe.epochs) == ("spring", base, 4, 2)
    assert run.recipe.augment
    assert not run.recipe.raft
    page = desk.opens(path).text
    assert "Waiting" in page
    assert "Rank 4" in page
    assert "The curve begins with the first losses." in page
    assert "spring" in desk.opens("/console/training/now").text
    assert (desk.email, "train") in [(entry.who, entry.what) for entry in kotae.audit.page()]


def test_a_field_that_is_left_empty_means_its_default(desk: Admin, kotae: Kotae, base: str) -> None:
    starts(desk, base, rank="", rate=" ")
    assert the_run(kotae).recipe == Recipe()


def test_what_people_prefer_is_shown_downloaded_and_learned_by_the_adapter_that_speaks(
    desk: Admin, kotae: Kotae, customer: Customer, base: str, tmp_path: Path
) -> None:
    assert "Nobody has said so yet" in desk.opens("/console/training").text
    kotae.switch.use("parrot", "olga")
    kotae.feedback.give(customer.asks(desk_pairs()[0].question).id, "down")
    assert "Promote an adapter first" in desk.opens("/console/training").text
    refused = desk.sends("/console/training/preferences", name="summer")
    assert (refused.status_code, "no adapter is promoted" in refused.text) == (409, True)

    first = kotae.shelf.put(on_paper(tmp_path / "first", "spring", base=base))
    kotae.shelf.promote(first.hash, "ada", lambda _: Proof())
    assert "Let spring learn 1 preference<" in desk.opens("/console/training").text
    file = desk.opens("/console/training/preferences.jsonl")
    assert json.loads(file.text)["preferred_output"][0]["content"] == desk_pairs()[0].answer
    begun = desk.sends("/console/training/preferences", name="summer")
    assert begun.status_code == 302
    work = Work(the_run(kotae).folder)
    assert (work.job.name, work.job.parent, len(work.preferences())) == ("summer", first.hash, 1)


def test_an_operator_may_not_let_preferences_be_learned(operator: Operator) -> None:
    assert operator.sends("/console/training/preferences", name="summer").status_code == 403
    assert operator.opens("/console/training/preferences.jsonl").status_code == 403


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("rank", "none", "A number from 1 to 256 is accepted here."),
        ("rank", "0", "A number from 1 to 256 is accepted here."),
        ("rank", "2.5", "A number from 1 to 256 is accepted here."),
        ("seconds", "-1", "A number from 0 up is accepted here."),
        ("name", "  ", "Give the adapter a name"),
    ],
)
def test_what_is_not_accepted_is_said_beside_its_field_and_nothing_begins(
    desk: Admin, kotae: Kotae, field: str, value: str, sentence: str
) -> None:
    answer = desk.sends("/console/training", **{"name": "spring", "epochs": "3", field: value})
    assert answer.status_code == 400
    assert sentence in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert 'name="epochs" value="3"' in answer.text
    assert kotae.training.runs() == []


@pytest.mark.parametrize(
    ("name", "base", "why"),
    [
        ("a/b", "shipped", "without slashes"),
        ("current", "shipped", "whichever is promoted"),
        ("x", "./no", "no base"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_a_sentence(
    desk: Admin, kotae: Kotae, name: str, base: str, why: str
) -> None:
    answer = desk.sends("/console/training", name=name, base=base)
    assert answer.status_code == 409
    assert "The training was not started" in answer.text
    assert why in answer.text
    assert kotae.training.runs() == []


def test_a_second_training_is_refused_while_one_is_under_way(desk: Admin, kotae: Kotae, base: str) -> None:
    starts(desk, base)
    answer = desk.sends("/console/training", name="summer", base=base)
    assert answer.status_code == 409
    assert "a training is queued already" in answer.text
    assert [run.name for run in kotae.training.runs()] == ["spring"]


def test_the_page_shows_how_far_it_is_and_its_curve(desk: Admin, kotae: Kotae, base: str) -> None:
    path = starts(desk, base)
    run = the_run(kotae)
    told = [
        Told(10, 100, 0.1, 3.0, None, 1e-3, 90.0),
        Told(20, 100, 0.2, 2.0, 2.5, 1e-3, 80.0, "the loss was not finite at step 20: back to step 10"),
    ]
    (run.folder / CURVE).write_text("".join(json.dumps(asdict(one)) + "\n" for one in told))
    for page in (desk.opens(path).text, desk.opens(f"{path}/now").text):
        assert "step 20 of 100" in page
        assert "left" in page
        assert 'class="train" d="M' in page
        assert "best 2.500 at step 20" in page
        assert "back to step 10" in page
        assert "<td>20</td>" in page


def test_a_training_is_cancelled_and_resumed(
    desk: Admin, kotae: Kotae, base: str, plays: Callable[..., None]
) -> None:
    plays()
    path = starts(desk, base)
    desk.sends(f"{path}/cancel")
    page = desk.opens(path).text
    assert "Cancelled" in page
    assert "Resume" in page
    assert kotae.shelf.all() == []
    desk.sends(f"{path}/resume")
    kotae.jobs.drain()
    assert "Done" in desk.opens(path).text
    assert [adapter.name for adapter in kotae.shelf.all()] == ["spring"]


def test_what_is_done_cannot_be_resumed(
    desk: Admin, kotae: Kotae, base: str, plays: Callable[..., None]
) -> None:
    plays()
    path = starts(desk, base)
    kotae.jobs.drain()
    assert "Resume" not in desk.opens(path).text
    assert "has nothing to go on with" in desk.client.get(desk.sends(f"{path}/resume").location).text
    assert the_run(kotae).job.state == "done"


def test_a_training_that_ends_leads_to_its_adapter_and_into_the_list(
    desk: Admin, kotae: Kotae, base: str, plays: Callable[..., None]
) -> None:
    plays()
    path = starts(desk, base)
    kotae.jobs.drain()
    (adapter,) = kotae.shelf.all()
    assert f"/console/adapters/{adapter.hash}" in desk.opens(path).text
    past = desk.opens("/console/training/past").text
    assert "spring" in past
    assert "Done" in past
    assert "data-under-way" not in desk.opens("/console/training/now").text


def test_a_training_that_fails_says_why_and_can_be_resumed(
    desk: Admin, kotae: Kotae, base: str, plays: Callable[..., None]
) -> None:
    plays(TrainingFailed("the disk is full: checkpoint could not be written; free some space and resume"))
    path = starts(desk, base)
    kotae.jobs.drain()
    page = desk.opens(path).text
    assert "the disk is full" in page
    assert "Resume" in page
    assert "the disk is full" in desk.opens("/console/training").text


def test_an_unknown_training_is_a_page_that_says_so(desk: Admin) -> None:
    for path in ("/console/training/nothing", "/console/training/nothing/now"):
        assert desk.opens(path).status_code == 404
    assert desk.sends("/console/training/nothing/cancel").status_code == 404


def test_markup_in_a_name_is_text(desk: Admin, base: str) -> None:
    path = starts(desk, base, name="<b>spring<b>")
    for page in (path, "/console/training", "/console/training/now"):
        assert "<b>spring" not in desk.opens(page).text


def test_nothing_begins_without_the_csrf_token(desk: Admin, kotae: Kotae) -> None:
    assert desk.client.post("/console/training", data={"name": "spring"}).status_code == 400
    assert kotae.training.runs() == []
