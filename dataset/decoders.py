"""Processes that decode what nobody trusts: bounded in memory, and made anew where something ends one of them.

What a function cannot catch, a decoder that crashes or a process that the system kills, costs only the item that
brought it about: the processes are made anew, and what was under way in them is tried again one by one.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from types import TracebackType
from typing import Generic, TypeVar

from gatherset.dataset.processes import MOST, begin, bound_memory, cores, run_shared, submit

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")
# Bytes that a process may take to decode, turn and encode again a pixel (WebP took 39, PNG 16, JPEG 10 to 15), and
# for all that does not grow with the picture, its file among it.
PER_PIXEL, ROOM = 48, 1 << 29


def memory_for(max_pixels: int) -> int:
    """Bytes that decoding the largest image that is allowed may take."""
    return ROOM + PER_PIXEL * max_pixels


class Decoders(Generic[Shared, Item, Result]):
    """Processes that do `work(shared, items)`, a function of a module, to as many results. Any thread may ask.

    Each takes at most `memory` bytes, where that is given: more is a MemoryError there. `hashes` says whether the work
    makes perceptual hashes. Processes start as they are needed, `most` at once. Close it, or use it in a `with`.
    """

    def __init__(
        self,
        shared: Shared,
        work: Callable[[Shared, Sequence[Item]], Sequence[Result]],
        *,
        memory: int | None = None,
        hashes: bool = True,
        most: int = MOST,
    ) -> None:
        self._work, self._given = work, (shared, work, memory, hashes)
        self.processes = min(cores(), most)
        self._pool = self._new()
        self._turn = threading.Lock()  # held while a suspect is tried: nothing else begins meanwhile
        self._under_way: set[Future[Sequence[Result]]] = set()

    def _new(self) -> ProcessPoolExecutor:
        # Not forked: this process may have threads, of which a fork would make a dead half.
        return ProcessPoolExecutor(self.processes, get_context("spawn"), initializer=_begin, initargs=self._given)

    def _renew(self) -> None:
        self._pool.shutdown()
        self._pool = self._new()

    def begin(self, items: Sequence[Item]) -> Future[Sequence[Result]]:
        """The work on the items, under way; `end` gives what came of it."""
        with self._turn:
            try:
                under_way = submit(self._pool, run_shared, self._work, items)
            except BrokenProcessPool:
                self._renew()
                under_way = submit(self._pool, run_shared, self._work, items)
            self._under_way = {other for other in self._under_way if not other.done()} | {under_way}
            return under_way

    def end(self, items: Sequence[Item], under_way: Future[Sequence[Result]]) -> Sequence[Result | None]:
        """The results of the items that are `under_way`; None for one that ended the process it was in."""
        try:
            return under_way.result()
        except BrokenProcessPool:
            return [self._alone(item) for item in items]

    def result(self, item: Item) -> Result | None:
        """The result of one item; None where it ended the process it was in."""
        return self.end([item], self.begin([item]))[0]

    def _alone(self, item: Item) -> Result | None:
        """The result of a suspect, while nothing else may end its process, or take the memory that it needs."""
        with self._turn:
            wait(self._under_way)
            try:
                submit(self._pool, os.getpid).result()
            except BrokenProcessPool:
                self._renew()
            try:
                trial: Future[Sequence[Result]] = submit(self._pool, run_shared, self._work, [item])
                return trial.result()[0]
            except BrokenProcessPool:
                return None

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def __enter__(self) -> Decoders[Shared, Item, Result]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _begin(shared: object, _work: object, memory: int | None, hashes: bool) -> None:
    # All that is loaded for the work comes before the bound, also what the first hash loads, with its threads: OpenBLAS
    # tries for ever where it gets no memory. `_work` is here for that: to be given it loads its module.
    begin(shared)
    warnings.filterwarnings("ignore", module="PIL")
    if hashes:
        import imagehash
        from PIL import Image

        imagehash.phash(Image.new("L", (32, 32)))
    if memory is not None:
        bound_memory(memory)
