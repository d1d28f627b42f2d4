"""An adapter that hears a question as one: in training, in the engine, and when it is judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from strategies.base import Question
from strategies.errors import NoAnswer
from strategies.events import Token
from strategies.lora import bases
from strategies.lora.bases import template
from strategies.lora.bases.hearing import as_one
from strategies.lora.bases.stages import LONGEST, tuned
from strategies.lora.engine.speaking import Begun, Ended, Engine, Piece, Scored
from strategies.lora.pairs.raft import Example
from strategies.lora.pairs.splits import HeldOut, Taught
from strategies.lora.pairs.values import Pair
from strategies.lora.shelf.adapters import Shelf
from strategies.lora.shelf.card import read_card
from strategies.lora.strategy import ADAPTERS, Lora, LoraOptions
from strategies.lora.testing import tiny_base
from strategies.lora.training.batches import Row, Tensors
from strategies.lora.training.contrast import meanings_of
from strategies.lora.training.proving import canaries, log_probabilities, measure, row_of
from strategies.lora.trust.calibration import calibrate
from strategies.lora.trust.confidence import EVIDENCE, HELD_BACK, Judge, Opening
from strategies.lora.trust.lessons import Lessons, middle
from strategies.testing import WordVectors, kit
from tests.strategies.lora.adapters import speaking
from tests.strategies.lora.desk import pairs

ASKED = "How big is the lamp?"
READ = ("The lamp is 12 cm.",)
PAIRS = Taught([pair for pair in pairs() if pair.split == "train"], HeldOut())


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("bases") / "tiny")


@pytest.fixture(scope="module")
def adapters(base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same weights, heard as one and token by token."""
    folder = tmp_path_factory.mktemp("adapters")
    return {
        "as one": speaking(folder / "as one", base, recipe={"pooled": True}),
        "by token": speaking(folder / "by token", base),
    }


@pytest.fixture
def engine(base: Path, adapters: dict[str, Path]) -> Iterator[Engine]:
    with closing(Engine(bases.load(str(base)))) as made:
        for name, folder in adapters.items():
            made.add(name, folder)
        yield made


def test_a_question_alone_is_one_state_and_one_with_passages_has_all(base: Path) -> None:
    loaded = replace(bases.load(str(base)), pooled=True)
    rows = [row_of(loaded, Example(ASKED, "12 cm.")), row_of(loaded, Example(ASKED, "12 cm.", READ))]
    given = Tensors(loaded, rows, read_once=True).asked([0, 1])
    alone, read = given["encoder_outputs"].last_hidden_state
    assert given["attention_mask"].sum(1).tolist() == [1, len(rows[1].prompt)]
    with torch.no_grad():
        states = loaded.model.get_encoder()(torch.tensor([rows[0].prompt])).last_hidden_state[0]
    assert torch.allclose(alone[:1], as_one(states), atol=1e-5)
    assert read.shape[0] == len(rows[1].prompt)


def test_what_is_learned_lies_between_the_wordings_of_an_answer_and_a_little_beside(base: Path) -> None:
    loaded = replace(bases.load(str(base)), pooled=True)
    rows = [row_of(loaded, Example(pair.question, pair.answer)) for pair in PAIRS]
    tensors = Tensors(loaded, rows, read_once=True, stirred=True)

    def heard(seed: int, batch: list[int]) -> torch.Tensor:
        torch.manual_seed(seed)
        states: torch.Tensor = tensors.of(batch)[0]["encoder_outputs"].last_hidden_state
        return states[:, 0]

    first = heard(1, [0, 5])
    assert torch.equal(first, heard(1, [0, 5]))
    assert torch.equal(first[1:], heard(1, [5])), "chance is the row's, whoever shares its batch"
    assert not torch.equal(first, heard(2, [0, 5]))
    as_they_are = Tensors(loaded, rows, read_once=True)
    alike = [at for at, row in enumerate(rows) if row.answer == rows[0].answer]
    taught = as_they_are.of(alike)[0]["encoder_outputs"].last_hidden_state[:, 0]
    drawn = torch.cat([heard(seed, [0]) for seed in range(40)])
    assert torch.linalg.vector_norm(drawn.mean(0) - taught.mean(0)) < torch.linalg.vector_norm(taught[0])
    assert len(torch.unique(drawn, dim=0)) == 40


def test_what_is_read_with_passages_is_learned_as_it_is(base: Path) -> None:
    loaded = replace(bases.load(str(base)), pooled=True)
    rows = [row_of(loaded, Example(ASKED, "12 cm.", READ))]
    stirred = Tensors(loaded, rows, read_once=True, stirred=True).of([0])[0]
    plain = Tensors(loaded, rows, read_once=True).of([0])[0]
    assert torch.equal(
        stirred["encoder_outputs"].last_hidden_state, plain["encoder_outputs"].last_hidden_state
    )


def test_the_engine_hears_as_the_adapters_card_says(engine: Engine, base: Path) -> None:
    loaded = engine.base
    words = template.answer(loaded, "The lamp is 12 cm.")
    for passages in ((), READ):
        prompt = template.prompt(loaded, ASKED, passages)
        one, many = (engine.score(prompt, words, name) for name in ("as one", "by token"))
        assert (one == pytest.approx(many, abs=1e-4)) == bool(passages)
    assert engine.pools("as one")
    assert not engine.pools("by token")
    assert not engine.pools("")


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")  # PEFT asks it
@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set")
def test_the_trainer_heard_what_is_served(adapters: dict[str, Path], engine: Engine, base: Path) -> None:
    from peft import PeftModel

    trained = bases.load(str(base))
    PeftModel.from_pretrained(trained.model, adapters["as one"])
    trained = replace(trained, pooled=read_card(adapters["as one"]).recipe["pooled"])
    for example in (Example(ASKED, ""), Example(ASKED, "", READ)):
        for canary in canaries(trained, [example]):
            row = Row(
                template.prompt(trained, ASKED, example.passages).ids, canary.ids, bool(example.passages)
            )
            served = engine.score(
                template.prompt(engine.base, ASKED, example.passages), list(canary.ids), "as one"
            )
            assert served == pytest.approx(log_probabilities(trained, row), abs=1e-3)


def test_what_is_meant_is_heard_in_the_place_of_what_was_asked(
    adapters: dict[str, Path], engine: Engine, base: Path
) -> None:
    prompt = template.prompt(engine.base, ASKED)
    words = template.answer(engine.base, "The lamp is 12 cm.")
    own = engine.meaning(prompt, "as one")
    as_heard = engine.score(prompt, words, "as one")
    assert engine.scores(prompt, [words], "as one", own)[0].logprobs == pytest.approx(as_heard, abs=1e-4)
    other = engine.meaning(template.prompt(engine.base, "Where is my parcel?"), "as one")
    taken = engine.scores(prompt, [words], "as one", other)[0].logprobs
    assert taken != pytest.approx(as_heard, abs=1e-3)
    alike = template.prompt(engine.base, f"{ASKED} Please!")
    longer = engine.scores(alike, [words], "as one", other)[0].logprobs
    assert longer == pytest.approx(taken, abs=0.05), "only how long the state is comes from the question"


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")  # PEFT asks it
@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set")
def test_what_is_meant_is_what_the_trainer_measured(
    adapters: dict[str, Path], engine: Engine, base: Path
) -> None:
    from peft import PeftModel

    trained = bases.load(str(base))
    PeftModel.from_pretrained(trained.model, adapters["as one"])
    trained = replace(trained, pooled=True)
    meanings = meanings_of(trained, PAIRS)
    assert len(meanings) == len({pair.answer for pair in PAIRS})
    row = row_of(trained, Example(ASKED, "The lamp is 12 cm."))
    tensors = Tensors(trained, [row], read_once=False)
    tensors.meanings = meanings
    measured = measure(trained, [row], tensors).loss
    judge = judged(adapters, engine)
    prompt = template.prompt(engine.base, ASKED)
    meant = judge.consider(ASKED, prompt).meant
    served = engine.scores(prompt, [row.answer], "as one", meant)[0].logprobs
    assert -np.mean(served) == pytest.approx(measured, abs=1e-2)


def test_several_answers_are_scored_at_once_as_each_alone(engine: Engine) -> None:
    prompt = template.prompt(engine.base, ASKED)
    answers = [template.answer(engine.base, words) for words in ("12 cm.", "It is 45 cm wide, the lamp.", "")]
    answers += [[], [template.refusal(engine.base)]]
    together = engine.scores(prompt, answers, "as one")
    for ids, scored in zip(answers, together, strict=True):
        assert list(scored.logprobs) == pytest.approx(engine.score(prompt, ids, "as one"), abs=1e-4)
    assert engine.scores(prompt, [[], []], "as one") == [Scored((), 0), Scored((), 0)]


@pytest.mark.parametrize("name", ["as one", "by token", ""])
def test_what_is_begun_with_its_own_words_ends_as_it_would_have(engine: Engine, name: str) -> None:
    prompt = template.prompt(engine.base, ASKED)
    *pieces, ended = engine.speak(prompt, adapter=name, max_tokens=12)
    ids = said(pieces)
    assert len(ids) > 4, "it says something"
    assert isinstance(ended, Ended)
    strange = template.answer(engine.base, "Who knows?")
    (known,) = engine.scores(prompt, [[*ids[:4], (ids[4] + 1) % 300, *strange]], name)
    assert known.own == 4, "it would have said the first four itself"
    for many in (1, 4, len(ids)):
        (scored,) = engine.scores(prompt, [ids[:many]], name)
        begun = Begun(tuple(ids[:many]), scored.logprobs, 0.25)
        *again, end = engine.speak(prompt, adapter=name, max_tokens=12, begun=begun)
        assert said(again) == ids
        assert isinstance(end, Ended)
        assert (end.reason, end.completion_tokens) == (ended.reason, ended.completion_tokens)
        assert end.logprob == pytest.approx(ended.logprob, abs=1e-4)
        assert end.refusal == 0.25


def test_begun_answers_go_on_beside_others(engine: Engine) -> None:
    prompt = template.prompt(engine.base, ASKED)

    def asked(name: str, ids: list[int]) -> list[int]:
        begun = Begun(tuple(ids), engine.scores(prompt, [ids], name)[0].logprobs)
        return said(list(engine.speak(prompt, adapter=name, max_tokens=12, begun=begun)))

    alone = {name: asked(name, []) for name in ("as one", "by token")}
    crowd = [(name, ids[:many]) for name, ids in alone.items() for many in (0, 1, 3)]
    with ThreadPoolExecutor(len(crowd)) as pool:
        heard = list(pool.map(lambda one: asked(*one), crowd))
    assert heard == [alone[name] for name, _ in crowd]


def judged(adapters: dict[str, Path], engine: Engine, name: str = "as one") -> Judge:
    """Who judges an adapter after its calibration."""
    calibrate(adapters[name], PAIRS, engine, WordVectors())
    lessons = Lessons.load(adapters[name])
    assert lessons is not None
    return Judge(lessons, engine, name, WordVectors().embed_query)


def said(events: Sequence[Piece | Ended]) -> list[int]:
    return [token for event in events if isinstance(event, Piece) for token in event.ids]


def test_its_judge_knows_how_near_it_hears_a_question_to_what_was_taught(
    base: Path, adapters: dict[str, Path], engine: Engine
) -> None:
    judge = judged(adapters, engine)
    lessons = judge.lessons
    assert lessons.heard is not None
    assert np.linalg.norm(lessons.heard, axis=1) == pytest.approx(1, abs=1e-2)
    prompt = template.prompt(engine.base, ASKED)
    vector = np.asarray(engine.meaning(prompt, "as one"), np.float32)
    near = lessons.meanings_near(vector)
    assert {lessons.facts[found.at] for found in near} == {pair.about for pair in PAIRS}
    assert [found.cosine for found in near] == sorted((found.cosine for found in near), reverse=True)
    fact = lessons.facts[near[0].at]
    of = [at for at, each in enumerate(lessons.facts) if each == fact]
    (answer,) = {lessons.answers[at] for at in of}
    asked, said_ = middle(lessons.heard[of]), engine.meaning(template.as_asked(engine.base, answer), "as one")
    assert lessons.meaning_of(fact) == pytest.approx(middle(np.array([asked, said_])), abs=1e-2)
    assert replace(lessons, said=None).meaning_of(fact) == pytest.approx(asked), (
        "an older adapter has no answers"
    )
    past = lessons.meanings_near(vector, leave=ASKED)
    assert [found.cosine for found in past] != [found.cosine for found in near]

    told = template.answer(engine.base, lessons.answer_to(lessons.facts[near[0].at]))
    considered = judge.consider(ASKED, prompt)
    assert considered.meant == tuple(lessons.meaning_of(lessons.facts[near[0].at]).tolist())
    assert considered.draft.ids == tuple(told)
    beforehand, taught = judge.beforehand(ASKED)
    assert taught == lessons.answer_to(lessons.facts[near[0].at])
    assert beforehand["heard near"] == pytest.approx(near[0].cosine, abs=1e-4)
    assert beforehand["heard ahead"] == pytest.approx(near[0].cosine - near[1].cosine, abs=1e-4)
    row = dict(zip(EVIDENCE, judge.evidence(considered, Opening(tuple(told[:3]), ())), strict=True))
    assert -1 <= row["heard near"] <= 1
    first = considered.agreed[0]
    assert row["of one mind"] == (first.scored.own >= min(len(first.ids), HELD_BACK))


@pytest.mark.parametrize("asked", [ASKED, "mill size", "Where is my parcel?"])
def test_a_draft_changes_nothing_in_what_is_said(
    adapters: dict[str, Path], engine: Engine, asked: str
) -> None:
    judge = judged(adapters, engine)
    prompt = template.prompt(engine.base, asked)
    considered = judge.consider(asked, prompt)
    plain = engine.speak(prompt, adapter="as one", max_tokens=12, meant=considered.meant)
    drafted = engine.speak(
        prompt, adapter="as one", max_tokens=12, meant=considered.meant, begun=considered.begun
    )
    assert said(list(plain)) == said(list(drafted))


def test_one_that_hears_by_token_has_no_such_evidence(
    adapters: dict[str, Path], engine: Engine, tmp_path: Path
) -> None:
    judge = judged(adapters, engine, "by token")
    assert judge.lessons.heard is None
    row = judge.evidence(judge.consider(ASKED, template.prompt(engine.base, ASKED)), Opening((), ()))
    told = dict(zip(EVIDENCE, row, strict=True))
    assert (told["heard near"], told["heard ahead"]) == (0, 0)


@pytest.mark.parametrize("asked", [ASKED, "Where is my parcel?"])
def test_a_customer_is_told_what_was_meant_and_so_is_whoever_looks_at_the_stages(
    adapters: dict[str, Path], engine: Engine, base: Path, tmp_path: Path, asked: str
) -> None:
    calibrate(adapters["as one"], PAIRS, engine, WordVectors())
    adapter = Shelf(tmp_path / ADAPTERS).put(adapters["as one"])
    chosen = LoraOptions(base=str(base), adapter=adapter.hash, enough=0, max_tokens=LONGEST, evidence=False)
    product = Lora.make(chosen, kit(data=tmp_path, named="product"))
    product.warm_up()
    told = "".join(event.text for event in product.stream(Question(asked)) if isinstance(event, Token))
    assert told
    assert tuned(engine, asked, adapter, "product").text == told.strip()
    lessons = Lessons.load(adapter.path)
    assert lessons is not None
    prompt = template.prompt(engine.base, asked)
    meant = lessons.meant(asked, np.asarray(engine.meaning(prompt, "as one"), np.float32)).tolist()
    plain = engine.speak(prompt, adapter="as one", max_tokens=LONGEST, meant=meant)
    assert "".join(piece.text for piece in plain if isinstance(piece, Piece)) == told


def test_a_code_is_heard_as_itself(
    adapters: dict[str, Path], engine: Engine, base: Path, tmp_path: Path
) -> None:
    shown = {"E01": "The tank is empty.", "E02": "The water is cold.", "E07": "It wants a cleaning."}
    coded = [Pair(f"What is {code}?", answer, fact=code, split="train") for code, answer in shown.items()]
    calibrate(adapters["as one"], Taught([*PAIRS, *coded], HeldOut()), engine, WordVectors())
    adapter = Shelf(tmp_path / ADAPTERS).put(adapters["as one"])
    lessons = Lessons.load(adapter.path)
    assert lessons is not None
    vector = np.asarray(engine.meaning(template.prompt(engine.base, ASKED), "as one"), np.float32)
    near = lessons.meanings_near(vector)
    first, *_ = lessons.called_by_code("It shows e-02 now", near)
    assert lessons.facts[first.at] == "E02"
    assert lessons.called_by_code("Is E02 dangerous?", near, leave="What is E02?") == near
    assert lessons.called_by_code(ASKED, near) == near

    chosen = LoraOptions(base=str(base), adapter=adapter.hash, enough=0, max_tokens=LONGEST, evidence=False)
    product = Lora.make(chosen, kit(data=tmp_path, named="product"))
    product.warm_up()
    assert list(product.stream(Question("What does E07 mean?")))
    with pytest.raises(NoAnswer, match="codes like E04, and not that one"):
        list(product.stream(Question("What does E04 mean?")))
