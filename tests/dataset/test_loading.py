import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import gatherset
from gatherset.dataset.errors import ReleaseError
from gatherset.dataset.loading import Release, load, releases_in
from gatherset.dataset.release import build_release
from gatherset.dataset.workspace import Workspace


@pytest.fixture
def release(workspace: Workspace, fill: Callable[..., None]) -> Release:
    fill(workspace, 12)
    made = build_release(workspace).release
    assert made is not None
    return made


def test_an_example_has_its_captions_its_type_and_its_picture(release: Release) -> None:
    example = gatherset.load(release.path)["train"][0]
    assert example.id == release["train"].ids[0]
    assert example.captions == release["train"].captions[0]
    assert len(example.captions) == 5
    assert example.event_type == "protest"
    assert example.record["split"] == "train"
    with example.image as image:
        assert image.size == (example.record["image"]["width"], example.record["image"]["height"])


def test_a_split_is_indexed_like_a_list(release: Release) -> None:
    train = release["train"]
    ids = [example.id for example in train]
    assert ids == train.ids == sorted(ids)
    assert train[-1].id == ids[-1]
    assert [example.id for example in train[1:5:2]] == ids[1:5:2]
    assert [example.id for example in train[::-1]] == ids[::-1]
    assert len(train) == len(train.event_types) == len(list(train.records()))


@pytest.mark.parametrize("index", [1000, -1000])
def test_an_index_out_of_range_is_an_index_error(release: Release, index: int) -> None:
    with pytest.raises(IndexError):
        release["train"][index]


def test_an_empty_split_is_an_empty_list(workspace: Workspace, fill: Callable[..., None]) -> None:
    fill(workspace, 1)
    made = build_release(workspace).release
    assert made is not None
    assert (len(made["test"]), list(made["test"]), made["test"].ids, made["test"][:3]) == (0, [], [], [])
    with pytest.raises(IndexError):
        made["test"][0]


def test_an_unknown_split_names_those_there_are(release: Release) -> None:
    with pytest.raises(ReleaseError, match=r"has no split 'dev'\. There is: train, val, test"):
        release["dev"]


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir(), lambda path: path.write_text("x")])
def test_what_is_no_release_is_said(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "r")
    with pytest.raises(ReleaseError, match="is not a release"):
        load(tmp_path / "r")


@pytest.mark.parametrize("text", ["", "{", "[]", "\ud800"])
def test_a_damaged_manifest_is_said(release: Release, text: str) -> None:
    (release.path / "release.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ReleaseError, match=r"release\.json"):
        load(release.path)


def test_a_manifest_of_a_newer_version_asks_for_an_upgrade(release: Release) -> None:
    path = release.path / "release.json"
    path.write_text(json.dumps({**release.manifest, "schema_version": "2.0"}))
    with pytest.raises(ReleaseError, match=r"schema_version.*Upgrade Gatherset"):
        load(release.path)


@pytest.mark.parametrize("pattern", ["captions/train.parquet", "data/train/*.parquet"])
def test_a_damaged_table_is_a_release_error(release: Release, pattern: str) -> None:
    for path in release.path.glob(pattern):
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ReleaseError, match="cannot be read"):
        list(load(release.path)["train"])


@pytest.mark.parametrize("column", ["id", "image", "record"])
def test_a_table_without_one_of_its_columns_is_a_release_error(release: Release, column: str) -> None:
    for path in release.path.glob("data/train/*.parquet"):
        pq.write_table(pq.read_table(path).drop_columns([column]), path)
    with pytest.raises(ReleaseError, match=f"it has no (column )?{column}"):
        list(load(release.path)["train"])


@pytest.mark.parametrize("column", ["id", "record"])
def test_captions_without_one_of_their_columns_are_a_release_error(release: Release, column: str) -> None:
    path = release.path / "captions" / "train.parquet"
    pq.write_table(pq.read_table(path).drop_columns([column]), path)
    with pytest.raises(ReleaseError, match="cannot be read"):
        list(load(release.path).records())


def test_a_missing_table_is_a_release_error_and_no_empty_split(release: Release) -> None:
    (release.path / "captions" / "train.parquet").unlink()
    with pytest.raises(ReleaseError, match="train"):
        len(release["train"])


def test_releases_are_found_by_version(workspace: Workspace, release: Release) -> None:
    for name in ("mg-1.0.10", "mg-1.0.9", "mg-x", ".mg-1.0.11.abcd.partial"):
        (workspace.releases_folder / name).mkdir()
    for name in ("mg-1.0.10", "mg-1.0.9"):
        manifest = {**release.manifest, "version": name[3:]}
        (workspace.releases_folder / name / "release.json").write_text(json.dumps(manifest))
    assert sorted(releases_in(workspace.releases_folder)) == [(1, 0, 0), (1, 0, 9), (1, 0, 10)]
    assert workspace.release().version == "1.0.10"
    assert workspace.release("mg@1.0.9").version == workspace.release("1.0.9").version == "1.0.9"
    assert workspace.release(str(release.path)).version == "1.0.0"


def test_an_unknown_version_names_those_there_are(workspace: Workspace, release: Release) -> None:
    with pytest.raises(ReleaseError, match=r"no release '7\.0\.0'.*There is: 1\.0\.0"):
        workspace.release("7.0.0")
