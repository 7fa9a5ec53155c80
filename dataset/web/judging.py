"""Whether what was received is an image that Gatherset can keep.

A decoder can be made to end its process. The journal says beforehand what it is about to see, so that the next run
knows what a run that ended so was looking at: that is decoded by a process of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from gatherset.dataset.errors import ImageError
from gatherset.dataset.images import SUFFIX, decode, image_id, measure
from gatherset.dataset.processes import begin, submit
from gatherset.dataset.settings import ImageSettings
from gatherset.dataset.web.journal import Journal
from gatherset.dataset.web.outcome import INVALID, THERE, Found, Outcome


def judge(journal: Journal, url: str, received: Path, like: Collection[str] = ()) -> Outcome:
    """Whether the file that `url` gave is an image; see `judged`. May be called in any thread."""
    data = received.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    journal.begin_judging(url, image_id(sha256))
    if url not in journal.judging:
        return judged(data, like, sha256=sha256)
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=begin, initargs=(None,)) as alone:
        try:
            return submit(alone, judged_file, received, tuple(like)).result()
        except BrokenProcessPool:
            return Outcome(INVALID, "damaged", "decoding it ended the process")


def judged_file(file: Path, like: Collection[str]) -> Outcome:
    """`judged` of what a file holds."""
    return judged(file.read_bytes(), like)


def judged(data: bytes, like: Collection[str] = (), *, sha256: str = "") -> Outcome:
    """Whether the bytes are a whole image that Gatherset can keep.

    `like` are the sha256 of images that it is compared with: where it is not the very same, its perceptual hash is
    measured. `sha256` is that of `data`, where it is known.
    """
    sha256 = sha256 or hashlib.sha256(data).hexdigest()
    phash = ""
    try:
        _, image_format = decode(data, max_pixels=ImageSettings.max_pixels)
        if any(one != sha256 for one in like):
            phash = measure(data, max_pixels=ImageSettings.max_pixels, source_sha256=sha256).phash
    except ImageError as error:
        kind = "no image" if error.what.startswith("not a") else "damaged"
        return Outcome(INVALID, kind, error.what)
    return Outcome(THERE, THERE, found=Found(sha256, len(data), image_id(sha256) + SUFFIX[image_format], phash))
