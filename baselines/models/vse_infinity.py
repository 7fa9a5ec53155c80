"""VSE-infinity (Chen et al., CVPR 2021): one vector an image, one a caption, by a pooling that is learned.

Generalised pooling (GPO): of n vectors x_1 … x_n, each of the d numbers is sorted by itself, the largest
first, and weighted by its place k alone:
    v_i = Σ_k θ_k max_k({x_ji})_j,   θ = softmax_k(w · BiGRU(p_1 … p_n)_k / 0.1),
p_k being the sines and cosines of place k. Mean pooling (θ_k = 1/n) and max pooling (θ = 1, 0, …) are cases of it.
Images: x_j = W r_j + MLP(r_j); captions: x_j the averaged states of a bidirectional GRU. s = cosine; hardest
negatives. Training leaves out a fifth of the regions and of the words, anew each time.

Decided: the MLP has one hidden layer of d/2, as in the authors' code; so has the divisor 0.1. A word that is left out
becomes the unknown word, where that code also deletes some or puts another in its place. Regions enter normalised, as
for every model here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gatherset.baselines.edan import normalised, real_rows, some_regions
from gatherset.baselines.interface import Encoded, Model
from gatherset.baselines.models.word_gru import WordGru, dropped, over_words, run_over
from gatherset.baselines.words import UNKNOWN

SHARPNESS = 0.1  # what the place scores are divided by
LOWEST = -1e4  # of what is padding: sorted to the end


@dataclass(frozen=True)
class VseInfinityConfig:
    d: int = 1024  # shared dimension
    word_dim: int = 300  # of the word vectors
    place_dim: int = 32  # of the place vectors p_k and of the GRU over them
    region_dropout: float = 0.2  # share of an image's regions that training leaves out
    word_dropout: float = 0.2  # likewise for the words of a caption
    dropout: float = 0.0  # on the word vectors


class GeneralisedPooling(nn.Module):
    """GPO: the sorted numbers, each weighted by its place."""

    def __init__(self, place_dim: int) -> None:
        super().__init__()
        self.place_dim = place_dim
        self.gru = over_words(place_dim, place_dim, bidirectional=True)
        self.w = nn.Linear(place_dim, 1, bias=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x [n, m, d], mask [n, m] (True: not padding) -> [n, d]."""
        theta = self.weights(mask)
        largest_first = x.masked_fill(~mask[..., None], LOWEST).sort(1, descending=True).values
        return (largest_first * theta[..., None]).sum(1)

    def weights(self, mask: Tensor) -> Tensor:
        """θ [n, m] of the places, zero beyond the number of True in each row of `mask`."""
        counts, row = torch.unique(mask.sum(1), return_inverse=True)  # rows of one length share their weights
        places = torch.arange(mask.shape[1], device=mask.device) < counts[:, None]
        vectors = place_vectors(mask.shape[1], self.place_dim).to(mask.device).expand(len(counts), -1, -1)
        states, _ = run_over(self.gru, vectors, places)
        scores = self.w(states).squeeze(-1) / SHARPNESS
        theta: Tensor = scores.masked_fill(~places, -torch.inf).softmax(-1)[row]
        return theta


def place_vectors(m: int, dim: int) -> Tensor:
    """p_1 … p_m, [m, dim]: sines of the even, cosines of the odd numbers, from 0."""
    rate = torch.exp(torch.arange(0, dim, 2) * (-math.log(10_000.0) / dim))
    angle = torch.arange(m)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], -1).reshape(m, dim)


class VseInfinity(Model):
    """`region_dim` is D of the extractor; `vectors` [V, word_dim] are the word vectors to start from."""

    images_at_once = captions_at_once = 1024

    def __init__(self, config: VseInfinityConfig, region_dim: int, vectors: Tensor) -> None:
        super().__init__()
        self.config = config
        d = config.d
        self.fc = nn.Linear(region_dim, d)
        self.mlp = nn.Sequential(nn.Linear(region_dim, d // 2), nn.ReLU(), nn.Linear(d // 2, d))
        self.text = WordGru(vectors, d, bidirectional=True, dropout=config.dropout)
        self.pool_regions = GeneralisedPooling(config.place_dim)
        self.pool_words = GeneralisedPooling(config.place_dim)

    def encode_images(self, regions: Tensor) -> Encoded:
        """v [B, d]."""
        if self.training and self.config.region_dropout:
            regions = some_regions(regions, 1 - self.config.region_dropout)
        regions = regions.float()
        r = normalised(regions)
        return (F.normalize(self.pool_regions(self.fc(r) + self.mlp(r), real_rows(regions)), dim=-1),)

    def encode_captions(self, words: Tensor, events: Tensor) -> Encoded:
        """t [C, d]."""
        if self.training and self.config.word_dropout:
            words = dropped(words, self.config.word_dropout, UNKNOWN)
        states, mask, _ = self.text(words)
        return (F.normalize(self.pool_words(states, mask), dim=-1),)

    def score(self, images: Encoded, captions: Encoded) -> tuple[Tensor, Tensor]:
        """s(i, c) [B, C]."""
        s = images[0] @ captions[0].T
        return s, s
