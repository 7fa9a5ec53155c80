"""The most memory that an evaluation takes: encoding, all scores of Eq. 16, recalls and intervals, with all libraries.

d = 1024, K = 36, one encoder layer, random weights and regions, captions of WORDS words, five an image.

With WORDS = 0 the local similarity is left out: what its blocks take is the same for every number of images.

Run it: OMP_NUM_THREADS=2 nice -n 19 python tests/benchmarks/evaluation_memory.py [IMAGES] [WORDS]
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from gatherset.baselines.edan import Edan, EdanConfig
from gatherset.baselines.loader import Captions
from gatherset.baselines.recall import evaluate
from gatherset.baselines.scoring import all_scores
from gatherset.dataset.features import FeatureFile

D, K, REGION, VOCABULARY = 1024, 36, 64, 1000


class Regions:
    """Random regions, made when they are asked for: a real file is mapped, and read block by block too."""

    def regions(self, ids: Sequence[str]) -> NDArray[np.float16]:
        rows = [np.random.default_rng(int(name)).random((K, REGION)) for name in ids]
        return np.array(rows, np.float16)


def main(images: int, words: int) -> None:
    torch.manual_seed(0)
    config = EdanConfig(d=D, layers=1, alignment="both" if words else "global")
    model, words = Edan(config, REGION, torch.randn(VOCABULARY, 300)).eval(), max(words, 1)
    count = 5 * images
    owner = torch.arange(images).repeat_interleave(5)
    captions = Captions(
        torch.randint(2, VOCABULARY, (count, words)), torch.full((count,), words), torch.ones(count).long(), owner
    )
    started = time.perf_counter()
    ids = [str(number) for number in range(images)]
    i2t, t2i = all_scores(model, cast(FeatureFile, Regions()), ids, captions)
    recall = evaluate(i2t, owner.numpy(), t2i)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = time.perf_counter() - started
    print(f"{images} x {count} pairs, {config.alignment} similarities, captions of {words} words")
    print(f"{seconds:.0f} s, Rsum {recall.rsum:.1f}, most memory {peak:.0f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000, int(sys.argv[2]) if len(sys.argv) > 2 else 16)
