"""The values that travel through the knowledge base: what a reader read, how it was cut, what a search found.

file ──readers──▶ Reading(blocks) ──chunking──▶ Cut… ──catalogue, index──▶ Passage…
"""

from dataclasses import dataclass, field
from typing import Literal

BlockKind = Literal["paragraph", "list", "table", "code", "answer"]


@dataclass(frozen=True)
class Block:
    """A piece of a document that should not be torn: a paragraph, a list, a table, one answered question.

    `text` is Markdown without headings. `headings` is the path above it, outermost first, without the
    document's title. `page` counts from 1, where the format has pages.
    """

    text: str
    headings: tuple[str, ...] = ()
    page: int | None = None
    kind: BlockKind = "paragraph"


@dataclass(frozen=True)
class Reading:
    """A file as text. `kind` is the format found in the content, `language` an ISO 639-1 code or `und`."""

    title: str
    kind: str
    language: str
    blocks: tuple[Block, ...]
    notes: tuple[str, ...] = ()  # what was left out, in sentences for the admin


@dataclass(frozen=True)
class Cut:
    """A passage before it is stored. What is embedded is `context` above `text`; what is shown is `text`.

    `sentences` are (start, end) character offsets into `text`; together they cover what can be quoted.
    """

    text: str
    context: str  # the breadcrumb: product › document › heading
    headings: tuple[str, ...]
    page: int | None
    position: int  # order in the document, from 0
    tokens: int  # of context and text together, by the embedder's tokenizer
    sentences: tuple[tuple[int, int], ...] = ()

    @property
    def embedded(self) -> str:
        """The text that the embedder and the lexical index read."""
        return f"{self.context}\n{self.text}"


@dataclass(frozen=True)
class Passage:
    """A piece of a live document, as a search found it.

    `id` derives from the document's, its version and the position, so that deleting a document names all of
    its passages. `dense` is the cosine similarity to the query, `lexical` the BM25 score (higher is better),
    each None when that search did not return it; `score` is the fused one by which `rank` (from 1) orders.
    """

    id: str
    document_id: str
    title: str
    source: str  # the file's name
    text: str
    version: int = 1
    headings: tuple[str, ...] = ()
    page: int | None = None
    position: int = 0
    language: str = "en"
    tokens: int = 0
    sentences: tuple[tuple[int, int], ...] = ()
    dense: float | None = None
    lexical: float | None = None
    score: float = 0.0
    rank: int = 0
    # Other signals, by name.
    evidence: dict[str, float] = field(default_factory=dict, compare=False, hash=False)

    @property
    def path(self) -> str:
        """Where it stands: the document's title, and the headings above it."""
        return " › ".join([self.title, *self.headings])
