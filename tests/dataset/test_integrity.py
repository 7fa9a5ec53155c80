import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gatherset.dataset.integrity import content_findings, integrity_findings
from gatherset.dataset.loading import load, open_release
from gatherset.dataset.purge import purge
from gatherset.dataset.release import build_release
from gatherset.dataset.release_folder import file_sha256
from gatherset.dataset.retractions import Retraction
from gatherset.dataset.targets import validate_target
from gatherset.dataset.workspace import Workspace
from tests.dataset.conftest import correct, next_release


@pytest.fixture
def folder(workspace: Workspace, fill: Callable[..., None]) -> Path:
    fill(workspace, 4)
    release = build_release(workspace).release
    assert release is not None
    return release.path


def found(folder: Path) -> list[tuple[str, str]]:
    return [(finding.rule, Path(finding.where).name) for finding in integrity_findings(load(folder))]


def rewrite_manifest(folder: Path, **changes: object) -> None:
    """A manifest that a forger made to agree with the checksums."""
    path = folder / "release.json"
    old = file_sha256(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    sums = folder / "SHA256SUMS"
    sums.write_text(sums.read_text().replace(old, file_sha256(path)))


def test_an_untouched_release_is_whole(folder: Path) -> None:
    assert found(folder) == []
    assert list(content_findings(load(folder))) == []
    assert validate_target(folder, None).errors == 0


def test_a_moved_release_is_whole(folder: Path, tmp_path: Path) -> None:
    shutil.move(folder, tmp_path / "somewhere else")
    assert found(tmp_path / "somewhere else") == []


def test_a_changed_byte_is_found(folder: Path) -> None:
    path = next(folder.glob("data/train/*.parquet"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert found(folder) == [("GS701", path.name)]


def test_a_cut_file_is_found(folder: Path) -> None:
    path = folder / "annotations" / "karpathy.json"
    path.write_bytes(path.read_bytes()[:-1])
    assert found(folder) == [("GS701", "karpathy.json")]


def test_a_missing_file_is_found(folder: Path) -> None:
    (folder / "README.md").unlink()
    assert found(folder) == [("GS702", "README.md")]


def test_a_file_too_many_is_found(folder: Path) -> None:
    (folder / "data" / "train" / "bucket-zz.parquet").write_bytes(b"x")
    assert found(folder) == [("GS703", "bucket-zz.parquet")]


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "data/../../secret"])
def test_a_manifest_that_points_outside_is_not_followed(folder: Path, path: str) -> None:
    files = [*load(folder).manifest["files"], {"path": path, "bytes": 0, "sha256": "0" * 64}]
    rewrite_manifest(folder, files=files)
    assert ("GS704", Path(path).name) in found(folder)


def test_a_link_in_the_place_of_a_file_is_not_followed(folder: Path, tmp_path: Path) -> None:
    shutil.move(folder / "README.md", tmp_path / "README.md")
    (folder / "README.md").symlink_to(tmp_path / "README.md")
    assert found(folder) == [("GS704", "README.md")]


def test_a_changed_manifest_is_found(folder: Path) -> None:
    path = folder / "release.json"
    path.write_text(path.read_text().replace('"created": "2', '"created": "1'))
    assert found(folder) == [("GS701", "release.json")]


def test_missing_checksums_are_found(folder: Path) -> None:
    (folder / "SHA256SUMS").unlink()
    assert found(folder) == [("GS702", "SHA256SUMS")]


def test_checksums_that_do_not_agree_with_the_manifest_are_found(folder: Path) -> None:
    path = folder / "SHA256SUMS"
    first, *rest = path.read_text().splitlines(keepends=True)
    path.write_text("".join(["0" * 64 + first[64:], *rest]))
    assert found(folder) == [("GS701", "SHA256SUMS")]


def test_checksums_that_are_no_text_are_found(folder: Path) -> None:
    (folder / "SHA256SUMS").write_bytes(b"\xff\xfe\x00")
    assert found(folder) == [("GS701", "release.json")]


def test_records_that_are_not_those_of_the_manifest_are_found(folder: Path) -> None:
    rewrite_manifest(folder, content_hash="0" * 64)
    assert found(folder) == []
    assert [finding.rule for finding in validate_target(folder, None).findings if finding.level == "error"] == ["GS705"]


def test_a_damaged_release_is_not_read_any_further(folder: Path) -> None:
    next(folder.glob("captions/*.parquet")).write_bytes(b"nonsense")
    report = validate_target(folder, None)
    assert (report.checked, [finding.rule for finding in report.findings]) == (0, ["GS701"])


def wrong(folder: Path) -> list[str]:
    return [finding.rule for finding in validate_target(folder, None).findings if finding.level == "error"]


def test_counts_that_are_not_those_of_the_records_are_found(folder: Path) -> None:
    counts = load(folder).manifest["counts"]
    rewrite_manifest(folder, counts={**counts, "train": {"protest": counts["train"]["protest"] + 1}})
    assert wrong(folder) == ["GS706"]


def test_counts_of_a_purged_release_may_be_higher_by_what_was_retracted(folder: Path) -> None:
    purge(folder, [Retraction(load(folder)["train"].ids[0], "wrong", "2026-11-21")])
    assert list(content_findings(open_release(folder))) == []
    counts = open_release(folder).manifest["counts"]
    rewrite_manifest(folder, counts={**counts, "train": {"protest": counts["train"]["protest"] + 1}})
    assert [finding.rule for finding in content_findings(open_release(folder))] == ["GS706"]


@pytest.fixture
def second(folder: Path, workspace: Workspace) -> Path:
    """2.0.0, with one caption corrected, beside 1.0.0."""
    correct(workspace)
    return next_release(workspace).path


def test_a_version_that_is_too_low_after_its_parent_is_found(second: Path) -> None:
    assert wrong(second) == []
    rewrite_manifest(second, version="1.1.0")
    [finding] = [f for f in validate_target(second, None).findings if f.level == "error"]
    assert (finding.rule, "1 edited" in finding.message, "2.0.0" in finding.next_step) == ("GS707", True, True)


def test_another_parent_than_the_one_it_followed_is_found(second: Path, folder: Path) -> None:
    rewrite_manifest(folder, content_hash="0" * 64)
    assert wrong(second) == ["GS707"]


def test_a_release_alone_is_not_asked_for_its_parent(second: Path, folder: Path) -> None:
    shutil.rmtree(folder)
    assert wrong(second) == []
