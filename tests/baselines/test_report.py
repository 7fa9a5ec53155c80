from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gatherset.baselines.edan import EdanConfig
from gatherset.baselines.report import heat_map, write_report
from gatherset.baselines.train import train
from gatherset.baselines.train_settings import TrainConfig
from gatherset.dataset.features import FeatureFile
from tests.baselines.conftest import TinyRelease


@pytest.mark.parametrize("attention", ["event", "self", "none"])
def test_a_report_shows_curves_heat_maps_and_retrievals(
    attention: str, release: TinyRelease, features: FeatureFile, tmp_path: Path
) -> None:
    config = EdanConfig(d=16, layers=1, heads=2, attention=attention)  # type: ignore[arg-type]
    settings = TrainConfig(batch=20, epochs=1, start="cca")
    run = train(release, features, tmp_path / "run", shape=config, settings=settings)  # type: ignore[arg-type]
    page = write_report(run, release, features).read_text("utf-8")  # type: ignore[arg-type]
    assert page.count("<svg") == 3
    assert page.count("<figcaption>where the event looks") == 6
    assert page.count("<li") == 6 * 5
    assert "http" not in page.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert len(list((run.folder / "figures").glob("*.jpg"))) == 6
    assert len(list((run.folder / "figures").glob("*.svg"))) == 3


def test_the_region_that_counts_most_is_brightest() -> None:
    grey = Image.new("RGB", (40, 20), (90, 90, 90))
    boxes = np.array([[0, 0, 0.5, 1], [0.5, 0, 1, 1]], np.float32)
    pixels = np.asarray(heat_map(grey, boxes, np.array([0.2, 0.8], np.float32))).astype(int)
    assert pixels[10, 30].sum() > pixels[10, 10].sum()
