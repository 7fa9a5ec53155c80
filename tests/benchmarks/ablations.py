"""The rows of the paper's Tables 3 and 5 on specimens, or on the newest release of a workspace, with several seeds.

A finished training is not trained again: stopped, the script goes on where it was. Each training leaves a .json (its
Rsum and seconds) and a .npz (what every image and caption found) in FOLDER; the table is made of them. Epoch and θ come
from the validation split; intervals are a bootstrap over the test images of the mean over seeds, and differences are
of the same images.

Run it: OMP_NUM_THREADS=1 nice -n 19 python tests/benchmarks/ablations.py FOLDER [--workspace MG] [--seeds 3]
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np

from gatherset.baselines import edan, train, train_settings
from gatherset.baselines.cca import cca_scores
from gatherset.baselines.event_classifier import EventClassifier
from gatherset.baselines.extractors import extract, make_extractor
from gatherset.baselines.loader import caption_image, flat_captions, flat_events
from gatherset.baselines.measured import timed_scores
from gatherset.baselines.recall import Hits, difference, hits, rsum_interval
from gatherset.baselines.runs import Run
from gatherset.baselines.switches import ABLATIONS, switched
from gatherset.dataset.features import FeatureFile
from gatherset.dataset.loading import Release
from gatherset.dataset.records import SPLITS
from gatherset.dataset.specimens import draw, specimen
from gatherset.dataset.taxonomy import load_taxonomy
from gatherset.dataset.workspace import Workspace

SIDE = 224  # pixels; specimens are 384 x 288
BASE = ("edan", "oracle")


class SpecimenSplit:
    """Specimens by number, as a split of a release."""

    def __init__(self, numbers: range) -> None:
        shown = [specimen(number) for number in numbers]
        self.ids = [item.name for item in shown]
        self.captions = [list(item.captions) for item in shown]
        self.event_types = [item.event_type for item in shown]
        self.numbers = numbers

    def image_bytes(self, index: int) -> bytes:
        raw = io.BytesIO()
        draw(specimen(self.numbers[index]).scene).save(raw, "JPEG", quality=90)
        return raw.getvalue()


class Specimens:
    """So many specimens in train, val and test, as a release that lies in no folder."""

    name, version = "specimens", "1.0.0"

    def __init__(self, sizes: Sequence[int]) -> None:
        ends = np.cumsum([0, *sizes]).tolist()
        self.splits = {s: SpecimenSplit(range(ends[i], ends[i + 1])) for i, s in enumerate(SPLITS)}
        self.event_types = list(load_taxonomy().names)
        told = json.dumps([[split.ids, split.captions, split.event_types] for split in self.splits.values()])
        self.content_hash = hashlib.sha256(told.encode()).hexdigest()

    def __getitem__(self, split: str) -> SpecimenSplit:
        return self.splits[split]


def measure(run: Run, release: Release, features: FeatureFile) -> dict[str, Hits]:
    """What a model found of the test split, by event label."""
    test = release["test"]
    labels = {"none": flat_events(test)}
    if run.label:
        guessed = EventClassifier(release["train"]).predict(flat_captions(test))
        labels = {"oracle": flat_events(test), "predicted": guessed}
    found = {}
    for label, events in labels.items():
        i2t, t2i, _ = timed_scores(run, test, features, events)
        found[label] = hits(i2t, caption_image(test), t2i)
    return found


def train_one(
    folder: Path, release: Release, features: FeatureFile, method: str, seed: int, switches: Sequence[str]
) -> None:
    """Train and measure one model; what it found goes into two files named after it."""
    label, changes = ABLATIONS[method]
    name = f"{method.replace(', ', '-').replace(' ', '-')}-{seed}"
    if (folder / f"{name}.json").exists():
        return
    print(f"{time.strftime('%H:%M')} {name}", flush=True)
    own = [f"{key}={value}" for key, value in changes.items()]
    shape, settings = switched(
        replace(edan.PRESETS["cpu"], label=label), replace(train_settings.PRESETS["cpu"], seed=seed), [*switches, *own]
    )
    run = train.train(release, features, folder / "runs" / name, shape=shape, settings=settings)
    log = [json.loads(line) for line in (run.folder / "log.jsonl").read_text().splitlines()]
    found = measure(run, release, features)
    for which, one in found.items():
        np.savez(folder / f"{name}.{which}.npz", by_image=one.by_image, by_caption=one.by_caption)
    line = {
        "method": method,
        "seed": seed,
        "seconds": sum(epoch["seconds"] for epoch in log),
        "epochs": len(log),
        "best": max(epoch["rsum"] for epoch in log),
        "theta": float(run.edan.theta),
        "rsum": {which: one.rsum for which, one in found.items()},
    }
    (folder / f"{name}.json").write_text(json.dumps(line))


def table(folder: Path, release: Release, features: FeatureFile) -> str:
    """What has been measured so far."""
    lines = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    owner = caption_image(release["test"])
    rows: dict[tuple[str, str], list[Hits]] = {}
    for line in lines:
        for label in line["rsum"]:
            name = f"{line['method'].replace(', ', '-').replace(' ', '-')}-{line['seed']}.{label}.npz"
            with np.load(folder / name) as file:
                rows.setdefault((line["method"], label), []).append(Hits(file["by_image"], file["by_caption"], owner))
    means = {key: Hits.mean(several) for key, several in rows.items()}
    text = [
        "| model | event label | seeds | i2t R@1 | R@5 | R@10 | t2i R@1 | R@5 | R@10 | Rsum | by seed | "
        "95 % interval | minus EDAN, oracle | minutes of training |",
        "|---|---|" + "---:|" * 12,
    ]
    for (method, label), mean in means.items():
        own = [line for line in lines if line["method"] == method]
        cells = [method.removesuffix(", no label"), label, str(len(rows[method, label]))]
        cells += [f"{100 * value:.1f}" for value in (*mean.by_image.mean(0), *mean.by_caption.mean(0))]
        low, high = rsum_interval(mean)
        cells += [f"**{mean.rsum:.1f}**", " ".join(f"{line['rsum'][label]:.0f}" for line in own)]
        cells.append(f"{low:.1f} to {high:.1f}")
        if (method, label) != BASE and BASE in means:
            value, (low, high) = difference(mean, means[BASE])
            cells.append(f"{value:+.1f} ({low:+.1f} to {high:+.1f})")
        else:
            cells.append("")
        cells.append(f"{statistics.median(line['seconds'] for line in own) / 60:.1f}")
        text.append(f"| {' | '.join(cells)} |")
    linear = hits(scores := cca_scores(release["train"], release["test"], features), owner, scores)
    value, (low, high) = difference(linear, means[BASE]) if BASE in means else (0.0, (0.0, 0.0))
    text.append(f"linear CCA: {linear.rsum:.1f}, minus EDAN with oracle {value:+.1f} ({low:+.1f} to {high:+.1f})")
    return "\n".join(text)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--sizes", type=int, nargs=3, default=[2000, 500, 500])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", nargs="*", default=[])
    parser.add_argument("--methods", nargs="*", default=list(ABLATIONS))
    parser.add_argument("--only-table", action="store_true")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.workspace:
        release = Workspace.open(arguments.workspace).release()
        path, extractor = arguments.folder / "release.feat", make_extractor()
    else:
        release = cast(Release, Specimens(arguments.sizes))
        path, extractor = arguments.folder / "specimens.feat", make_extractor(side=SIDE)
    extract(release, extractor, path)
    features = FeatureFile.open(path)
    for seed in () if arguments.only_table else range(arguments.seeds):
        for method in arguments.methods:
            train_one(arguments.folder, release, features, method, seed, arguments.set)
    guessed = EventClassifier(release["train"]).predict(flat_captions(release["test"]))
    accuracy = np.mean(np.array(guessed) == flat_events(release["test"]))
    print(f"the type is guessed from a caption rightly for {accuracy:.1%}")
    print(table(arguments.folder, release, features))


if __name__ == "__main__":
    main()
