"""What counts as a shared word or number."""

import pytest

from strategies.evidence import content, covered, numbers, weights


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("descale the kettle", "Descaling kettles"),
        ("1,150 watts", "1150 watt"),
        ("2.50 litres", "2.5 litre"),
        ("15g", "15 g"),
        ("two batteries", "2 battery"),
        ("ＡＢＣ１２", "abc12"),
        ("the filter's lid", "filter lid"),
        ("三か月", "3か月"),
        ("5GHz帯", "5 GHz 帯"),
    ],
)
def test_two_ways_to_write_one_thing_are_one(one: str, other: str) -> None:
    assert content(one) == content(other)


@pytest.mark.parametrize(
    ("one", "other"), [("E4", "4"), ("24 months", "12 months"), ("クエン酸", "酢酸"), ("1.5", "15")]
)
def test_different_things_stay_different(one: str, other: str) -> None:
    assert content(one) != content(other)


def test_function_words_carry_nothing() -> None:
    assert content("How do you do what it does, please?") == frozenset()
    assert content("それはどうですか") == frozenset()


def test_japanese_is_compared_by_its_words() -> None:
    assert content("保証期間はどのくらいですか") >= {"保証", "期間"}
    assert content("サーバを洗う") == content("サーバーを洗った")
    assert content("Wi-Fiの設定") >= content("wifi") | {"設定"}


def test_numbers_are_told_from_words() -> None:
    assert numbers(content("E4 means 2.5 bar for 30 seconds")) == {"2.5", "30"}


def test_a_word_that_stands_everywhere_tells_little() -> None:
    weight = weights([content("kettle lid"), content("kettle cord"), content("kettle base")])
    assert weight["kettl"] < weight["lid"]
    assert covered(content("kettle lid"), content("a lid"), weight) > covered(
        content("kettle lid"), content("a kettle"), weight
    )


def test_nothing_is_covered_where_nothing_is_said() -> None:
    assert covered(frozenset(), content("a lid"), {}) == 0
