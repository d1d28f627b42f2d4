"""Training in a process of its own, so that answering customers goes on beside it.

    python -m strategies.lora.training.apart FOLDER [--threads N] [--processes N]

It has two threads where there are two cores, gives way to everybody else, and is the first to go when memory
runs out. It tells how far it is as JSON lines: `Told`s, and last {"done": folder}, {"stopped": …} or
{"error": sentence}. SIGTERM stops it at the next step with a checkpoint; so does the end of its standard
input, which its parent's death brings.
Where there are several GPUs it becomes as many processes that train as one (`together`).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from strategies.lora.training.work import Told, TrainingFailed, TrainingStopped, Work

DONE, STOPPED, FAILED = 0, 3, 4
THREADS = 2  # at most; a third does little for a small base
NICENESS = 10
FIRST_TO_GO = "1000"  # when the kernel runs out of memory
TELL_SECONDS = 0.2  # between two lines that carry no news
LOOK_SECONDS = 0.5  # between two looks whether to stop
PATIENCE_SECONDS = 60.0  # for a process that was told to stop: it writes its checkpoint
KILLED = 2  # times that a process may be killed from outside before it is given up


def run_apart(
    folder: Path, told: Callable[[Told], None], stopped: Callable[[], bool], threads: int = THREADS
) -> Path:
    """`train` in a process of its own, and what it returns or raises.

    Both may also raise, to stop the training. When the kernel kills the process for want of memory, it is
    started again and goes on with smaller batches.
    """
    for again in range(KILLED + 1):
        with process(folder, threads, smaller=again) as child:
            last = relayed(child, told, stopped)
        match last, child.returncode:
            case {"done": path}, _:
                return Path(path)
            case {"stopped": words}, _:
                raise TrainingStopped(words)
            case {"error": sentence}, _:
                raise TrainingFailed(sentence)
            case _, code if code != -signal.SIGKILL:
                ended = f"the training's process ended by itself (status {code})"
                raise TrainingFailed(f"{ended}; {last_words(folder)}")
    raise TrainingFailed(
        f"the training's process was killed {KILLED + 1} times, which is what happens when memory runs out; "
        "take a smaller batch or a smaller base, and resume"
    )


@contextmanager
def process(folder: Path, threads: int, smaller: int) -> Iterator[subprocess.Popen[str]]:
    """The child. Left early, it is told to stop and waited for."""
    command = [sys.executable, "-m", "strategies.lora.training.apart", str(folder), "--threads", str(threads)]
    with (folder / "stderr").open("wb") as errors:
        child = subprocess.Popen(  # noqa: S603  # ourselves
            [*command, "--smaller", str(smaller)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
        )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        for stream in (child.stdin, child.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()


def relayed(
    child: subprocess.Popen[str], told: Callable[[Told], None], stopped: Callable[[], bool]
) -> dict[str, Any]:
    """Pass on what the child tells until it ends; its last word."""
    said: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(child, said), name="training", daemon=True).start()
    while True:
        with contextlib.suppress(queue.Empty):
            line = said.get(timeout=LOOK_SECONDS)
            word: dict[str, Any] = json.loads(line) if line.endswith("\n") else {}
            if "step" not in word:
                child.wait()
                return word
            told(Told(**word))
        if stopped():
            child.terminate()


def _listen(child: subprocess.Popen[str], said: queue.SimpleQueue[str]) -> None:
    assert child.stdout is not None
    with contextlib.suppress(ValueError):  # closed meanwhile
        for line in child.stdout:
            said.put(line)
    said.put("")


def last_words(folder: Path) -> str:
    words = (folder / "stderr").read_text("utf-8", "replace").strip().splitlines()
    return f"its last words: {words[-1]}" if words else "it said nothing"


# ---- in the child ----


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m strategies.lora.training.apart", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=THREADS)
    parser.add_argument("--processes", type=int, default=0, help="that train as one; 0: one for each GPU")
    parser.add_argument("--smaller", type=int, default=0, help="how often to halve what is learned at once")
    options = parser.parse_args()
    become_several(options.processes)
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    threading.Thread(target=_watch_parent, args=(asked,), daemon=True).start()
    give_way(options.threads)
    return work(options.folder, asked.is_set, options.smaller)


def become_several(processes: int) -> None:
    """Start anew as this many processes, where it is more than one and they are not there yet."""
    import torch
    from torch import distributed

    wanted = processes or torch.cuda.device_count()
    if wanted > 1 and distributed.is_available() and not distributed.is_torchelastic_launched():
        launcher = [
            "-m",
            "torch.distributed.run",
            "--standalone",
            f"--nproc-per-node={wanted}",
            "--no-python",
        ]
        ourselves = [sys.executable, "-m", "strategies.lora.training.apart", *sys.argv[1:]]
        os.execv(sys.executable, [sys.executable, *launcher, *ourselves])  # noqa: S606  # the same program


def work(folder: Path, stopped: Callable[[], bool], smaller: int = 0) -> int:
    from strategies.lora.training.course import train

    try:
        path = train(Work(folder), Teller(), stopped, smaller=smaller)
    except TrainingStopped as why:
        say({"stopped": str(why)})
        return STOPPED
    except TrainingFailed as why:
        say({"error": str(why)})
        return FAILED
    if path.exists():  # it is the first of several that makes it
        say({"done": str(path)})
    return DONE


class Teller:
    """Says what is new at once, and what only moved on now and then."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, told: Told) -> None:
        news = told.note or told.held_out is not None
        moment = time.monotonic()
        if news or moment - self._last >= TELL_SECONDS:
            self._last = moment
            say(asdict(told))


def say(word: dict[str, Any]) -> None:
    """Nobody may be listening any more; the watch over the parent ends it then."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(word, ensure_ascii=False) + "\n")
        sys.stdout.flush()


def give_way(threads: int) -> None:
    """Be the last that gets the processor and the first that gives up its memory."""
    import torch

    torch.set_num_threads(min(threads, torch.get_num_threads()))  # no more than there are cores
    os.nice(NICENESS)
    with contextlib.suppress(OSError):  # another system than Linux
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO)


def _watch_parent(asked: threading.Event) -> None:
    """Standard input ends when whoever started this is no more."""
    sys.stdin.read()
    asked.set()


if __name__ == "__main__":
    raise SystemExit(main())
