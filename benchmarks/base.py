"""What the shipped base learnt: held-out lessons of every source, answered greedily.

`python -m benchmarks.base --data FOLDER` needs the public data that the base was trained on; its held-out
part is read here alone. Beside them stands what a speaker reaches that always gives the first passage.
"""

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from strategies.evidence import content, numbers
from strategies.lora import bases
from strategies.lora.bases import template
from strategies.lora.bases.corpus import Lesson, lessons

AT_ONCE = 16
READ = 208  # tokens; longer lessons were never taught


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folders of public data")
    parser.add_argument("--base", default=bases.SHIPPED, help="another base of the same kind")
    parser.add_argument("--limit", type=int, default=100, help="lessons of each source")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    options = parser.parse_args()
    base = bases.load(options.base)
    table = {}
    print(f"{'':<14}" + "".join(f"{column:>18}" for column in figures([])))
    for source, found in lessons(options.data).items():
        asked = chosen(base, found, options.limit)
        said = [
            answer
            for at in range(0, len(asked), AT_ONCE)
            for answer in answers(base, asked[at : at + AT_ONCE])
        ]
        table[source] = figures([*zip(asked, said, strict=True)])
        print(f"{source:<14}" + "".join(f"{value:>18.3f}" for value in table[source].values()), flush=True)
    if options.json:
        options.json.write_text(json.dumps(table, indent=2), "utf-8")


def chosen(base: bases.Base, found: Sequence[Lesson], limit: int) -> list[Lesson]:
    held = [x for x in found if x.held_out and len(template.prompt(base, x.question, x.passages).ids) <= READ]
    return random.Random(0).sample(held, min(limit, len(held)))


@torch.inference_mode()
def answers(base: bases.Base, asked: Sequence[Lesson]) -> list[str]:
    """Greedy answers, `""` where it refuses."""
    prompts = [template.prompt(base, x.question, x.passages).ids for x in asked]
    longest = max(map(len, prompts))
    ids = torch.tensor([[*x, *[base.reader_pad] * (longest - len(x))] for x in prompts])
    mask = torch.tensor([[1] * len(x) + [0] * (longest - len(x)) for x in prompts])
    generate: Any = base.model.generate
    made = generate(ids, attention_mask=mask, max_new_tokens=96, do_sample=False)
    rows = [row[1:] for row in made.tolist()]
    return ["" if template.refuses(base, row) else template.text(base, row) for row in rows]


def figures(said: Sequence[tuple[Lesson, str]]) -> dict[str, float]:
    """Shares: word for word; all numbers right; nine in ten of the words; the first passage's share of that;
    refused where it is there, and where it is not.
    """
    there = [(lesson, text) for lesson, text in said if lesson.answer]
    gone = [text for lesson, text in said if not lesson.answer]
    with_numbers = [(x, text) for x, text in there if numbers(content(x.answer))]
    reading = [x for x, _ in there if x.passages]
    return {
        "lessons": float(len(said)),
        "exact": share([x.answer == text for x, text in there]),
        "numbers": share([numbers(content(x.answer)) == numbers(content(text)) for x, text in with_numbers]),
        "words": share([alike(x.answer, text) for x, text in there]),
        "first passage": share([alike(x.answer, x.passages[0]) for x in reading]),
        "refused wrongly": share([not text for _, text in there]),
        "refused rightly": share([not text for text in gone]),
    }


def alike(expected: str, said: str) -> bool:
    words = content(expected)
    return len(words & content(said)) >= 0.9 * len(words)


def share(held: Sequence[bool]) -> float:
    return sum(held) / len(held) if held else float("nan")


if __name__ == "__main__":
    main()
