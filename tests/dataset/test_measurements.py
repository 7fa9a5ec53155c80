import json
from pathlib import Path

import numpy as np
import pytest

from gatherset.dataset.errors import FeaturesError, InputError
from gatherset.dataset.features import ExtractorIdentity, FeatureWriter, Header
from gatherset.dataset.integrity import integrity_findings
from gatherset.dataset.loading import Release
from gatherset.dataset.measurements import (
    benchmark_result,
    density_measurement,
    link_measurement,
    write_measurements,
)
from gatherset.dataset.web.addresses import Reach
from gatherset.dataset.web.hosts import Limits
from gatherset.dataset.workspace import Workspace
from tests.dataset.conftest import correct, next_release


def write_features(release: Release, path: Path, rows: np.ndarray) -> Path:
    ids = [record["id"] for record in release.records()]
    identity = ExtractorIdentity("random", {}, "0" * 64)
    header = Header(identity, release.name, release.version, release.content_hash, 1, rows.shape[1], ids)
    with FeatureWriter(path, header) as writer:
        writer.append(rows[: len(ids), None, :], np.zeros((len(ids), 1, 4), np.float32))
    return path


def test_images_that_are_alike_are_dense_and_others_are_not(released: Release, tmp_path: Path) -> None:
    alike = density_measurement(released, write_features(released, tmp_path / "a", np.ones((24, 8), np.float32)))
    apart = density_measurement(released, write_features(released, tmp_path / "b", np.eye(24, 24, dtype=np.float32)))
    assert (alike["knn_distance"], apart["knn_distance"]) == (0, 1)


def test_the_same_seed_gives_the_same_density(released: Release, tmp_path: Path) -> None:
    path = write_features(released, tmp_path / "f", np.random.default_rng(0).random((24, 8), np.float32))
    first, second = density_measurement(released, path), density_measurement(released, path)
    assert first["knn_distance"] == second["knn_distance"]


def test_features_of_another_release_are_refused(released: Release, workspace: Workspace, tmp_path: Path) -> None:
    path = write_features(released, tmp_path / "f", np.ones((24, 8), np.float32))
    correct(workspace)
    with pytest.raises(FeaturesError):
        density_measurement(next_release(workspace), path)


def test_what_was_measured_does_not_change_the_release(released: Release) -> None:
    [path] = write_measurements(released, [link_measurement(released, limits=Limits(), reach=Reach(), isolated=False)])
    assert json.loads(path.read_text())["release"]["version"] == "1.0.0"
    assert list(integrity_findings(released)) == []


def test_a_benchmark_of_another_release_is_refused(released: Release, tmp_path: Path) -> None:
    path = tmp_path / "benchmark.json"
    path.write_text("{}")
    with pytest.raises(InputError, match="is no benchmark result"):
        benchmark_result(released, path)
