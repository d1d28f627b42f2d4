"""Who waits in line."""

from __future__ import annotations

import threading
import time

import pytest

from knowledge_base.line import Line


def waits(line: Line, what: list[int], number: int) -> threading.Thread:
    """A thread that is in line for sure."""

    def come() -> None:
        with line:
            what.append(number)

    before = len(line._waiting)
    thread = threading.Thread(target=come)
    thread.start()
    while len(line._waiting) == before:
        time.sleep(0.001)
    return thread


def test_who_came_first_goes_first() -> None:
    line, served = Line(1), list[int]()
    with line:
        threads = [waits(line, served, number) for number in range(20)]
        assert served == []
    for thread in threads:
        thread.join()
    assert served == list(range(20))


def test_who_comes_as_a_place_is_left_waits_behind_the_others() -> None:
    """The place was handed on: it is never free in between."""
    line, served = Line(1), list[int]()
    with line:
        first = waits(line, served, 1)
    with line:
        served.append(2)
    first.join()
    assert served == [1, 2]


def test_so_many_are_served_at_once() -> None:
    line, together = Line(3), threading.Barrier(3)
    most, inside, guard = 0, 0, threading.Lock()

    def come() -> None:
        nonlocal most, inside
        with line:
            with guard:
                inside += 1
                most = max(most, inside)
            together.wait(10)
            with guard:
                inside -= 1

    threads = [threading.Thread(target=come) for _ in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 3


def test_whoever_fails_leaves_the_place_to_the_next() -> None:
    line = Line(1)
    with pytest.raises(ZeroDivisionError), line:
        raise ZeroDivisionError
    with line:
        pass
