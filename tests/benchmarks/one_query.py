"""How long one sentence takes: encoding it and scoring it with 1,000 images that were encoded before.

The shape of the preset `paper` (d = 1024, K = 36), 16 words, random weights, float32; beside it the bare product of the
sentence's words with all regions. Medians of 30, in turns.

Run it: OMP_NUM_THREADS=2 nice -n 19 python tests/benchmarks/one_query.py
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import cast

import numpy as np
import torch

from gatherset.baselines.edan import PRESETS, Edan
from gatherset.baselines.runs import Run, RunConfig
from gatherset.baselines.search import Index
from gatherset.baselines.words import Vocabulary
from gatherset.dataset.features import FeatureFile

IMAGES, K, REGION, WORDS, TIMES = 1000, 36, 64, 16, 30


class Features:
    """Random regions."""

    def regions(self, ids: list[str]) -> np.ndarray:
        return np.random.default_rng(0).random((len(ids), K, REGION)).astype(np.float16)


class AnyFeaturesRun(Run):
    """A model that nobody trained, for features that nobody extracted."""

    def require(self, features: FeatureFile) -> None:
        pass


def milliseconds(call: object) -> float:
    started = time.perf_counter()
    call()  # type: ignore[operator]
    return 1000 * (time.perf_counter() - started)


def main() -> None:
    torch.manual_seed(0)
    vocabulary = Vocabulary(("<padding>", "<unknown>", "protest", *(f"w{number}" for number in range(1000))))
    model = Edan(PRESETS["paper"], REGION, torch.randn(len(vocabulary), 300)).eval()
    config = RunConfig({}, {}, {}, "", REGION, None, "")
    run = AnyFeaturesRun(Path("."), config, model, vocabulary)
    index = Index(run, cast(FeatureFile, Features()), [str(number) for number in range(IMAGES)])
    sentence = " ".join(f"w{number}" for number in range(WORDS))
    regions = index._V.unit.reshape(-1, model.config.d)
    words = torch.randn(WORDS, model.config.d)
    whole, bare = [], []
    for turn in range(TIMES + 3):
        spent = milliseconds(lambda: index.search(sentence, "protest")), milliseconds(lambda: words @ regions.T)
        if turn >= 3:
            whole.append(spent[0])
            bare.append(spent[1])
    ratio = statistics.median(a / b for a, b in zip(whole, bare, strict=True))
    print(f"one query: {statistics.median(whole):.0f} ms (fastest {min(whole):.0f}), bare product "
          f"{statistics.median(bare):.0f} ms, {ratio:.1f} times")  # fmt: skip


if __name__ == "__main__":
    main()
