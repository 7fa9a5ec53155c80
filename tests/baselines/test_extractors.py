import math
from pathlib import Path

import numpy as np
import pytest
import torch

from gatherset.baselines.extractors import extract, grid_boxes, make_extractor, roi_align
from gatherset.dataset.errors import FeaturesError
from gatherset.dataset.features import FeatureFile
from tests.baselines.conftest import TinyRelease


def literal_roi_align(features: np.ndarray, box: np.ndarray, samples: int) -> np.ndarray:
    """One box of one map [C, H, W], sample by sample."""
    _, height, width = features.shape
    total = np.zeros(len(features))
    for row in range(samples):
        for column in range(samples):
            x = (box[0] + (column + 0.5) / samples * (box[2] - box[0])) * width - 0.5
            y = (box[1] + (row + 0.5) / samples * (box[3] - box[1])) * height - 0.5
            x, y = min(max(x, 0), width - 1), min(max(y, 0), height - 1)
            left, top = math.floor(x), math.floor(y)
            right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
            a, b = x - left, y - top
            upper = (1 - a) * features[:, top, left] + a * features[:, top, right]
            lower = (1 - a) * features[:, bottom, left] + a * features[:, bottom, right]
            total += (1 - b) * upper + b * lower
    return total / samples**2


def test_roi_align_equals_the_literal_one() -> None:
    generator = np.random.default_rng(0)
    features = generator.normal(size=(2, 3, 7, 5))
    corners = np.sort(generator.random((2, 6, 2, 2)), axis=2)  # [B, K, low and high, x and y]
    boxes = corners.reshape(2, 6, 4)
    fast = roi_align(torch.from_numpy(features), torch.from_numpy(boxes), samples=3)
    slow = [[literal_roi_align(features[b], boxes[b, k], 3) for k in range(6)] for b in range(2)]
    np.testing.assert_allclose(fast.numpy(), np.array(slow), atol=1e-9)


def test_the_grid_covers_the_image_without_overlap() -> None:
    boxes = grid_boxes(6)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    assert boxes.shape == (36, 4)
    assert areas.sum() == pytest.approx(1, abs=1e-5)


def test_efficientnet_gives_regions_that_depend_on_the_image_alone() -> None:
    release = TinyRelease({"train": 3, "val": 1, "test": 1})
    extractor = make_extractor(side=64)
    images = [extractor.prepare(release["train"].image_bytes(i)) for i in range(3)]
    together, boxes = extractor.extract(images)
    alone, _ = extractor.extract(images[1:2])
    assert together.shape == (3, 36, 1280)
    assert boxes.shape == (3, 36, 4)
    assert together.dtype == np.float16
    np.testing.assert_allclose(together[1].astype(float), alone[0].astype(float), atol=0.02)


def test_extraction_goes_on_after_ctrl_c(tmp_path: Path) -> None:
    release = TinyRelease({"train": 4, "val": 1, "test": 1})
    path = tmp_path / "tiny.feat"

    class Stopping:
        def __init__(self) -> None:
            self.inner = make_extractor(side=64)
            self.inner.batch = 1
            self.calls = 0

        def __getattr__(self, name: str) -> object:
            return getattr(self.inner, name)

        def extract(self, images: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
            self.calls += 1
            if self.calls == 3:
                raise KeyboardInterrupt
            return self.inner.extract(images)

    with pytest.raises(KeyboardInterrupt):
        extract(release, Stopping(), path)
    extract(release, make_extractor(side=64), path)
    assert FeatureFile.open(path).ids == [f"gs-{n}" for n in range(6)]


def test_an_image_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    release = TinyRelease({"train": 2, "val": 1, "test": 1})
    release["train"].image_bytes = lambda i: b"not an image"  # type: ignore[method-assign]
    with pytest.raises(FeaturesError, match="gs-0"):
        extract(release, make_extractor(side=64), tmp_path / "tiny.feat")


def test_an_unknown_extractor_is_refused_with_those_there_are() -> None:
    with pytest.raises(FeaturesError, match="efficientnet_lite0"):
        make_extractor("resnet")


def test_a_side_that_does_not_fit_the_network_is_refused() -> None:
    with pytest.raises(FeaturesError, match="multiple of 32"):
        make_extractor(side=100)
