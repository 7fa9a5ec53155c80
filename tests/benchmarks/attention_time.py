"""Event-driven attention beside self-attention and none (the paper's Fig. 8): alone, in encoding captions, end to end.

d = 1024, 64 captions of 6 to 20 words, float32, random weights; end to end is a whole training step of the preset
`paper` (six encoder layers, K = 36, D = 1280, losses, backward, AdamW). In turns; medians, and medians of the ratios
within a turn.

Run it: OMP_NUM_THREADS=2 nice -n 19 python tests/benchmarks/attention_time.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import torch

from gatherset.baselines import edan, train_settings
from gatherset.baselines.edan import Edan
from gatherset.baselines.step import Step

CAPTIONS, K, REGION, VOCABULARY, ROUNDS, STEPS = 64, 36, 1280, 3000, 20, 2


def milliseconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - started)


def report(title: str, calls: dict[str, Callable[[], object]], rounds: int) -> None:
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            spent = milliseconds(call)
            if turn:  # the first round warms up
                times[name].append(spent)
    for name, spent_on in times.items():
        ratio = statistics.median(a / b for a, b in zip(spent_on, times["event"], strict=True))
        print(f"{title:<34}{name:<16}{statistics.median(spent_on):>9.1f} ms{ratio:>7.2f}", flush=True)


def main() -> None:
    torch.manual_seed(0)
    lengths = torch.randint(6, 21, (CAPTIONS,)).sort().values
    words = torch.randint(3, VOCABULARY, (CAPTIONS, int(lengths.max())))
    words[torch.arange(words.shape[1]) >= lengths[:, None]] = 0
    events, image = torch.full((CAPTIONS,), 2), torch.arange(CAPTIONS)
    shown = torch.rand(CAPTIONS, K, REGION)
    models = {
        name: Edan(replace(edan.PRESETS["paper"], attention=name), REGION, torch.randn(VOCABULARY, 300))
        for name in ("event", "self", "none")
    }
    L, mask = torch.randn(*words.shape, edan.PRESETS["paper"].d), words != 0
    l_0 = torch.randn(CAPTIONS, edan.PRESETS["paper"].d)
    with_label, its_mask = torch.cat([l_0[:, None], L], 1), torch.cat([mask[:, :1], mask], 1)
    with torch.inference_mode():
        alone: dict[str, Callable[[], object]] = {
            "event": lambda: models["event"].attention(l_0, L, mask),
            "self": lambda: models["self"].attention(with_label, its_mask),
        }
        report("attention alone", alone, ROUNDS)
        encoding: dict[str, Callable[[], object]] = {
            name: lambda model=model: model.eval().caption_vectors(words, events)  # type: ignore[misc]
            for name, model in models.items()
        }
        report("encoding 64 captions", encoding, ROUNDS)

    def step(model: Edan) -> Callable[[], object]:
        whole = Step(model.train(), train_settings.PRESETS["paper"])
        optimiser = torch.optim.AdamW(whole.parameters(), lr=1e-6, fused=True)

        def one() -> None:
            contrastive, local = whole(shown, words, events, image, True)
            optimiser.zero_grad()
            (contrastive + local).backward()
            optimiser.step()

        return one

    torch.set_flush_denormal(True)
    report("whole training step, 64 pairs", {name: step(models[name]) for name in ("event", "self")}, STEPS)


if __name__ == "__main__":
    main()
