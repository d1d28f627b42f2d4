"""Pairs, seen from outside: the value, its files, the check, and the parts for training.

read · write        JSON lines and CSV                               formats.py
check               what is wrong, before a minute is spent          checking.py
split               what is taught and what is held out              splits.py
"""

from strategies.lora.checking import Finding, Report, check, name_facts
from strategies.lora.formats import FORMATS, Format, Reading, pair_of, read, read_lines, write
from strategies.lora.pair import BadPairs, Fault, Pair, Part, pairs_hash
from strategies.lora.splits import HeldOut, HeldOutRead, Split, Taught, split

__all__ = [
    "FORMATS",
    "BadPairs",
    "Fault",
    "Finding",
    "Format",
    "HeldOut",
    "HeldOutRead",
    "Pair",
    "Part",
    "Reading",
    "Report",
    "Split",
    "Taught",
    "check",
    "name_facts",
    "pair_of",
    "pairs_hash",
    "read",
    "read_lines",
    "split",
    "write",
]
