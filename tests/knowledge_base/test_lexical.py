"""Customers use the documents' words, and find the passages that have them."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from knowledge_base import lexical, lexical_sql
from knowledge_base.words import terms

PASSAGES = {
    "kettle-1": ("Kettle › Faults", "E-204 means that the tank is empty. Fill it with 1,200 ml of water."),
    "kettle-2": ("Kettle › Care", "Descale the kettle once a month with the supplied powder."),
    "lamp-1": ("Lamp › Faults", "If the lamp flickers, tighten the bulb. Firmware 2.3.1 cures it for good."),
    "lamp-2": ("Lamp › Warranty", "The warranty of the lamp lasts twenty-four months."),
    "mill-1": ("コーヒーミル › 保証", "保証期間はお買い上げ日から二年間です。サーバーには接続しません。"),
    "mill-2": ("コーヒーミル › お手入れ", "刃は月に一度、乾いたブラシで掃除してください。"),
    "mill-3": ("コーヒーミル › 引っ越し", "引っ越しの際は、豆を取り出してから箱に入れてください。"),
}


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def engine(request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    on_server = request.param == "postgresql"
    url = f"{request.getfixturevalue('_postgresql')}postgres" if on_server else "sqlite://"
    engine = sa.create_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.connect() as connection, connection.begin() as all_of_it:
        lexical.create(connection)
        for passage_id, (context, text) in PASSAGES.items():
            lexical.add(connection, passage_id, passage_id.split("-")[0], context, text)
        yield connection
        all_of_it.rollback()


def found(connection: sa.Connection, question: str) -> list[str]:
    return [passage_id for passage_id, _ in lexical.search(connection, question, 5)]


@pytest.mark.parametrize(
    ("question", "passage"),
    [
        ("What does E204 mean?", "kettle-1"),
        ("error e-204", "kettle-1"),
        ("1200 ml", "kettle-1"),
        ("Ｅ－２０４", "kettle-1"),
        ("descaling kettles", "kettle-2"),
        ("flickering", "lamp-1"),
        ("v2.3.1", "lamp-1"),
        ("the lamp's warranty", "lamp-2"),
        ("保証は何年ですか", "mill-1"),
        ("サーバに接続できますか", "mill-1"),
        ("ブラシ", "mill-2"),
        ("引越しのときはどうすればよいですか", "mill-3"),
    ],
)
def test_a_question_finds_the_passage_however_it_writes_the_word(
    connection: sa.Connection, question: str, passage: str
) -> None:
    assert found(connection, question)[0] == passage


def test_a_run_of_japanese_is_not_one_word() -> None:
    assert {"保証", "期間"} <= set(terms("保証期間はお買い上げ日から二年間です"))


def test_a_word_of_the_headings_counts_too(connection: sa.Connection) -> None:
    assert found(connection, "faults of the lamp")[0] == "lamp-1"


def test_a_passage_that_has_more_of_the_words_comes_first(connection: sa.Connection) -> None:
    hits = lexical.search(connection, "What does the warranty of the lamp say?", 5)
    assert [id_ for id_, _ in hits] == ["lamp-2", "lamp-1"]
    assert hits[0][1] > hits[1][1] > 0
    assert lexical.search(connection, "What does the warranty of the lamp say?", 1) == hits[:1]


def test_words_of_grammar_find_nothing_beside_others_and_what_they_can_alone(
    connection: sa.Connection,
) -> None:
    assert found(connection, "What does the bulb do?") == ["lamp-1"]
    assert found(connection, "with the of") != []


@pytest.mark.parametrize("question", ["", "  ", "?!", '"', "*", "\x00", "\ud800", "zebra"])
def test_a_question_without_a_known_word_finds_nothing(connection: sa.Connection, question: str) -> None:
    assert found(connection, question) == []


@given(question=st.text(max_size=80))
def test_no_question_breaks_the_search(engine: sa.Engine, question: str) -> None:
    with engine.connect() as connection:
        lexical.create(connection)
        lexical.add(connection, "p", "d", question, question)
        hits = lexical.search(connection, question, 3)
        assert bool(hits) == bool(terms(question))
        assert [id_ for id_, _ in hits] == ["p"] * len(hits)
        match = hits.matches(["p"])["p"]
        assert 0 <= match.strength <= 1
        assert match.coverage == pytest.approx(1 if hits else 0)
        connection.rollback()


WORDS = st.lists(st.sampled_from(["bulb", "lamp", "tank", "mill", "tide", "zinc"]), max_size=9).map(" ".join)


@given(question=WORDS, passages=st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=4))
def test_how_a_questions_words_lie_in_a_passage_is_what_counting_them_one_by_one_finds(
    engine: sa.Engine, question: str, passages: list[tuple[str, str]]
) -> None:
    with engine.connect() as connection:
        lexical.create(connection)
        for number, (context, text) in enumerate(passages):
            lexical.add(connection, str(number), "d", context, text)
        found = lexical.search(connection, question, 5).matches([str(n) for n in range(len(passages))])
        weight = lexical.weights(connection, question)
        connection.rollback()
    for number, (context, text) in enumerate(passages):
        match = found[str(number)]
        told = (match.strength, match.coverage, match.heading, match.order)
        assert told == pytest.approx(counted(question.split(), weight, context.split(), text.split()))


def counted(
    question: list[str], weight: dict[str, float], context: list[str], text: list[str]
) -> tuple[float, float, float, float]:
    """Strength, coverage, heading and order by their definition; none of these words is one of grammar."""
    whole, words = sum(weight.values()) or 1, context + text
    there = {*pairwise(context), *pairwise(text)}
    usual = lexical.SATURATION * (
        1 - lexical.LENGTH_COUNTS + lexical.LENGTH_COUNTS * len(words) / lexical.USUAL_LENGTH
    )
    asked = set(pairwise(question))
    pairs = {pair: weight[pair[0]] + weight[pair[1]] for pair in asked}
    return (
        sum(weight[word] * words.count(word) / (words.count(word) + usual) for word in weight) / whole,
        sum(weight[word] for word in weight if word in words) / whole,
        sum(weight[word] for word in weight if word in context) / whole,
        sum(pairs[pair] for pair in asked & there) / (sum(pairs.values()) or 1),
    )


def test_what_is_remembered_of_one_question_serves_the_next(connection: sa.Connection) -> None:
    remembered = lexical.Remembered()
    for question in ("faults of the lamp", "the lamp's warranty", "a zebra in the lamp", "刃の掃除"):
        kept = lexical.search(connection, question, 5, remembered)
        new = lexical.search(connection, question, 5)
        assert kept == new
        assert kept.matches(list(PASSAGES)) == new.matches(list(PASSAGES))
        assert lexical.weights(connection, question, remembered) == lexical.weights(connection, question)


@pytest.mark.parametrize(
    "operator", ["AND", "NOT", "NEAR(", "text:lamp", "lamp*", '"lamp', "(lamp", "-lamp", "^lamp"]
)
def test_the_signs_of_a_query_language_are_text(connection: sa.Connection, operator: str) -> None:
    assert set(found(connection, f"{operator} lamp")) == {"lamp-1", "lamp-2"}


def test_a_question_as_long_as_a_letter_is_answered(connection: sa.Connection) -> None:
    assert found(connection, "flickers " + "保証期間と電球の話 word12345 " * 5000)[0] in {"lamp-1", "mill-1"}


def test_the_words_of_a_removed_document_are_gone_without_a_trace(connection: sa.Connection) -> None:
    lexical.remove(connection, "lamp")
    assert found(connection, "flickers") == []
    left = connection.exec_driver_sql("SELECT word FROM passage_vocabulary").scalars().all()
    assert "flicker" not in left
    assert "fault" in left, "the kettle's headings still have it"


def test_a_discarded_passage_is_gone_and_its_document_stays(connection: sa.Connection) -> None:
    lexical.discard(connection, ["lamp-1"])
    assert found(connection, "lamp") == ["lamp-2"]


def test_a_passage_added_twice_is_there_once_with_its_new_words(connection: sa.Connection) -> None:
    lexical.add(connection, "lamp-1", "lamp", "Lamp › Faults", "If the lamp hums, unplug it.")
    assert found(connection, "hums") == ["lamp-1"]
    assert found(connection, "flickers") == []
    assert (
        lexical.weights(connection, "lamp warranty")["lamp"]
        < lexical.weights(connection, "warranty")["warranti"]
    )


def test_what_is_rolled_back_was_never_there(connection: sa.Connection) -> None:
    words = connection.exec_driver_sql("SELECT COUNT(*) FROM passage_vocabulary").scalar()
    with connection.begin_nested() as added:
        lexical.add(connection, "p", "d", "", "hovercraft")
        added.rollback()
    assert found(connection, "hovercraft") == []
    assert connection.exec_driver_sql("SELECT COUNT(*) FROM passage_vocabulary").scalar() == words


def test_a_word_that_no_index_takes_is_left_out(connection: sa.Connection) -> None:
    lexical.add(connection, "p", "d", "Certificate", f"a{'b' * 10_000} zeppelin")
    assert found(connection, "zeppelin") == ["p"]
    lexical.discard(connection, ["p"])
    assert found(connection, "zeppelin") == []


def test_a_word_beyond_the_last_place_of_an_index_breaks_nothing(
    connection: sa.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lexical_sql, "LAST_PLACE", 1)
    lexical.add(connection, "p", "d", "", "hovercraft zeppelin")
    assert found(connection, "hovercraft") == ["p"]
    assert found(connection, "zeppelin") in (["p"], [])


def test_how_a_questions_words_lie_in_a_passage(connection: sa.Connection) -> None:
    hits = lexical.search(connection, "Is the tank empty?", 5)
    matches = hits.matches(["kettle-1", "lamp-1", "gone"])
    assert set(matches) == {"kettle-1", "lamp-1"}
    assert matches["kettle-1"].coverage == 1
    assert matches["lamp-1"].coverage == 0
    assert matches["kettle-1"].strength > matches["lamp-1"].strength
    apart = lexical.search(connection, "Is there an empty tank?", 5).matches(["kettle-1"])["kettle-1"]
    assert matches["kettle-1"].order > apart.order
    assert lexical.search(connection, "lamp faults", 5).matches(["lamp-1"])["lamp-1"].heading == 1


def test_a_word_that_no_passage_has_lowers_the_coverage(connection: sa.Connection) -> None:
    known = lexical.search(connection, "kettle tank", 5).matches(["kettle-1"])["kettle-1"]
    unknown = lexical.search(connection, "kettle tank refund", 5).matches(["kettle-1"])["kettle-1"]
    assert known.coverage == 1
    assert unknown.coverage < 0.8


def test_common_words_are_left_out_of_the_search_where_they_would_slow_it(
    connection: sa.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lexical, "ROWS", 2)
    assert found(connection, "the kettle flickers") == ["lamp-1"]
    assert found(connection, "kettle") != [], "the rarest word is searched in any case"
