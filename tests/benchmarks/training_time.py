"""Pairs a second in training, encoders excluded, beside SCAN written from its paper (Lee et al., 2018).

Batches of 64 pairs, d = 1024, K = 36, captions of 6 to 20 words, float32: the similarities of all pairs in both
directions, the triplet loss with hardest negatives, and the backward pass to words and regions. SCAN goes caption by
caption, with the cosine attention, clipping and normalising of its Eq. 1 to 8 and its LogSumExp pooling.

Run it: OMP_NUM_THREADS=2 nice -n 19 python tests/benchmarks/training_time.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from gatherset.baselines.edan import Edan, EdanConfig
from gatherset.baselines.losses import triplet_losses
from gatherset.baselines.step import local_similarities

PAIRS, K, D = 64, 36, 1024
ROUNDS = 5
LAMBDA = 9.0


def scan_similarity(queries: Tensor, context: Tensor) -> Tensor:
    """How well contexts [B, m, d] answer the queries [B, n, d] of one caption or image with each, [B]."""
    s = F.leaky_relu(F.normalize(context, dim=-1) @ F.normalize(queries, dim=-1).transpose(1, 2), 0.1)
    attention = (LAMBDA * F.normalize(s, dim=-1)).softmax(1).transpose(1, 2)  # [B, n, m]
    similarity = F.cosine_similarity(queries, attention @ context, dim=-1)
    return (6 * similarity).logsumexp(-1) / 6


def scan(V: Tensor, T: Tensor, lengths: list[int]) -> tuple[Tensor, Tensor]:
    """Both directions of all pairs, [B, B] each."""
    t2i, i2t = [], []
    for words, length in zip(T, lengths, strict=True):
        caption = words[:length].expand(len(V), -1, -1)
        t2i.append(scan_similarity(caption, V))
        i2t.append(scan_similarity(V, caption))
    return torch.stack(t2i, 1), torch.stack(i2t, 1)


def step(compare: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], V: Tensor, T: Tensor) -> float:
    """Pairs a second of one step."""
    V, T = V.clone().requires_grad_(), T.clone().requires_grad_()
    started = time.perf_counter()
    S_TI, S_IT = compare(V, T)
    image = torch.arange(PAIRS)
    loss = triplet_losses(S_TI, image, 0.2)[1] + triplet_losses(S_IT, image, 0.2)[1]
    loss.backward()  # type: ignore[no-untyped-call]
    return PAIRS / (time.perf_counter() - started)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = Edan(EdanConfig(d=D, layers=1), 8, torch.zeros(2, 300))
    lengths = sorted(torch.randint(6, 21, (PAIRS,)).tolist())
    V, T = torch.randn(PAIRS, K, D), torch.randn(PAIRS, max(lengths), D)
    T *= (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None])[..., None]
    rates: dict[str, list[float]] = {"EDAN": [], "SCAN": []}
    for turn in range(ROUNDS + 1):
        ours = step(lambda V, T: local_similarities(model, V, T), V, T)
        theirs = step(lambda V, T: scan(V, T, lengths), V, T)
        if turn:  # the first round warms up
            rates["EDAN"].append(ours)
            rates["SCAN"].append(theirs)
    for name, values in rates.items():
        print(f"{name}: {statistics.median(values):.0f} pairs a second")
    ratio = statistics.median(a / b for a, b in zip(*rates.values(), strict=True))
    print(f"EDAN trains {ratio:.1f} times as many")
