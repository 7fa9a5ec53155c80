"""HSLM (Zeng et al., ICMR 2022): graph layers within image and caption, regions guided by words.

Words: E_f = (E_K E_Q / M) E_V, self-attention without a softmax  (Eq. 2 to 6)
Four graph layers over the regions and over the words:  X ← W_h (A X W_m) + X,  A_ij ∝ e^(μ(x_i)·ν(x_j))  (Eq. 7 to 11)
Then a bidirectional GRU over the words, its states averaged: t_1 … t_M  (Eq. 12 to 14)
Word-guided regions: u_j = Σ_i σ(t_j·r_i) r_i  (Eq. 15, 16)
S(x, y) = W |x - y|² / |W |x - y|²|; S_L = S(t_j, u_j) of each word, S_G = S(t̂, û)  (Eq. 17 to 19)
score = FC of the mean of σ(W_S s) ⊙ s over s in S_L ∥ S_G  (Eq. 20 to 22)
Hardest negatives (Eq. 23).

Decided, for the paper does not say: each row of A sums to one, by a softmax. The paper builds its graph "following"
VSRN, whose text normalises the relations by row; its code divides them by the number of rows and has a batch norm
behind W_h instead. Taken as printed, a layer multiplies three rows with each other, and four layers are of degree 81:
rows of 8 became rows of 1e19, whose squares are no float32. With shares a layer adds to a row no more than |W_h W_m|
times the longest. W_h begins at zero, as that batch norm does, so that a graph layer begins as the identity. Eq. 15
has a region for every pair of a word and a region, Eq. 18 one vector a word: their sum over the regions, of length
one, as are the t_j (SGRAF does so, and an unbounded sum of 36 regions would drown the word). t̂ is the sum of the
words by attention to their mean, softmax(t̄·t_j / √d); û likewise over u_1 … u_M. W_S is square; S_L ∥ S_G is a
sequence of M + 1 vectors as in SGRAF, and FC sees their mean. One W for S_L and S_G, as in Eq. 17. Regions enter
normalised, as for every model here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gatherset.baselines.edan import normalised, real_rows
from gatherset.baselines.interface import Encoded, Model
from gatherset.baselines.models.saf import similarity_vectors
from gatherset.baselines.models.word_gru import over_words, run_over
from gatherset.baselines.words import PADDING


@dataclass(frozen=True)
class HslmConfig:
    d: int = 1024  # d_1, shared dimension
    word_dim: int = 300  # d_2, of the word vectors
    layers: int = 4  # graph layers, of regions and of words
    similarity_dim: int = 256  # numbers of a similarity vector (not in the paper; SGRAF's)
    dropout: float = 0.0  # on the regions and the word vectors (not in the paper)


class GraphLayer(nn.Module):
    """Eq. 7 to 9."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mu, self.nu = nn.Linear(width, width), nn.Linear(width, width)
        self.W_m, self.W_h = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        nn.init.zeros_(self.W_h.weight)

    def forward(self, X: Tensor, mask: Tensor) -> Tensor:
        """X [n, m, width] with zeros where `mask` [n, m] is False -> the same."""
        relations = self.mu(X) @ self.nu(X).transpose(1, 2)  # [n, m, m]
        A = relations.masked_fill(~mask[:, None], -torch.inf).softmax(-1)
        X = self.W_h(A @ self.W_m(X)) + X
        return X * mask[..., None]


class Hslm(Model):
    """`region_dim` is D of the extractor; `vectors` [V, word_dim] are the word vectors to start from."""

    images_at_once = 8
    vectors_of_pairs = True

    def __init__(self, config: HslmConfig, region_dim: int, vectors: Tensor) -> None:
        super().__init__()
        self.config = config
        d, words = config.d, vectors.shape[1]
        self.dropout = nn.Dropout(config.dropout)
        self.fc = nn.Linear(region_dim, d)
        self.region_graph = nn.ModuleList(GraphLayer(d) for _ in range(config.layers))
        self.word2vec = nn.Embedding(len(vectors), words, PADDING, _weight=vectors.clone())
        self.W_K, self.W_Q, self.W_V = (nn.Linear(words, words, bias=False) for _ in range(3))
        self.word_graph = nn.ModuleList(GraphLayer(words) for _ in range(config.layers))
        self.gru = over_words(words, d, bidirectional=True)
        self.W = nn.Linear(d, config.similarity_dim, bias=False)
        self.W_S = nn.Linear(config.similarity_dim, config.similarity_dim)
        self.to_score = nn.Linear(config.similarity_dim, 1)

    def encode_images(self, regions: Tensor) -> Encoded:
        """R* [B, K, d], Eq. 1 and 7 to 10."""
        real = real_rows(regions)
        R = self.dropout(self.fc(normalised(regions.float()))) * real[..., None]
        for layer in self.region_graph:
            R = layer(R, real)
        return (R,)

    def encode_captions(self, words: Tensor, events: Tensor) -> Encoded:
        """t̂ [C, d] and t [C, M, d], both of length one, and mask [C, M]; Eq. 2 to 6 and 11 to 14."""
        mask = words != PADDING
        E = self.dropout(self.word2vec(words))
        A = self.W_K(E) @ self.W_Q(E).transpose(1, 2) / mask.sum(1)[:, None, None]
        E = (A @ self.W_V(E)) * mask[..., None]  # the vector of padding is zero, so it adds nothing
        for layer in self.word_graph:
            E = layer(E, mask)
        states, _ = run_over(self.gru, E, mask)
        t = F.normalize(states, dim=-1)
        return to_mean(t, mask), t, mask

    def shortened(self, captions: Encoded, n: int) -> Encoded:
        t_hat, t, mask = captions
        return t_hat, t[:, :n], mask[:, :n]

    def score(self, images: Encoded, captions: Encoded) -> tuple[Tensor, Tensor]:
        """S_F [B, C], Eq. 15 to 22."""
        (R,), (t_hat, t, mask) = images, captions
        (B, _, d), (C, M, _) = R.shape, t.shape
        gate = torch.sigmoid(R @ t.reshape(C * M, d).T)  # [B, K, C M]
        u = F.normalize(gate.transpose(1, 2) @ R, dim=-1).view(B, C, M, d)
        u_hat = to_mean(u, mask[None].expand(B, -1, -1))  # [B, C, d]
        s = torch.cat(
            [similarity_vectors(t[None], u, self.W), similarity_vectors(t_hat[None], u_hat, self.W)[:, :, None]], 2
        )  # [B, C, M + 1, S]
        enhanced = torch.sigmoid(self.W_S(s)) * s * F.pad(mask, (0, 1), value=True)[None, ..., None]
        score = self.to_score(enhanced.sum(2) / (mask.sum(1) + 1)[None, :, None]).squeeze(-1)
        return score, score


def to_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Rows [..., m, d] -> their sum by attention to their mean, of length one, [..., d]; `mask` [..., m]."""
    mean = (x * mask[..., None]).sum(-2) / mask.sum(-1, keepdim=True)
    scores = (x @ mean[..., None]).squeeze(-1) / math.sqrt(x.shape[-1])
    share = scores.masked_fill(~mask, -torch.inf).softmax(-1)
    return F.normalize((share[..., None, :] @ x).squeeze(-2), dim=-1)
