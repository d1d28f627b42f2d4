"""What the check makes of the demo's pairs, and whether examples for reading hold what they claim.

    python -m benchmarks.pairs

* near      pairs of questions nearer than a cosine, about two facts and about one; and what the check names
            where nobody has named the facts
* reading   examples with an answer whose passages hold a key of it, and refusals whose passages do
"""

from collections import Counter
from dataclasses import replace

import numpy as np

from benchmarks.libraries import demo_library
from bot.evaluation.facts import proves
from demo.pairs import pairs
from knowledge_base.library import Library
from strategies.lora.pairs import Pair, check, split
from strategies.lora.pairs.raft import examples

COSINES = (0.99, 0.97, 0.95, 0.93, 0.9)


def desk() -> list[Pair]:
    return [
        Pair(
            one.question,
            one.answer,
            one.fact,
            one.language,
            split="held-out" if one.split != "train" else "train",
        )
        for one in pairs()
    ]


def near(library: Library) -> None:
    known = [pair for pair in desk() if pair.language == "en"]
    vectors = np.array(library.embedder.embed_documents([pair.question for pair in known]), np.float32)
    facts = np.array([pair.fact for pair in known])
    one, other = np.triu_indices(len(known), 1)
    cosine = np.einsum("ij,ij->i", vectors[one], vectors[other])
    same = facts[one] == facts[other]
    print(f"near: {len(known)} English questions about {len(set(facts))} facts")
    for least in COSINES:
        print(
            f"  {least:.2f}: {(~same & (cosine >= least)).sum():4} about two facts, "
            f"{(same & (cosine >= least)).sum():4} about one"
        )
    unnamed = check([replace(pair, fact="") for pair in desk()], library.embedder)
    print(f"  named by the check: {dict(Counter(finding.kind for finding in unnamed.findings))}")


def reading(library: Library) -> None:
    keys = {one.question: one.keys for one in pairs()}
    counted: Counter[str] = Counter()
    taught = split(desk()).train
    for example in examples(taught, lambda query, k=5: library.search(query, k)):
        if example.passages:
            held = proves("\n".join(example.passages), [keys[example.question]])
            counted[
                f"{'answered' if example.answer else 'refused'}, key {'there' if held else 'missing'}"
            ] += 1
    print(f"reading: from {len(taught)} pairs")
    for kind, count in sorted(counted.items()):
        print(f"  {kind}: {count}")


def main() -> None:
    with demo_library() as library:
        near(library)
        reading(library)


if __name__ == "__main__":
    main()
