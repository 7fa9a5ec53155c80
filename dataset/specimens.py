"""Specimens: synthetic gatherings for the demo, the tests and scale, each a drawn picture with captions that fit it.

A specimen is made from a seed and its number alone: the first ten of a million are the same as ten.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from random import Random

from gatherset.dataset.errors import InputError
from gatherset.dataset.planted import Faults
from gatherset.dataset.progress import progress
from gatherset.dataset.scene_captions import write_captions
from gatherset.dataset.scene_drawing import draw
from gatherset.dataset.scenes import Scene, make_scene

__all__ = ["Specimen", "draw", "specimen", "specimens", "write_specimens"]

# How many of each fifty specimens show a type
SHARES = {
    "protest": 6,
    "political_rally": 4,
    "riot_response": 4,
    "festival_celebration": 6,
    "holiday_party": 5,
    "religious_gathering": 4,
    "concert_performance": 6,
    "sports_event": 6,
    "emergency_evacuation": 4,
    "public_assembly": 5,
}
BLOCK = sum(SHARES.values())
DISAGREEMENT = 0.04  # share of the types on which the second annotator errs
PROVENANCE = {
    "part": "synthetic",
    "dataset": "specimens",
    "license": "CC0-1.0",
    "attribution": "Gatherset specimens",
}
TWIN_SIZE = (300, 225)  # of a planted near-duplicate
ANNOTATION_COLUMNS = ("image", "is_gathering", "event_type", "confidence")


@dataclass(frozen=True)
class Specimen:
    """A synthetic gathering."""

    name: str  # file name of its picture
    event_type: str
    captions: tuple[str, ...]
    scene: Scene


def specimens(count: int, *, seed: int = 0, captions: int = 5) -> Iterator[Specimen]:
    """The first `count` specimens of `seed`, with so many captions each, as descriptions without pixels."""
    for index in range(count):
        yield specimen(index, seed=seed, captions=captions)


def specimen(index: int, *, seed: int = 0, captions: int = 5) -> Specimen:
    """Specimen number `index`, counted from 0: depends on nothing but `seed` and `index`."""
    event_type = _types_of_block(index // BLOCK, seed)[index % BLOCK]
    rng = Random(f"specimen/{seed}/{index}")
    scene = make_scene(event_type, rng)
    return Specimen(f"specimen-{index:06d}.jpg", event_type, write_captions(scene, captions, rng), scene)


@lru_cache(maxsize=64)
def _types_of_block(block: int, seed: int) -> tuple[str, ...]:
    """The types of fifty specimens in a row: their shares are exact in each block, so that none gets thin."""
    types = [name for name, share in SHARES.items() for _ in range(share)]
    return tuple(Random(f"types/{seed}/{block}").sample(types, BLOCK))


def write_specimens(folder: Path, count: int, *, seed: int = 0, unannotated: int = 0, faults: int = 0) -> None:
    """Write `count` specimens into `folder`: images/, captions.jsonl, annotator_a.csv and annotator_b.csv.

    The last `unannotated` of them have no captions and no annotations, for people to annotate. The first annotator
    is always right; the second errs on some types, and is less sure there. The folder appears whole or not at all.
    With `faults`, so many of each kind are planted among the annotated ones, and planted.jsonl lists them.
    Raises InputError where `folder` holds anything, or more are to be left unannotated, or wrong, than there are.
    """
    folder = folder.resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            f"{folder} is not an empty folder", "Name a new folder: specimens are never mixed with other files"
        )
    if not 0 <= unannotated <= count:
        raise InputError(
            f"{unannotated} of {count} specimens cannot be left unannotated", "Ask for fewer than there are"
        )
    annotated = count - unannotated
    planted = Faults(annotated, faults, seed, partial(specimen, seed=seed), tuple(SHARES))
    begun = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(begun, ignore_errors=True)  # of a run that was killed
    try:
        _write(begun, count, seed, annotated, planted)
        if faults:
            lines = "".join(json.dumps(fault.line()) + "\n" for fault in planted.lines())
            (begun / "planted.jsonl").write_text(lines, encoding="utf-8")
        os.replace(begun, folder)
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written: {error.strerror}", "Choose a folder on a disk with room"
        ) from error
    finally:
        shutil.rmtree(begun, ignore_errors=True)


def _write(folder: Path, count: int, seed: int, annotated: int, planted: Faults) -> None:
    (folder / "images").mkdir(parents=True)
    with (
        (folder / "captions.jsonl").open("w", encoding="utf-8", newline="\n") as captions,
        (folder / "annotator_a.csv").open("w", encoding="utf-8", newline="") as file_a,
        (folder / "annotator_b.csv").open("w", encoding="utf-8", newline="") as file_b,
    ):
        annotators = csv.writer(file_a, lineterminator="\n"), csv.writer(file_b, lineterminator="\n")
        for annotator in annotators:
            annotator.writerow(ANNOTATION_COLUMNS)
        for index in progress(range(count), total=count, label="specimens"):
            item = planted.specimen(index)
            with (folder / "images" / item.name).open("wb") as file:
                if index in planted.originals:  # a copy that went through other hands
                    draw(item.scene).resize(TWIN_SIZE).save(file, "JPEG", quality=60)
                else:
                    draw(item.scene).save(file, "JPEG", quality=90)
            told = item.captions if index < annotated else ()
            captions.write(json.dumps({"image": item.name, "captions": told, **PROVENANCE}) + "\n")
            if index < annotated:
                annotators[0].writerow((item.name, 1, item.event_type, 3))
                wrong = index in planted.wrong_types  # both say so: else it would not become a record
                second = (item.event_type, 3) if wrong else _second_opinion(item, index, seed)
                annotators[1].writerow((item.name, 1, *second))


def _second_opinion(item: Specimen, index: int, seed: int) -> tuple[str, int]:
    """The type that the second annotator gives, and how sure of it: 3, or 2 where it is wrong."""
    rng = Random(f"annotator_b/{seed}/{index}")
    if rng.random() >= DISAGREEMENT:
        return item.event_type, 3
    return rng.choice([name for name in SHARES if name != item.event_type]), 2
