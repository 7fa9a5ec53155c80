"""Regions where a detector sees something, as the paper's Faster R-CNN gives them, with the features of the backbone.

A detector is a YOLOX model as an .onnx file, or any that transformers loads for object detection (a folder, or a name
where a hub can be reached). Where it finds fewer than K regions, cells of the grid follow: those that it covers least.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from gatherset.baselines.extractors import EfficientNetLite0, roi_align
from gatherset.dataset.errors import FeaturesError
from gatherset.dataset.features import ExtractorIdentity
from gatherset.dataset.images import opened

LEAST_SCORE = 0.1  # of a detection; low, for anything is better than a cell of the grid
MOST_OVERLAP = 0.5  # intersection over union of two that are kept
LETTERBOX = 114  # grey of what YOLOX pads with
STRIDES = (8, 16, 32)  # of YOLOX's three maps

Floats = NDArray[np.float32]


class Detector(Protocol):
    """Anything that finds boxes in a picture."""

    name: str
    weights_sha256: str

    def boxes(self, picture: Image.Image) -> Floats:
        """Boxes [n, 4] relative to the picture, x0 y0 x1 y1, the surest first; at most one of those that overlap."""


@dataclass(frozen=True)
class Prepared:
    """A picture, ready for the backbone."""

    square: NDArray[np.uint8]  # [side, side, 3]
    boxes: Floats  # [K, 4]


class DetectedRegions:
    """The boxes of a detector on the map of EfficientNet-Lite0: K = 36, D = 1280."""

    regions = EfficientNetLite0.regions
    dim = EfficientNetLite0.dim

    def __init__(self, detector: Detector, side: int) -> None:
        self.backbone, self.detector = EfficientNetLite0(side), detector
        self.batch = self.backbone.batch
        own = self.backbone.identity
        settings = {**own.settings, "detector": detector.name, "detector_sha256": detector.weights_sha256}
        self.identity = ExtractorIdentity(f"{own.name}+detector", settings, own.weights_sha256)
        self._cells = self.backbone.boxes.numpy()

    def prepare(self, raw: bytes) -> Prepared:
        with opened(raw) as image:
            found = self.detector.boxes(image.convert("RGB"))
        return Prepared(self.backbone.prepare(raw), filled_up(found, self._cells))

    @torch.inference_mode()
    def extract(self, images: Sequence[Prepared]) -> tuple[NDArray[np.float16], Floats]:
        boxes = torch.from_numpy(np.stack([image.boxes for image in images]))
        maps = self.backbone.maps([image.square for image in images])
        return roi_align(maps, boxes, samples=3).half().numpy(), boxes.numpy()


class OnnxDetector:
    """A YOLOX model: `images` [1, 3, H, W], BGR from 0 to 255, to [1, n, 5 + classes] as its three maps give it."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # several pictures are looked at at once
        try:
            raw = path.read_bytes()
            self._session = onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
        except OSError as error:
            raise FeaturesError(f"{path}: {error.strerror}", "Name the detector's .onnx file") from error
        except Exception as error:  # onnxruntime's own errors have no common class
            reason = str(error).partition("\n")[0]
            raise FeaturesError(f"{path} is no model that onnxruntime can run: {reason}", "Check the file") from error
        self.name, self.weights_sha256 = path.stem, hashlib.sha256(raw).hexdigest()
        shape = self._session.get_inputs()[0].shape
        if len(shape) != 4 or not all(isinstance(side, int) and side % max(STRIDES) == 0 for side in shape[2:]):
            raise FeaturesError(f"{path} takes {shape}, not [1, 3, H, W] as YOLOX does", "Export it with a fixed size")
        self._size = (int(shape[2]), int(shape[3]))  # height, width

    def boxes(self, picture: Image.Image) -> Floats:
        corners, raw = self._look(picture)
        return best(corners, raw[:, 4] * raw[:, 5:].max(1))

    def classes(self, picture: Image.Image, least: float) -> list[int]:
        """The numbers of the classes of which something is seen with a score of at least `least`."""
        _, raw = self._look(picture)
        found: list[int] = np.flatnonzero((raw[:, 4:5] * raw[:, 5:]).max(0) >= least).tolist()
        return found

    def _look(self, picture: Image.Image) -> tuple[Floats, Floats]:
        """Boxes [n, 4] relative to the picture, and the model's own rows [n, 5 + classes]."""
        height, width = self._size
        scale = min(height / picture.height, width / picture.width)
        small = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))
        sheet = np.full((height, width, 3), LETTERBOX, np.float32)
        sheet[: small.height, : small.width] = np.asarray(small)[..., ::-1]
        [raw] = self._session.run(None, {self._session.get_inputs()[0].name: sheet.transpose(2, 0, 1)[None]})
        corners, _ = decoded(raw[0], self._size)
        relative = corners / np.array([small.width, small.height] * 2, np.float32)
        return relative.clip(0, 1), raw[0]


class TransformersDetector:
    """Any model that transformers loads for object detection."""

    def __init__(self, name: str) -> None:
        from transformers import AutoImageProcessor, AutoModelForObjectDetection

        try:
            self._processor = AutoImageProcessor.from_pretrained(name)  # type: ignore[no-untyped-call]
            self._model = AutoModelForObjectDetection.from_pretrained(name).eval()
        except (OSError, ValueError) as error:
            reason = str(error).partition("\n")[0].rstrip(".")
            raise FeaturesError(
                f"{name} is no detector that transformers can load: {reason}", "Name its folder, or an .onnx file"
            ) from error
        self.name, self.weights_sha256 = Path(name).name, weights_sha256(self._model)

    @torch.inference_mode()
    def boxes(self, picture: Image.Image) -> Floats:
        inputs = self._processor(images=picture, return_tensors="pt")
        outputs = self._model(**inputs)
        [found] = self._processor.post_process_object_detection(outputs, threshold=LEAST_SCORE, target_sizes=[(1, 1)])
        return best(found["boxes"].numpy().astype(np.float32).clip(0, 1), found["scores"].numpy())


def weights_sha256(model: torch.nn.Module) -> str:
    """sha256 (hex) of the weights of a model that is loaded, by name."""
    digest = hashlib.sha256()
    for key, tensor in sorted(model.state_dict().items()):
        digest.update(key.encode() + tensor.contiguous().float().numpy().tobytes())
    return digest.hexdigest()


def make_detector(name: str) -> Detector:
    """The detector in the .onnx file `name`, or the one that transformers knows by it."""
    return OnnxDetector(Path(name)) if name.endswith(".onnx") else TransformersDetector(name)


def decoded(raw: Floats, size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Corners [n, 4] in pixels of the input and scores [n] of YOLOX's output [n, 5 + classes], input `size` high, wide.

    Centre = (xy + cell) · stride, sides = exp(wh) · stride; the score is objectness times the likeliest class.
    """
    cells, strides = [], []
    for stride in STRIDES:
        rows, columns = size[0] // stride, size[1] // stride
        y, x = np.mgrid[:rows, :columns]
        cells.append(np.stack([x.ravel(), y.ravel()], 1))
        strides.append(np.full((rows * columns, 1), stride))
    cell, stride_of = np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)
    if raw.ndim != 2 or len(raw) != len(cell) or raw.shape[1] < 6:
        raise FeaturesError(
            f"the detector gives {raw.shape}, not [{len(cell)}, 5 + classes] as YOLOX does", "Give a YOLOX model"
        )
    centre = (raw[:, :2] + cell) * stride_of
    half = np.exp(raw[:, 2:4].clip(max=20)) * stride_of / 2
    return np.concatenate([centre - half, centre + half], 1), raw[:, 4] * raw[:, 5:].max(1)


def best(boxes: Floats, scores: Floats) -> Floats:
    """At most K of the boxes [n, 4], the surest first, none that overlaps a surer one by more than half."""
    order = np.argsort(-scores, kind="stable")
    sides = boxes[:, 2:] - boxes[:, :2]
    left = [int(i) for i in order if scores[i] >= LEAST_SCORE and sides[i].min() > 0]
    kept: list[int] = []
    while left and len(kept) < DetectedRegions.regions:
        first, *left = left
        kept.append(first)
        left = [i for i in left if overlap(boxes[first], boxes[i]) <= MOST_OVERLAP]
    return boxes[kept]


def overlap(one: Floats, other: Floats) -> float:
    """Intersection over union of two boxes."""
    sides = (np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])).clip(min=0)
    shared = float(sides.prod())
    return shared / float((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - shared)


def filled_up(found: Floats, cells: Floats) -> Floats:
    """[K, 4]: the boxes that were found, then as many of the K `cells` as are missing, the least covered first."""
    covered = np.zeros(len(cells))
    for box in found:
        sides = (np.minimum(cells[:, 2:], box[2:]) - np.maximum(cells[:, :2], box[:2])).clip(min=0)
        covered = np.maximum(covered, sides.prod(1))
    order = np.argsort(covered, kind="stable")[: len(cells) - len(found)]
    return np.concatenate([found, cells[np.sort(order)]])
