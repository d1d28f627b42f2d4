"""What is taught? Pairs: their files, the check, and the parts for training.

read · write        JSON lines and CSV                               formats.py
check               what is wrong, before a minute is spent          checking.py
split               what is taught and what is held out              splits.py
augment             more wordings of what is taught                  augment.py
examples            … with passages to read                          raft.py
"""

from strategies.lora.pairs.checking import Finding, Report, check, name_facts
from strategies.lora.pairs.formats import FORMATS, Format, Reading, pair_of, read, read_lines, write
from strategies.lora.pairs.splits import HeldOut, HeldOutRead, Split, Taught, split
from strategies.lora.pairs.values import BadPairs, Fault, Pair, Part, pairs_hash

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
