"""SCAN (Lee et al., ECCV 2018): every word looks for its regions, or every region for its words.

With s_ij the cosine of region i and word j, those who ask (words for t2i, regions for i2t) attend to the others:
    s̄_ij = [s_ij]₊ / sqrt(Σ over those who ask of [s_ij]₊²),   α = softmax over those asked of λ1 s̄
    a_j = Σ_i α_ij v_i,   R(e_j, a_j) = cosine of the word and what it attends to
    S = (1/λ2) log Σ_j exp(λ2 R(e_j, a_j))  (LSE)   or   the mean of R  (AVG)
Regions and words are unit vectors: a linear map of r_i, the averaged states of a bidirectional GRU. Hardest negatives.

Computed without any attended vector, as EDAN's: the softmax's normaliser cancels in the cosine, so with
e = exp(λ1 s̄) R = Σ_i e_ij s_ij / sqrt(e_jᵀ G e_j), G the products of the regions. Exact; the normalised s̄ needs weights
of its own for each direction, but a SCAN has only one.

Decided: [x]₊ keeps a tenth of what is below zero, as in the authors' code that gave the published figures (the paper
cuts it off). Regions enter normalised, as for every model here. The published results are often of two models
together: these are single.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gatherset.baselines.edan import (
    Rows,
    normalised,
    normalised_weights,
    products,
    real_rows,
    regions_asking,
    words_asking,
)
from gatherset.baselines.interface import Encoded, Model
from gatherset.baselines.models.word_gru import WordGru

LEAK = 0.1  # of the cosines below zero


@dataclass(frozen=True)
class ScanConfig:
    asks: Literal["words", "regions"] = "words"  # t2i, i2t
    pooling: Literal["lse", "mean"] = "lse"  # LSE, AVG
    sharpness: float = 9.0  # λ1; the authors take 9 for t2i, 4 for i2t
    pool_sharpness: float = 6.0  # λ2; the authors take 6 for t2i, 5 for i2t
    d: int = 1024  # shared dimension
    word_dim: int = 300  # of the word vectors
    dropout: float = 0.0  # on the regions and the word vectors


class Scan(Model):
    """`region_dim` is D of the extractor; `vectors` [V, word_dim] are the word vectors to start from."""

    images_at_once = 16

    def __init__(self, config: ScanConfig, region_dim: int, vectors: Tensor) -> None:
        super().__init__()
        self.config = config
        self.dropout = nn.Dropout(config.dropout)
        self.fc = nn.Linear(region_dim, config.d)
        self.text = WordGru(vectors, config.d, bidirectional=True, dropout=config.dropout)

    def encode_images(self, regions: Tensor) -> Encoded:
        """The fields of `Rows`: v [B, K, d] and what follows from them."""
        return unit_rows(self.fc(self.dropout(normalised(regions.float()))), real_rows(regions))

    def encode_captions(self, words: Tensor, events: Tensor) -> Encoded:
        """The fields of `Rows`: e [C, N, d] and what follows from them."""
        states, mask, _ = self.text(words)
        return unit_rows(states, mask)

    def shortened(self, captions: Encoded, n: int) -> Encoded:
        unit, length, gram, real = captions
        return unit[:, :n], length[:, :n], gram[:, :n, :n], real[:, :n]

    @property
    def multiplies_regions(self) -> bool:
        """Yes."""
        return True

    def halved(self, images: Encoded) -> Encoded:
        """With the regions in bfloat16, see `products`."""
        return images[0].bfloat16(), *images[1:]

    def score(self, images: Encoded, captions: Encoded) -> tuple[Tensor, Tensor]:
        """S [B, C]."""
        V, T = Rows(*images), Rows(*captions)
        words_ask = self.config.asks == "words"
        e, es = weights(V.unit, T.unit, self.config.sharpness, words_ask)
        R = words_asking(e, es, V) if words_ask else regions_asking(e, es, T)
        mask = (T.real[None] if words_ask else V.real[:, None]).expand(R.shape)
        if self.config.pooling == "lse":
            sharpness = self.config.pool_sharpness
            S = (sharpness * R).masked_fill(~mask, -torch.inf).logsumexp(-1) / sharpness
        else:
            S = R.masked_fill(~mask, 0).sum(-1) / mask.sum(-1)
        return S, S


def unit_rows(rows: Tensor, real: Tensor) -> Encoded:
    """Rows [n, m, d] of length one, zeros for padding, as the fields of `Rows`."""
    unit = F.normalize(rows, dim=-1) * real[..., None]
    return unit, real.to(unit.dtype), unit @ unit.transpose(1, 2), real


def weights(v: Tensor, t: Tensor, sharpness: float, words_ask: bool) -> tuple[Tensor, Tensor]:
    """exp(λ1 s̄) and that times s, each [C, N, B, K], of unit regions v [B, K, d] and unit words t [C, N, d]."""
    (B, K, d), (C, N, _) = v.shape, t.shape
    s = products(t.reshape(C * N, d), v.reshape(B * K, d)).view(C, N, B, K)
    e = normalised_weights(s, sharpness, 1 if words_ask else 3, LEAK)
    return e, e * s
