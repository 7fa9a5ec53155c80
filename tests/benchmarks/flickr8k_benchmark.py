"""`gatherset benchmark` on Flickr8k, with fixed lists of 6,091, 1,000 and 1,000 photographs.

The photographs and lists are looked for in ../shared/data/flickr8k; features and runs go into FOLDER and are kept:
what is trained is not trained again. Flickr8k has no event types, so no model is given any.

Run it: OMP_NUM_THREADS=1 nice -n 19 python tests/benchmarks/flickr8k_benchmark.py FOLDER [--epochs 3] [--models all]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

from gatherset.baselines.benchmark import run_benchmark
from gatherset.baselines.benchmark_report import summary
from gatherset.baselines.budgets import chosen
from gatherset.baselines.extractors import extract, make_extractor
from gatherset.dataset.features import FeatureFile
from gatherset.dataset.loading import Release
from tests.benchmarks.flickr8k import Photos

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--features", type=Path)
    parser.add_argument("--models", default="all")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--detector")
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    release = cast(Release, Photos())
    path = arguments.features or arguments.folder / "flickr8k.feat"
    if not path.exists():
        extract(release, make_extractor(), path)
    _, document = run_benchmark(
        release,
        FeatureFile.open(path),
        arguments.folder / (f"benchmark-cpu-{arguments.epochs}-epochs" if arguments.epochs else "benchmark-cpu"),
        models=chosen(arguments.models),
        epochs=arguments.epochs,
        seeds=arguments.seeds,
        detector=arguments.detector,
        report=lambda line: print(line, flush=True),
    )
    print(summary(document))
