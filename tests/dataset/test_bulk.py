import os
import signal
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gatherset.dataset import bulk, decoders
from gatherset.dataset.bulk import PIECE, Job, Measuring, Row, in_processes, in_threads, look, pieces, sturdy
from gatherset.dataset.images import TOO_HUNGRY
from gatherset.dataset.places import Place
from gatherset.dataset.records import numeric_id
from gatherset.dataset.store import ImageStore
from tests.conftest import draw

LIMITS = Measuring(10_000_000)


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (bulk, decoders):
        monkeypatch.setattr(module, "cores", lambda: 2)


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    """Three pictures, of which the second is damaged."""
    for number in range(3):
        draw(tmp_path / f"{number}.jpg", number)
    (tmp_path / "1.jpg").write_bytes(b"damaged")
    return [Job(Place(tmp_path / f"{number}.jpg")) for number in range(3)]


def test_threads_and_processes_give_the_same_rows_in_order(jobs: list[Job]) -> None:
    with closing(in_threads(LIMITS, jobs)) as some, closing(in_processes(LIMITS, jobs)) as others:
        rows = list(some)
        assert rows == list(others)
    assert [row.error for row in rows] == [None, "not a JPEG, PNG or WebP image", None]
    assert (rows[0].width, rows[0].height, len(rows[0].phash)) == (96, 80, 16)


def test_an_image_within_a_larger_file_is_read_where_it_lies(jobs: list[Job], tmp_path: Path) -> None:
    data = jobs[0].place.path.read_bytes()
    (tmp_path / "shard").write_bytes(b"before" + data + b"after")
    place = Place(tmp_path / "shard", 6, len(data))
    assert look(LIMITS, Job(place)) == look(LIMITS, jobs[0])


def test_an_image_that_is_known_is_hashed_and_no_more(jobs: list[Job]) -> None:
    row = look(LIMITS, jobs[0])
    known = replace(LIMITS, known=np.array([numeric_id(row.id)], np.uint64))
    assert look(known, jobs[0]) == Row(row.source_sha256)


@pytest.mark.parametrize(("min_side", "keep", "kept"), [(1, True, True), (1, False, False), (90, True, False)])
def test_the_stored_copy_is_kept_where_it_is_wanted_and_large_enough(
    jobs: list[Job], tmp_path: Path, min_side: int, keep: bool, kept: bool
) -> None:
    store = ImageStore(tmp_path / "images", tmp_path / "thumbnails")
    row = look(replace(LIMITS, min_side=min_side, store=store), replace(jobs[0], keep=keep))
    assert store.path(row.sha256, row.format).exists() == kept


@pytest.mark.parametrize(("side", "made"), [(95, True), (96, False)])
def test_a_thumbnail_is_made_of_an_image_that_is_larger_than_one(
    jobs: list[Job], tmp_path: Path, side: int, made: bool
) -> None:
    store = ImageStore(tmp_path / "images", tmp_path / "thumbnails")
    look(replace(LIMITS, store=store, thumbnail_side=side), jobs[0])
    assert store.thumbnails.exists() == made


def test_a_file_that_is_gone_is_a_row_with_an_error(tmp_path: Path) -> None:
    assert look(LIMITS, Job(Place(tmp_path / "gone.jpg"))).error == "the file cannot be read: No such file or directory"


def deadly(_: int, items: Sequence[int]) -> list[int]:
    for item in items:
        if item in (3, 40):
            os.kill(os.getpid(), signal.SIGKILL)
    return [10 * item for item in items]


def test_what_kills_its_process_costs_only_itself() -> None:
    results = dict(sturdy(0, deadly, range(6 * PIECE)))
    assert {item for item, result in results.items() if result is None} == {3, 40}
    assert all(result == 10 * item for item, result in results.items() if result is not None)
    assert list(results) == list(range(6 * PIECE))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds what a process has of its own")
def test_what_takes_more_memory_than_an_image_may_costs_only_itself(
    jobs: list[Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "endless.jpg").open("wb") as file:
        file.truncate(2 << 30)  # takes no room on the disk
    Image.new("RGB", (3000, 3000)).save(tmp_path / "large.png")
    monkeypatch.setattr(decoders, "PER_PIXEL", 1)  # as if a decoder took many times what ours do
    monkeypatch.setattr(decoders, "ROOM", 20_000_000)
    hungry = [Job(Place(tmp_path / name)) for name in ("large.png", "endless.jpg")]
    with closing(in_processes(LIMITS, [jobs[0], *hungry, jobs[2]])) as rows:
        assert [row.error for row in rows] == [None, TOO_HUNGRY[0], TOO_HUNGRY[0], None]


def failing(_: int, items: Sequence[int]) -> list[int]:
    raise OSError(28, "No space left on device")


def test_an_error_that_is_no_images_fault_ends_the_run() -> None:
    with pytest.raises(OSError, match="No space left"):
        list(sturdy(0, failing, range(3)))


def test_a_piece_is_full_by_number_or_by_weight() -> None:
    assert list(pieces([1, 1, 9, 1, 1, 1, 1], 3, 8, lambda item: item)) == [[1, 1, 9], [1, 1, 1], [1]]
    assert list(pieces([9, 1, 9], 3, 8, lambda item: item)) == [[9], [1, 9]]
