from pathlib import Path

import numpy as np
import pytest

from gatherset.dataset import lookalikes as module
from gatherset.dataset.features import ExtractorIdentity, FeatureFile, FeatureWriter, Header
from gatherset.dataset.lookalikes import lookalikes


def feature_file(folder: Path, regions: np.ndarray) -> FeatureFile:
    ids = [f"gs-{row:016x}" for row in range(len(regions))]
    header = Header(ExtractorIdentity("test", {}, "0" * 64), "mg", "1.0.0", "0" * 64, *regions.shape[1:], ids)
    with FeatureWriter(folder / "mg.feat", header) as writer:
        writer.append(regions, np.zeros((*regions.shape[:2], 4)))
    return FeatureFile.open(folder / "mg.feat")


@pytest.mark.parametrize("block", [1, 3, 50])
def test_the_pairs_are_those_of_all_cosines_whatever_the_block(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    regions = np.random.default_rng(0).normal(size=(12, 3, 4)).astype(np.float16)
    monkeypatch.setattr(module, "BLOCK", block)
    monkeypatch.setattr(module, "ROWS", block)
    left, right = lookalikes(feature_file(tmp_path, regions), 0.5)
    pooled = regions.astype(np.float64).mean(1)
    pooled -= pooled.mean(0)
    pooled /= np.linalg.norm(pooled, axis=1, keepdims=True)
    wanted = {(a, b) for a in range(12) for b in range(a + 1, 12) if pooled[a] @ pooled[b] >= 0.5}
    assert set(zip(left.tolist(), right.tolist(), strict=True)) == wanted


def test_no_images_are_no_pairs(tmp_path: Path) -> None:
    left, right = lookalikes(feature_file(tmp_path, np.zeros((0, 3, 4))), 0.5)
    assert len(left) == len(right) == 0
