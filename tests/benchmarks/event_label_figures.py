"""How often suggested event types are right: on gatherings (what both annotators say) and on wider_events.

    python tests/benchmarks/event_label_figures.py ../shared/data --cache features.npz

By five-fold cross-validation. wider_events has no captions; wider_events_mapping.json says which of its events is which
of our types, and events without one are left out.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gatherset.baselines.event_labels import Figures, Labelled, cross_validated, figures, methods
from gatherset.baselines.extractors import EfficientNetLite0
from gatherset.dataset.taxonomy import load_taxonomy

SIDE = 224


def gatherings(folder: Path) -> tuple[list[str], list[list[str]], list[str]]:
    lines = [json.loads(line) for line in (folder / "captions.jsonl").read_text().splitlines()]
    said = []
    for name in ("annotator_a.csv", "annotator_b.csv"):
        with (folder / name).open() as file:
            said.append({row["image"]: row for row in csv.DictReader(file)})
    agreed = [
        line
        for line in lines
        if all(one[line["image"]]["is_gathering"] == "1" for one in said)
        and len({one[line["image"]]["event_type"] for one in said}) == 1
    ]
    types = [said[0][line["image"]]["event_type"] for line in agreed]
    return [line["image"] for line in agreed], [line["captions"] for line in agreed], types


def wider(folder: Path) -> tuple[list[str], list[list[str]], list[str]]:
    mapping = json.loads(Path(__file__).with_name("wider_events_mapping.json").read_text())
    lines = [json.loads(line) for line in (folder / "labels.jsonl").read_text().splitlines()]
    known = [line for line in lines if line["event"] in mapping]
    return [line["image"] for line in known], [[] for _ in known], [mapping[line["event"]] for line in known]


def pictures(folder: Path, names: list[str]) -> NDArray[np.float32]:
    """[n, D] as `mean_regions` makes them."""
    extractor = EfficientNetLite0(SIDE)
    rows = []
    for start in range(0, len(names), 8):
        batch = [extractor.prepare((folder / "images" / name).read_bytes()) for name in names[start : start + 8]]
        rows.append(np.sqrt(extractor.extract(batch)[0].astype(np.float32).mean(1).clip(min=0)))
    found: NDArray[np.float32] = np.concatenate(rows)
    length: NDArray[np.float32] = np.linalg.norm(found, axis=1, keepdims=True)
    unit: NDArray[np.float32] = found / np.maximum(length, 1e-12)
    return unit


def show(name: str, of: Figures) -> None:
    accuracy, macro = of.accuracy, of.macro_f1
    print(
        f"| {name} | {accuracy[0]:.3f} ({accuracy[1]:.3f} to {accuracy[2]:.3f}) "
        f"| {macro[0]:.3f} ({macro[1]:.3f} to {macro[2]:.3f}) | {of.silent} | {of.seconds_saved():.1f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache", type=Path)
    chosen = parser.parse_args()
    taxonomy = load_taxonomy()
    kept = dict(np.load(chosen.cache)) if chosen.cache and chosen.cache.exists() else {}
    for title, read in (("gatherings", gatherings), ("wider_events", wider)):
        ids, captions, types = read(chosen.data / title)
        if title not in kept:
            kept[title] = pictures(chosen.data / title, ids)
        images = Labelled(ids, captions, types, kept[title].astype(np.float32))
        commonest = max(types.count(kind) for kind in set(types)) / len(types)
        print(f"\n{title}: {len(ids)} images, {len(set(types))} types, the commonest {commonest:.3f}")
        print("| method | accuracy (95 %) | macro F1 (95 %) | silent | s saved, estimated |\n|---|---|---|---:|---:|")
        for name, way in methods(taxonomy, images).items():
            last = figures(images, cross_validated(images, way))
            show(name, last)
        print("\n| type | images | recall | precision |\n|---|---:|---:|---:|")
        for kind, row in last.per_type.items():
            print(f"| {kind} | {row['images']:.0f} | {row['recall']:.2f} | {row['precision']:.2f} |")
    if chosen.cache:
        np.savez(chosen.cache, **kept)


if __name__ == "__main__":
    main()
