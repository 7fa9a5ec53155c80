"""Bulk work: one pure function from where an image lies to a row of what was measured, for as many as there are.

The function catches what is wrong with an image and says it in the row. What it cannot catch, a decoder that crashes
or a process that the system kills, costs only that image (`gatherset.dataset.decoders`). On Linux a process gets no
more memory than the largest image that is allowed needs.
"""

from __future__ import annotations

import hashlib
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gatherset.dataset.decoders import Decoders, memory_for
from gatherset.dataset.errors import ImageError
from gatherset.dataset.images import TOO_HUNGRY, image_id, measure
from gatherset.dataset.places import Place
from gatherset.dataset.processes import cores
from gatherset.dataset.records import numeric_id
from gatherset.dataset.store import ImageStore

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")
PIECE = 16  # images handed to a process at once: fewer cost more in handing over, more are more to try again
AHEAD = 3  # pieces under way for each process
HEAVY = 1 << 24  # bytes of a piece from which it is full with fewer images: their stored copies come back in memory


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

    def weight(job: Job) -> int:
        return job.place.size() if measuring.carry else 0

    for job, row in sturdy(measuring, look_at_all, jobs, weight=weight, memory=memory_for(measuring.max_pixels)):
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
    waiting: deque[tuple[list[Item], Future[Sequence[Result]]]] = deque()
    with Decoders(shared, work, memory=memory) as decoders:

        def oldest() -> Iterator[tuple[Item, Result | None]]:
            piece, under_way = waiting.popleft()
            return zip(piece, decoders.end(piece, under_way), strict=True)

        for piece in pieces(items, PIECE, HEAVY, weight):
            waiting.append((piece, decoders.begin(piece)))
            if len(waiting) > AHEAD * decoders.processes:
                yield from oldest()
        while waiting:
            yield from oldest()


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


@contextmanager
def _quiet() -> Iterator[None]:
    """What Pillow thinks of a camera's EXIF is no news here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        yield


ENGINES = {"threads": in_threads, "processes": in_processes}
