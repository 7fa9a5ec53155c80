from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from gatherset.dataset.errors import FeaturesError
from gatherset.dataset.features import ExtractorIdentity, FeatureFile, FeatureWriter, Header

IDS = ["gs-1", "gs-2", "gs-3", "gs-4", "gs-5"]
IDENTITY = ExtractorIdentity("tiny", {"side": 64}, "00" * 32)
HEADER = Header(IDENTITY, "mg", "1.0.0", "ab" * 32, regions=3, dim=7, ids=IDS)
REGIONS = np.random.default_rng(0).normal(size=(5, 3, 7)).astype(np.float16)
BOXES = np.random.default_rng(1).random((5, 3, 4)).astype(np.float32)


def write(path: Path) -> FeatureFile:
    with FeatureWriter(path, HEADER) as writer:
        writer.append(REGIONS[:2], BOXES[:2])
        writer.append(REGIONS[2:], BOXES[2:])
    return FeatureFile.open(path)


def write_and_stop(path: Path) -> None:
    """Two rows, then Ctrl-C."""
    with suppress(KeyboardInterrupt), FeatureWriter(path, HEADER) as writer:
        writer.append(REGIONS[:2], BOXES[:2])
        raise KeyboardInterrupt


def test_what_was_written_is_read(tmp_path: Path) -> None:
    file = write(tmp_path / "mg.feat")
    assert file.header == HEADER
    np.testing.assert_array_equal(file.regions(slice(None)), REGIONS)
    np.testing.assert_array_equal(file.boxes(slice(None)), BOXES)


def test_rows_are_found_by_id_in_the_order_asked(tmp_path: Path) -> None:
    file = write(tmp_path / "mg.feat")
    np.testing.assert_array_equal(file.regions(["gs-4", "gs-1"]), REGIONS[[3, 0]])


def test_an_unknown_id_is_named(tmp_path: Path) -> None:
    with pytest.raises(FeaturesError, match="gs-9"):
        write(tmp_path / "mg.feat").regions(["gs-9"])


def test_an_interrupted_writer_goes_on_and_gives_the_same_bytes(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.feat").path
    path = tmp_path / "mg.feat"
    write_and_stop(path)
    assert not path.exists()
    with FeatureWriter(path, HEADER) as writer:
        assert writer.rows == 2
        writer.append(REGIONS[2:], BOXES[2:])
    assert path.read_bytes() == whole.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mg.feat", "whole.feat"]


def test_rows_of_another_extractor_are_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "mg.feat"
    write_and_stop(path)
    other = Header(ExtractorIdentity("tiny", {"side": 96}, "00" * 32), "mg", "1.0.0", "ab" * 32, 3, 7, IDS)
    with FeatureWriter(path, other) as writer:
        assert writer.rows == 0


def test_features_of_another_release_are_refused_with_both_hashes(tmp_path: Path) -> None:
    other = SimpleNamespace(name="mg", version="1.1.0", content_hash="cd" * 32)
    with pytest.raises(FeaturesError) as caught:
        write(tmp_path / "mg.feat").require(other)
    assert "ab" * 32 in str(caught.value)
    assert "cd" * 32 in str(caught.value)


def test_features_of_the_release_are_accepted(tmp_path: Path) -> None:
    write(tmp_path / "mg.feat").require(SimpleNamespace(name="mg", version="1.0.0", content_hash="ab" * 32))


def test_a_value_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FeaturesError, match="not finite"), FeatureWriter(tmp_path / "mg.feat", HEADER) as writer:
        writer.append(np.full((1, 3, 7), np.nan), BOXES[:1])


def test_a_value_beyond_float16_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FeaturesError, match="not finite"), FeatureWriter(tmp_path / "mg.feat", HEADER) as writer:
        writer.append(np.full((1, 3, 7), 1e6), BOXES[:1])


@pytest.mark.parametrize("raw", [b"", b"GSFEAT01", b"something else altogether, and long enough for a prefix"])
def test_what_is_no_feature_file_is_refused(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "mg.feat"
    path.write_bytes(raw)
    with pytest.raises(FeaturesError, match="not a feature file"):
        FeatureFile.open(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FeaturesError, match=r"mg\.feat"):
        FeatureFile.open(tmp_path / "mg.feat")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "mg.feat").path
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FeaturesError, match="incomplete"):
        FeatureFile.open(path)


def test_a_damaged_header_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "mg.feat").path
    path.write_bytes(path.read_bytes().replace(b'"format": 1', b'"format": x'))
    with pytest.raises(FeaturesError, match="damaged header"):
        FeatureFile.open(path)


def test_the_extractor_hash_depends_on_its_settings() -> None:
    assert IDENTITY.hash != ExtractorIdentity("tiny", {"side": 96}, "00" * 32).hash
