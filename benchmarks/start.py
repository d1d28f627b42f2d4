"""From `kotae serve` to the first token of the first answer, on a data directory that has the demo.

`python -m benchmarks.start` starts the server several times and prints the median beside the slowest.
"""

import argparse
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

from benchmarks.customers import questions
from benchmarks.server import Customer, bring_the_demo, serving


def first_answer(data: Path, question: str) -> float:
    """Seconds from the start of the process to the first token that a customer reads."""
    began = time.perf_counter()
    with serving(data) as server:
        address = server.ready()
        with closing(Customer(address)) as customer:
            ready = time.perf_counter() - began
            asked = customer.ask(question)
        if asked.error or asked.first_token is None:
            raise RuntimeError(f"the first question was not answered: {asked.error}")
        return ready + asked.first_token


def measure(times: int = 3) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        bring_the_demo(data)
        took = [first_answer(data, questions()[0]) for _ in range(times)]
    return {"median_s": statistics.median(took), "slowest_s": max(took), "starts": times}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3)
    row = measure(parser.parse_args().times)
    print(
        f"start to first answer: median {row['median_s']:.1f} s,"
        f" slowest {row['slowest_s']:.1f} s of {row['starts']} starts"
    )


if __name__ == "__main__":
    main()
