"""SGRAF-SAF (Diao et al., AAAI 2021): similarity vectors of all words, of which attention keeps those that matter.

Each word t_j attends to the regions as in SCAN, to u_j of length one. Instead of a cosine each pair has a vector:
    s(x, y) = W |x - y|² / |W |x - y|²|,  256 numbers
    s_j^l = s(t_j, u_j) with W_l for the words,  s^g = s(v̂, t̂) with W_g for image and caption
    v̂, t̂: regions, words summed by attention to their mean
    β = σ(w·s) normalised to sum to one over s^g, s_1^l … s_N^l;  score = σ(FC(Σ β s / |Σ β s|))
Hardest negatives.

Decided: the attention to the mean is that of the authors' code: softmax_j of w·(tanh(A x_j) ⊙ tanh(B x̄)). That code
has batch norms, two on the way to v̂ and one in β; those behind a linear layer are, once trained, part of it, so they
are left out here (as is the other one on the way to v̂, over the 36 places of regions, which a grid of cells has and
a detector has not). Regions enter normalised, as for every model here. SGRAF is the sum of this and of SGR, which
reasons over the same vectors and is not here.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gatherset.baselines.edan import normalised, real_rows
from gatherset.baselines.interface import Encoded, Model
from gatherset.baselines.models.scan import weights
from gatherset.baselines.models.word_gru import WordGru


@dataclass(frozen=True)
class SafConfig:
    d: int = 1024  # shared dimension
    similarity_dim: int = 256  # numbers of a similarity vector
    sharpness: float = 9.0  # λ of the attention to regions
    word_dim: int = 300  # of the word vectors
    dropout: float = 0.4  # on the word vectors and within the attention to the mean


class AttentionToMean(nn.Module):
    """Rows [n, m, d] -> their sum by attention to their mean, of length one, [n, d]."""

    def __init__(self, d: int, dropout: float) -> None:
        super().__init__()
        self.A, self.B, self.w = nn.Linear(d, d), nn.Linear(d, d), nn.Linear(d, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        mean = (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        common = self.dropout(self.A(x).tanh()) * self.dropout(self.B(mean).tanh())[:, None]
        share = self.w(common).squeeze(-1).masked_fill(~mask, -torch.inf).softmax(-1)  # [n, m]
        return F.normalize((share[..., None] * x).sum(1), dim=-1)


class Saf(Model):
    """`region_dim` is D of the extractor; `vectors` [V, word_dim] are the word vectors to start from."""

    images_at_once = 8
    vectors_of_pairs = True

    def __init__(self, config: SafConfig, region_dim: int, vectors: Tensor) -> None:
        super().__init__()
        self.config = config
        d = config.d
        self.fc = nn.Linear(region_dim, d)
        self.text = WordGru(vectors, d, bidirectional=True, dropout=config.dropout)
        self.to_v, self.to_t = AttentionToMean(d, config.dropout), AttentionToMean(d, config.dropout)
        self.W_g, self.W_l = nn.Linear(d, config.similarity_dim), nn.Linear(d, config.similarity_dim)
        self.w = nn.Linear(config.similarity_dim, 1)
        self.to_score = nn.Linear(config.similarity_dim, 1)

    def encode_images(self, regions: Tensor) -> Encoded:
        """v̂ [B, d], v [B, K, d]."""
        real = real_rows(regions)
        v = F.normalize(self.fc(normalised(regions.float())), dim=-1) * real[..., None]
        return self.to_v(v, real), v

    def encode_captions(self, words: Tensor, events: Tensor) -> Encoded:
        """t̂ [C, d], t [C, N, d], mask [C, N]."""
        states, mask, _ = self.text(words)
        t = F.normalize(states, dim=-1)
        return self.to_t(t, mask), t, mask

    def shortened(self, captions: Encoded, n: int) -> Encoded:
        t_hat, t, mask = captions
        return t_hat, t[:, :n], mask[:, :n]

    def score(self, images: Encoded, captions: Encoded) -> tuple[Tensor, Tensor]:
        """The score [B, C]."""
        (v_hat, v), (t_hat, t, mask) = images, captions
        e, _ = weights(v, t, self.config.sharpness, words_ask=True)
        s_g = similarity_vectors(v_hat[:, None], t_hat[None], self.W_g)  # [B, C, S]
        s_l = similarity_vectors(attended(e, v), t[None], self.W_l)  # [B, C, N, S]
        s = torch.cat([s_g[:, :, None], s_l], 2)
        beta = torch.sigmoid(self.w(s)).squeeze(-1) * F.pad(mask, (1, 0), value=True)  # [B, C, 1 + N]
        kept = F.normalize((beta[:, :, None] @ s).squeeze(2), dim=-1)  # β's own sum cancels here
        score = torch.sigmoid(self.to_score(kept)).squeeze(-1)
        return score, score


def attended(e: Tensor, v: Tensor) -> Tensor:
    """Σ_i e_ij v_i of length one, [B, C, N, d], of weights e [C, N, B, K], whose sum cancels, and v [B, K, d]."""
    C, N, B, K = e.shape
    return F.normalize(e.view(C * N, B, K).transpose(0, 1) @ v, dim=-1).view(B, C, N, -1)


def similarity_vectors(x: Tensor, y: Tensor, W: nn.Linear) -> Tensor:
    """s(x, y) of vectors x and y of shapes that fit each other [..., d] -> [..., S]."""
    return F.normalize(W((x - y).square()), dim=-1)
