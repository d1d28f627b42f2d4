"""What an answer is worth, without a judge: a verdict for each answer, and the figures made of them.

    AskedQuestion + Answered ─▶ judge ─▶ Verdict ─▶ METRICS (a number, or none where it does not apply)

One who does not answer has said no fact and no wrong one; how often that is so is told by the refusals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, Literal, Protocol

from bot.evaluation import facts
from bot.evaluation.retrieval import Retrieved, retrieved
from bot.evaluation.values import Answered, AskedQuestion
from knowledge_base.words import terms
from strategies.base import Embedder
from strategies.evidence import written

Better = Literal["higher", "lower"]
Statistic = Literal["mean", "median", "p95"]
Part = Literal["answers", "words", "sources", "price"]  # what belongs together, on the screen and in a test


class Manner(Protocol):
    """How likely the desk said a text; None where that cannot be told."""

    def likeness(self, text: str) -> float | None: ...


@dataclass(frozen=True)
class Verdict:
    """What is known of one answer. None: it does not apply to this question, or nothing was said.

    `facts` is the share of the gold facts that it holds. `wrong` are statements that the set calls wrong, and
    numbers that stand in a fact's place. `unsupported` are numbers, codes and names that neither the question
    nor anything that was read has. `manner` is how likely the desk said it.
    """

    question_id: str
    strategy: str
    answerable: bool
    answered: bool
    refused: bool
    failed: bool
    facts: float | None = None
    wrong: tuple[str, ...] = ()
    unsupported: tuple[str, ...] | None = None
    f1: float | None = None
    rouge_l: float | None = None
    similarity: float | None = None
    citation_precision: float | None = None
    citation_recall: float | None = None
    grounded: float | None = None
    manner: float | None = None
    retrieved: Retrieved | None = None
    prompt_tokens: int = 0
    passage_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    ms_first: float | None = None
    ms: float = 0.0
    tags: tuple[str, ...] = ()
    language: str = ""

    @property
    def right(self) -> bool:
        """Every fact, and nothing wrong; where there is no answer, a refusal."""
        if not self.answerable:
            return self.refused
        return self.answered and self.facts in (1.0, None) and not self.wrong


@dataclass(frozen=True)
class Metric:
    """A figure over questions. `of` gives None where a verdict does not count."""

    name: str
    title: Mapping[str, str]  # by language
    about: Mapping[str, str]
    of: Callable[[Verdict], float | None]
    better: Better = "higher"
    unit: Literal["share", "ms", "tokens", "cost"] = "share"
    statistic: Statistic = "mean"
    part: Part = "answers"

    def values(self, verdicts: Iterable[Verdict]) -> list[float | None]:
        return [self.of(verdict) for verdict in verdicts]


def judge(
    question: AskedQuestion,
    answered: Answered,
    *,
    embedder: Embedder | None = None,
    manner: Manner | None = None,
) -> Verdict:
    """What an answer is worth to a question. Without `embedder` nothing is compared by meaning, without
    `manner` not by manner.
    """
    spoke = bool(answered.text.strip()) and not answered.abstained and not answered.error
    text = answered.text if spoke else ""
    said: dict[str, Any] = _of_what_is_said(question, answered, embedder, manner) if spoke else {}
    if question.answerable and question.facts:
        said["facts"] = facts.found(text, question.facts) if spoke else 0.0
    if question.answerable and question.reference:
        said.setdefault("f1", 0.0)
        said.setdefault("rouge_l", 0.0)
    if answered.passages and question.sources:
        said["retrieved"] = retrieved([found.source for found in _ranked(answered)], question.sources)
    return Verdict(
        question.id,
        answered.strategy,
        answerable=question.answerable,
        answered=spoke,
        refused=answered.abstained and not answered.error,
        failed=bool(answered.error) or not (spoke or answered.abstained),
        prompt_tokens=answered.prompt_tokens,
        passage_tokens=answered.passage_tokens,
        completion_tokens=answered.completion_tokens,
        cost=answered.cost,
        ms_first=answered.ms_first,
        ms=answered.ms,
        tags=question.tags,
        language=question.language,
        **said,
    )


def judge_all(
    questions: Sequence[AskedQuestion],
    answers: Iterable[Answered],
    *,
    embedder: Embedder | None = None,
    manner: Manner | None = None,
) -> dict[str, list[Verdict]]:
    """The verdicts by strategy, in the order of the questions. An answer to none of them is left out."""
    by_id = {question.id: question for question in questions}
    order = {question.id: at for at, question in enumerate(questions)}
    found: dict[str, list[Verdict]] = {}
    for answered in answers:
        if (question := by_id.get(answered.question_id)) is not None:
            verdict = judge(question, answered, embedder=embedder, manner=manner)
            found.setdefault(answered.strategy, []).append(verdict)
    return {name: sorted(each, key=lambda one: order[one.question_id]) for name, each in found.items()}


def _of_what_is_said(
    question: AskedQuestion, answered: Answered, embedder: Embedder | None, manner: Manner | None
) -> dict[str, Any]:
    """What only an answer in words has."""
    text = answered.text
    cited = [shown.text or shown.quote for shown in answered.citations]
    read = [*(found.text for found in answered.passages), *cited]
    asked = " ".join([question.text, *(turn.text for turn in question.history)])
    known = [asked, *read, question.reference, *(one for fact in question.facts for one in fact)]
    told: dict[str, Any] = {
        "wrong": wrong(question, text, asked),
        "unsupported": facts.unread(text, known) if read or question.reference else None,
        "manner": manner.likeness(text) if manner else None,
        "grounded": grounded(text, [asked, *(cited or read)]) if read else None,
    }
    if question.answerable and question.reference:
        told["f1"] = token_f1(text, question.reference)
        told["rouge_l"] = rouge_l(text, question.reference)
        told["similarity"] = similarity(text, question.reference, embedder) if embedder else None
    if question.answerable and question.sources and answered.citations:
        right = [shown.source in question.sources for shown in answered.citations]
        told["citation_precision"] = sum(right) / len(right)
    if question.answerable and question.facts and answered.passages:
        told["citation_recall"] = facts.found("\n".join(cited), question.facts)
    return told


def wrong(question: AskedQuestion, text: str, asked: str) -> tuple[str, ...]:
    """What the set calls wrong, and the numbers that stand in a fact's place."""
    listed = [fact[0] for fact in question.wrong if facts.holds(text, fact)]
    instead = {
        " ".join(measure)
        for fact in question.facts
        if question.answerable
        for measure in facts.in_its_place(text, fact, asked)
    }
    return tuple(dict.fromkeys([*listed, *sorted(instead)]))


def grounded(text: str, read: Sequence[str]) -> float | None:
    """The share of an answer's numbers, codes, names and pairs of neighbouring words that were read."""
    there = "\n".join(read)
    own = facts.specifics(text)
    foreign = facts.unread(text, read)
    pairs, known = neighbours(text), set(neighbours(there))
    whole = len(own) + len(pairs)
    held = sum(one not in foreign for one in own) + sum(pair in known for pair in pairs)
    return held / whole if whole else None


def neighbours(text: str) -> list[tuple[str, str]]:
    """Each word with the next."""
    return list(pairwise(_words(facts.STEP.sub("", text))))


def token_f1(text: str, reference: str) -> float:
    """As reading comprehension is scored: the harmonic mean of precision and recall by word."""
    said, wanted = Counter(_words(text)), Counter(_words(reference))
    both = sum((said & wanted).values())
    return 2 * both / (said.total() + wanted.total()) if both else 0.0


def rouge_l(text: str, reference: str) -> float:
    """F-measure of the longest common run of words, gaps allowed."""
    return float(_rouge().score(reference, text)["rougeL"].fmeasure)


def similarity(text: str, reference: str, embedder: Embedder) -> float:
    """The cosine of the two embeddings."""
    one, other = embedder.embed_documents([text, reference])
    return float(sum(a * b for a, b in zip(one, other, strict=True)))


def _words(text: str) -> list[str]:
    """As the index knows them, in Japanese too; two is 2."""
    return [written(word) for word in terms(text)]


@cache
def _rouge() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    class Words:
        def tokenize(self, text: str) -> list[str]:
            return _words(text)

    return RougeScorer(["rougeL"], tokenizer=Words())


def _ranked(answered: Answered) -> list[Any]:
    return sorted(answered.passages, key=lambda found: found.rank)


# ---- the figures, in the order in which they are shown ----


def _among(which: str) -> Callable[[Verdict], float | None]:
    return lambda verdict: _number(getattr(verdict, which))


def _number(value: float | bool | None) -> float | None:
    return None if value is None else float(value)


def _of_answerable(verdict: Verdict, value: bool) -> float | None:
    return float(value) if verdict.answerable else None


def _of_retrieved(which: str) -> Callable[[Verdict], float | None]:
    return lambda verdict: getattr(verdict.retrieved, which) if verdict.retrieved else None


METRICS: tuple[Metric, ...] = (
    Metric(
        "facts",
        {"en": "Gold facts said", "ja": "正解の事実を含む割合"},
        {
            "en": "Share of the facts of a right answer that the answer holds; no answer holds none.",
            "ja": "正しい回答に必要な事実のうち、回答に含まれていた割合。回答しなかった場合は0とします。",
        },
        _among("facts"),
    ),
    Metric(
        "all_facts",
        {"en": "All facts, nothing wrong", "ja": "事実がすべてそろい、誤りなし"},
        {
            "en": "Share of the answerable questions answered with every fact and no wrong one.",
            "ja": "答えのある質問のうち、必要な事実がすべてそろい、誤りのない回答の割合。",
        },
        lambda verdict: _of_answerable(verdict, verdict.right),
    ),
    Metric(
        "wrong",
        {"en": "Wrong facts stated", "ja": "誤った事実を述べた割合"},
        {
            "en": "Share of all questions to which something wrong was said: a statement that the set calls "
            "wrong, or another number in the place of a fact.",
            "ja": "すべての質問のうち、誤りを述べた割合。質問セットで誤りとされた内容、または事実とは別の"
            "数値を述べた場合に数えます。",
        },
        lambda verdict: float(bool(verdict.wrong)),
        better="lower",
    ),
    Metric(
        "unsupported",
        {"en": "Says what was not read", "ja": "資料にない内容を述べた割合"},
        {
            "en": "Share of the answers with a number, code, name or unit that neither the question nor a "
            "passage, citation or reference has.",
            "ja": "回答のうち、質問・資料・出典・模範回答のいずれにもない数値、番号、名称、単位を含む割合。",
        },
        lambda verdict: None if verdict.unsupported is None else float(bool(verdict.unsupported)),
        better="lower",
    ),
    Metric(
        "refused",
        {"en": "Unanswerable refused", "ja": "答えのない質問で回答を控えた割合"},
        {
            "en": "Share of the questions without an answer that are refused.",
            "ja": "答えのない質問のうち、回答を控えた割合。",
        },
        lambda verdict: None if verdict.answerable else float(verdict.refused),
    ),
    Metric(
        "false_refusals",
        {"en": "Answerable refused", "ja": "答えのある質問で回答を控えた割合"},
        {
            "en": "Share of the questions with an answer that are refused all the same.",
            "ja": "答えのある質問のうち、回答を控えてしまった割合。",
        },
        lambda verdict: _of_answerable(verdict, verdict.refused),
        better="lower",
    ),
    Metric(
        "failed",
        {"en": "Failed", "ja": "失敗"},
        {"en": "Share of the questions that ended in an error.", "ja": "エラーで終わった質問の割合。"},
        lambda verdict: float(verdict.failed),
        better="lower",
    ),
    Metric(
        "f1",
        {"en": "Words shared with the reference (F1)", "ja": "模範回答との語の一致（F1）"},
        {
            "en": "Precision and recall of words against the reference answer; no answer shares none.",
            "ja": "模範回答との語の適合率と再現率の調和平均。回答しなかった場合は0とします。",
        },
        _among("f1"),
        part="words",
    ),
    Metric(
        "rouge_l",
        {"en": "ROUGE-L", "ja": "ROUGE-L"},
        {
            "en": "Longest common run of words with the reference answer; no answer has none.",
            "ja": "模範回答との最長共通語列。回答しなかった場合は0とします。",
        },
        _among("rouge_l"),
        part="words",
    ),
    Metric(
        "similarity",
        {"en": "Like the reference in meaning", "ja": "模範回答との意味の近さ"},
        {
            "en": "Cosine of the embeddings of answer and reference, of what was answered.",
            "ja": "回答と模範回答の埋め込みのコサイン類似度。回答したものについて求めます。",
        },
        _among("similarity"),
        part="words",
    ),
    Metric(
        "citation_precision",
        {"en": "Citations from a right document", "ja": "正しい文書からの引用"},
        {
            "en": "Share of an answer's citations that come from a document that answers the question.",
            "ja": "回答の出典のうち、質問に答えている文書のものの割合。",
        },
        _among("citation_precision"),
        part="sources",
    ),
    Metric(
        "citation_recall",
        {"en": "Facts that citations hold", "ja": "出典に含まれる事実"},
        {
            "en": "Share of the facts that stand in the cited passages, of what was answered from passages.",
            "ja": "必要な事実のうち、引用した箇所に含まれている割合。資料から回答したものについて求めます。",
        },
        _among("citation_recall"),
        part="sources",
    ),
    Metric(
        "grounded",
        {"en": "Grounded in what was cited", "ja": "出典に基づく割合"},
        {
            "en": "Share of an answer's numbers, names and pairs of neighbouring words found in its sources.",
            "ja": "回答の数値、名称、隣り合う2語のうち、出典に見つかったものの割合。",
        },
        _among("grounded"),
        part="sources",
    ),
    Metric(
        "manner",
        {"en": "The desk's manner", "ja": "窓口らしい話し方"},
        {
            "en": "Share of the answers that greet, go in steps and close as the desk's own answers do.",
            "ja": "回答のうち、窓口の回答と同じように挨拶し、手順を示し、結んでいるものの割合。",
        },
        lambda verdict: None if verdict.manner is None else float(verdict.manner > 0.5),
        part="words",
    ),
    Metric(
        "hit_1",
        {"en": "Right document found first", "ja": "正しい文書が1位"},
        {"en": "hit@1, by document.", "ja": "文書単位の hit@1。"},
        _of_retrieved("hit_1"),
        part="sources",
    ),
    Metric(
        "hit_5",
        {"en": "Right document among five", "ja": "正しい文書が5位以内"},
        {"en": "hit@5, by document.", "ja": "文書単位の hit@5。"},
        _of_retrieved("hit_5"),
        part="sources",
    ),
    Metric(
        "mrr",
        {"en": "Reciprocal rank (MRR)", "ja": "逆順位（MRR）"},
        {
            "en": "One over the rank of the first right document.",
            "ja": "最初に見つかった正しい文書の順位の逆数。",
        },
        _of_retrieved("reciprocal"),
        part="sources",
    ),
    Metric(
        "ndcg",
        {"en": "nDCG@10", "ja": "nDCG@10"},
        {
            "en": "Gain of the right documents, discounted by rank.",
            "ja": "順位で割り引いた正しい文書の利得。",
        },
        _of_retrieved("ndcg"),
        part="sources",
    ),
    Metric(
        "prompt_tokens",
        {"en": "Prompt tokens", "ja": "プロンプトのトークン数"},
        {"en": "Mean of a question, passages included.", "ja": "資料を含む、質問1件あたりの平均。"},
        lambda verdict: float(verdict.prompt_tokens + verdict.passage_tokens),
        better="lower",
        unit="tokens",
        part="price",
    ),
    Metric(
        "completion_tokens",
        {"en": "Answer tokens", "ja": "回答のトークン数"},
        {"en": "Mean of a question.", "ja": "質問1件あたりの平均。"},
        _among("completion_tokens"),
        better="lower",
        unit="tokens",
        part="price",
    ),
    Metric(
        "cost",
        {"en": "Cost per question", "ja": "質問1件あたりの費用"},
        {
            "en": "By the price list at the time of asking, in its currency.",
            "ja": "質問時の料金表による、その通貨での費用。",
        },
        _among("cost"),
        better="lower",
        unit="cost",
        part="price",
    ),
    Metric(
        "ms_first",
        {"en": "To the first word, median", "ja": "最初の語まで（中央値）"},
        {"en": "Milliseconds until something is read.", "ja": "最初の語が表示されるまでのミリ秒。"},
        _among("ms_first"),
        better="lower",
        unit="ms",
        statistic="median",
        part="price",
    ),
    Metric(
        "ms_first_p95",
        {"en": "To the first word, p95", "ja": "最初の語まで（95パーセンタイル）"},
        {"en": "Of twenty questions, nineteen are faster.", "ja": "20件のうち19件がこれより速い時間。"},
        _among("ms_first"),
        better="lower",
        unit="ms",
        statistic="p95",
        part="price",
    ),
    Metric(
        "ms",
        {"en": "To the end, median", "ja": "回答の終わりまで（中央値）"},
        {"en": "Milliseconds until the answer is whole.", "ja": "回答が終わるまでのミリ秒。"},
        _among("ms"),
        better="lower",
        unit="ms",
        statistic="median",
        part="price",
    ),
    Metric(
        "ms_p95",
        {"en": "To the end, p95", "ja": "回答の終わりまで（95パーセンタイル）"},
        {"en": "Of twenty questions, nineteen are faster.", "ja": "20件のうち19件がこれより速い時間。"},
        _among("ms"),
        better="lower",
        unit="ms",
        statistic="p95",
        part="price",
    ),
)
BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in METRICS}
