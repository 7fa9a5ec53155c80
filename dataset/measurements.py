"""What is measured on a release after it was built: links, semantic density, benchmarks. It may grow, beside it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
from numpy.typing import NDArray

from gatherset import schemas
from gatherset.dataset.errors import InputError, ReleaseError
from gatherset.dataset.features import FeatureFile
from gatherset.dataset.loading import Release
from gatherset.dataset.release_folder import MEASUREMENTS, write_json
from gatherset.dataset.timestamps import now
from gatherset.dataset.web.addresses import Reach
from gatherset.dataset.web.hosts import Limits
from gatherset.dataset.web.link_rot import check_links

SAMPLE = 300  # images, as in Figure 6 of the EDAN paper
DRAWS = 20  # samples, for the spread


def link_measurement(release: Release, *, limits: Limits, reach: Reach, contact: str = "") -> dict[str, Any]:
    """Whether the images are still where they came from; see `link_rot.check_links`."""
    return _document(release, "links", check_links(release, limits=limits, reach=reach, contact=contact))


def semantic_density(release: Release, features: Path, *, seed: int = 0) -> dict[str, Any]:
    """How close the images are to each other: what Figure 6 of the EDAN paper shows by t-SNE, as numbers.

    The mean cosine similarity of all pairs among 300 images, on the mean of each image's region features, over 20
    samples; and the same within each event type. Comparable only between releases with the same extractor.
    """
    file = FeatureFile.open(features)
    file.require(release)
    ids, types = [], []
    for split in release.pulled_splits:
        ids += release[split].ids
        types += release[split].event_types
    if len(ids) < 2:
        raise ReleaseError(f"{release} has too few images", "Two at least are needed")
    vectors = _unit_vectors(file, ids)
    generator = np.random.default_rng(seed)
    size = min(SAMPLE, len(ids))
    draws = [_mean_similarity(vectors[generator.choice(len(ids), size, replace=False)]) for _ in range(DRAWS)]
    rows: defaultdict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(types):
        rows[name].append(row)
    within = {
        name: round(_mean_similarity(vectors[those]), 4) for name, those in sorted(rows.items()) if len(those) > 1
    }
    values = {
        "extractor": file.header.extractor.name,
        "sample": size,
        "draws": DRAWS,
        "seed": seed,
        "mean_cosine": round(float(np.mean(draws)), 4),
        "standard_deviation": round(float(np.std(draws)), 4),
        "within_type": within,
    }
    return _document(release, "density", values)


def _unit_vectors(file: FeatureFile, ids: Sequence[str]) -> NDArray[np.float32]:
    means = np.stack([file.regions([identity])[0].astype(np.float32).mean(0) for identity in ids])
    return np.asarray(means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12), np.float32)


def _mean_similarity(vectors: NDArray[np.float32]) -> float:
    """The mean cosine similarity of all pairs of different rows."""
    count = len(vectors)
    total = float(np.square(vectors.sum(0, dtype=np.float64)).sum())  # of all pairs, each row with itself included
    return (total - count) / (count * (count - 1))


def benchmark_result(release: Release, path: Path) -> dict[str, Any]:
    """A result that `gatherset benchmark` wrote for this release. Raises InputError for any other."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        jsonschema.validate(document, schemas.read("benchmark_result.schema.json"), jsonschema.Draft202012Validator)
    except (OSError, ValueError, jsonschema.ValidationError) as error:
        raise InputError(f"{path} is no benchmark result: {str(error)[:200]}", "See: gatherset benchmark") from error
    if not document["release"] or document["release"]["content_hash"] != release.content_hash:
        raise InputError(f"{path} was not measured on {release}", "Run gatherset benchmark on this release")
    return _document(release, "benchmark", {"result": document})


def _document(release: Release, kind: str, values: dict[str, Any]) -> dict[str, Any]:
    identity = {"name": release.name, "version": release.version, "content_hash": release.content_hash}
    return {"schema_version": "1.0", "kind": kind, "release": identity, "measured": now(), **values}


def write_measurements(release: Release, documents: Iterable[dict[str, Any]]) -> list[Path]:
    """Write each into `measurements/` of the release folder, in the place of an earlier one of its kind."""
    folder = release.path / MEASUREMENTS
    folder.mkdir(exist_ok=True)
    paths = []
    for document in documents:
        paths.append(folder / f"{document['kind']}.json")
        write_json(paths[-1], document)
    return paths
