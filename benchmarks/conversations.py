"""Looking through what was said: the index of words against reading every message.

`python -m benchmarks.conversations` writes 100,000 messages made of the demo's pairs, in English and
Japanese, and finds the newest 50 conversations by words that hardly anybody said and by words that many did.
"""

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from bot.conversations.conversation import Conversations
from bot.store import reading, words, writing
from bot.store.migrate import upgrade
from bot.store.tables import ConversationRow, MessageRow
from knowledge_base.database import now, open_engine

PAIRS = Path(__file__).parent.parent / "demo" / "pairs.jsonl"
IN_ONE = 6  # messages of a conversation
RARE = "QX-48213"  # said once in ten thousand messages
QUERIES = (RARE, "descaling", "warranty refund", "kettle", "返品", "ケトル 送料", "giraffe")


def write(engine: sa.Engine, messages: int) -> None:
    said = [json.loads(line) for line in PAIRS.read_text("utf-8").splitlines()]
    dice, begin, each = random.Random(4), now() - timedelta(days=90), timedelta(days=90) / messages
    told: list[dict[str, object]] = []
    conversations: list[dict[str, object]] = []
    for number in range(messages // 2):
        at, conversation = begin + 2 * number * each, f"{2 * number // IN_ONE:032}"
        pair = dice.choice(said)
        order = f" ({RARE})" if number % 5000 == 0 else f" (KT-{number})"
        common = {"conversation_id": conversation, "at": at, "language": pair["language"]}
        told.append({**common, "id": f"q{number}", "role": "customer", "text": pair["question"] + order})
        told.append({**common, "id": f"a{number}", "role": "bot", "text": pair["answer"]})
        if not conversations or conversations[-1]["id"] != conversation:
            conversations.append(
                {
                    "id": conversation,
                    "site": "",
                    "language": pair["language"],
                    "channel": "web",
                    "started_at": at,
                    "updated_at": at,
                }
            )
    with writing(engine) as session:
        session.execute(sa.insert(ConversationRow), conversations)
        session.execute(sa.insert(MessageRow), told)


def scanned(engine: sa.Engine, query: str) -> Sequence[str]:
    """The newest conversations, every message read: how it was done before there was an index."""
    rows = sa.select(ConversationRow.id).order_by(ConversationRow.updated_at.desc()).limit(50)
    for word in query.split():
        said = MessageRow.text.icontains(word, autoescape=True)
        rows = rows.where(sa.exists().where(MessageRow.conversation_id == ConversationRow.id, said))
    with reading(engine) as session:
        return session.scalars(rows).all()


def kept(engine: sa.Engine, file: Path) -> int:
    """Bytes, with what SQLite had yet to write back."""
    with engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    return file.stat().st_size


def median_ms(work: Callable[[], object], times: int) -> float:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append(1000 * (time.perf_counter() - began))
    return statistics.median(took)


def measure(messages: int, times: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "kotae.db"
        engine = open_engine(f"sqlite:///{file}")
        upgrade(engine)
        write(engine, messages)
        size, began = kept(engine, file), time.perf_counter()
        with engine.connect() as connection, connection.execution_options(kotae_writes=True).begin():
            words.rebuild(connection)
        took, grown = time.perf_counter() - began, kept(engine, file) - size
        print(f"{messages:,} messages indexed in {took:.1f} s; {grown / 2**20:.0f} MiB", flush=True)
        conversations = Conversations(engine)
        print(f"{'query':<16}{'found':>6}{'scan ms':>10}{'page ms':>10}{'scan ÷ page':>13}")
        for query in QUERIES:
            found = len(conversations.page(query))
            scan = median_ms(lambda query=query: scanned(engine, query), times)
            page = median_ms(lambda query=query: conversations.page(query), times)
            print(f"{query:<16}{found:>6}{scan:>10.1f}{page:>10.1f}{scan / page:>13.0f}", flush=True)
        began = time.perf_counter()
        words.clear(engine)
        print(f"written anew without what was deleted: {time.perf_counter() - began:.1f} s")
        engine.dispose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    measure(options.messages, options.times)


if __name__ == "__main__":
    main()
