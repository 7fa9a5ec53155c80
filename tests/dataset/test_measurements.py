import json
import socket
from pathlib import Path

import numpy as np
import pytest

from gatherset.dataset.errors import FeaturesError, InputError
from gatherset.dataset.features import ExtractorIdentity, FeatureWriter, Header
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.integrity import integrity_findings
from gatherset.dataset.loading import Release
from gatherset.dataset.measurements import (
    _answer,
    _mean_similarity,
    _outcome,
    benchmark_result,
    link_rot,
    semantic_density,
    write_measurements,
)
from gatherset.dataset.workspace import Workspace
from tests.dataset.conftest import Photos, correct, make_all, next_release
from tests.web_server import WebServer


def write_features(release: Release, path: Path, rows: np.ndarray) -> Path:
    ids = [record["id"] for record in release.records()]
    identity = ExtractorIdentity("random", {}, "0" * 64)
    header = Header(identity, release.name, release.version, release.content_hash, 1, rows.shape[1], ids)
    with FeatureWriter(path, header) as writer:
        writer.append(rows[: len(ids), None, :], np.zeros((len(ids), 1, 4), np.float32))
    return path


def test_the_mean_similarity_is_that_of_all_pairs() -> None:
    vectors = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = [float(vectors[i] @ vectors[j]) for i in range(7) for j in range(7) if i != j]
    assert _mean_similarity(vectors) == pytest.approx(np.mean(pairs), abs=1e-5)


def test_images_that_are_alike_are_dense_and_others_are_not(released: Release, tmp_path: Path) -> None:
    alike = semantic_density(released, write_features(released, tmp_path / "a", np.ones((24, 8), np.float32)))
    apart = semantic_density(released, write_features(released, tmp_path / "b", np.eye(24, 24, dtype=np.float32)))
    assert (alike["mean_cosine"], apart["mean_cosine"]) == (1.0, 0.0)
    assert set(alike["within_type"]) == {"protest", "sports_event"}


def test_the_same_seed_gives_the_same_density(released: Release, tmp_path: Path) -> None:
    path = write_features(released, tmp_path / "f", np.random.default_rng(0).random((24, 8), np.float32))
    first, second = semantic_density(released, path), semantic_density(released, path)
    assert first["mean_cosine"] == second["mean_cosine"]


def test_features_of_another_release_are_refused(released: Release, workspace: Workspace, tmp_path: Path) -> None:
    path = write_features(released, tmp_path / "f", np.ones((24, 8), np.float32))
    correct(workspace)
    with pytest.raises(FeaturesError):
        semantic_density(next_release(workspace), path)


def test_links_that_do_not_answer_are_counted(workspace: Workspace, make_photos: Photos, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "there.jpg").write_bytes(b"x")
    with WebServer(tmp_path / "web").running() as web:
        for name in ("there", "gone"):
            folder = make_photos(2 if name == "gone" else 1, folder=name, url=f"{web.url}/{name}.jpg")
            ingest(workspace, folder, Provenance(license="CC-BY-4.0"))
        make_all(workspace)
        release = next_release(workspace)
        measured = link_rot(release)
    assert (measured["links"], measured["answers"]) == (2, {"200": 1, "404": 1})
    assert (measured["there"], measured["gone"]) == (1, [f"{web.url}/gone.jpg"])


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        *[("200", "there"), ("206", "there"), ("404", "gone"), ("410", "gone"), ("401", "refused"), ("403", "refused")],
        *[
            ("429", "refused"),
            ("451", "refused"),
            ("500", "unreachable"),
            ("302", "unreachable"),
            ("503", "unreachable"),
        ],
        *[("timeout", "unreachable"), ("unreachable", "unreachable"), ("no web address", "unreachable")],
    ],
)
def test_only_what_a_server_calls_missing_is_gone(answer: str, outcome: str) -> None:
    assert _outcome(answer) == outcome


def test_a_link_is_asked_once_more_where_the_server_knows_no_head(tmp_path: Path) -> None:
    (tmp_path / "there.jpg").write_bytes(b"x")
    with WebServer(tmp_path).running() as web:
        web.head_status = 405
        assert _answer(f"{web.url}/there.jpg") == "200"
        web.head_status = 429
        assert _answer(f"{web.url}/there.jpg") == "429"


def test_a_link_that_does_not_answer_in_time_is_no_missing_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatherset.dataset.measurements.TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert _answer(f"http://127.0.0.1:{silent.getsockname()[1]}/a.jpg") == "timeout"
    assert _answer("http://127.0.0.1:1/a.jpg") == "unreachable"


def test_only_the_web_is_asked(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    assert _answer((tmp_path / "secret").as_uri()) == "no web address"


def test_what_was_measured_does_not_change_the_release(released: Release) -> None:
    [path] = write_measurements(released, [link_rot(released)])
    assert json.loads(path.read_text())["release"]["version"] == "1.0.0"
    assert list(integrity_findings(released)) == []


def test_a_benchmark_of_another_release_is_refused(released: Release, tmp_path: Path) -> None:
    path = tmp_path / "benchmark.json"
    path.write_text("{}")
    with pytest.raises(InputError, match="is no benchmark result"):
        benchmark_result(released, path)
