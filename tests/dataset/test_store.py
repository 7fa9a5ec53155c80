from pathlib import Path

import pytest
from PIL import Image

from gatherset.dataset.errors import ImageError
from gatherset.dataset.store import ImageStore, write_whole
from tests.dataset.conftest import encoded, picture

SHA = "ab" * 32


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images", tmp_path / "thumbnails")


def test_what_was_added_is_read_back(store: ImageStore) -> None:
    store.add(SHA, "jpeg", b"bytes")
    assert store.read(SHA, "jpeg") == b"bytes"
    assert store.path(SHA, "jpeg") == store.folder / "ab" / f"{SHA}.jpg"


def test_a_file_that_is_there_is_never_written_again(store: ImageStore) -> None:
    store.add(SHA, "png", b"first")
    store.add(SHA, "png", b"second")
    assert store.read(SHA, "png") == b"first"


def test_a_missing_image_says_what_to_do(store: ImageStore) -> None:
    with pytest.raises(ImageError, match=r"missing from the image store\. Ingest its folder again"):
        store.read(SHA, "webp")


def test_a_thumbnail_is_made_once(store: ImageStore) -> None:
    store.add(SHA, "png", encoded(picture(1, (200, 100)), "PNG"))
    path = store.thumbnail(SHA, "png", side=50)
    with Image.open(path) as small:
        assert small.size == (50, 25)
    made = path.stat().st_mtime_ns
    assert store.thumbnail(SHA, "png", side=50).stat().st_mtime_ns == made


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_whole(tmp_path / "taken", b"a file cannot replace a folder")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
