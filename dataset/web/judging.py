"""Whether what was received is an image that Gatherset can keep.

A decoder can be made to end its process, or to fill the memory. What strangers sent is therefore decoded in processes
of their own (`gatherset.dataset.decoders`), and an image that ends one is an outcome like any other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gatherset.dataset.decoders import Decoders, memory_for
from gatherset.dataset.errors import ImageError
from gatherset.dataset.images import SUFFIX, TOO_HUNGRY, decode, image_id, measure
from gatherset.dataset.processes import cores
from gatherset.dataset.settings import ImageSettings
from gatherset.dataset.web.journal import Journal
from gatherset.dataset.web.outcome import INVALID, THERE, Found, Outcome

PROCESSES = 4  # more take memory, and wait: one decodes what many hosts may be asked for


@dataclass(frozen=True)
class Received:
    """A file that a URL gave."""

    path: Path
    sha256: str
    like: Collection[str] = ()  # sha256 of images that it is compared with


Decode = Callable[[Received], Outcome | None]  # None: it ended the process that decoded it


@contextmanager
def decoding(*, isolated: bool, hashes: bool = False) -> Iterator[Decode]:
    """`judged` for any thread; `isolated` has processes of their own do it, in bounded memory.

    `hashes` says whether anything will be compared.
    """
    if not isolated:
        yield judged
        return
    memory, most = memory_for(ImageSettings.max_pixels), max(1, min(cores() - 1, PROCESSES))  # one core asks
    with Decoders(None, judge_all, memory=memory, hashes=hashes, most=most) as decoders:
        yield decoders.result


def judge(journal: Journal, decode: Decode, url: str, path: Path, like: Collection[str] = ()) -> Outcome:
    """Whether the file that `url` gave is an image; see `judged`. May be called in any thread."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    journal.begin_judging(url, image_id(sha256))
    outcome = decode(Received(path, sha256, like))
    return outcome or Outcome(INVALID, "damaged", "decoding it ended the process")


def judge_all(_: None, received: Sequence[Received]) -> list[Outcome]:
    """For a process of its own."""
    return [judged(one) for one in received]


def judged(received: Received) -> Outcome:
    """Whether the file holds a whole image that Gatherset can keep.

    Where it is another than one of those that it is compared with, its perceptual hash is measured.
    """
    sha256, phash, most = received.sha256, "", ImageSettings.max_pixels
    try:
        data = received.path.read_bytes()
        _, image_format = decode(data, max_pixels=most)
        if any(one != sha256 for one in received.like):
            phash = measure(data, max_pixels=most, source_sha256=sha256).phash
    except ImageError as error:
        kind = "no image" if error.what.startswith("not a") else "damaged"
        return Outcome(INVALID, kind, error.what)
    except MemoryError:
        return Outcome(INVALID, "damaged", TOO_HUNGRY[0])
    return Outcome(THERE, THERE, found=Found(sha256, len(data), image_id(sha256) + SUFFIX[image_format], phash))
