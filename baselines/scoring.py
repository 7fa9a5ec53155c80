"""Scores of every image with every caption, block by block, so that memory stays bounded whatever the size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gatherset.baselines.edan import Edan, final_score
from gatherset.baselines.loader import Captions
from gatherset.dataset.features import FeatureFile

IMAGES_AT_ONCE = 64  # images a block
WORDS_AT_ONCE = (
    2048  # words a block, padding included: a block's largest tensor is 64 x K x 2048 floats, 19 MB at K = 36
)

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
    v_glo, V = _encode_images(model, features, ids)
    result = Similarities(*(torch.zeros(len(ids), len(captions)) for _ in range(3)))
    for rows in _blocks(captions.lengths):
        t_glo, T, mask = model.encode_captions(*captions.rows(rows))
        if model.config.alignment != "local":
            for images in _slices(len(ids)):
                result.sim[images, rows] = model.global_similarity(v_glo[images], t_glo)
        if model.config.alignment != "global":
            for images in _slices(len(ids)):
                t2i, i2t = model.local_similarity(V[images], T, mask)
                result.S_TI[images, rows], result.S_IT[images, rows] = t2i, i2t
    model.train(training)
    return result


def _encode_images(model: Edan, features: FeatureFile, ids: Sequence[str]) -> tuple[Tensor, Tensor]:
    """v_glo [n, d] and V̂ [n, K, d]."""
    encoded = [model.encode_images(torch.from_numpy(features.regions(ids[block]))) for block in _slices(len(ids))]
    return torch.cat([v_glo for v_glo, _ in encoded]), torch.cat([V for _, V in encoded])


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
