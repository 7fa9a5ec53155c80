from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gatherset.baselines.detected import COCO, seen_in
from gatherset.baselines.detectors import OnnxDetector, best, decoded, filled_up, make_detector
from gatherset.baselines.extractors import extract, grid_boxes, make_extractor
from gatherset.dataset.errors import FeaturesError
from gatherset.dataset.features import FeatureFile
from tests.baselines.conftest import TinyRelease
from tests.conftest import ROOT

YOLOX = ROOT.parent / "shared" / "models" / "yolox_nano.onnx"
PHOTOS = ROOT.parent / "shared" / "data" / "flickr8k" / "images"


@pytest.fixture(scope="session")
def yolox() -> OnnxDetector:
    if not YOLOX.exists():
        pytest.skip(f"the detector is not in {YOLOX}")
    return OnnxDetector(YOLOX)


def test_yolox_boxes_are_decoded_as_its_paper_says() -> None:
    """One box in the second map (stride 16): cell (x 1, y 0), centre 0.5 beyond it, 32 wide and 16 high."""
    raw = np.zeros((8 * 8 + 4 * 4 + 2 * 2, 7), np.float32)
    raw[64 + 1] = (0.5, 0.5, np.log(2), 0, 0.8, 0.5, 0.25)
    corners, scores = decoded(raw, (64, 64))
    np.testing.assert_allclose(corners[65], (24 - 16, 8 - 8, 24 + 16, 8 + 8), atol=1e-5)
    assert scores[65] == pytest.approx(0.4)


def test_an_output_of_another_kind_of_detector_is_refused() -> None:
    with pytest.raises(FeaturesError, match="YOLOX"):
        decoded(np.zeros((100, 4), np.float32), (64, 64))


def test_of_overlapping_boxes_the_surest_stays_and_weak_ones_go() -> None:
    boxes = np.array([[0, 0, 0.5, 0.5], [0, 0, 0.5, 0.45], [0.6, 0.6, 1, 1], [0.6, 0, 1, 0.3]], np.float32)
    kept = best(boxes, np.array([0.5, 0.9, 0.3, 0.05]))
    np.testing.assert_array_equal(kept, boxes[[1, 2]])


def test_missing_regions_are_the_cells_that_are_covered_least() -> None:
    cells = grid_boxes(6).numpy()
    found = np.array([[0, 0, 1, 0.5]], np.float32)  # the upper half
    filled = filled_up(found, cells)
    assert filled.shape == (36, 4)
    np.testing.assert_array_equal(filled[0], found[0])
    assert {tuple(cell) for cell in cells[18:]} <= {tuple(cell) for cell in filled}
    np.testing.assert_array_equal(filled_up(cells[:0], cells), cells)


def test_what_is_seen_is_named_as_coco_numbers_it(yolox: OnnxDetector, tmp_path: Path) -> None:
    assert [COCO[number] for number in (0, 16, 39, 56, 79)] == ["person", "dog", "bottle", "chair", "toothbrush"]
    path = PHOTOS / "1001773457_577c3a7d70.jpg"  # a black and a spotted dog
    if not path.exists():
        pytest.skip(f"the photograph is not in {path}")
    release = TinyRelease({"test": 1})
    release["test"].image_bytes = lambda _: path.read_bytes()  # type: ignore[method-assign]
    said: list[str] = []
    for _ in range(2):
        seen = seen_in(release, str(YOLOX), tmp_path, said.append)  # type: ignore[arg-type]
        assert "dog" in seen[release["test"].ids[0]]
    assert said == ["yolox_nano looks at 1 images"]  # once


def test_yolox_finds_people_in_a_photograph(yolox: OnnxDetector) -> None:
    path = PHOTOS / "1000268201_693b08cb0e.jpg"
    if not path.exists():
        pytest.skip(f"the photographs are not in {PHOTOS}")
    boxes = yolox.boxes(Image.open(path).convert("RGB"))
    assert 1 <= len(boxes) <= 36
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert 0 <= boxes.min() <= boxes.max() <= 1


def test_features_of_detected_regions(yolox: OnnxDetector, tmp_path: Path) -> None:
    release = TinyRelease({"train": 2, "val": 1, "test": 1})
    extractor = make_extractor(side=64, detector=str(YOLOX))
    extract(release, extractor, tmp_path / "tiny.feat")  # type: ignore[arg-type]
    features = FeatureFile.open(tmp_path / "tiny.feat")
    assert features.regions(slice(None)).shape == (4, 36, 1280)
    assert features.header.extractor.settings["detector"] == "yolox_nano"
    assert features.header.extractor.hash != make_extractor(side=64).identity.hash


def test_any_detector_of_transformers_is_loaded_as_from_a_hub(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.YolosConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, image_size=[64, 64],
        patch_size=16, num_detection_tokens=50, num_labels=3,
    )  # fmt: skip
    transformers.YolosForObjectDetection(config).save_pretrained(tmp_path / "tiny")
    processor = transformers.models.yolos.image_processing_pil_yolos.YolosImageProcessorPil(
        size={"height": 64, "width": 64}
    )
    processor.save_pretrained(tmp_path / "tiny")
    detector = make_detector(str(tmp_path / "tiny"))
    boxes = detector.boxes(Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)))
    assert boxes.ndim == 2
    assert boxes.shape[1] == 4
    assert len(boxes) <= 36
    assert detector.weights_sha256 == make_detector(str(tmp_path / "tiny")).weights_sha256


@pytest.mark.parametrize("name", ["missing.onnx", "text.onnx", "no_such_folder/model"])
def test_what_is_no_detector_is_refused(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "text.onnx").write_text("not a model")
    with pytest.raises(FeaturesError, match=name.rpartition("/")[2].partition(".")[0]):
        make_detector(str(tmp_path / name))
