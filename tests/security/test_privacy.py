"""What a picture and its annotators would not want told, looked for in every byte that is handed on."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image

from gatherset.annotate.answer import Answer
from gatherset.annotate.submissions import submit
from gatherset.dataset.backup import back_up, restore
from gatherset.dataset.catalog.tables import images
from gatherset.dataset.faces import FaceBlurring
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.release import build_release
from gatherset.dataset.workspace import SETTINGS_FILE, Workspace
from tests.benchmarks.session import SENTENCES
from tests.conftest import draw

PEOPLE = ("Anna Zimtstern", "Ben Kirschbaum")
COUNT = 4
CAMERA = "Camera of Carla Quittenbaum"
PLACE = ((47.0, 33.0, 17.25), (7.0, 35.0, 41.5))  # degrees, minutes, seconds; no other number here is like them


def tell_where(path: Path) -> None:
    """Give the picture what a telephone writes into it: where, with what, and in small once more."""
    exif = Image.Exif()
    exif[0x010F], exif[0x013B] = CAMERA, CAMERA  # make, artist
    exif.get_ifd(0x8825).update({1: "N", 2: PLACE[0], 3: "E", 4: PLACE[1]})
    with Image.open(path) as picture:
        picture.save(path, exif=exif, comment=CAMERA.encode(), quality=90)


def everything(folder: Path) -> Iterator[tuple[str, bytes]]:
    """(path, bytes) of every file."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_bytes()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photographs that tell where they were taken, as they come from a telephone."""
    folder = tmp_path_factory.mktemp("private") / "photos"
    for number in range(COUNT):
        draw(folder / f"{number}.jpg", number, (1100, 800))
        tell_where(folder / f"{number}.jpg")
    return folder


@pytest.fixture(scope="module")
def made(told: Path) -> Iterator[Workspace]:
    """A workspace with their records, by two people, and a release."""
    workspace = worked(told, "mg")
    yield workspace
    workspace.catalog.close()


def worked(told: Path, name: str, blurring: FaceBlurring | None = None) -> Workspace:
    workspace = Workspace.create(told.parent / name)
    ingest(workspace, told, Provenance(license="CC0-1.0"))
    for task in range(1, COUNT + 1):
        for person in PEOPLE:
            captions = tuple(sentence.format(task) for sentence in SENTENCES)
            submit(workspace, task, person, Answer("caption", True, "protest", captions), key=f"{task} by {person}")
    assert build_release(workspace, blur_faces=blurring).release is not None
    return workspace


def test_the_photographs_do_tell(told: Path) -> None:
    assert all(CAMERA.encode() in data and b"Exif" in data for _, data in everything(told))


def test_no_copy_and_no_thumbnail_tells_where_a_picture_was_taken(made: Workspace) -> None:
    kept = {name: data for name, data in everything(made.root) if name.startswith(("images/", "thumbnails/"))}
    assert len(kept) == 2 * COUNT
    for data in kept.values():
        assert CAMERA.encode() not in data
        with Image.open(io.BytesIO(data)) as picture:
            assert not dict(picture.getexif())
            assert not picture.getexif().get_ifd(0x8825)


def test_no_image_of_a_release_tells_it(made: Workspace) -> None:
    release = made.release()
    examples = [example for split in release.splits.values() for example in split]
    assert len(examples) == COUNT
    for example in examples:
        assert CAMERA.encode() not in example.image_bytes
        assert not dict(example.image.getexif())


def test_no_file_of_a_release_names_who_worked_on_it(made: Workspace) -> None:
    words = [word.encode() for person in (*PEOPLE, CAMERA) for word in person.split()[-1:]]
    with made.catalog.read() as connection:
        known = connection.exec_driver_sql("SELECT pseudonym FROM annotators").scalars().all()
    words += [pseudonym.encode() for pseudonym in known]
    assert len(words) == 5
    found = [(name, word) for name, data in everything(made.releases_folder) for word in words if word in data]
    assert found == []


def test_releases_of_two_names_have_no_author_in_common(made: Workspace, tmp_path: Path) -> None:
    """The same workspace, its people and its key, under another name: only that can tell the pseudonyms apart."""
    back_up(made, tmp_path / "made.tar")
    restored = restore(tmp_path / "made.tar", tmp_path / "other")
    restored.catalog.close()
    shutil.rmtree(restored.releases_folder)
    settings = restored.root / SETTINGS_FILE
    settings.write_text(settings.read_text("utf-8").replace('name = "mg"', 'name = "other"'), "utf-8")
    other = Workspace.open(restored.root)
    assert build_release(other).release is not None
    authors = [
        {entry["author"] for record in one.release().records() for entry in record["captions"]} for one in (made, other)
    ]
    other.catalog.close()
    assert all(len(some) == 1 for some in authors)  # the captions are those of whoever wrote first
    assert not authors[0] & authors[1]


FACE = (300, 200, 400, 300)  # x, y, width, height in pixels


class _OneFace:
    """In the place of a detector, which is no part of the project: a face in every picture."""

    sha256 = "0" * 64

    def __init__(self, path: Path, threshold: float) -> None:
        pass

    def find(self, pixels: np.ndarray) -> np.ndarray:
        return np.array([FACE], np.float32)


def test_a_release_that_promised_blurring_shows_no_face_that_was_found(
    told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cv2", reason="OpenCV is not installed (pip install 'gatherset[faces]')")
    monkeypatch.setattr("gatherset.dataset.faces._Detector", _OneFace)
    workspace = worked(told, "blurred", FaceBlurring(told / "model.onnx"))
    x, y, width, height = FACE
    with workspace.catalog.read() as connection:
        stored = {row.id: row for row in connection.execute(sa.select(images))}
    for example in (example for split in workspace.release().splits.values() for example in split):
        before = workspace.store.path(stored[example.id].sha256, stored[example.id].format)
        with Image.open(before) as picture:
            was, now = np.asarray(picture), np.asarray(example.image)
        assert example.image_bytes != before.read_bytes()
        some, same = was[y : y + height, x : x + width], now[y : y + height, x : x + width]
        assert same.std() < 0.7 * some.std()
    workspace.catalog.close()
