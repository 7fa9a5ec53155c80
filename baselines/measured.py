"""Measuring a matrix of scores, and a trained model: rows of the table, and what each image and caption found."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from gatherset.baselines.device import find_device, finished
from gatherset.baselines.event_classifier import EventClassifier
from gatherset.baselines.event_retrieval import event_classification
from gatherset.baselines.interface import Encoded
from gatherset.baselines.loader import Label, caption_image, flat_captions, flat_events, number_captions
from gatherset.baselines.precision import map_at_r
from gatherset.baselines.recall import Hits, TypeRecall, evaluate, hits, in_folds
from gatherset.baselines.result import Row
from gatherset.baselines.runs import Run, ids_digest, write_json
from gatherset.baselines.scoring import Scores, encode_captions, encode_images, score_all
from gatherset.dataset.errors import ModelError

if TYPE_CHECKING:
    from gatherset.dataset.features import FeatureFile
    from gatherset.dataset.loading import Release, Split


@dataclass(frozen=True)
class Measured:
    """A row of the table, with what its queries found, so that two models can be compared on the same images."""

    row: Row
    found: Hits


def measure_scores(
    method: str,
    label: Label,
    split: Split,
    image_to_text: Scores,
    text_to_image: Scores,
    *,
    seconds: float = 0.0,
    **known: Any,
) -> Measured:
    """What scores [images, captions] of a split are worth; `seconds` made them, `known` are further fields of the row.

    InputError where a score is not finite.
    """
    owner = caption_image(split)
    started = time.monotonic()
    found = hits(image_to_text, owner, text_to_image)
    ranked = time.monotonic() - started
    row = Row(
        method,
        label,
        evaluate(image_to_text, owner, text_to_image),
        by_type=by_type(found, split),
        precision=precision(image_to_text, split, text_to_image),
        event=event_classification(image_to_text, owner, split.event_types),
        folds=in_folds(image_to_text, owner, text_to_image),
        **known,
    )
    row.speed["rank"] = ranked
    return Measured(replace(row, seconds=seconds + time.monotonic() - started), found)


def measure_run(
    run: Run,
    release: Release,
    features: FeatureFile,
    method: str,
    split: str = "test",
    device: str = "cpu",
    half: bool = False,
) -> list[Measured]:
    """A trained model: with the annotated and with guessed event types, or, trained without them, once.

    `half`: words and regions are multiplied in bfloat16, see `Model.halved`.

    Raises ReleaseError, FeaturesError or ModelError where run, release, features and split do not belong together.
    """
    check(run, release, features, split)
    if half and not run.model.multiplies_regions:
        raise ModelError(
            f"{run.config.model} has no product of words with regions in bfloat16", "Leave --precision out"
        )
    run.model.to(find_device(device))
    part = release[split]
    labels: dict[Label, list[str]] = {"none": flat_events(part)}
    if run.label:
        guessed = EventClassifier(release["train"]).predict(flat_captions(part))
        labels = {"oracle": flat_events(part), "predicted": guessed}
    theta = float(run.edan.theta) if run.config.model == "edan" else None
    measured = []
    for label, events in labels.items():
        i2t, t2i, speed = timed_scores(run, part, features, events, half)
        measured.append(
            measure_scores(
                method,
                label,
                part,
                i2t,
                t2i,
                seed=run.config.training["seed"],
                theta=theta,
                seconds=sum(speed.values()),
                speed=speed,
                training_seconds=sum(line["seconds"] for line in run.log()),
            )
        )
    return measured


def check(run: Run, release: Release, features: FeatureFile, split: str) -> None:
    """Raise unless the run was trained on this release and on features of this extractor."""
    features.require(release)
    run.require(features)
    if run.config.release["content_hash"] != release.content_hash:
        # Its training records may be this release's test records.
        raise ModelError(
            f"{run.folder} was trained on {run.config.release['name']}@{run.config.release['version']}, "
            f"not on {release.name}@{release.version}",
            "Evaluate it on its own release, or train again",
        )
    if not release[split].ids:
        raise ModelError(f"the {split} split of {release.name}@{release.version} is empty", "Choose another split")


def timed_scores(
    run: Run, split: Split, features: FeatureFile, events: list[str], half: bool = False
) -> tuple[Scores, Scores, dict[str, float]]:
    """Scores [images, captions] for image to text and for text to image, and the seconds of each part.

    `events` names a type a caption.
    """
    captions, device = number_captions(split, run.vocabulary, events), next(run.model.parameters()).device
    started = time.monotonic()
    images = encode_images(run.model, features, split.ids)
    images = run.model.halved(images) if half else images
    finished(device)
    encoded = time.monotonic()
    blocks = _Timed(encode_captions(run.model, captions), device)
    i2t, t2i = score_all(run.model, images, blocks, len(captions))
    done = time.monotonic()
    speed = {
        "encode_images": encoded - started,
        "encode_captions": blocks.seconds,
        "score": done - encoded - blocks.seconds,
    }
    return i2t, t2i, speed


class _Timed(Iterator[tuple[torch.Tensor, Encoded]]):
    """What an iterator gives, and how long that took it."""

    def __init__(self, items: Iterator[tuple[torch.Tensor, Encoded]], device: torch.device) -> None:
        self._items, self._device = items, device
        self.seconds = 0.0

    def __next__(self) -> tuple[torch.Tensor, Encoded]:
        started = time.monotonic()
        try:
            return next(self._items)
        finally:
            finished(self._device)
            self.seconds += time.monotonic() - started


def by_type(found: Hits, split: Split) -> dict[str, TypeRecall]:
    """The recalls of the images and captions of each event type among all images and captions, by annotated type."""
    of_images, of_captions = np.array(split.event_types), np.array(flat_events(split))
    return {str(kind): TypeRecall.of(found, of_images == kind, of_captions == kind) for kind in sorted(set(of_images))}


def precision(image_to_text: Scores, split: Split, text_to_image: Scores) -> dict[str, float]:
    """mAP@R in both directions, once with an image's own captions as the right ones, once with all of its type."""
    owner, rows = caption_image(split), np.arange(len(split.ids))
    _, of_captions = np.unique(flat_events(split), return_inverse=True)
    of_images = of_captions[np.searchsorted(owner, rows)]
    return {
        "image_to_text": map_at_r(image_to_text, rows, owner),
        "text_to_image": map_at_r(text_to_image.T, owner, rows),
        "image_to_text_same_type": map_at_r(image_to_text, of_images, of_captions),
        "text_to_image_same_type": map_at_r(text_to_image.T, of_captions, of_images),
    }


def keep(folder: Path, measured: list[Measured], split: Split) -> None:
    """Write what was measured on `split` into `folder`; measured.json last, for it says that all is there."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in measured:
        found = {"by_image": one.found.by_image, "by_caption": one.found.by_caption}
        save_file(found, folder / f"found-{one.row.label}.safetensors")
    write_json(folder / "measured.json", {"ids": ids_digest(split.ids), "rows": [asdict(one.row) for one in measured]})


def kept(folder: Path, split: Split) -> list[Measured]:
    """What `keep` wrote; nothing where it is of other records, or cannot be read: then it is measured again."""
    owner = caption_image(split)
    try:
        document = json.loads((folder / "measured.json").read_text("utf-8"))
        if document["ids"] != ids_digest(split.ids):
            return []
        rows = [Row.read(row) for row in document["rows"]]
        found = [load_file(folder / f"found-{row.label}.safetensors") for row in rows]
        return [
            Measured(row, Hits(own["by_image"], own["by_caption"], owner)) for row, own in zip(rows, found, strict=True)
        ]
    except (OSError, ValueError, KeyError, TypeError, SafetensorError):
        return []
