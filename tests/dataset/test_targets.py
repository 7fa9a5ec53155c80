import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gatherset import schemas
from gatherset.dataset.errors import InputError, WorkspaceError
from gatherset.dataset.formats import DATA_SCHEMA
from gatherset.dataset.loading import Release, open_release
from gatherset.dataset.pull import as_selection, pull
from gatherset.dataset.records import canonical
from gatherset.dataset.registry import Registry
from gatherset.dataset.release import build_release
from gatherset.dataset.release_folder import file_entry, write_json, write_sums
from gatherset.dataset.targets import validate_target
from gatherset.dataset.versions import parse_wanted
from gatherset.dataset.workspace import Workspace


def test_a_release_with_types_of_its_own_is_valid_anywhere(
    workspace: Workspace, fill: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = json.loads(json.dumps(schemas.read("event_types.json")).replace("public_assembly", "market_day"))
    (workspace.root / "event_types.json").write_text(json.dumps(own))
    fill(workspace, 12, types=["market_day"])
    release = build_release(workspace).release
    assert release is not None
    monkeypatch.chdir(tmp_path)
    assert validate_target(release.path, None).errors == 0


def test_a_damaged_workspace_around_is_not_passed_over(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace.root / "gatherset.toml").write_text('format = 99\nname = "mg"\n')
    records = tmp_path / "records.jsonl"
    records.write_text("{}\n")
    monkeypatch.chdir(workspace.root)
    with pytest.raises(WorkspaceError, match="newer"):
        validate_target(records, None)


def test_no_records_is_never_a_pass(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="holds no records"):
        validate_target(workspace.root, None)


def forge(folder: Path, change: Callable[[dict[str, object], dict[str, object]], None]) -> None:
    """Change the first row of the first training table, and all checksums with it, as a forger would."""
    release = open_release(folder)
    path = next(iter(sorted((folder / "data" / "train").glob("*.parquet"))))
    rows = pq.read_table(path).to_pylist()
    record = json.loads(rows[0]["record"])
    change(rows[0], record)
    rows[0]["record"] = canonical(record)
    pq.write_table(pa.Table.from_pylist(rows, DATA_SCHEMA), path)
    name = path.relative_to(folder).as_posix()
    files = [file_entry(folder, path) if entry["path"] == name else entry for entry in release.manifest["files"]]
    write_json(folder / "release.json", {**release.manifest, "files": files})
    sums = {entry["path"]: entry["sha256"] for entry in [*files, file_entry(folder, folder / "release.json")]}
    write_sums(folder, sums)


def rules(folder: Path) -> set[str]:
    return {finding.rule for finding in validate_target(folder, None).findings if finding.level == "error"}


def test_the_pixels_of_a_release_are_looked_at(released: Release) -> None:
    report = validate_target(released.path, None)
    assert {"GS201", "GS202", "GS203", "GS207", "GS209", "GS211"} <= report.rules.keys()
    assert (report.errors, report.checked) == (0, 24)


def test_a_release_without_images_is_not_asked_for_pixels(
    released: Release, registry: Registry, tmp_path: Path
) -> None:
    registry.publish(released)
    selection = as_selection((), True)
    folder = pull(parse_wanted("mg"), registry.url, to=tmp_path / "pulled", selection=selection).release.path
    assert "GS201" not in validate_target(folder, None).rules


def test_another_picture_in_the_place_of_one_is_found(released: Release) -> None:
    other = released["test"][0].image_bytes
    forge(released.path, lambda row, record: row["image"].update(bytes=other))  # type: ignore[attr-defined]
    assert {"GS202", "GS207"} <= rules(released.path)


def test_a_picture_that_carries_metadata_is_found(released: Release) -> None:
    def change(row: dict[str, Any], record: dict[str, Any]) -> None:
        data = row["image"]["bytes"]
        comment = b"\xff\xfe\x00\x0cby some one"
        row["image"]["bytes"] = data[:2] + comment[: 2 + 12] + data[2:]

    forge(released.path, change)
    assert {"GS202", "GS211"} <= rules(released.path)


@pytest.mark.parametrize("sha256", ["../../../escaped", "/escaped", 7, None])
def test_a_record_cannot_say_where_its_image_is_written(released: Release, tmp_path: Path, sha256: object) -> None:
    forge(released.path, lambda row, record: record["image"].update(sha256=sha256))  # type: ignore[attr-defined]
    assert "GS101" in rules(released.path)
    assert not list(tmp_path.rglob("escaped*"))
