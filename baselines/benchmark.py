"""The benchmark of a release: EDAN with the annotated, the guessed and no event type, and two floors."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gatherset.baselines import edan, train
from gatherset.baselines.cca import cca_scores
from gatherset.baselines.event_classifier import EventClassifier
from gatherset.baselines.loader import Label, caption_image, flat_captions, flat_events, number_captions
from gatherset.baselines.precision import map_at_r
from gatherset.baselines.recall import TypeRecall, evaluate, hits
from gatherset.baselines.result import Row, result_document, table
from gatherset.baselines.runs import Run, release_identity, write_json
from gatherset.baselines.scoring import Scores, all_scores
from gatherset.baselines.switches import ABLATIONS, switched
from gatherset.dataset.errors import InputError, ModelError
from gatherset.dataset.features import FeatureFile

if TYPE_CHECKING:
    from gatherset.dataset.loading import Release, Split


def evaluate_run(run: Run, release: Release, features: FeatureFile, split: str = "test") -> list[Row]:
    """A trained model on one split: a row with the annotated and one with the guessed types, or one without.

    Raises ReleaseError, FeaturesError or ModelError where run, release, features and split do not belong together.
    """
    _check(run, release, features, split)
    if not run.label:
        return [_edan_row(run, release, features, split, "none", flat_events(release[split]))]
    guessed = EventClassifier(release["train"]).predict(flat_captions(release[split]))
    return [
        _edan_row(run, release, features, split, "oracle", flat_events(release[split])),
        _edan_row(run, release, features, split, "predicted", guessed),
    ]


def _check(run: Run, release: Release, features: FeatureFile, split: str) -> None:
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


def _edan_row(run: Run, release: Release, features: FeatureFile, split: str, label: Label, events: list[str]) -> Row:
    started = time.monotonic()
    i2t, t2i = run_scores(run, release[split], features, events)
    recall = evaluate(i2t, caption_image(release[split]), t2i)
    return Row(
        "edan",
        label,
        recall,
        run.config.training["seed"],
        float(run.model.theta),
        time.monotonic() - started,
        by_type(i2t, release[split], t2i),
        precision(i2t, release[split], t2i),
    )


def run_scores(run: Run, split: Split, features: FeatureFile, events: list[str]) -> tuple[Scores, Scores]:
    """Scores [images, captions] of a trained model for image to text and for text to image; a type a caption."""
    captions = number_captions(split, run.vocabulary, events)
    return all_scores(run.model, features, split.ids, captions, float(run.model.theta))


def by_type(image_to_text: Scores, split: Split, text_to_image: Scores) -> dict[str, TypeRecall]:
    """The recalls of the images and captions of each event type among all images and captions, by annotated type."""
    found = hits(image_to_text, caption_image(split), text_to_image)
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


def floors(release: Release, features: FeatureFile, split: str = "test") -> list[Row]:
    """What guessing and a linear model reach: `random` is exact, equal scores counting as any order."""
    features.require(release)
    owner = caption_image(release[split])
    guess = evaluate(np.zeros((len(release[split].ids), len(owner)), np.float32), owner)
    started = time.monotonic()
    linear = evaluate(cca_scores(release["train"], release[split], features), owner)
    return [Row("cca", "none", linear, seconds=time.monotonic() - started), Row("random", "none", guess)]


def run_benchmark(
    release: Release,
    features: FeatureFile,
    folder: Path,
    *,
    preset: str = "cpu",
    seeds: int = 1,
    ablations: bool = False,
    report: Callable[[str], None] = print,
) -> tuple[list[Row], dict[str, Any]]:
    """Train what is not trained yet, evaluate on the test split, write benchmark.json and table.md into `folder`.

    Returns the rows and the document. The two EDAN rows with a label come from one training.
    """
    if not release["test"].ids:
        raise ModelError(f"the test split of {release} is empty", "Add records and build the release again")
    started = time.monotonic()
    rows: list[Row] = []
    chosen = ABLATIONS if ablations else {name: ABLATIONS[name] for name in ("edan", "edan, no label")}
    for method, (label, changes) in chosen.items():
        for seed in range(seeds):
            switches = [f"{name}={value}" for name, value in changes.items()]
            shape, settings = switched(
                replace(edan.PRESETS[preset], label=label), replace(train.PRESETS[preset], seed=seed), switches
            )
            # Other features, settings or code make another run: it must neither be mixed with this one nor block it.
            made_of = train.run_config(release, features, shape, settings)
            name = f"{method.replace(', ', '-').replace(' ', '-')}-{seed}-{made_of.hash[:8]}"
            report(f"{name}:")
            run = train.train(release, features, folder / name, edan=shape, settings=settings, report=report)
            rows += [
                replace(row, method=method.removesuffix(", no label")) for row in evaluate_run(run, release, features)
            ]
    rows += floors(release, features)
    document = result_document(
        rows,
        seconds=time.monotonic() - started,
        release=release_identity(release),
        split="test",
        extractor_hash=features.header.extractor.hash,
    )
    write_json(folder / "benchmark.json", document)
    (folder / "table.md").write_text(table(rows) + "\n", "utf-8")
    return rows, document


def evaluate_scores(path: Path, captions_per_image: int) -> Row:
    """A row for anyone's score matrix [images, captions] in a .npy file, captions in the order of the images."""
    try:
        scores = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} is no readable .npy file: {error}", "Write it with numpy.save") from error
    if not isinstance(scores, np.ndarray):
        raise InputError(f"{path} holds several arrays", "Write the one matrix with numpy.save")
    if scores.ndim != 2 or scores.shape[0] * captions_per_image != scores.shape[1]:
        raise InputError(
            f"{path} has the shape {scores.shape}, not [images, {captions_per_image} x images]",
            "Give one row an image, and --captions-per-image",
        )
    if scores.dtype.kind not in "fiu":
        raise InputError(f"{path} holds {scores.dtype}, not numbers", "Write it with numpy.save")
    if scores.dtype not in (np.float32, np.float64):
        scores = scores.astype(np.float64)
    started = time.monotonic()
    recall = evaluate(scores, np.repeat(np.arange(len(scores)), captions_per_image))
    return Row("scores", "none", recall, seconds=time.monotonic() - started)
