"""Scores of every image with every caption, block by block, so that memory stays bounded whatever the size."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gatherset.baselines.edan import Edan, final_score
from gatherset.baselines.interface import Encoded, Model, cut, joined
from gatherset.baselines.loader import Captions
from gatherset.dataset.errors import ModelError
from gatherset.dataset.features import FeatureFile

# A block's largest tensors are IMAGES x K x WORDS floats, 2.4 MB at K = 36: small enough for a processor's cache.
IMAGES_AT_ONCE = 32
WORDS_AT_ONCE = 512  # padding included

Scores = NDArray[np.float32]
Compare = Callable[[Encoded, Encoded], tuple[Tensor, ...]]


@dataclass(frozen=True)
class Similarities:
    """Eq. 6, 12 and 13 for all pairs, each [images, captions]."""

    sim: Tensor  # sim(I, T); zeros where the model has no global alignment
    S_TI: Tensor  # S(T, I), for text to image; zeros where the model has no local alignment
    S_IT: Tensor  # S(I, T), for image to text

    def final(self, theta: float) -> tuple[Scores, Scores]:
        """Eq. 16: scores for image to text and for text to image."""
        i2t, t2i = final_score(self.sim, self.S_IT, theta), final_score(self.sim, self.S_TI, theta)
        return i2t.numpy(), t2i.numpy()


@torch.inference_mode()
def all_similarities(model: Edan, features: FeatureFile, ids: Sequence[str], captions: Captions) -> Similarities:
    """The similarities of the images `ids` with `captions`. Captions of like length share a block."""
    training = model.training
    model.eval()
    images = encode_images(model, features, ids)
    result = Similarities(*(torch.zeros(len(ids), len(captions)) for _ in range(3)))
    for rows, columns, (sim, S_TI, S_IT) in compared(model.similarities, images, encode_captions(model, captions)):
        result.sim[rows, columns], result.S_TI[rows, columns], result.S_IT[rows, columns] = sim, S_TI, S_IT
    model.train(training)
    return result


@torch.inference_mode()
def all_scores(model: Model, features: FeatureFile, ids: Sequence[str], captions: Captions) -> tuple[Scores, Scores]:
    """The scores of all pairs, for image to text and for text to image, [images, captions] each.

    Captions are encoded block by block, so that two numbers a pair are all that is kept.
    """
    training = model.training
    model.eval()
    scores = score_all(model, encode_images(model, features, ids), encode_captions(model, captions), len(captions))
    model.train(training)
    return scores


@torch.inference_mode()
def score_all(
    model: Model, images: Encoded, captions: Iterator[tuple[Tensor, Encoded]], count: int
) -> tuple[Scores, Scores]:
    """The scores of encoded images with `count` captions in blocks, for image to text and for text to image."""
    i2t = torch.empty(len(images[0]), count)
    t2i = i2t  # until they differ
    blocks = at_least(model.captions_at_once, captions)
    for rows, columns, (to_text, to_image) in compared(model.score, images, blocks, model.images_at_once):
        i2t[rows, columns] = to_text
        if to_image is not to_text and t2i is i2t:
            t2i = i2t.clone()
        if t2i is not i2t:
            t2i[rows, columns] = to_image
    return i2t.numpy(), t2i.numpy()


def at_least(n: int, captions: Iterator[tuple[Tensor, Encoded]]) -> Iterator[tuple[Tensor, Encoded]]:
    """The same blocks, joined until they hold `n` captions."""
    columns: list[Tensor] = []
    blocks: list[Encoded] = []
    for some, block in captions:
        columns.append(some)
        blocks.append(block)
        if sum(map(len, columns)) >= n:
            yield torch.cat(columns), joined(blocks)
            columns, blocks = [], []
    if columns:
        yield torch.cat(columns), joined(blocks)


def compared(
    compare: Compare, images: Encoded, captions: Iterator[tuple[Tensor, Encoded]], at_once: int | None = None
) -> Iterator[tuple[slice, Tensor, tuple[Tensor, ...]]]:
    """Block by block: the rows, the columns, and what `compare` finds of these, on the processor.

    Where memory does not suffice, the blocks are halved, which is said on standard error; ModelError where not even
    one image fits.
    """
    n, at_once = len(images[0]), at_once or IMAGES_AT_ONCE
    for columns, block in captions:
        start = 0
        while start < n:
            rows = slice(start, min(start + at_once, n))
            try:
                found = compare(cut(images, rows), block)
            except (MemoryError, RuntimeError) as error:
                at_once = halved(at_once, error, "images scored at once")
                continue
            moved = {id(part): part.cpu() for part in found}  # the same tensor twice stays the same tensor twice
            yield rows, columns, tuple(moved[id(part)] for part in found)
            start = rows.stop


def halved(at_once: int, error: Exception, what: str) -> int:
    """Half of `at_once` where `error` says that memory ran out, else `error` is raised again; says so.

    ModelError where there is nothing left to halve.
    """
    if not out_of_memory(error):
        raise error
    if at_once == 1:
        raise ModelError(
            f"memory does not suffice for 1 of the {what}", "Take a smaller model, or a machine with more memory"
        ) from error
    print(f"out of memory: {at_once // 2} {what} instead of {at_once}", file=sys.stderr, flush=True)
    return at_once // 2


def out_of_memory(error: Exception) -> bool:
    """Whether `error` says that memory ran out, of the processor or a GPU."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return any(sign in str(error) for sign in ("allocate memory", "out of memory", "not enough memory"))


@torch.inference_mode()
def encode_images(model: Model, features: FeatureFile, ids: Sequence[str]) -> Encoded:
    """The images `ids`, at least one."""
    device = next(model.parameters()).device
    whole: Encoded = ()
    for start in range(0, len(ids), IMAGES_AT_ONCE):
        rows = slice(start, start + IMAGES_AT_ONCE)
        block = model.encode_images(torch.from_numpy(features.regions(ids[rows])).to(device))
        whole = whole or tuple(part.new_empty(len(ids), *part.shape[1:]) for part in block)
        for one, part in zip(whole, block, strict=True):
            one[rows] = part
    return whole


@torch.inference_mode()
def encode_captions(model: Model, captions: Captions) -> Iterator[tuple[Tensor, Encoded]]:
    """Which captions, and these: block by block, captions of like length in one block."""
    device = next(model.parameters()).device
    for columns in _blocks(captions.lengths):
        words, events = captions.rows(columns)
        yield columns, model.encode_captions(words.to(device), events.to(device))


def _blocks(lengths: Tensor) -> list[Tensor]:
    """Rows sorted by length, cut so that captions times the longest stays within WORDS_AT_ONCE."""
    order = lengths.argsort(stable=True)
    blocks, start = [], 0
    for end in range(1, len(order) + 1):
        if end == len(order) or (end + 1 - start) * int(lengths[order[end]]) > WORDS_AT_ONCE:
            blocks.append(order[start:end])
            start = end
    return blocks
