"""Scoring 1,000 x 5,000 pairs and training pairs a second, for each model, beside a plain loop over the same equations.

d = 1024, K = 36, 16 words, random vectors and weights, float32. The plain loop goes caption by caption against all
images, as the public code of SCAN and SGRAF does: it expands the caption, makes every attended vector, and compares.
The fast way and the loop are timed in turns on a share of the captions, in seconds of processor time (so that what
else the machine does counts little), and the times are scaled to 5,000 captions; figures are medians over the rounds.
Encoders are excluded from scoring and included in training. EDAN's are in scoring_time.py and training_time.py.

Run it: OMP_NUM_THREADS=1 nice -n 19 python tests/benchmarks/peers_time.py [--rounds 3] [--pairs 32]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from gatherset.baselines.budgets import PUBLISHED, entries
from gatherset.baselines.interface import Encoded, cut
from gatherset.baselines.losses import triplet_loss
from gatherset.baselines.models import build
from gatherset.baselines.models.hslm import Hslm
from gatherset.baselines.models.saf import Saf
from gatherset.baselines.models.scan import Scan
from gatherset.baselines.peer_step import PeerStep
from gatherset.baselines.scoring import score_all

IMAGES, CAPTIONS, K, WORDS, DIM = 1000, 5000, 36, 16, 1280
LOOPED = 2  # captions a round of the loop


def attended(query: Tensor, context: Tensor, sharpness: float) -> Tensor:
    """What each query [B, n, d] attends to in its context [B, m, d], as the public code has it, [B, n, d]."""
    s = F.leaky_relu(context @ query.transpose(1, 2), 0.1)  # [B, m, n]
    share = (sharpness * F.normalize(s, dim=2)).softmax(1)
    return share.transpose(1, 2) @ context


def loop_scan(model: Scan, images: Encoded, captions: Encoded) -> Tensor:
    columns, config = [], model.config
    for words, real in zip(captions[0], captions[3], strict=True):
        caption = words[real].expand(len(images[0]), -1, -1)
        query, context = (caption, images[0]) if config.asks == "words" else (images[0], caption)
        R = F.cosine_similarity(query, attended(query, context, config.sharpness), dim=-1)
        lse = (config.pool_sharpness * R).logsumexp(1) / config.pool_sharpness
        columns.append(lse if config.pooling == "lse" else R.mean(1))
    return torch.stack(columns, 1)


def loop_saf(model: Saf, images: Encoded, captions: Encoded) -> Tensor:
    columns = []
    for t_hat, words, real in zip(*captions, strict=True):
        caption = words[real].expand(len(images[0]), -1, -1)
        u = F.normalize(attended(caption, images[1], model.config.sharpness), dim=-1)
        s_l = F.normalize(model.W_l((u - caption) ** 2), dim=-1)
        s_g = F.normalize(model.W_g((images[0] - t_hat) ** 2), dim=-1)
        s = torch.cat([s_g[:, None], s_l], 1)
        beta = F.normalize(torch.sigmoid(model.w(s)).squeeze(-1), p=1, dim=1)
        kept = F.normalize((beta[:, None] @ s).squeeze(1), dim=-1)
        columns.append(torch.sigmoid(model.to_score(kept)).squeeze(-1))
    return torch.stack(columns, 1)


def loop_hslm(model: Hslm, images: Encoded, captions: Encoded) -> Tensor:
    columns, d = [], images[0].shape[-1]
    for t_hat, words, real in zip(*captions, strict=True):
        caption = words[real].expand(len(images[0]), -1, -1)
        u = F.normalize(torch.sigmoid(caption @ images[0].transpose(1, 2)) @ images[0], dim=-1)
        share = ((u @ u.mean(1)[..., None]).squeeze(-1) / d**0.5).softmax(1)
        u_hat = F.normalize((share[:, None] @ u).squeeze(1), dim=-1)
        s_l = F.normalize(model.W((caption - u) ** 2), dim=-1)
        s_g = F.normalize(model.W((t_hat - u_hat) ** 2), dim=-1)
        s = torch.cat([s_l, s_g[:, None]], 1)
        columns.append(model.to_score((torch.sigmoid(model.W_S(s)) * s).mean(1)).squeeze(-1))
    return torch.stack(columns, 1)


def loop_cosine(model: Any, images: Encoded, captions: Encoded) -> Tensor:
    return torch.stack([F.cosine_similarity(images[0], caption[None], dim=-1) for caption in captions[0]], 1)


LOOPS: dict[str, Callable[[Any, Encoded, Encoded], Tensor]] = {"scan": loop_scan, "saf": loop_saf, "hslm": loop_hslm}


def seconds(call: Callable[[], object]) -> float:
    started = time.process_time()
    call()
    return time.process_time() - started


def words_of(lengths: Tensor) -> Tensor:
    longest = int(lengths.max())
    return torch.randint(2, 3000, (len(lengths), longest)) * (torch.arange(longest) < lengths[:, None])


def scoring(name: str, model: Any, loop: Callable[[Any, Encoded, Encoded], Tensor], rounds: int, share: int) -> str:
    """One line: seconds of 1,000 x 5,000 both ways, their ratio, the largest difference of a score."""
    words, events = words_of(torch.full((share,), WORDS)), torch.zeros(share, dtype=torch.long)
    with torch.inference_mode():
        starts = range(0, IMAGES, 50)
        parts = [model.encode_images(torch.rand(min(50, IMAGES - start), K, DIM)) for start in starts]
        images = tuple(torch.cat(tensors) for tensors in zip(*parts, strict=True))
        captions = model.encode_captions(words, events)
        few = cut(captions, slice(0, LOOPED))
        fast, plain = [], []
        for turn in range(rounds + 1):
            columns = iter([(torch.arange(share), captions)])
            one = seconds(lambda columns=columns: score_all(model, images, columns, share)) * CAPTIONS / share  # type: ignore[misc]
            other = seconds(lambda: loop(model, images, few)) * CAPTIONS / LOOPED
            if turn:  # the first round warms up
                fast.append(one)
                plain.append(other)
        difference = (
            score_all(model, images, iter([(torch.arange(LOOPED), few)]), LOOPED)[0] - loop(model, images, few).numpy()
        )
    ratio = statistics.median(b / a for a, b in zip(fast, plain, strict=True))
    values = f"{statistics.median(fast):>9.1f}{statistics.median(plain):>9.1f}{ratio:>7.1f}"
    return f"{name:<14}{values}   {abs(difference).max():.0e}"


def bare_product(d: int, captions: int, rounds: int) -> float:
    """Seconds of the cosines of all words and regions alone, which SCAN and SAF cannot do without."""
    regions, words = torch.randn(IMAGES * K, d), torch.randn(captions * WORDS, d)
    times = [seconds(lambda: words @ regions.T) * CAPTIONS / captions for _ in range(rounds + 1)]
    return statistics.median(times[1:])


def training(name: str, entry: Any, loop: Callable[[Any, Encoded, Encoded], Tensor], pairs: int, rounds: int) -> str:
    """One line: pairs a second both ways and their ratio."""
    step = PeerStep(build(entry.shape, DIM, 0.1 * torch.randn(3000, 300)), entry.settings)
    lengths = torch.randint(6, 21, (pairs,)).sort().values
    words, shown = words_of(lengths), torch.rand(pairs, K, DIM)
    events, image = torch.zeros(pairs, dtype=torch.long), torch.arange(pairs)

    def fast() -> None:
        step.zero_grad()
        step(shown, words, events, image, True)[1].backward()

    def plain() -> None:
        step.zero_grad()
        scores = loop(step.model, step.model.encode_images(shown), step.model.encode_captions(words, events))
        triplet_loss(scores, image, 0.2, True).backward()  # type: ignore[no-untyped-call]

    ours, theirs = [], []
    for turn in range(rounds + 1):
        one, other = pairs / seconds(fast), pairs / seconds(plain)
        if turn:
            ours.append(one)
            theirs.append(other)
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    return f"{name:<14}{statistics.median(ours):>9.1f}{statistics.median(theirs):>9.1f}{ratio:>7.1f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--d", type=int, default=1024)
    parser.add_argument("--captions", type=int, default=32, help="of the fast way, a round")
    parser.add_argument("--pairs", type=int, default=32)
    parser.add_argument("--models", nargs="*", default=list(PUBLISHED))
    parser.add_argument("--no-training", action="store_true")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    chosen = [
        (replace(entry, shape=replace(entry.shape, d=arguments.d)), LOOPS.get(entry.method.split("-")[0], loop_cosine))
        for entry in entries(arguments.models, "paper", labelled=False)
    ]
    print(f"seconds of 1,000 x 5,000\n{'':<14}{'here':>9}{'loop':>9}{'times':>7}", flush=True)
    print(f"{'bare product':<14}{bare_product(arguments.d, arguments.captions, arguments.rounds):>9.1f}", flush=True)
    for entry, loop in chosen:
        model = build(entry.shape, DIM, 0.1 * torch.randn(3000, 300)).eval()
        print(scoring(entry.method, model, loop, arguments.rounds, arguments.captions), flush=True)
    if not arguments.no_training:
        print(f"pairs a second, batches of {arguments.pairs}\n{'':<14}{'here':>9}{'loop':>9}{'times':>7}", flush=True)
        for entry, loop in chosen:
            print(training(entry.method, entry, loop, arguments.pairs, arguments.rounds), flush=True)
