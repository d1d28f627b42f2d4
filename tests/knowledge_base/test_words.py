"""Words that mean nearly the same."""

from hypothesis import given
from hypothesis import strategies as st

from knowledge_base.words import COMMON_SIGN, SYNONYM, kindred, terms


def test_japanese_synonyms_are_akin_and_nearer_than_words_that_share_a_sign() -> None:
    assert kindred("値段", ["価格", "部品"]) == {"価格": SYNONYM}
    assert kindred("返す", ["返品", "部品"]) == {"返品": COMMON_SIGN}
    assert COMMON_SIGN < SYNONYM < 1


def test_a_word_is_not_akin_to_itself_and_english_words_to_none() -> None:
    assert kindred("価格", ["価格"]) == {}
    assert kindred("price", ["cost", "価格"]) == {}


@given(st.text(max_size=40), st.text(max_size=40))
def test_kinship_is_mutual(one: str, other: str) -> None:
    for word in terms(one):
        for near in kindred(word, terms(other)):
            assert word in kindred(near, [word])
