"""What is a base? The models that adapters are trained on, and the one place that makes prompts and answers.

load · found · identity     a base in memory, where one lies, what it is            model.py
fingerprint …               prompts and answers as tokens, taught and served        template.py

How ours was made: `corpus`, `pretrain`, `shipped/`; what each step of teaching changes: `stages`.
"""

from strategies.lora.bases.model import (
    FOLDER,
    MINILM,
    NOTHING,
    READER,
    SHIPPED,
    Base,
    Family,
    found,
    identity,
    load,
    reader_of,
)

__all__ = [
    "FOLDER",
    "MINILM",
    "NOTHING",
    "READER",
    "SHIPPED",
    "Base",
    "Family",
    "found",
    "identity",
    "load",
    "reader_of",
]
