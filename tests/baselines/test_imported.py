import base64
from pathlib import Path

import numpy as np
import pytest

from gatherset.baselines.imported import import_features
from gatherset.dataset.errors import FeaturesError
from gatherset.dataset.features import FeatureFile
from tests.baselines.conftest import TinyRelease

K, D = 3, 8
BOXES = np.array([[0, 0, 50, 100], [50, 0, 100, 100], [0, 0, 100, 100]], np.float32)


class Sourced(TinyRelease):
    """A release whose images came as photo-0.jpg and so on."""

    def records(self) -> list[dict[str, object]]:
        ids = [record for split in self.splits.values() for record in split.ids]
        return [{"id": record, "source": {"ref": record.replace("gs", "photo") + ".jpg"}} for record in ids]


@pytest.fixture
def sourced() -> Sourced:
    return Sourced({"train": 2, "val": 1, "test": 1})


def regions(number: int, count: int = K) -> np.ndarray:
    return np.random.default_rng(number).normal(size=(count, D)).astype(np.float32)


def check(path: Path, last_regions: int = K) -> None:
    features = FeatureFile.open(path)
    assert features.regions(["gs-0"]).shape == (1, K, D)
    np.testing.assert_allclose(features.regions(["gs-1"])[0], regions(1), atol=0.01)
    assert np.count_nonzero(features.regions(["gs-3"])[0].any(1)) == last_regions


@pytest.mark.parametrize("repeated", [1, 5])
def test_an_ims_npy_with_its_names(repeated: int, sourced: Sourced, tmp_path: Path) -> None:
    np.save(tmp_path / "all_ims.npy", np.repeat([regions(n) for n in range(4)], repeated, 0))
    (tmp_path / "names.txt").write_text("".join(f"photo-{n}.jpg\n" for n in range(4)))
    import_features(sourced, tmp_path / "all_ims.npy", tmp_path / "out.feat", tmp_path / "names.txt")
    check(tmp_path / "out.feat")


def test_a_tsv_whose_images_have_different_numbers_of_regions(sourced: Sourced, tmp_path: Path) -> None:
    lines = []
    for n in range(4):
        count = 2 if n == 3 else K
        packed = [base64.b64encode(array.tobytes()).decode() for array in (BOXES[:count], regions(n, count))]
        lines.append("\t".join([f"photo-{n}", "100", "100", str(count), *packed]))
    (tmp_path / "butd.tsv").write_text("\n".join(lines) + "\n")
    import_features(sourced, tmp_path / "butd.tsv", tmp_path / "out.feat")
    check(tmp_path / "out.feat", last_regions=2)
    np.testing.assert_allclose(FeatureFile.open(tmp_path / "out.feat").boxes(["gs-0"])[0, 0], [0, 0, 0.5, 1])


def test_a_folder_of_npz(sourced: Sourced, tmp_path: Path) -> None:
    (tmp_path / "npz").mkdir()
    for n in range(4):
        np.savez(tmp_path / "npz" / f"photo-{n}.npz", x=regions(n), bbox=BOXES, image_w=100, image_h=100)
    import_features(sourced, tmp_path / "npz", tmp_path / "out.feat")
    check(tmp_path / "out.feat")


def test_a_record_without_features_is_named(sourced: Sourced, tmp_path: Path) -> None:
    np.save(tmp_path / "all_ims.npy", np.stack([regions(n) for n in range(3)]))
    (tmp_path / "names.txt").write_text("".join(f"photo-{n}.jpg\n" for n in range(3)))
    with pytest.raises(FeaturesError, match="gs-3"):
        import_features(sourced, tmp_path / "all_ims.npy", tmp_path / "out.feat", tmp_path / "names.txt")


@pytest.mark.parametrize("name", ["broken.tsv", "broken.npy", "features.csv"])
def test_a_file_that_cannot_be_read_is_refused_in_one_line(name: str, sourced: Sourced, tmp_path: Path) -> None:
    (tmp_path / name).write_text("a\tb\tc\td\te\tf\n")
    (tmp_path / "names.txt").write_text("photo-0\n")
    with pytest.raises(FeaturesError, match=name):
        import_features(sourced, tmp_path / name, tmp_path / "out.feat", tmp_path / "names.txt")
