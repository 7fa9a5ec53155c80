"""Work on all cores: one function over many pieces, with the results in the order of the pieces."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any, Generic, TypeVar

from gatherset.dataset.errors import GathersetError

Shared = TypeVar("Shared")
Piece = TypeVar("Piece")
Result = TypeVar("Result")
AHEAD = 2  # pieces under way for each process: what waits for its turn takes memory
WORTH_IT = 4  # pieces, of a second or so each; starting processes costs more than fewer bring
MOST = 8  # processes: one of ours reads, hands out and merges for all of them, and each takes 100 MB and more
_shared: Any = None  # in a process of ours: what all of its pieces need


def cores() -> int:
    """Those that this process may use: where a batch system or a container gives it some, fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Workers(Generic[Shared]):
    """Processes that all know `shared`; none but this one where there are too few pieces for more."""

    def __init__(self, shared: Shared, pieces: int) -> None:
        self._shared = shared
        self._processes = min(cores(), MOST)
        self._pool: ProcessPoolExecutor | None = None
        if pieces > WORTH_IT and self._processes > 1:
            # Not forked: the process may have threads, of which a fork would make a dead half.
            self._pool = ProcessPoolExecutor(
                self._processes, get_context("spawn"), initializer=begin, initargs=(shared,)
            )

    def in_order(
        self, work: Callable[[Shared, Piece], Result], pieces: Iterable[Piece]
    ) -> Generator[Result, None, None]:
        """`work(shared, piece)` for each piece; `work` is a function of a module.

        Close the iterator where it is left early, or what is under way goes on. Raises GathersetError where a process
        was killed.
        """
        if self._pool is None:
            yield from (work(self._shared, piece) for piece in pieces)
            return
        waiting: deque[Future[Result]] = deque()
        try:
            for piece in pieces:
                waiting.append(submit(self._pool, run_shared, work, piece))
                if len(waiting) > AHEAD * self._processes:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            waiting.clear()  # the pool ends them all; Python 3.11 hangs where one was cancelled meanwhile
            step = "Was there too little memory? Free some, and try again"
            raise GathersetError("a process that did a part of the work was killed", step) from error
        finally:
            wait([future for future in waiting if not future.cancel()])

    def close(self) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)


def submit(pool: ProcessPoolExecutor, work: Callable[..., Result], *given: Any) -> Future[Result]:
    """Have a process do it. One that is started for it never hears Ctrl-C."""
    with _ctrl_c_waits():  # a process starts with what is held back here, and keeps it so
        return pool.submit(work, *given)


@contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """Ctrl-C reaches every process of the command. This one ends the others: one that ended by itself, even while it
    is still importing, would break the pool and print a traceback.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin(shared: object) -> None:
    """What a process of ours begins with: what all pieces need, and an end with its parent."""
    global _shared
    _shared = shared
    gc.freeze()  # what was imported stays: looking through it for cycles costs as much as several rules
    threading.Thread(target=_end_with_parent, daemon=True).start()


def bound_memory(more: int) -> None:
    """Let this process take at most so many bytes beyond what it has now; what is over them is a MemoryError.

    Linux alone counts what a process has of its own (RLIMIT_DATA); elsewhere this does nothing.
    """
    if sys.platform != "linux":
        return
    import resource  # which Windows does not have

    has = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = has + more if hard == resource.RLIM_INFINITY else min(has + more, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _end_with_parent() -> None:
    """A parent that was killed ends nobody: its processes would wait for the next piece for ever."""
    if parent := parent_process():
        parent.join()
        os._exit(1)


def run_shared(work: Callable[[Any, Piece], Result], piece: Piece) -> Result:
    """In a process of ours: the work on a piece, with what all pieces need."""
    return work(_shared, piece)
