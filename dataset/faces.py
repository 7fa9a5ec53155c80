"""Blurring faces: a detector given as a file finds them, and the release gets pictures in which they are blurred.

The detector is CenterFace (Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2020) or
YuNet (Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023) in ONNX form, run by OpenCV. Each misses
faces, small, turned and covered ones above all: a blurred release still shows people.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from gatherset.dataset.errors import InputError
from gatherset.dataset.images import decode
from gatherset.dataset.progress import progress
from gatherset.dataset.records import Record
from gatherset.dataset.store import ImageStore, write_whole

if TYPE_CHECKING:
    from gatherset.dataset.workspace import Workspace

MARGIN = 0.2  # of a face's size, on each side: hair and chin tell people apart too
CENTERFACE_OUTPUTS = 4  # heat map, scale, offset, landmarks; YuNet has twelve
CENTERFACE_STEP = 4  # pixels of a cell of its maps
OVERLAP = 0.3  # of two boxes, above which they are one face
LEAST_SIDE = 640  # pixels; smaller pictures are enlarged before they are searched, so that small faces are found
QUALITY = 92  # of a JPEG or WebP that is encoded anew
Boxes = NDArray[np.float32]  # [F, 4] x, y, width, height in pixels


@dataclass(frozen=True)
class FaceBlurring:
    """How to blur."""

    detector: Path  # centerface.onnx, or face_detection_yunet_2023mar.onnx
    threshold: float = (
        0.35  # of the detector's score; low, because a face that is missed costs more than a blurred sign
    )

    def apply(
        self, workspace: Workspace, records: Iterable[Record], beside: Path | None = None, *, total: int
    ) -> Blurred:
        """Blur the images of the `total` records; what was blurred before is taken from the workspace.

        The blurred images are kept there, or in the folder `beside` if one is given. Raises InputError.
        """
        detector = _Detector(self.detector, self.threshold)
        folder = workspace.root / "blurred" / f"{detector.sha256[:16]}-{self.threshold:g}"
        if beside:
            known, folder = folder.resolve(), beside / "blurred"
            if known.is_dir():
                shutil.copytree(known, folder, copy_function=os.symlink)
        blurred = Blurred(folder, self.detector.name, detector.sha256, self.threshold, {})
        for record in progress(records, total=total, label="faces"):
            sha256 = record["image"]["sha256"]
            note = blurred.note(sha256)
            if not note.is_file():
                result = self._blur(workspace, record, detector, blurred.store)
                write_whole(note, json.dumps(result, sort_keys=True).encode())
            blurred.faces[sha256] = int(blurred.found(sha256)["faces"])
        return blurred

    def _blur(self, workspace: Workspace, record: Record, detector: _Detector, store: ImageStore) -> dict[str, Any]:
        """What a record says of the blurred image, and how many faces were found; the image is in `store`."""
        image = record["image"]
        data = workspace.store.read(image["sha256"], image["format"])
        picture, image_format = decode(data, max_pixels=workspace.settings.images.max_pixels)
        boxes = detector.find(np.asarray(picture.convert("RGB")))
        if len(boxes):
            picture = blur(picture, boxes)
            data = _encoded(picture, image_format)
        sha256 = hashlib.sha256(data).hexdigest()
        store.add(sha256, image_format, data)
        new = {**image, "sha256": sha256, "bytes": len(data)}
        if len(boxes):
            new["phash"] = str(imagehash.phash(picture))
        return {"faces": len(boxes), "image": new}


@dataclass
class Blurred:
    """Blurred images, and the records that go with them."""

    folder: Path
    detector: str
    detector_sha256: str
    threshold: float
    faces: dict[str, int]  # by the sha256 of the image as it was; the rest is in its note

    @property
    def store(self) -> ImageStore:
        return ImageStore(self.folder / "images", self.folder / "thumbnails")

    def note(self, sha256: str) -> Path:
        """Where it stands what was found in the image and what came of it."""
        return self.folder / "found" / sha256[:2] / f"{sha256}.json"

    def found(self, sha256: str) -> Mapping[str, Any]:
        note: Mapping[str, Any] = json.loads(self.note(sha256).read_text(encoding="utf-8"))
        return note

    def record(self, record: Record) -> Record:
        return {**record, "image": self.found(record["image"]["sha256"])["image"]}

    def summary(self) -> dict[str, Any]:
        """What the manifest says."""
        faces = self.faces.values()
        return {
            "detector": self.detector,
            "detector_sha256": self.detector_sha256,
            "threshold": self.threshold,
            "faces": sum(faces),
            "images": sum(count > 0 for count in faces),
        }


def blur(picture: Image.Image, boxes: Boxes) -> Image.Image:
    """The picture with each box, and MARGIN around it, blurred beyond recognition."""
    result = picture.convert("RGB") if picture.mode not in ("RGB", "L") else picture.copy()
    for x, y, width, height in boxes.tolist():
        left, top = max(0, int(x - MARGIN * width)), max(0, int(y - MARGIN * height))
        right = min(int(x + (1 + MARGIN) * width) + 1, result.width)
        bottom = min(int(y + (1 + MARGIN) * height) + 1, result.height)
        if right <= left or bottom <= top:
            continue
        area = result.crop((left, top, right, bottom))
        # First to a few pixels, which cannot be undone; then smoothed, so that the blocks do not catch the eye.
        tiny = area.resize((min(6, area.width), min(6, area.height)), Image.Resampling.BOX)
        smooth = tiny.resize(area.size, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(max(area.size) / 12))
        mask = Image.new("L", area.size, 0)
        ImageDraw.Draw(mask).ellipse((0, 0, area.width - 1, area.height - 1), fill=255)
        result.paste(smooth, (left, top), mask)
    return result


def _encoded(picture: Image.Image, image_format: str) -> bytes:
    buffer = io.BytesIO()
    options = {} if image_format == "png" else {"quality": QUALITY}
    picture.save(buffer, image_format.upper(), exif=b"", icc_profile=picture.info.get("icc_profile"), **options)
    return buffer.getvalue()


class _Detector:
    """A face detector in a file, whichever of the two it is."""

    def __init__(self, path: Path, threshold: float) -> None:
        import cv2

        self.threshold = threshold
        try:
            model = path.read_bytes()
            self.sha256 = hashlib.sha256(model).hexdigest()
            self._model = np.frombuffer(model, np.uint8)
            self._net = cv2.dnn.readNetFromONNX(self._model)
            self._size: tuple[int, ...] = ()  # of the picture that the network has seen
            self._outputs = sorted(self._net.getUnconnectedOutLayersNames())  # 537 heat map, 538 scale, 539 offset, …
            self._find = self._centerface
            if len(self._outputs) != CENTERFACE_OUTPUTS:
                self._yunet_net = cv2.FaceDetectorYN.create(str(path), "", (320, 320), threshold)
                self._find = self._yunet
            self._find(np.zeros((64, 64, 3), np.uint8))
        except (OSError, cv2.error, ValueError) as error:
            step = "See docs/releases.md, Faces"
            raise InputError(f"{path} is neither a CenterFace nor a YuNet model: {error}", step) from error

    def find(self, pixels: NDArray[np.uint8]) -> Boxes:
        """The faces in an RGB picture [H, W, 3]."""
        import cv2

        height, width = pixels.shape[:2]
        # Both networks halve the picture five times.
        size = tuple(
            max(32, round(side * max(1, LEAST_SIDE / max(height, width)) / 32) * 32) for side in (width, height)
        )
        found = self._find(np.asarray(cv2.resize(np.ascontiguousarray(pixels[:, :, ::-1]), size), np.uint8))
        scale = np.array([width / size[0], height / size[1]] * 2, np.float32)
        return np.asarray(found * scale, np.float32)

    def _yunet(self, bgr: NDArray[np.uint8]) -> Boxes:
        self._yunet_net.setInputSize((bgr.shape[1], bgr.shape[0]))
        _, found = self._yunet_net.detect(bgr)
        return np.zeros((0, 4), np.float32) if found is None else np.asarray(found[:, :4], np.float32)

    def _centerface(self, bgr: NDArray[np.uint8]) -> Boxes:
        """A face is a peak of the heat map [h, w]; `scale` gives its height and width, `offset` where in the cell."""
        import cv2

        if bgr.shape[:2] != self._size:  # after another size OpenCV's answers are wrong without a word
            self._net, self._size = cv2.dnn.readNetFromONNX(self._model), bgr.shape[:2]
        self._net.setInput(cv2.dnn.blobFromImage(bgr, swapRB=True))
        heat, scale, offset, _ = self._net.forward(self._outputs)
        rows, columns = np.where(heat[0, 0] > self.threshold)
        cells = (rows, columns)
        high, wide = (np.exp(scale[0, axis][cells]) * CENTERFACE_STEP for axis in (0, 1))
        top = (rows + offset[0, 0][cells] + 0.5) * CENTERFACE_STEP - high / 2
        left = (columns + offset[0, 1][cells] + 0.5) * CENTERFACE_STEP - wide / 2
        boxes = np.stack([left, top, wide, high], 1).astype(np.float32)
        kept = cv2.dnn.NMSBoxes(boxes.tolist(), heat[0, 0][cells].tolist(), self.threshold, OVERLAP)
        return boxes[np.asarray(kept, np.int64).reshape(-1)]
