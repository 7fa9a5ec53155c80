"""The benchmark of a release: EDAN, its peers and floors, trained and measured alike, in one table."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gatherset import __version__
from gatherset.baselines import train
from gatherset.baselines.benchmark_report import write_benchmark_report
from gatherset.baselines.budgets import FLOORS, NAMES, USUAL, Entry, entries
from gatherset.baselines.cca import cca_scores
from gatherset.baselines.detected import seen_in
from gatherset.baselines.device import find_device
from gatherset.baselines.floors import detector_scores, event_scores, random_scores
from gatherset.baselines.loader import Label
from gatherset.baselines.measured import Measured, keep, kept, measure_run, measure_scores
from gatherset.baselines.models import shape_settings
from gatherset.baselines.recall import Hits, chance, difference, evaluate, in_folds, rsum_interval
from gatherset.baselines.result import Row, result_document
from gatherset.baselines.runs import Run, ids_digest, records_digest, release_identity, write_json
from gatherset.baselines.scoring import Scores
from gatherset.baselines.trainable import check_splits
from gatherset.dataset.errors import GathersetError, InputError, ModelError
from gatherset.dataset.features import FeatureFile
from gatherset.dataset.records import SPLITS

if TYPE_CHECKING:
    from gatherset.dataset.loading import Release

REFERENCE = ("edan", "none")  # what every row is compared with


def evaluate_run(
    run: Run, release: Release, features: FeatureFile, split: str = "test", half: bool = False
) -> list[Row]:
    """A trained model on one split: a row with the annotated and one with the guessed types, or one without.

    `half`: words and regions are multiplied in bfloat16, which EDAN and SCAN gain from.

    Raises ReleaseError, FeaturesError or ModelError where run, release, features and split do not belong together.
    """
    return [one.row for one in measure_run(run, release, features, run.config.model, split, half=half)]


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
    device: str = "cpu",
    report: Callable[[str], None] = print,
) -> tuple[list[Row], dict[str, Any]]:
    """Train what is not trained yet, measure it on the test split, write benchmark.json, benchmark.md and figures/.

    `models` are names of `gatherset.baselines.budgets`; `epochs` replaces those of the budget; `detector` is a YOLOX
    .onnx file, for the floor that knows only what it names. What was measured before in `folder`, of this budget and
    these epochs, is in the table as well and not done again. Returns the rows and the document. What cannot be measured
    is `missing` in the document, with the reason: a training that fails does not stop the others. ModelError where
    the test split is empty or nothing can be measured at all.
    """
    features.require(release)
    check_splits(release)
    find_device(device)
    if not release["test"].ids:
        raise ModelError(f"the test split of {release} is empty", "Add records and build the release again")
    started = time.monotonic()
    wanted = list(dict.fromkeys([*models, "detector"] if detector else models))
    labelled = len(set(release["train"].event_types)) > 1
    plan = entries(wanted, budget, labelled=labelled, epochs=epochs, ablations=ablations)
    place = _Place(release, features, folder)
    every = entries(NAMES, budget, labelled=labelled, epochs=epochs, ablations=True)
    trained = {(one.method, seed): found for one in every for seed in place.seeds() if (found := place.kept(one, seed))}
    below = {name: found for name in FLOORS if (found := place.floor(name, name in wanted, detector, report))}
    missing = _impossible(wanted, plan, below, budget)
    if not plan and not below:
        raise InputError(
            f"none of {', '.join(wanted)} can be measured on {release}", "; ".join(one["reason"] for one in missing)
        )

    def measured() -> list[Measured]:
        """All that there is by now, in the order of the table."""
        order = [one.method for one in every]
        keys = sorted(trained, key=lambda key: (order.index(key[0]), key[1]))
        return [*(one for key in keys for one in trained[key]), *(one for found in below.values() for one in found)]

    def written() -> dict[str, Any]:
        """The document of what there is by now: stopped, a benchmark leaves a table."""
        methods = {method for method, _ in trained}
        document = result_document(
            [one.row for one in measured()],
            seconds=time.monotonic() - started,
            release=release_identity(release) | _files(release),
            split="test",
            extractor_hash=features.header.extractor.hash,
            budget={"name": budget, "methods": {one.method: _settings(one) for one in every if one.method in methods}},
            models=summaries(measured()),
            missing=missing,
            device=device,
        )
        write_json(folder / "benchmark.json", document)
        write_benchmark_report(folder, document)
        return document

    if measured():
        written()
    for seed in range(seeds):
        for entry in plan:
            if (entry.method, seed) in trained:
                continue
            try:
                trained[entry.method, seed] = place.train(entry, seed, device, report)
            except GathersetError as error:
                missing.append({"method": entry.method, "seed": seed, "reason": str(error)})
                report(f"{entry.method}, seed {seed}, failed: {error}")
            if measured():
                written()
    if not measured():
        raise ModelError("no training came to its end", "; ".join(one["reason"] for one in missing))
    return [one.row for one in measured()], written()


def _impossible(
    wanted: Sequence[str], plan: Sequence[Entry], below: Mapping[str, object], budget: str
) -> list[dict[str, Any]]:
    """What was asked for by name and cannot be measured here."""
    reasons = {
        "event": "event needs several event types among the training images",
        "detector": "detector needs --detector",
        "edan-word2vec": f"edan-word2vec is edan in the budget {budget}",
    }
    there = {*below, *(entry.method for entry in plan)}
    return [
        {"method": name, "seed": None, "reason": reason}
        for name, reason in reasons.items()
        if name in wanted and name not in there
    ]


class _Place:
    """Where a benchmark keeps what it trained and measured: a folder for each training and each floor."""

    def __init__(self, release: Release, features: FeatureFile, folder: Path) -> None:
        self.release, self.features, self.folder = release, features, folder

    def seeds(self) -> list[int]:
        """The seeds of which there is something."""
        parts = [path.parent.name.rsplit("-", 2) for path in self.folder.glob("*/measured.json")]
        return sorted({int(part[1]) for part in parts if len(part) == 3 and part[1].isdigit()})

    def training(self, entry: Entry, seed: int) -> Path:
        """The folder of one training: other features, records, settings or code make another."""
        settings = replace(entry.settings, seed=seed)
        made_of = train.run_config(self.release, self.features, entry.shape, settings).hash
        return self.folder / f"{entry.method.replace(', ', '-').replace(' ', '-')}-{seed}-{made_of[:8]}"

    def kept(self, entry: Entry, seed: int) -> list[Measured]:
        """What one training was worth; nothing where it was not measured."""
        return kept(self.training(entry, seed), self.release["test"])

    def train(self, entry: Entry, seed: int, device: str, report: Callable[[str], None]) -> list[Measured]:
        """One training, and what it is worth."""
        place, settings = self.training(entry, seed), replace(entry.settings, seed=seed)
        report(f"{place.name}:")
        run = train.train(
            self.release, self.features, place, shape=entry.shape, settings=settings, device=device, report=report
        )
        method = entry.method.removesuffix(", no label")
        measured = measure_run(run, self.release, self.features, method, device=device)
        keep(place, measured, self.release["test"])
        report(f"{place.name}: Rsum {measured[0].row.recall.rsum:.1f} on the test split")
        return measured

    def floor(self, name: str, wanted: bool, detector: str | None, report: Callable[[str], None]) -> list[Measured]:
        """What a floor is worth; measured where it is `wanted` and was not yet. Another detector is another floor."""
        test = self.release["test"]
        known = [__version__, records_digest(self.release, "train"), self.release.content_hash]
        made_of = ids_digest([*known, self.features.header.extractor.hash])
        place = self.folder / f"{name}-{made_of[:8]}"
        looking = name == "detector" and detector is not None
        if not looking and (before := kept(place, test)):
            return before
        if not wanted:
            return []
        seen = seen_in(self.release, detector, self.folder, report) if looking and detector else None
        if measured := floors(self.release, self.features, [name], seen):
            keep(place, measured, test)
        return measured


def floors(
    release: Release, features: FeatureFile, names: Sequence[str], seen: dict[str, list[str]] | None = None
) -> list[Measured]:
    """Those of the floors that `names` holds and that can be measured: `detector` needs `seen`, `event` some types."""
    train_split, test = release["train"], release["test"]
    several = len(set(train_split.event_types)) > 1
    ways: dict[str, Callable[[], Mapping[Label, Scores]]] = {
        "cca": lambda: {"none": cca_scores(train_split, test, features)},
        "event": lambda: event_scores(train_split, test) if several else {},
        "detector": lambda: {} if seen is None else {"none": detector_scores(train_split, test, seen)},
        "random": lambda: {"none": random_scores(test)},
    }
    measured = []
    for name, way in ways.items():
        if name in names:
            started = time.monotonic()
            found = way()
            seconds = time.monotonic() - started
            measured += [
                measure_scores(name, label, test, scores, scores, seconds=seconds) for label, scores in found.items()
            ]
    return measured


def summaries(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """The rows of each method and label together, over the seeds, beside EDAN without event types."""
    groups: dict[tuple[str, str], list[Measured]] = {}
    for one in measured:
        groups.setdefault((one.row.method, one.row.label), []).append(one)
    means = {key: Hits.mean([one.found for one in several]) for key, several in groups.items()}
    reference = means.get(REFERENCE)
    return [
        {
            "method": method,
            "label": label,
            "seeds": sum(one.row.seed is not None for one in groups[method, label]),
            "image_to_text": (100 * mean.by_image.mean(0)).tolist(),
            "text_to_image": (100 * mean.by_caption.mean(0)).tolist(),
            "rsum": mean.rsum,
            "rsum_interval": rsum_interval(mean),
            "rsum_deviation": _deviation([one.found.rsum for one in groups[method, label]]),
            "minus_edan": None if reference is None or mean is reference else _minus(mean, reference),
        }
        for (method, label), mean in means.items()
    ]


def _deviation(sums: Sequence[float]) -> float | None:
    """The standard deviation of a sample; none of a single one."""
    return float(np.std(sums, ddof=1)) if len(sums) > 1 else None


def _minus(mean: Hits, reference: Hits) -> dict[str, Any]:
    value, interval = difference(mean, reference)
    return {"rsum": value, "interval": interval, "chance": chance(mean, reference)}


def _settings(entry: Entry) -> dict[str, Any]:
    return {"shape": shape_settings(entry.shape), "training": asdict(entry.settings)}


def _files(release: Release) -> dict[str, str]:
    """sha256 of the ids that are used, and of release.json, where the release lies in a folder."""
    digests = {"records_sha256": records_digest(release, *SPLITS)}
    path = getattr(release, "path", None)
    manifest = path / "release.json" if path else None
    if manifest is not None and manifest.exists():
        digests["manifest_sha256"] = hashlib.sha256(manifest.read_bytes()).hexdigest()
    return digests


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
    owner = np.repeat(np.arange(len(scores)), captions_per_image)
    recall, folds = evaluate(scores, owner), in_folds(scores, owner, scores)
    return Row("scores", "none", recall, seconds=time.monotonic() - started, folds=folds)
