"""What several of the slow references share, one image or one caption at a time."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def rooted(region: Tensor) -> Tensor:
    """The region as every model takes it: signed roots, of length sqrt(D)."""
    roots = torch.stack([x.sign() * abs(x) ** 0.5 for x in region])
    return roots / roots.norm() * len(region) ** 0.5


def unit(vector: Tensor) -> Tensor:
    return vector / vector.norm()


def both_ways(gru: nn.GRU, vectors: Tensor) -> Tensor:
    """The averaged states [n, d] of a bidirectional GRU over the vectors [n, w] of one caption."""
    states = gru(vectors[None])[0][0]
    d = gru.hidden_size
    return torch.stack([(state[:d] + state[d:]) / 2 for state in states])


def softmax(values: list[Tensor]) -> list[Tensor]:
    powers = [value.exp() for value in values]
    return [power / sum(powers) for power in powers]


def total(vectors: list[Tensor]) -> Tensor:
    return torch.stack(vectors).sum(0)
