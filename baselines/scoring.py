"""Scores of every image with every caption, block by block, so that memory stays bounded whatever the size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gatherset.baselines.edan import Edan, Rows, final_score
from gatherset.baselines.loader import Captions
from gatherset.dataset.features import FeatureFile

# A block's largest tensors are IMAGES x K x WORDS floats, 2.4 MB at K = 36: small enough for a processor's cache.
IMAGES_AT_ONCE = 32
WORDS_AT_ONCE = 512  # padding included

Scores = NDArray[np.float32]


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
    v_glo, V = encode_images(model, features, ids)
    result = compare(model, v_glo, V, captions)
    model.train(training)
    return result


def compare(model: Edan, v_glo: Tensor, V: Rows, captions: Captions) -> Similarities:
    """The similarities of encoded images, v_glo [n, d] and their regions, with `captions`."""
    result = Similarities(*(torch.zeros(len(v_glo), len(captions)) for _ in range(3)))
    for rows, columns, sim, S_TI, S_IT in _compared(model, v_glo, V, captions):
        result.sim[rows, columns], result.S_TI[rows, columns], result.S_IT[rows, columns] = sim, S_TI, S_IT
    return result


@torch.inference_mode()
def all_scores(
    model: Edan, features: FeatureFile, ids: Sequence[str], captions: Captions, theta: float
) -> tuple[Scores, Scores]:
    """Eq. 16 for all pairs, for image to text and for text to image, [images, captions] each.

    What `all_similarities(…).final(theta)` gives, in less than half of its memory: two numbers a pair are kept.
    """
    training = model.training
    model.eval()
    v_glo, V = encode_images(model, features, ids)
    i2t, t2i = torch.empty(len(ids), len(captions)), torch.empty(len(ids), len(captions))
    for rows, columns, sim, S_TI, S_IT in _compared(model, v_glo, V, captions):
        i2t[rows, columns], t2i[rows, columns] = final_score(sim, S_IT, theta), final_score(sim, S_TI, theta)
    model.train(training)
    return i2t.numpy(), t2i.numpy()


def _compared(
    model: Edan, v_glo: Tensor, V: Rows, captions: Captions
) -> Iterator[tuple[slice, Tensor, Tensor, Tensor, Tensor]]:
    """Block by block: the rows, the columns, and sim(I, T), S(T, I) and S(I, T) of these, on the processor.

    A similarity that the model has no use for is zero.
    """
    device = v_glo.device
    for columns in _blocks(captions.lengths):
        words, events = captions.rows(columns)
        t_glo, told, _ = model.encode_captions(words.to(device), events.to(device))
        T = Rows.of(told)
        for rows in _slices(len(v_glo)):
            sim = S_TI = S_IT = torch.zeros(())
            if model.config.alignment != "local":
                sim = model.global_similarity(v_glo[rows], t_glo)
            if model.config.alignment != "global":
                S_TI, S_IT = model.local_similarity(V[rows], T)
            yield rows, columns, sim.cpu(), S_TI.cpu(), S_IT.cpu()


@torch.inference_mode()
def encode_images(model: Edan, features: FeatureFile, ids: Sequence[str]) -> tuple[Tensor, Rows]:
    """v_glo [n, d] and the regions of n images."""
    globals_, blocks = [], []
    for block in _slices(len(ids)):
        v_glo, V = model.encode_images(torch.from_numpy(features.regions(ids[block])).to(model.theta.device))
        globals_.append(v_glo)
        blocks.append(Rows.of(V))
    return torch.cat(globals_), Rows.joined(blocks)


def _slices(n: int) -> list[slice]:
    return [slice(start, min(start + IMAGES_AT_ONCE, n)) for start in range(0, n, IMAGES_AT_ONCE)]


def _blocks(lengths: Tensor) -> list[Tensor]:
    """Rows sorted by length, cut so that captions times the longest stays within WORDS_AT_ONCE."""
    order = lengths.argsort(stable=True)
    blocks, start = [], 0
    for end in range(1, len(order) + 1):
        if end == len(order) or (end + 1 - start) * int(lengths[order[end]]) > WORDS_AT_ONCE:
            blocks.append(order[start:end])
            start = end
    return blocks
