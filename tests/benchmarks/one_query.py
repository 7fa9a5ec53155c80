"""How long one sentence takes: encoding it and scoring it with 1,000 images that were encoded before.

The shape of the preset `paper` (d = 1024, K = 36; one of its six encoder layers, which a query never sees), 16 words,
random weights, float32; beside it the bare product of the sentence's words with all regions. Medians of 30, in turns.

Run it: OMP_NUM_THREADS=2 nice -n 19 python tests/benchmarks/one_query.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from gatherset.baselines.edan import PRESETS, Edan
from gatherset.baselines.runs import Run, RunConfig
from gatherset.baselines.search import Index
from gatherset.baselines.words import Vocabulary
from gatherset.dataset.features import FeatureFile

IMAGES, K, REGION, WORDS, TIMES = 1000, 36, 64, 16, 30


class Features:
    """Random regions."""

    def regions(self, ids: list[str]) -> NDArray[np.float16]:
        return np.random.default_rng(0).random((len(ids), K, REGION)).astype(np.float16)


class AnyFeaturesRun(Run):
    """A model that nobody trained, for features that nobody extracted."""

    def require(self, features: FeatureFile) -> None:
        pass


def milliseconds(call: Callable[[], object]) -> tuple[float, float]:
    """By the clock, and of the processors together: with one thread, what it takes on an idle machine."""
    started, used = time.perf_counter(), time.process_time()
    call()
    return 1000 * (time.perf_counter() - started), 1000 * (time.process_time() - used)


def main() -> None:
    torch.manual_seed(0)
    vocabulary = Vocabulary(("<padding>", "<unknown>", "protest", *(f"w{number}" for number in range(1000))))
    model = Edan(replace(PRESETS["paper"], layers=1), REGION, torch.randn(len(vocabulary), 300)).eval()
    config = RunConfig("edan", {}, {}, {}, "", REGION, None, "", ["protest"])
    run = AnyFeaturesRun(Path("."), config, model, vocabulary)
    index = Index(run, cast(FeatureFile, Features()), [str(number) for number in range(IMAGES)])
    sentence = " ".join(f"w{number}" for number in range(WORDS))
    assert index._V
    regions = index._V.unit.reshape(-1, model.config.d)
    words = torch.randn(WORDS, model.config.d)
    calls: dict[str, Callable[[], object]] = {
        "encoding and searching": lambda: index.search(sentence, "protest"),
        "bare product": lambda: words @ regions.T,
    }
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for turn in range(TIMES + 3):
        for name, call in calls.items():
            one = milliseconds(call)
            if turn >= 3:
                spent[name].append(one)
    for name, times in spent.items():
        clock, used = (statistics.median(column) for column in zip(*times, strict=True))
        fastest = min(clock for clock, _ in times)
        print(f"{name:<24}{clock:>7.1f} ms, fastest {fastest:.1f}; of the processors {used:.1f} ms")


if __name__ == "__main__":
    main()
