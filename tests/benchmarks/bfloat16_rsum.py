"""What bfloat16 changes: Rsum of the runs of flickr8k_benchmark.py with words and regions multiplied in it.

FOLDER is that script's, after it has run. On a processor without bfloat16 the product is emulated and the times say
nothing; the scores are those that a processor with it gives, but for the order of its sums.

Run it: python tests/benchmarks/bfloat16_rsum.py FOLDER [--kind benchmark-cpu]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

from gatherset.baselines.measured import measure_run
from gatherset.baselines.runs import load_run
from gatherset.dataset.errors import ModelError
from gatherset.dataset.features import FeatureFile
from gatherset.dataset.loading import Release
from tests.benchmarks.flickr8k import Photos

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", default="benchmark-cpu", help="the folder of runs in it")
    arguments = parser.parse_args()
    release, features = cast(Release, Photos()), FeatureFile.open(arguments.folder / "flickr8k.feat")
    for folder in sorted(path.parent for path in (arguments.folder / arguments.kind).glob("*/model.safetensors")):
        try:
            run = load_run(folder)
            half, whole = (measure_run(run, release, features, folder.name, half=half)[0] for half in (True, False))
        except ModelError as error:
            print(f"{folder.name}: {error}", flush=True)
            continue
        one, other = whole.row.recall.rsum, half.row.recall.rsum
        print(f"{folder.name}: Rsum {one:.2f} in float32, {other:.2f} in bfloat16, {other - one:+.2f}", flush=True)
