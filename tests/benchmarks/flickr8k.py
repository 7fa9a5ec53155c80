"""EDAN without event types and the linear CCA on Flickr8k, with fixed lists of 6,091, 1,000 and 1,000 photographs.

The photographs and lists are looked for in ../shared/data/flickr8k; features and runs go into FOLDER and are kept.
Epoch, θ and every setting come from the validation list; the test list is measured once, at the end.

Run it: OMP_NUM_THREADS=1 nice -n 19 python tests/benchmarks/flickr8k.py FOLDER [--set NAME=VALUE …]
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import cast

from gatherset.baselines import edan, train, train_settings
from gatherset.baselines.benchmark import evaluate_run, floors
from gatherset.baselines.extractors import extract, make_extractor
from gatherset.baselines.result import table
from gatherset.baselines.switches import switched
from gatherset.dataset.features import FeatureFile
from gatherset.dataset.loading import Release
from gatherset.dataset.records import SPLITS

DATA = Path(__file__).parents[3] / "shared" / "data" / "flickr8k"


class PhotoSplit:
    """Photographs by file name, as a split of a release."""

    def __init__(self, ids: list[str], captions: dict[str, list[str]]) -> None:
        self.ids, self.captions = ids, [captions[name] for name in ids]
        self.event_types = ["none"] * len(ids)

    def image_bytes(self, index: int) -> bytes:
        return (DATA / "images" / self.ids[index]).read_bytes()


class Photos:
    """Flickr8k, as a release."""

    name, version = "flickr8k", "1.0.0"
    event_types: tuple[str, ...] = ()

    def __init__(self) -> None:
        text = (DATA / "captions.jsonl").read_text("utf-8")
        captions = {line["image"]: line["captions"] for line in map(json.loads, text.splitlines())}
        lists = {split: (DATA / f"split_{split}.txt").read_text().split() for split in SPLITS}
        self.content_hash = hashlib.sha256((text + json.dumps(lists)).encode()).hexdigest()
        self.splits = {split: PhotoSplit(names, captions) for split, names in lists.items()}

    def __getitem__(self, split: str) -> PhotoSplit:
        return self.splits[split]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set", nargs="*", default=[])
    arguments = parser.parse_args()
    release = cast(Release, Photos())
    extract(release, make_extractor(), arguments.folder / "flickr8k.feat")
    features = FeatureFile.open(arguments.folder / "flickr8k.feat")
    shape, settings = switched(replace(edan.PRESETS["cpu"], label=False), train_settings.PRESETS["cpu"], arguments.set)
    folder = arguments.folder / train.run_config(release, features, shape, settings).hash[:8]
    run = train.train(release, features, folder, shape=shape, settings=settings)
    rows = [*evaluate_run(run, release, features), *(one.row for one in floors(release, features, ("cca", "random")))]
    print(table(rows))
