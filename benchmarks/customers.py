"""How long a customer waits for the first token, alone and among a hundred, on one process of the demo.

`python -m benchmarks.customers` prints p50 and p95 to the first token and to the end, and how many failed.
Every customer has a connection and a conversation of their own, asks several questions of the demo one after
the other, and all begin together.
"""

import argparse
import json
import statistics
import tempfile
import threading
from contextlib import closing
from pathlib import Path

from benchmarks.server import UNLIMITED, Asked, Customer, bring_the_demo, serving

QUESTIONS = Path(__file__).parent.parent / "demo" / "questions" / "test.jsonl"


def questions() -> list[str]:
    rows = [json.loads(line) for line in QUESTIONS.read_text("utf-8").splitlines()]
    return [row["question"] for row in rows if row["answerable"] and not row.get("history")]


def crowd(address: str, customers: int, each: int, pool: list[str]) -> list[Asked]:
    """`customers` threads ask `each` questions; all start at the same moment."""
    asked: list[Asked] = []
    gate = threading.Barrier(customers)

    def one(seat: int) -> None:
        with closing(Customer(address)) as customer:
            gate.wait()
            turns = range(seat * each, (seat + 1) * each)
            asked.extend(customer.ask(pool[turn % len(pool)]) for turn in turns)

    threads = [threading.Thread(target=one, args=(seat,)) for seat in range(customers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return asked


def percentile(values: list[float], share: float) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[round(share * 100) - 1]


def figures(customers: int, asked: list[Asked]) -> dict[str, float]:
    first = [one.first_token for one in asked if one.first_token is not None]
    return {
        "customers": customers,
        "questions": len(asked),
        "failed": sum(bool(one.error) for one in asked),
        "first_token_p50_s": percentile(first, 0.50),
        "first_token_p95_s": percentile(first, 0.95),
        "end_p95_s": percentile([one.end for one in asked], 0.95),
    }


def measure(customers: int = 100, each: int = 3) -> list[dict[str, float]]:
    """One customer, then a crowd, on one server over the demo."""
    pool = questions()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        bring_the_demo(data)
        with serving(data, **UNLIMITED) as server:
            address = server.ready()
            crowd(address, 1, 5, pool)  # the first questions of a process warm its caches
            return [figures(n, crowd(address, n, m, pool)) for n, m in ((1, 30), (customers, each))]


def show(rows: list[dict[str, float]]) -> None:
    print(
        f"{'customers at once':>18} {'questions':>10} {'failed':>7}"
        f" {'first p50':>10} {'first p95':>10} {'end p95':>9}   (seconds)"
    )
    for row in rows:
        times = " ".join(
            f"{row[key]:>{width}.3f}"
            for key, width in (("first_token_p50_s", 10), ("first_token_p95_s", 10), ("end_p95_s", 9))
        )
        print(f"{row['customers']:>18.0f} {row['questions']:>10.0f} {row['failed']:>7.0f} {times}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=100)
    parser.add_argument("--each", type=int, default=3)
    options = parser.parse_args()
    show(measure(options.customers, options.each))


if __name__ == "__main__":
    main()
