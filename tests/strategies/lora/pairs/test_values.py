"""When two pairs are the same."""

from __future__ import annotations

from dataclasses import replace

from strategies.lora.pairs import Pair, pairs_hash

PAIR = Pair("How hot is it?", "95 °C.")


def test_spaces_and_capitals_make_no_other_pair() -> None:
    assert PAIR.key == Pair("how  hot is it?", "95 °C.\n").key
    assert PAIR.key != Pair("How hot is it?", "90 °C.").key
    assert PAIR.key == replace(PAIR, fact="heat", tags=("hot",)).key


def test_a_wording_is_its_letters_and_digits() -> None:
    assert Pair("How hot is it?", "").wording == Pair("ＨＯＷ hot — is it", "").wording
    assert Pair("E4?", "").wording != Pair("E5?", "").wording
    assert Pair("?", "").wording != Pair("!", "").wording


def test_pairs_of_one_answer_are_about_one_fact_unless_somebody_says_otherwise() -> None:
    assert PAIR.about == Pair("Its temperature?", "95 °C").about
    assert replace(PAIR, fact="heat").about == "heat"


def test_the_hash_of_pairs_knows_no_order_and_every_label() -> None:
    other = Pair("How heavy?", "1 kg.")
    assert pairs_hash([PAIR, other]) == pairs_hash([other, PAIR])
    assert pairs_hash([PAIR]) != pairs_hash([replace(PAIR, split="train")])
