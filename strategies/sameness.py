"""Whether two questions ask the same: what an embedding does not tell.

To an embedding "How much is the Duo?" and "How much is the One?" are nearly one question, and so are a
question and its denial. So every word that tells must be in both: names, numbers and codes, what is asked
for (how long, how much, where, why), and whether it is denied. Words that only carry a question are left
out, some are one word in several forms (price, cost, fee), and where a sentence has a direction (from, to,
than) the order counts, too. What is in doubt is not the same.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from knowledge_base.words import terms
from strategies.evidence import written

# Words that carry a question and change nothing of it. Prepositions that may turn one round (from, without,
# off, before) are not among them, nor what is asked for.
_CARRYING = """
a an the is are was were be been am do does did i im ive me my mine we our us you your yours it its
of for in at by as this that these those there here and or so then than also just
can could may might will would shall please pls thanks thank hello hi hey dear kindly
tell know want like wonder wondering ask question help give let get got say show explain
what whats which need have has any some exactly actually really quick quickly
ください 下さる 下さい 教える 知る 頂く お願い 願う 御
こと 事 物 為 為る 有る 居る 此れ 其れ 此の 其の 聞く 質問 何 どの どれ どんな
ちょっと すみません 済む こんにちは 様 出来る 言う
"""
_ONE_WORD = (
    "price prices pricing cost costs costing fee fees expensive 値段 価格 料金 費用 代金 幾ら 金額",
    "warranty warranties guarantee guarantees guaranteed 保証",
    "shipping delivery shipment 配送 発送",
    "mend mending fix fixing repair repairs repaired repairing 修理 直す",
    "buy buying purchase purchasing 購入 買う",
    "tank reservoir",
    "litres litre liters liter l",
    "phone telephone 電話",
    "email mail",
    "delete remove erase 削除",
    "cancel cancelling canceling cancellation 解約",
)
HOW_MUCH_IS_IT = re.compile(
    r"\bhow (?:much|many (?:dollars|euros|yen))(?= (?:is|are|for|to|would|will)\b|\s*[?.]?\s*$)"
    r"|\bhow much(?: does| do| did| would| will)?(?=.{1,80}\bcosts?\b)",
    re.IGNORECASE,
)
ASKS_KINDLY = re.compile(
    r"^\W*(?:(?:hi|hello|hey|good (?:morning|evening)|please|sorry|excuse me|quick question)\W+)*"
    r"(?:(?:can|could|would|will) you (?:please )?(?:tell|show|explain|help|let)(?: me| us)?(?: know)?\b)?"
    r"\W*",
    re.IGNORECASE,
)
HOW_TO = re.compile(r"\bhow (?:to|(?:do|can|could|should|would|must) (?:i|we|you|one))\b", re.IGNORECASE)
YES_OR_NO = re.compile(
    r"(?:is|are|am|was|were|do|does|did|can|could|may|will|would|should|must|has|have)(?:n['’]t)?\b",
    re.IGNORECASE,
)
CODE = re.compile(r"\b([a-z]{1,3})-(\d+)\b", re.IGNORECASE)  # E-204 is E204
DENIES = re.compile(
    r"n['’]t\b|\b(?:not|no|never|without|except|nor|neither|cannot|none|nothing|un(?:able|available|like))\b"
    r"|ない|なく|なし|無し|ません|ずに|ざる|以外|除[いくき]|不[可要能]",
    re.IGNORECASE,
)
TURNS = re.compile(
    r"\b(?:from|to|into|than|before|after|instead|over|under|versus|vs|between|with|without|rather|against)\b"
    r"|から|より|まで|前|後|代わり|へ",
    re.IGNORECASE,
)


def _stems(words: str) -> set[str]:
    return {term for word in words.split() for term in terms(word)}


CARRYING = frozenset(_stems(_CARRYING))
ONE_WORD = {stem: f"={number}" for number, words in enumerate(_ONE_WORD) for stem in _stems(words)}
PRICE = ONE_WORD[terms("price")[0]]


@dataclass(frozen=True)
class Sense:
    """What a question says, as far as another one must say the same. `order` is empty where it says nothing
    that could be turned round.
    """

    telling: frozenset[str]
    denied: int
    order: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        return not self.telling


def sense(question: str) -> Sense:
    """What a question says."""
    plain = CODE.sub(r"\1\2", ASKS_KINDLY.sub("", unicodedata.normalize("NFKC", question)))
    plain = HOW_TO.sub(" ", HOW_MUCH_IS_IT.sub("price ", plain))
    words = told(plain) + (["=yes or no"] if YES_OR_NO.match(plain) else [])
    order = tuple(dict.fromkeys(words)) if TURNS.search(question) else ()
    return Sense(frozenset(words), len(DENIES.findall(question)), order)


def told(question: str) -> list[str]:
    """The words that tell, each in one form."""
    found = (written(word) for word in terms(question) if word not in CARRYING)
    return [ONE_WORD.get(word, word) for word in found]


def agree(one: Sense, other: Sense) -> bool:
    """Whether both say the same. Questions that say nothing never do."""
    return not one.empty and one == other
