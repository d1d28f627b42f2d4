"""Two processes that share a Redis count questions together and hand each other work."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.conversations.limits import Pace
from bot.jobs import Jobs, open_queue
from bot.kotae import Kotae
from bot.settings import BadSettings, Settings


@pytest.mark.server
def test_processes_that_share_a_redis_count_questions_together(redis: str) -> None:
    here, there = Pace(2, 10, redis), Pace(2, 10, redis)
    assert [pace.allows("c1", "") for pace in (here, there, here, there)] == [True, True, False, False]
    assert there.allows("c2", "")


@pytest.mark.server
def test_work_handed_over_in_one_process_is_done_in_another(
    redis: str, engine: sa.Engine, tmp_path: Path
) -> None:
    done: list[Any] = []
    web = Jobs(engine, open_queue(tmp_path, redis), {"work": lambda arguments, _: None})
    worker = Jobs(engine, open_queue(tmp_path, redis), {"work": lambda arguments, _: done.append(arguments)})
    worker.start()
    job = web.enqueue("work", document_id="d1")
    end = time.monotonic() + 30
    while web.get(job.id).state != "done":
        assert time.monotonic() < end
        time.sleep(0.02)
    assert done == [{"document_id": "d1"}]
    worker.stop()
    web.stop()


@pytest.mark.server
def test_customers_are_answered_when_the_redis_that_counts_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("redis", reason="install it: pip install 'kotae[redis]'")
    assert Pace(1, 1, "redis://127.0.0.1:1/0").allows("c1", "office")
    assert "questions are not counted" in caplog.text


@pytest.mark.server
def test_work_waits_when_the_redis_that_carries_it_is_gone(
    engine: sa.Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("redis", reason="install it: pip install 'kotae[redis]'")
    web = Jobs(engine, open_queue(tmp_path, "redis://127.0.0.1:1/0"), {"work": lambda *_: None})
    assert web.get(web.enqueue("work", document_id="d1").id).state == "queued"
    assert "is not handed on yet" in caplog.text


@pytest.mark.parametrize("setting", ["jobs", "limits"])
def test_what_is_no_address_of_a_redis_is_refused_without_its_password(tmp_path: Path, setting: str) -> None:
    given: dict[str, Any] = {setting: {"url": "carrier-pigeon://kotae:hush@coop"}}
    with pytest.raises(BadSettings, match=rf"{setting}\.url: a URL such as redis://host") as refused:
        Kotae.open(Settings(data=tmp_path, **given))
    assert "hush" not in str(refused.value)
