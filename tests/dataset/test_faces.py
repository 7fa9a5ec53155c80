import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import Connection

from gatherset.dataset.catalog.tables import images
from gatherset.dataset.errors import InputError
from gatherset.dataset.faces import FaceBlurring, blur
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.integrity import content_findings, integrity_findings
from gatherset.dataset.records import Record, current_records
from gatherset.dataset.release import build_release
from gatherset.dataset.workspace import Workspace
from tests.conftest import SHARED
from tests.dataset.conftest import make_all

pytest.importorskip("cv2", reason="OpenCV is not installed (pip install 'gatherset[faces]')")


@pytest.fixture
def detector() -> Path:
    """centerface.onnx, which is not part of the project: docs/releases.md says where it is."""
    path = os.environ.get("GATHERSET_FACE_DETECTOR")
    if not path:
        pytest.skip("no face detector: set GATHERSET_FACE_DETECTOR to centerface.onnx")
    return Path(path)


def noise(size: tuple[int, int] = (120, 90)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def test_a_face_loses_its_detail_and_the_rest_does_not() -> None:
    before = noise()
    after = blur(before, np.array([[40, 30, 30, 30]], np.float32))
    was, now = np.asarray(before).astype(float), np.asarray(after).astype(float)
    assert now[35:55, 45:65].std() < 0.3 * was[35:55, 45:65].std()
    assert (now[:20] == was[:20]).all()
    assert (now[:, :30] == was[:, :30]).all()


@pytest.mark.parametrize("box", [(-20, -20, 30, 30), (100, 80, 50, 50), (200, 200, 5, 5), (10, 10, 0, 0)])
def test_a_face_at_the_edge_is_blurred_as_far_as_it_can_be_seen(box: tuple[int, ...]) -> None:
    assert blur(noise(), np.array([box], np.float32)).size == (120, 90)


@pytest.mark.parametrize("data", [b"", b"not a model", b"\x08\x07"])
def test_a_file_that_is_no_detector_is_refused(
    workspace: Workspace, fill: Callable[..., None], tmp_path: Path, data: bytes
) -> None:
    fill(workspace, 3)
    (tmp_path / "model.onnx").write_bytes(data)
    with pytest.raises(InputError, match=r"model\.onnx is neither a CenterFace nor a YuNet model"):
        build_release(workspace, blur_faces=FaceBlurring(tmp_path / "model.onnx"))


def test_a_blurred_release_has_other_images_and_says_how_they_were_made(
    workspace: Workspace, fill: Callable[..., None], tmp_path: Path, detector: Path
) -> None:
    photos = SHARED / "data" / "wider_events"
    if not photos.is_dir():
        pytest.skip("the real photographs are not beside this clone (../shared/data/wider_events)")
    fill(workspace, 4)
    (tmp_path / "some").mkdir()
    for path in sorted(photos.rglob("2_Demonstration*.jpg"))[:4]:
        (tmp_path / "some" / path.name).write_bytes(path.read_bytes())
    ingest(workspace, tmp_path / "some", Provenance("collected", "CC-BY-4.0"))
    captions = [{"text": f"A crowd number {n}.", "origin": "human", "author": None, "verified": True} for n in range(5)]
    with workspace.catalog.write() as connection:
        connection.execute(images.update().where(images.c.captions == []).values(captions=captions))
    make_all(workspace)
    plain = build_release(workspace).release
    blurred = build_release(workspace, blur_faces=FaceBlurring(detector)).release
    assert plain is not None
    assert blurred is not None
    assert blurred.version == "2.0.0"
    assert blurred.manifest["faces"]["images"] == 4
    assert blurred.manifest["faces"]["faces"] > 4
    was = {record["id"]: record["image"]["sha256"] for record in plain}
    assert sum(record["image"]["sha256"] != was[record["id"]] for record in blurred) == 4
    assert list(integrity_findings(blurred)) == []
    assert list(content_findings(blurred)) == []
    assert "faces in 4 images were found by centerface.onnx" in (blurred.path / "DATASHEET.md").read_text()


class _OneFace:
    """In the place of a detector: a face in the middle of every picture."""

    sha256 = "0" * 64

    def __init__(self, path: Path, threshold: float) -> None:
        pass

    def find(self, pixels: np.ndarray) -> np.ndarray:
        return np.array([[30, 30, 20, 20]], np.float32)


def test_a_record_is_asked_for_when_the_one_before_is_done(
    workspace: Workspace, fill: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("gatherset.dataset.faces._Detector", _OneFace)
    fill(workspace, 3)
    done: list[int] = []

    def records(connection: Connection) -> Iterator[Record]:
        for record in current_records(connection):
            done.append(len(list((workspace.root / "blurred").rglob("*.json"))))
            yield record

    with workspace.catalog.read() as connection:
        blurred = FaceBlurring(tmp_path / "model.onnx").apply(workspace, records(connection), total=3)
    assert done == [0, 1, 2]
    assert blurred.summary()["faces"] == 3


def everything(folder: Path) -> dict[Path, int]:
    """All files with the time of their last change; the catalog's own locks aside."""
    kept = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("catalog.db-"))
    return {path: path.stat().st_mtime_ns for path in kept}


def test_a_dry_run_writes_no_blurred_pictures(
    workspace: Workspace, fill: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("gatherset.dataset.faces._Detector", _OneFace)
    fill(workspace, 4)
    blurring = FaceBlurring(tmp_path / "model.onnx")
    before = everything(workspace.root)
    dry = build_release(workspace, dry_run=True, blur_faces=blurring)
    assert (dry.report.errors, dry.release, everything(workspace.root)) == (0, None, before)
    first = build_release(workspace, blur_faces=blurring).release
    assert first is not None
    assert first.manifest["faces"]["images"] == 4
    before = everything(workspace.root)
    again = build_release(workspace, "1.0.1", dry_run=True, blur_faces=blurring)  # takes what was blurred before
    assert (again.comparison and bool(again.comparison.difference), everything(workspace.root)) == (False, before)
