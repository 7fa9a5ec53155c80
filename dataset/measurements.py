"""What is measured on a release after it was built: links, semantic density, benchmarks. It may grow, beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jsonschema

from gatherset import schemas
from gatherset.dataset.density import densities, image_vectors
from gatherset.dataset.errors import InputError
from gatherset.dataset.features import FeatureFile
from gatherset.dataset.loading import Release
from gatherset.dataset.release_folder import MEASUREMENTS, write_json
from gatherset.dataset.timestamps import now
from gatherset.dataset.web.addresses import Reach
from gatherset.dataset.web.hosts import Limits
from gatherset.dataset.web.link_rot import check_links


def link_measurement(
    release: Release, *, limits: Limits, reach: Reach, contact: str = "", isolated: bool = True
) -> dict[str, Any]:
    """Whether the images are still where they came from; see `link_rot.check_links`."""
    links = check_links(release, limits=limits, reach=reach, contact=contact, isolated=isolated)
    return _document(release, "links", links)


def density_measurement(release: Release, features: Path, *, seed: int = 0) -> dict[str, Any]:
    """How close the images are to each other, as `gatherset stats` has it too; see `density.densities`.

    Raises FeaturesError for the features of another release, and for too few images.
    """
    file = FeatureFile.open(features)
    file.require(release)
    [density] = densities(image_vectors(file), seed=seed)
    values = {"extractor": file.header.extractor.name, "seed": seed, **density.document()}
    return _document(release, "density", values)


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
