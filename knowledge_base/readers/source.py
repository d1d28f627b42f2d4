"""The file that a reader is given."""

from dataclasses import dataclass, field
from pathlib import PurePosixPath

from knowledge_base.limits import Limits


@dataclass(frozen=True)
class Source:
    """A file in memory. `text` is its decoded content, where its format is text."""

    name: str  # as its owner named it: for messages and the title, never a path to open
    data: bytes = field(repr=False)
    text: str = field(default="", repr=False)
    limits: Limits = field(default_factory=Limits)

    @property
    def stem(self) -> str:
        """The name without folders and ending, for a document that does not name itself."""
        name = PurePosixPath(self.name.replace("\\", "/")).name
        return (PurePosixPath(name).stem or name).replace("_", " ").strip()

    @property
    def ending(self) -> str:
        """The ending of the name in small letters, with its dot."""
        return PurePosixPath(self.name.replace("\\", "/")).suffix.lower()
