import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from gatherset.dataset import parts as module
from gatherset.dataset.bulk import Job, Measuring, Row, in_threads
from gatherset.dataset.candidates import offered
from gatherset.dataset.catalog.tables import images
from gatherset.dataset.errors import InputError
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.parts import count_parts, part_name, read_parts, write_parts
from gatherset.dataset.workspace import Workspace
from tests.dataset.conftest import Photos

LIMITS = Measuring(10_000_000, carry=True)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART", 2)


def test_parts_that_are_there_are_not_measured_again(make_photos: Photos, tmp_path: Path) -> None:
    candidates = offered(make_photos(5)).candidates
    assert write_parts(candidates, LIMITS, tmp_path / "parts", in_threads) == 5
    (tmp_path / "parts" / part_name(1)).unlink()
    assert write_parts(candidates, LIMITS, tmp_path / "parts", in_threads) == 2
    assert [candidate.ref for candidate, _ in read_parts(tmp_path / "parts")] == [f"{n}.jpg" for n in range(5)]


def test_a_run_that_was_stopped_goes_on(make_photos: Photos, tmp_path: Path) -> None:
    candidates = offered(make_photos(5)).candidates

    def stopped(measuring: Measuring, jobs: Iterable[Job]) -> Iterator[Row]:
        for number, row in enumerate(in_threads(measuring, jobs)):
            if number == 3:
                raise KeyboardInterrupt
            yield row

    with pytest.raises(KeyboardInterrupt):
        write_parts(candidates, LIMITS, tmp_path / "parts", stopped)  # type: ignore[arg-type]
    assert write_parts(candidates, LIMITS, tmp_path / "parts", in_threads) == 3
    assert count_parts(tmp_path / "parts") == 5


def test_parts_made_of_other_images_or_captions_are_made_again(make_photos: Photos, tmp_path: Path) -> None:
    write_parts(offered(make_photos(5)).candidates, LIMITS, tmp_path / "parts", in_threads)
    fewer = offered(make_photos(3, captions=False, folder="others")).candidates
    assert write_parts(fewer, LIMITS, tmp_path / "parts", in_threads) == 3
    assert count_parts(tmp_path / "parts") == 3


def test_parts_come_into_a_workspace_as_their_folder_would(
    make_photos: Photos, tmp_path: Path, workspace: Workspace
) -> None:
    folder = make_photos(5, retrieved="2026-11-20T10:00:00Z")
    (folder / "images" / "1.jpg").write_bytes(b"damaged")
    write_parts(offered(folder).candidates, LIMITS, tmp_path / "parts/photos", in_threads)
    report = ingest(workspace, tmp_path / "parts/photos", Provenance())
    assert (report.found, report.added, [f.rule for f in report.findings]) == (5, 4, ["GS203"])
    other = Workspace.create(tmp_path / "other")
    ingest(other, folder, Provenance())
    assert rows(workspace) == rows(other)
    assert all(workspace.store.path(row.sha256, row.format).exists() for row in rows(workspace))
    assert ingest(workspace, tmp_path / "parts/photos", Provenance()).added == 0


def rows(workspace: Workspace) -> list[sa.Row]:
    columns = [column for column in images.c if column.name != "added_at"]
    with workspace.catalog.read() as connection:
        return list(connection.execute(sa.select(*columns).order_by(images.c.id)))


def test_a_part_that_is_missing_or_damaged_is_named(make_photos: Photos, tmp_path: Path, workspace: Workspace) -> None:
    write_parts(offered(make_photos(5)).candidates, LIMITS, tmp_path / "parts", in_threads)
    (tmp_path / "parts" / part_name(1)).write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match=r"part-000001\.parquet is damaged"):
        ingest(workspace, tmp_path / "parts", Provenance())
    (tmp_path / "parts" / part_name(1)).unlink()
    with pytest.raises(InputError, match=r"part-000001\.parquet is missing"):
        ingest(workspace, tmp_path / "parts", Provenance())


FORGED: list[dict[str, Any]] = [
    {"sha256": "../../../../escaped/evil"},
    {"sha256": "AB" * 32},
    {"sha256": "ab" * 32},  # of another file
    {"source_sha256": "no hex digits"},
    {"data": b"#!another file"},
    {"data": None},
    {"sha256": hashlib.sha256(b"#!").hexdigest(), "data": b"#!"},  # `bytes` is not its length
    {"format": "../x"},
    {"phash": "zz"},
    {"phash": None},
    {"width": 0},
    {"ref": None},
    {"entry": "[]"},
    {"entry": '{"image": "0.jpg", "captions": [3]}'},
    {"entry": '{"image": "0.jpg", "captions": ["\\ud83d"]}'},
]


def test_a_row_that_cannot_have_been_measured_is_a_finding_and_leaves_no_file(
    make_photos: Photos, tmp_path: Path, workspace: Workspace
) -> None:
    write_parts(offered(make_photos(2)).candidates, LIMITS, tmp_path / "parts", in_threads)
    table = pq.read_table(tmp_path / "parts" / part_name(0))
    good, other = table.to_pylist()
    rows = [other, *({**good, **values} for values in FORGED)]
    pq.write_table(pa.Table.from_pylist(rows, table.schema), tmp_path / "parts" / part_name(0))
    before = set(tmp_path.rglob("*"))
    report = ingest(workspace, tmp_path / "parts", Provenance())
    assert (report.added, [finding.rule for finding in report.findings]) == (1, ["GS203"] * len(FORGED))
    assert len([path for path in set(tmp_path.rglob("*")) - before if path.suffix == ".jpg"]) == 1


@pytest.mark.parametrize("name", ["part-00000-4f3a.snappy.parquet", "part-000007.parquet"])
def test_the_parquet_files_of_others_are_refused_and_stay(make_photos: Photos, tmp_path: Path, name: str) -> None:
    (tmp_path / "spark").mkdir()
    pq.write_table(pa.table({"precious": [1]}), tmp_path / "spark" / name)
    with pytest.raises(InputError, match="was not made by gatherset measure"):
        write_parts(offered(make_photos(2)).candidates, LIMITS, tmp_path / "spark", in_threads)
    assert [path.name for path in (tmp_path / "spark").iterdir()] == [name]


def test_an_image_that_was_written_anew_is_measured_again(make_photos: Photos, tmp_path: Path) -> None:
    folder = make_photos(4)
    write_parts(offered(folder).candidates, LIMITS, tmp_path / "parts", in_threads)
    changed = folder / "images" / "3.jpg"
    os.utime(changed, ns=(1, 1))
    assert write_parts(offered(folder).candidates, LIMITS, tmp_path / "parts", in_threads) == 2  # its part
