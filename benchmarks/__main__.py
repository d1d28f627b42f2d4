"""`make bench`: every measurement, one after the other, each figure beside its neighbour's.

python -m benchmarks                    # all of them
python -m benchmarks start customers    # some of them
"""

import subprocess
import sys
import time

ALL = {
    "retrieval": "indexing, latency and hits: against stock LangChain, dense only and BM25 only",
    "quotes": "gold facts and refusals of the documents' own words on the demo",
    "refusing": "what nobody answers, refused as learned from judged questions: against what ships",
    "product": "an adapter on the demo's pairs: key facts, wrong ones, refusals, manner, reading",
    "claim": "documents, a tuned model or both: facts, manner, changes, refusals, tokens, cost and waiting",
    "combinations": "a router within a budget, the model before the documents: against one strategy alone",
    "cache": "how often the answer cache answers, and how often wrongly: against the nearest question",
    "engine": "tokens per second with many adapters at once: against generate and PEFT",
    "training": "an adapter's training: against transformers' and TRL's trainers; customers meanwhile",
    "start": "a server's start to its first answer",
    "customers": "one customer against a hundred at once",
    "conversations": "looking through 100,000 messages: against reading each of them",
    "streams": "answers beside a hundred open streams; how soon a person is heard",
}


def main() -> int:
    chosen = sys.argv[1:] or list(ALL)
    unknown = [name for name in chosen if name not in ALL]
    if unknown:
        print(f"no measurement is called {', '.join(unknown)}; there are: {', '.join(ALL)}", file=sys.stderr)
        return 2
    failed = []
    for name in chosen:
        print(f"\n== {name}: {ALL[name]}", flush=True)
        began = time.monotonic()
        # A process each: what one measurement loaded must not speed up or slow down the next.
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"]).returncode:
            failed.append(name)
        print(f"   ({time.monotonic() - began:.0f} s)", flush=True)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    raise SystemExit(main())
