"""Scoring 1,000 x 5,000 pairs and training pairs a second, for each model, beside a plain loop over the same equations.

d = 1024, K = 36, 16 words, random vectors and weights, float32. The plain loop goes caption by caption against 128
images at a time, as the public code of SCAN does: it expands the caption, makes every attended vector, and compares.
(VSE++ and VSE-infinity make one vector of each image and caption; there all captions are scored, image by image in the
loop of VSE++, by one product in that of VSE-infinity, as their public code has it.)
The fast way, the loop and the bare product of all words and regions are timed in turns on a share of the captions, in
seconds of processor time (so that what else the machine does counts less), and the times are scaled to 5,000 captions;
figures are medians over the rounds. A part of the loop's time is the system's, which finds it memory for each vector;
how large a part depends on the machine's mood, so it stands beside it. Encoders are excluded from scoring and included
in training. EDAN's are in scoring_time.py and training_time.py.

Run it: OMP_NUM_THREADS=1 nice -n 19 python tests/benchmarks/peers_time.py [--rounds 3] [--only scoring]
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from gatherset.baselines.budgets import PUBLISHED, entries
from gatherset.baselines.interface import Encoded, cut
from gatherset.baselines.losses import triplet_losses
from gatherset.baselines.models import build
from gatherset.baselines.models.hslm import Hslm
from gatherset.baselines.models.saf import Saf
from gatherset.baselines.models.scan import Scan
from gatherset.baselines.peer_step import PeerStep
from gatherset.baselines.scoring import score_all

IMAGES, CAPTIONS, K, WORDS, DIM = 1000, 5000, 36, 16, 1280
LOOPED = 2  # captions a round of the loop
Loop = Callable[[Any, Encoded, Encoded], Tensor]
BY_THE_CLOCK = False
SHARD = 128  # images that the public code of SCAN scores together


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
    """As the public code of VSE++ has it: image after image with all captions."""
    return torch.stack([image @ captions[0].T for image in images[0]])


def one_product(model: Any, images: Encoded, captions: Encoded) -> Tensor:
    """As the public code of VSE-infinity has it."""
    return images[0] @ captions[0].T


LOOPS: dict[str, Loop] = {
    "scan": loop_scan,
    "saf": loop_saf,
    "hslm": loop_hslm,
    "vse++": loop_cosine,
    "vse-infinity": one_product,
}


@dataclass(frozen=True)
class Spent:
    """Processor seconds; with --clock those of the clock, as `own`."""

    own: float
    system: float  # nearly all of it finds memory

    @property
    def total(self) -> float:
        return self.own + self.system


def spent(call: Callable[[], object], times: float = 1) -> Spent:
    """What `call` takes, so many times."""
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    call()
    after, taken = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - started
    if BY_THE_CLOCK:
        return Spent(taken * times, 0.0)
    return Spent((after.ru_utime - before.ru_utime) * times, (after.ru_stime - before.ru_stime) * times)


def words_of(lengths: Tensor) -> Tensor:
    longest = int(lengths.max())
    return torch.randint(2, 3000, (len(lengths), longest)) * (torch.arange(longest) < lengths[:, None])


def scoring(name: str, model: Any, loop: Loop, rounds: int, share: int, half: bool) -> str:
    """One line: seconds of 1,000 x 5,000 here, of the loop and of the bare product, and what follows from them."""
    words, events = words_of(torch.full((share,), WORDS)), torch.zeros(share, dtype=torch.long)
    with torch.inference_mode():
        starts = range(0, IMAGES, 50)
        parts = [model.encode_images(torch.rand(min(50, IMAGES - start), K, DIM)) for start in starts]
        images = tuple(torch.cat(tensors) for tensors in zip(*parts, strict=True))
        captions = model.encode_captions(words, events)
        few = cut(captions, slice(0, LOOPED))
        images_here = model.halved(images) if half else images
        product = bare_product(model.config.d, share)
        turns = []
        for _ in range(rounds + 1):
            columns = iter([(torch.arange(share), captions)])
            here = spent(lambda columns=columns: score_all(model, images_here, columns, share), CAPTIONS / share)  # type: ignore[misc]
            turns.append(
                (
                    here,
                    spent(lambda: looped(loop, model, images, few), CAPTIONS / LOOPED),
                    spent(product, CAPTIONS / share),
                )
            )
        found = score_all(model, images_here, iter([(torch.arange(LOOPED), few)]), LOOPED)[0]
        difference = abs(found - looped(loop, model, images, few).numpy()).max()
    return as_line(name, turns, difference)


def cosines(name: str, model: Any, loop: Loop, rounds: int) -> str:
    """One line as `scoring` gives it, of models that make one vector of each: all captions, in blocks as encoded."""
    with torch.inference_mode():
        v, t = (F.normalize(torch.randn(count, model.config.d), dim=-1) for count in (IMAGES, CAPTIONS))
        blocks = [(columns, (t[columns],)) for columns in torch.split(torch.arange(CAPTIONS), 32)]
        turns = [
            (
                spent(lambda: score_all(model, (v,), iter(blocks), CAPTIONS)),
                spent(lambda: loop(model, (v,), (t,))),
                spent(lambda: v @ t.T),
            )
            for _ in range(rounds + 1)
        ]
        difference = abs(score_all(model, (v,), iter(blocks), CAPTIONS)[0] - loop(model, (v,), (t,)).numpy()).max()
    return as_line(name, turns, difference)


def as_line(name: str, turns: list[tuple[Spent, Spent, Spent]], difference: float) -> str:
    median = statistics.median
    fast, plain, bare = zip(*turns[1:], strict=True)  # the first round warms up
    ratio = median(other.total / one.total for one, other in zip(fast, plain, strict=True))
    of_system = median(other.system / other.total for other in plain)
    values = f"{median(one.total for one in fast):>9.2f}{median(other.total for other in plain):>9.2f}{ratio:>7.1f}"
    return f"{name:<14}{values}{of_system:>9.0%}{median(one.total for one in bare):>9.2f}   {difference:.0e}"


def looped(loop: Loop, model: Any, images: Encoded, captions: Encoded) -> Tensor:
    """The scores of all images, `SHARD` at a time."""
    starts = range(0, len(images[0]), SHARD)
    return torch.cat([loop(model, cut(images, slice(start, start + SHARD)), captions) for start in starts])


def bare_product(d: int, captions: int) -> Callable[[], object]:
    """The cosines of all words and regions alone, which SCAN and SAF cannot do without, in blocks that suit BLAS."""
    regions, words = torch.randn(IMAGES * K, d), torch.randn(captions * WORDS, d)
    parts = torch.split(regions, 32 * K)
    return lambda: [words @ part.T for part in parts]


def training(name: str, entry: Any, loop: Loop, pairs: int, few: int, rounds: int) -> str:
    """One line: pairs a second here in batches of `pairs`, in batches of `few` here and by the loop, ratio."""
    step = PeerStep(build(entry.shape, DIM, 0.1 * torch.randn(3000, 300)), entry.settings)

    def batch(size: int) -> tuple[Tensor, ...]:
        words = words_of(torch.randint(6, 21, (size,)).sort().values)
        return torch.rand(size, K, DIM), words, torch.zeros(size, dtype=torch.long), torch.arange(size)

    def fast(batch: tuple[Tensor, ...]) -> None:
        step.zero_grad()
        step(*batch, True)[1].backward()

    def plain(shown: Tensor, words: Tensor, events: Tensor, image: Tensor) -> None:
        step.zero_grad()
        scores = loop(step.model, step.model.encode_images(shown), step.model.encode_captions(words, events))
        triplet_losses(scores, image, 0.2)[1].backward()  # type: ignore[no-untyped-call]

    many, less = batch(pairs), batch(few)
    turns = [
        (
            pairs / spent(lambda: fast(many)).total,
            few / spent(lambda: fast(less)).total,
            few / spent(lambda: plain(*less)).total,
        )
        for _ in range(rounds + 1)
    ]
    most, ours, theirs = zip(*turns[1:], strict=True)
    ratio = statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
    median = statistics.median
    return f"{name:<14}{median(most):>9.1f}{median(ours):>9.1f}{median(theirs):>9.1f}{ratio:>7.1f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--d", type=int, default=1024)
    parser.add_argument("--captions", type=int, default=32, help="of the fast way, a round")
    parser.add_argument("--pairs", type=int, default=128, help="in a batch of training")
    parser.add_argument("--loop-pairs", type=int, default=32, help="where the loop is beside; 128 take it many GB")
    parser.add_argument("--models", nargs="*", default=list(PUBLISHED))
    parser.add_argument("--only", choices=["scoring", "training"])
    parser.add_argument("--half", action="store_true", help="score in bfloat16 here, which only SCAN can")
    parser.add_argument(
        "--clock", action="store_true", help="seconds by the clock, for several threads on an idle machine"
    )
    arguments = parser.parse_args()
    BY_THE_CLOCK = arguments.clock
    torch.manual_seed(0)
    chosen = [
        (
            replace(entry, shape=replace(entry.shape, d=arguments.d)),
            LOOPS.get(entry.method) or LOOPS[entry.method.split("-")[0]],
        )
        for entry in entries(arguments.models, "paper", labelled=False)
    ]
    if arguments.only != "training":
        print(
            "seconds of 1,000 x 5,000; the system's share of the loop; seconds of the bare product; largest difference"
        )
        print(f"{'':<14}{'here':>9}{'loop':>9}{'times':>7}{'system':>9}{'bare':>9}", flush=True)
        for entry, loop in chosen:
            model = build(entry.shape, DIM, 0.1 * torch.randn(3000, 300)).eval()
            if model.captions_at_once > 1:
                line = cosines(entry.method, model, loop, arguments.rounds)
            else:
                line = scoring(entry.method, model, loop, arguments.rounds, arguments.captions, arguments.half)
            print(line, flush=True)
    if arguments.only != "scoring":
        print(f"pairs a second in batches of {arguments.pairs}, and of {arguments.loop_pairs}")
        print(f"{'':<14}{'here':>9}{'here':>9}{'loop':>9}{'times':>7}", flush=True)
        for entry, loop in chosen:
            print(
                training(entry.method, entry, loop, arguments.pairs, arguments.loop_pairs, arguments.rounds), flush=True
            )
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")
