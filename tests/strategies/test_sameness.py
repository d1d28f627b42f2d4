"""Do two questions ask the same? Whoever is in doubt asks again."""

import pytest

from strategies.sameness import agree, sense

SAME = [
    ("How long is the warranty of the Duo?", "how long is the duo's guarantee??"),
    ("Could you please tell me how much the Kettle S costs?", "kettle s price"),
    ("How do I delete my account?", "delete account"),
    ("What does error E-204 mean?", "error e204 mean"),
    ("price of 2 mugs", "price of two mugs"),
    ("保証期間を教えてください", "保証期間は？"),
    ("Duoの値段はいくらですか", "Duo 価格 値段"),
]
NOT_THE_SAME = [
    ("How much is the Duo?", "How much is the One?"),
    ("How much is the Kettle?", "How much is the Kettle S?"),
    ("What does error E-204 mean?", "What does error E-205 mean?"),
    ("price of 2 mugs", "price of 3 mugs"),
    ("How long is the warranty?", "Where is the warranty?"),
    ("The mug's light is red and blinking", "The mug's light is red, not blinking"),
    ("Is the cable included?", "Isn't the cable included?"),
    ("Can I return the Duo?", "How do I return the Duo?"),
    ("Is the Duo heavier than the One?", "Is the One heavier than the Duo?"),
    ("How do I turn on the One?", "How do I turn off the One?"),
    ("repair with warranty", "repair without warranty"),
    ("OneからDuoに替えるには", "DuoからOneに替えるには"),
    ("食洗機で洗えますか", "食洗機で洗えませんか"),
    ("", ""),
    ("???", "!!!"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_other_clothes_make_no_other_question(one: str, other: str) -> None:
    assert agree(sense(one), sense(other))


@pytest.mark.parametrize(("one", "other"), NOT_THE_SAME)
def test_a_name_a_number_a_denial_or_a_direction_makes_another_question(one: str, other: str) -> None:
    assert not agree(sense(one), sense(other))
    assert not agree(sense(other), sense(one))
