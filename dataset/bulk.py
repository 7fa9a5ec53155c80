"""Bulk work: one pure function from where an image lies to a row of what was measured, for as many as there are.

The function catches what is wrong with an image and says it in the row. What it cannot catch, a decoder that crashes
or a process that the system kills, costs only that image: the pool is made anew, and what was under way is tried again
one by one. On Linux a process gets no more memory than the largest image that is allowed needs.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context
from typing import Generic, TypeVar

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gatherset.dataset.errors import ImageError
from gatherset.dataset.images import TOO_HUNGRY, image_id, measure
from gatherset.dataset.places import Place
from gatherset.dataset.processes import MOST, begin, bound_memory, cores, run_shared, submit
from gatherset.dataset.records import numeric_id
from gatherset.dataset.store import ImageStore

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")
PIECE = 16  # images handed to a process at once: fewer cost more in handing over, more are more to try again
AHEAD = 3  # pieces under way for each process
HEAVY = 1 << 24  # bytes of a piece from which it is full with fewer images: their stored copies come back in memory
# Bytes that a process may take to decode, turn and encode again a pixel (WebP took 39, PNG 16, JPEG 10 to 15), and
# for all that does not grow with the picture, its file among it.
PER_PIXEL, ROOM = 48, 1 << 29


@dataclass(frozen=True)
class Job:
    place: Place
    keep: bool = True  # whether its stored copy is wanted, should nothing be wrong with it


@dataclass(frozen=True)
class Measuring:
    """What the function needs to know beside the place: the same for all images of a run."""

    max_pixels: int  # more are refused before decoding
    min_side: int = 1  # pixels; what is smaller is measured and not kept
    store: ImageStore | None = None  # where the stored copies go
    thumbnail_side: int = 0  # pixels; a larger image gets its thumbnail at once
    carry: bool = False  # the stored copy comes back in the row, to be stored elsewhere
    known: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))  # ids, sorted: not measured again


@dataclass(frozen=True)
class Row:
    """What was measured on one image; `error` says why it cannot be used, and then the rest is empty."""

    source_sha256: str = ""  # of the bytes as received
    sha256: str = ""  # of the stored copy; empty for an image that was known
    phash: str = ""
    width: int = 0
    height: int = 0
    format: str = ""
    data: bytes | None = None  # the stored copy, where it was to be carried
    bytes: int = 0  # of the stored copy
    error: str | None = None
    next_step: str = ""

    @property
    def id(self) -> str:
        return image_id(self.source_sha256)


def look(measuring: Measuring, job: Job) -> Row:
    """The row of the image at a place; its stored copy and thumbnail are kept where that is wanted."""
    try:
        data = job.place.read()
        digest = hashlib.sha256(data).hexdigest()
        if _contains(measuring.known, numeric_id(image_id(digest))):
            return Row(digest)
        image = measure(data, max_pixels=measuring.max_pixels, source_sha256=digest)
    except ImageError as error:
        return Row(error=error.what, next_step=error.next_step)
    except MemoryError:
        what, step = TOO_HUNGRY
        return Row(error=what, next_step=step)
    except OSError as error:
        return Row(error=f"the file cannot be read: {error.strerror}", next_step="Check its permissions")
    # A store that cannot be written is no fault of the image: that ends the run.
    kept = job.keep and min(image.width, image.height) >= measuring.min_side
    if kept and measuring.store:
        measuring.store.add(image.sha256, image.format, image.data)
        if 0 < measuring.thumbnail_side < max(image.width, image.height):
            measuring.store.thumbnail(image.sha256, image.format, side=measuring.thumbnail_side)
    return Row(
        digest,
        image.sha256,
        image.phash,
        image.width,
        image.height,
        image.format,
        image.data if kept and measuring.carry else None,
        len(image.data),
    )


def _contains(ids: NDArray[np.uint64], number: int) -> bool:
    place = int(np.searchsorted(ids, np.uint64(number)))
    return place < len(ids) and int(ids[place]) == number


def look_at_all(measuring: Measuring, jobs: Sequence[Job]) -> list[Row]:
    """The rows of a piece of the work."""
    return [look(measuring, job) for job in jobs]


def in_threads(measuring: Measuring, jobs: Iterable[Job]) -> Generator[Row, None, None]:
    """The rows of the jobs, in their order, by the threads of this process. Close it where it is left early."""
    pool = ThreadPoolExecutor(cores())
    source = iter(jobs)
    try:
        with _quiet():
            while batch := list(islice(source, PIECE * cores())):
                yield from pool.map(lambda job: look(measuring, job), batch)
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C waits for the images in hand, not for the batch


def in_processes(measuring: Measuring, jobs: Iterable[Job]) -> Generator[Row, None, None]:
    """The same by processes of their own. An image that kills its process is a row with an error."""
    memory = ROOM + PER_PIXEL * measuring.max_pixels

    def weight(job: Job) -> int:
        return job.place.size() if measuring.carry else 0

    for job, row in sturdy(measuring, look_at_all, jobs, weight=weight, memory=memory):
        yield row or Row(
            error=f"decoding it ended the process: {job.place.path.name} is damaged, or far too large",
            next_step="Leave it out, or convert it with another program",
        )


def sturdy(
    shared: Shared,
    work: Callable[[Shared, Sequence[Item]], Sequence[Result]],
    items: Iterable[Item],
    *,
    weight: Callable[[Item], int] = lambda item: 0,
    memory: int | None = None,
) -> Generator[tuple[Item, Result | None], None, None]:
    """(item, its result) of each, in order, by processes; None for an item that killed the process it was in.

    `work` is a function of a module, from what all need and a few items to as many results; `weight` says about how
    many bytes the result of an item has, `memory` how many a process may take: more is a MemoryError there.
    """
    pool = _Pool(shared, work, memory)
    try:
        for piece in pieces(items, PIECE, HEAVY, weight):
            pool.submit(piece)
            if pool.is_full:
                yield from pool.next()
        while pool.waiting:
            yield from pool.next()
    finally:
        pool.close()


def pieces(items: Iterable[Item], most: int, heavy: int, weight: Callable[[Item], int]) -> Iterator[list[Item]]:
    """The items, in order, at most so many at a time, and no more once they weigh `heavy`."""
    piece: list[Item] = []
    total = 0
    for item in items:
        piece.append(item)
        total += weight(item)
        if len(piece) == most or total >= heavy:
            yield piece
            piece, total = [], 0
    if piece:
        yield piece


class _Pool(Generic[Shared, Item, Result]):
    """Processes that are made anew when one of them is killed."""

    def __init__(
        self, shared: Shared, work: Callable[[Shared, Sequence[Item]], Sequence[Result]], memory: int | None
    ) -> None:
        self._shared, self._work, self._memory = shared, work, memory
        self._processes = min(cores(), MOST)
        self._pool = self._new()
        self.waiting: deque[tuple[list[Item], Future[Sequence[Result]] | None]] = deque()

    def _new(self) -> ProcessPoolExecutor:
        given = (self._shared, self._memory)
        return ProcessPoolExecutor(self._processes, get_context("spawn"), initializer=_begin, initargs=given)

    @property
    def is_full(self) -> bool:
        return len(self.waiting) > AHEAD * self._processes

    def submit(self, piece: list[Item]) -> None:
        try:
            self.waiting.append((piece, submit(self._pool, run_shared, self._work, piece)))
        except BrokenProcessPool:
            self.waiting.append((piece, None))

    def next(self) -> Iterator[tuple[Item, Result | None]]:
        """The items and results of the piece that has waited longest."""
        piece, future = self.waiting.popleft()
        try:
            if future is None:
                raise BrokenProcessPool
            results: Sequence[Result | None] = future.result()
        except BrokenProcessPool:
            results = self._one_by_one(piece)
        yield from zip(piece, results, strict=True)

    def _one_by_one(self, piece: Sequence[Item]) -> list[Result | None]:
        """The results of a piece that was under way when a process was killed; nothing else is, meanwhile."""
        self._let_the_others_end()
        results: list[Result | None] = []
        for item in piece:
            self._renew()
            try:
                results += submit(self._pool, run_shared, self._work, [item]).result()
            except BrokenProcessPool:
                results.append(None)
        self._renew()
        return results

    def _let_the_others_end(self) -> None:
        """What waits was lost with the pool, or ends in it: nothing of it may kill the process of a suspect."""
        for _, future in self.waiting:
            if future is not None:
                future.exception()

    def _renew(self) -> None:
        try:
            submit(self._pool, os.getpid).result()
        except BrokenProcessPool:
            self._pool.shutdown()
            self._pool = self._new()

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


def _begin(shared: object, memory: int | None) -> None:
    begin(shared)
    warnings.filterwarnings("ignore", module="PIL")
    if memory is not None:
        # First all that is loaded at the first hash, with its threads: OpenBLAS tries for ever where it gets no memory.
        imagehash.phash(Image.new("L", (32, 32)))
        bound_memory(memory)


@contextmanager
def _quiet() -> Iterator[None]:
    """What Pillow thinks of a camera's EXIF is no news here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        yield


ENGINES = {"threads": in_threads, "processes": in_processes}
