"""How long EDAN's scores of all pairs take, beside the bare matrix product and a loop over captions as SCAN has it.

1,000 images x 5,000 captions, d = 1024, K = 36, 16 words, random vectors, float32, Eq. 16 with the cosine global part.
The parts are timed in turns, round by round on a share of the captions, so that what else the machine does meets all
of them; the figures are medians over the rounds, times the captions. The loop is SCAN's (Lee et al., 2018), caption by
caption against all images, with the attention of EDAN's Eq. 10 and 11.

Where the processor has bfloat16, the bare product and both directions in it come as well, with their own ratio.

Run it: OMP_NUM_THREADS=2 nice -n 19 python tests/benchmarks/scoring_time.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from gatherset.baselines import edan
from gatherset.baselines.device import has_bfloat16
from gatherset.baselines.edan import Edan, EdanConfig, Rows, final_score
from gatherset.baselines.interface import cut
from gatherset.baselines.scoring import IMAGES_AT_ONCE, WORDS_AT_ONCE

IMAGES, CAPTIONS, K, WORDS, D = 1000, 5000, 36, 16, 1024
ROUNDS, SHARE, LOOPED = 5, 64, 2  # captions a round; captions a round that the loop takes
LAMBDA = 9.0


def fast(model: Edan, v: Tensor, V: Rows, t: Tensor, T: Tensor) -> tuple[Tensor, Tensor]:
    """Both directions, block by block, as gatherset.baselines.scoring does; encoders excluded."""
    captions = WORDS_AT_ONCE // WORDS
    t2i, i2t = torch.empty(len(v), len(t)), torch.empty(len(v), len(t))
    for first in range(0, len(t), captions):
        columns = slice(first, first + captions)
        words = Rows.of(T[columns])
        for start in range(0, len(v), IMAGES_AT_ONCE):
            rows = slice(start, start + IMAGES_AT_ONCE)
            S_TI, S_IT = model.local_similarity(part(V, rows), words)
            sim = model.global_similarity(v[rows], t[columns])
            t2i[rows, columns], i2t[rows, columns] = final_score(sim, S_TI, 0.5), final_score(sim, S_IT, 0.5)
    return t2i, i2t


def part(V: Rows, rows: slice) -> Rows:
    return Rows(*cut(V.fields, rows))


def fast_one_way(model: Edan, v: Tensor, V: Rows, t: Tensor, T: Tensor) -> Tensor:
    """Text to image alone."""
    captions = WORDS_AT_ONCE // WORDS
    t2i = torch.empty(len(v), len(t))
    for first in range(0, len(t), captions):
        columns = slice(first, first + captions)
        words = Rows.of(T[columns])
        for start in range(0, len(v), IMAGES_AT_ONCE):
            rows = slice(start, start + IMAGES_AT_ONCE)
            e, es = edan.exponentials(part(V, rows), words, LAMBDA)
            s_words = edan.words_asking(e, es, part(V, rows)) / LAMBDA
            sim = model.global_similarity(v[rows], t[columns])
            t2i[rows, columns] = final_score(sim, edan.pool(s_words, words.real[None], "printed"), 0.5)
    return t2i


def looped(v: Tensor, V: Tensor, t: Tensor, T: Tensor) -> Tensor:
    """Text to image, caption by caption: expand, attend, compare, pool."""
    columns = []
    for caption, words in zip(t, T, strict=True):
        query = words.expand(len(V), -1, -1)  # [images, N, d]
        s = F.normalize(query, dim=-1) @ F.normalize(V, dim=-1).transpose(1, 2)
        attended = (LAMBDA * s).softmax(-1) @ V  # Eq. 10
        similarity = F.cosine_similarity(query, attended, dim=-1)  # Eq. 11
        S = (WORDS * similarity).logsumexp(-1) / WORDS  # Eq. 12
        columns.append(final_score(F.cosine_similarity(v, caption[None], dim=-1), S, 0.5))
    return torch.stack(columns, 1)


def seconds(call: Callable[[], object], captions: int) -> float:
    """Of all captions, from the time of some."""
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * CAPTIONS / captions


def same_order(one: Tensor, other: Tensor, tolerance: float) -> bool:
    """Whether both rank the images of each caption alike, but for scores that differ by less than `tolerance`."""
    ranked = one.gather(0, other.argsort(0, descending=True))
    return bool((ranked[1:] - ranked[:-1]).max() < tolerance)


@torch.inference_mode()
def main() -> None:
    torch.manual_seed(0)
    model = Edan(EdanConfig(d=D, layers=1, sharpness=LAMBDA), 8, torch.zeros(2, 300)).eval()
    wide = Edan(EdanConfig(d=D, layers=1, similarity="sgraf256"), 8, torch.zeros(2, 300)).eval()
    v, V = torch.randn(IMAGES, D), torch.randn(IMAGES, K, D)
    t, T = torch.randn(SHARE, D), torch.randn(SHARE, WORDS, D)
    images = Rows.of(V)
    calls: dict[str, tuple[Callable[[], object], int]] = {
        "bare product": (lambda: T.view(-1, D) @ V.view(-1, D).T, SHARE),
        "text to image": (lambda: fast_one_way(model, v, images, t, T), SHARE),
        "both directions": (lambda: fast(model, v, images, t, T), SHARE),
        "global part, cosine": (lambda: model.global_similarity(v, t), SHARE),
        "global part, 256 rows": (
            lambda: [wide.global_similarity(v[start : start + 32], t) for start in range(0, IMAGES, 32)],
            SHARE,
        ),
        "SCAN's loop, text to image": (lambda: looped(v, V, t[:LOOPED], T[:LOOPED]), LOOPED),
    }
    halves = replace(images, unit=images.unit.bfloat16())
    if has_bfloat16():
        few, many = T.view(-1, D).bfloat16(), V.view(-1, D).bfloat16()
        calls |= {
            "bare product, bfloat16": (lambda: few @ many.T, SHARE),
            "both directions, bfloat16": (lambda: fast(model, v, halves, t, T), SHARE),
        }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(ROUNDS + 1):
        for name, (call, captions) in calls.items():
            spent = seconds(call, captions)
            if turn:  # the first round warms up
                times[name].append(spent)
    bare = times["bare product"]
    print(f"{'part':<28}{'seconds':>10}{'of bare product':>18}")
    for name, those in times.items():
        ratio = statistics.median(one / other for one, other in zip(those, bare, strict=True))
        print(f"{name:<28}{statistics.median(those):>10.1f}{ratio:>18.2f}")
    if has_bfloat16():
        own = zip(times["both directions, bfloat16"], times["bare product, bfloat16"], strict=True)
        print(
            f"in bfloat16 both directions take {statistics.median(a / b for a, b in own):.2f} of its own bare product"
        )
    one_way, loop = times["text to image"], times["SCAN's loop, text to image"]
    print(f"the loop takes {statistics.median(b / a for a, b in zip(one_way, loop, strict=True)):.0f} times as long")
    exact, quick = looped(v, V, t[:16], T[:16]), fast(model, v, images, t[:16], T[:16])[0]
    print(f"largest difference of a score: {float((exact - quick).abs().max()):.1e}; "
          f"same ranking: {same_order(exact, quick, 1e-6)}")  # fmt: skip


if __name__ == "__main__":
    main()
