"""Whether open streams starve answers: customers who wait for a person each hold one while others ask.

`python -m benchmarks.streams` prints, without and with streams, p50 and p95 to the first token of others'
questions, and how long a person's message takes to those who listen. The messages are written by this process
and not by the server: what is measured is how a server hears of what another process has written.
"""

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks.customers import crowd, figures, percentile, questions
from benchmarks.customers import show as show_questions
from benchmarks.server import UNLIMITED, bring_the_demo, new_customer, serving
from bot.access.users import Users
from bot.handoff.handoffs import Handoffs
from bot.handoff.presence import Presence
from bot.notices.deliveries import Deliveries
from bot.settings import Settings
from knowledge_base.database import open_engine

PATIENCE = 30.0  # seconds a message may take


@dataclass
class Waiting:
    """Somebody who waits for a person, with the stream open."""

    client: httpx.Client
    headers: dict[str, str]
    conversation: str = ""
    heard: dict[str, float] = field(default_factory=dict)  # message: when it came
    status: int = 0

    def listens(self, address: str, opened: threading.Semaphore) -> None:
        url = f"{address}/api/conversation/events"
        try:
            with self.client.stream("GET", url, headers=self.headers, timeout=PATIENCE) as stream:
                self.status = stream.status_code
                for line in stream.iter_lines():
                    if line.startswith("event: state"):
                        opened.release()
                    if line.startswith('data: {"id"'):
                        self.heard[json.loads(line[6:])["text"]] = time.monotonic()
        except httpx.HTTPError:
            pass  # the measurement is over
        finally:
            opened.release()


@contextmanager
def desk(data: Path) -> Iterator[tuple[Handoffs, Presence, str]]:
    """An operator who is available, in a process of their own."""
    settings = Settings(data=data)
    engine = open_engine(f"sqlite:///{data / 'kotae.db'}")
    nothing = Deliveries(engine, settings.mail, settings.webhooks, (), lambda _: None)
    user = Users(engine).add("bench@example.com", "a long password", "operator")
    presence = Presence(engine)
    presence.announce(user.id, available=True, name="")
    yield Handoffs(engine, settings.handoff, settings.say, nothing), presence, user.id
    engine.dispose()


def wait_for_a_person(
    address: str, many: int, stack: ExitStack, there: Callable[[], None] = lambda: None
) -> list[Waiting]:
    """`there` keeps somebody available meanwhile."""
    waiting = []
    for _ in range(many):
        there()
        client = stack.enter_context(httpx.Client(timeout=60))
        one = Waiting(client, new_customer(client, address))
        asked = client.post(f"{address}/api/handoff", json={}, headers=one.headers).json()
        assert asked["with"] == "waiting", asked
        one.conversation = client.get(f"{address}/api/conversation", headers=one.headers).json()[
            "conversation"
        ]
        waiting.append(one)
    return waiting


def measure(many: int = 100, customers: int = 20, each: int = 3) -> dict[str, object]:
    pool = questions()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        data = Path(folder)
        bring_the_demo(data)
        server = stack.enter_context(serving(data, **UNLIMITED))
        address = server.ready()
        handoffs, presence, user = stack.enter_context(desk(data))
        crowd(address, 1, 5, pool)
        before = figures(customers, crowd(address, customers, each, pool))
        waiting = wait_for_a_person(address, many, stack, lambda: presence.seen(user))
        opened = threading.Semaphore(0)
        for one in waiting:
            threading.Thread(target=one.listens, args=(address, opened), daemon=True).start()
        for _ in waiting:
            opened.acquire()
        during = figures(customers, crowd(address, customers, each, pool))
        news = []
        listeners = [one for one in waiting if one.status == 200]
        for one in listeners[:20]:
            handoffs.take(one.conversation, user)
            sent = time.monotonic()
            handoffs.reply(one.conversation, user, "Good morning")
            while "Good morning" not in one.heard and time.monotonic() - sent < PATIENCE:
                time.sleep(0.005)
            news.append(one.heard.get("Good morning", float("inf")) - sent)
        return {
            "listening": len(listeners),
            "refused": len(waiting) - len(listeners),
            "rows": [before, during],
            "news_p50_s": percentile(news, 0.50),
            "news_p95_s": percentile(news, 0.95),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--customers", type=int, default=20)
    parser.add_argument("--each", type=int, default=3)
    options = parser.parse_args()
    told = measure(options.streams, options.customers, options.each)
    print(f"without streams, then with {told['listening']} open ({told['refused']} refused):")
    show_questions(told["rows"])  # type: ignore[arg-type]
    print("a person's message, written by another process, is heard after", end=" ")
    print(f"p50 {told['news_p50_s']:.2f} s, p95 {told['news_p95_s']:.2f} s")


if __name__ == "__main__":
    main()
