"""The benchmark of a release: EDAN, its peers and floors, trained and measured alike, in one table."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gatherset.baselines import train
from gatherset.baselines.benchmark_report import write_benchmark_report
from gatherset.baselines.budgets import USUAL, Entry, entries
from gatherset.baselines.cca import cca_scores
from gatherset.baselines.detected import seen_in
from gatherset.baselines.floors import detector_scores, event_scores, random_scores
from gatherset.baselines.measured import Measured, keep, kept, measure_run, measure_scores
from gatherset.baselines.models import shape_settings
from gatherset.baselines.recall import Hits, chance, difference, evaluate, rsum_interval
from gatherset.baselines.result import Row, result_document
from gatherset.baselines.runs import Run, release_identity, write_json
from gatherset.dataset.errors import InputError, ModelError
from gatherset.dataset.features import FeatureFile

if TYPE_CHECKING:
    from gatherset.dataset.loading import Release

REFERENCE = ("edan", "none")  # what every row is compared with


def evaluate_run(run: Run, release: Release, features: FeatureFile, split: str = "test") -> list[Row]:
    """A trained model on one split: a row with the annotated and one with the guessed types, or one without.

    Raises ReleaseError, FeaturesError or ModelError where run, release, features and split do not belong together.
    """
    return [one.row for one in measure_run(run, release, features, run.config.model, split)]


def run_benchmark(
    release: Release,
    features: FeatureFile,
    folder: Path,
    *,
    models: Sequence[str] = USUAL,
    budget: str = "cpu",
    seeds: int = 1,
    epochs: int | None = None,
    ablations: bool = False,
    detector: str | None = None,
    report: Callable[[str], None] = print,
) -> tuple[list[Row], dict[str, Any]]:
    """Train what is not trained yet, measure it on the test split, write benchmark.json, benchmark.md and figures/.

    `models` are names of `gatherset.baselines.budgets`; `epochs` replaces those of the budget; `detector` is a YOLOX
    .onnx file, for the floor that knows only what it names. What was trained and measured before is not done
    again. Returns the rows and the document; raises what `train` raises, and ModelError where the test split is empty.
    """
    features.require(release)
    if not release["test"].ids:
        raise ModelError(f"the test split of {release} is empty", "Add records and build the release again")
    started = time.monotonic()
    measured: list[Measured] = []
    labelled = len(set(release["train"].event_types)) > 1
    plan = entries(models, budget, labelled=labelled, epochs=epochs, ablations=ablations)
    seen = seen_in(release, detector, folder, report) if detector and "detector" in models else None
    below = floors(release, features, models, seen)
    if not plan and not below:
        raise InputError(
            f"none of {', '.join(models)} can be measured on {release}",
            "`event` needs several event types, `detector` needs --detector",
        )
    folder.mkdir(parents=True, exist_ok=True)

    def written() -> dict[str, Any]:
        """The document of what there is by now: stopped, a benchmark leaves a table."""
        document = result_document(
            [one.row for one in (*measured, *below)],
            seconds=time.monotonic() - started,
            release=release_identity(release) | _manifest(release),
            split="test",
            extractor_hash=features.header.extractor.hash,
            budget={"name": budget, "methods": {entry.method: _settings(entry) for entry in plan}},
            models=summaries([*measured, *below]),
        )
        write_json(folder / "benchmark.json", document)
        write_benchmark_report(folder, document)
        return document

    for seed in range(seeds):
        for entry in plan:
            measured += _measured(entry, seed, release, features, folder, report)
            written()
    return [one.row for one in (*measured, *below)], written()


def _measured(
    entry: Entry, seed: int, release: Release, features: FeatureFile, folder: Path, report: Callable[[str], None]
) -> list[Measured]:
    """One training, and what it is worth; opened where it was done before."""
    settings = replace(entry.settings, seed=seed)
    # Other features, settings or code make another run: it must neither be mixed with this one nor block it.
    made_of = train.run_config(release, features, entry.shape, settings)
    name = f"{entry.method.replace(', ', '-').replace(' ', '-')}-{seed}-{made_of.hash[:8]}"
    finished = (folder / name / "measured.json").exists()
    if finished and (before := kept(folder / name, release["test"])):
        return before
    report(f"{name}:")
    run = train.train(release, features, folder / name, shape=entry.shape, settings=settings, report=report)
    measured = measure_run(run, release, features, entry.method.removesuffix(", no label"))
    keep(folder / name, measured)
    report(f"{name}: Rsum {measured[0].row.recall.rsum:.1f} on the test split")
    return measured


def floors(
    release: Release, features: FeatureFile, names: Sequence[str], seen: dict[str, list[str]] | None = None
) -> list[Measured]:
    """Those of the floors that `names` holds; what is not a floor is passed over, as is the detector without `seen`."""
    measured = []
    train_split, test = release["train"], release["test"]
    if "cca" in names:
        started = time.monotonic()
        scores = cca_scores(train_split, test, features)
        measured.append(measure_scores("cca", "none", test, scores, scores, seconds=time.monotonic() - started))
    if "event" in names and len(set(train_split.event_types)) > 1:
        for label, scores in event_scores(train_split, test).items():
            measured.append(measure_scores("event", label, test, scores, scores))
    if "detector" in names and seen is not None:
        scores = detector_scores(train_split, test, seen)
        measured.append(measure_scores("detector", "none", test, scores, scores))
    if "random" in names:
        scores = random_scores(test)
        measured.append(measure_scores("random", "none", test, scores, scores))
    return measured


def summaries(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """The rows of each method and label together, over the seeds, beside EDAN without event types."""
    groups: dict[tuple[str, str], list[Hits]] = {}
    for one in measured:
        groups.setdefault((one.row.method, one.row.label), []).append(one.found)
    means = {key: Hits.mean(several) for key, several in groups.items()}
    reference = means.get(REFERENCE)
    return [
        {
            "method": method,
            "label": label,
            "seeds": len(groups[method, label]),
            "image_to_text": (100 * mean.by_image.mean(0)).tolist(),
            "text_to_image": (100 * mean.by_caption.mean(0)).tolist(),
            "rsum": mean.rsum,
            "rsum_interval": rsum_interval(mean),
            "minus_edan": None if reference is None or mean is reference else _minus(mean, reference),
        }
        for (method, label), mean in means.items()
    ]


def _minus(mean: Hits, reference: Hits) -> dict[str, Any]:
    value, interval = difference(mean, reference)
    return {"rsum": value, "interval": interval, "chance": chance(mean, reference)}


def _settings(entry: Entry) -> dict[str, Any]:
    return {"shape": shape_settings(entry.shape), "training": asdict(entry.settings)}


def _manifest(release: Release) -> dict[str, str]:
    """sha256 of release.json, where the release lies in a folder."""
    path = getattr(release, "path", None)
    manifest = path / "release.json" if path else None
    if manifest is None or not manifest.exists():
        return {}
    return {"manifest_sha256": hashlib.sha256(manifest.read_bytes()).hexdigest()}


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
