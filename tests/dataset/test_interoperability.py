"""What others read a release with, on a release: each test uses the real library, and nothing of Gatherset."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gatherset.dataset.errors import FeaturesError, InputError
from gatherset.dataset.exports import (
    export_images,
    export_labelstudio,
    export_precomp,
    export_webdataset,
    labelstudio_config,
)
from gatherset.dataset.features import ExtractorIdentity, FeatureWriter, Header
from gatherset.dataset.loading import Release
from gatherset.dataset.purge import purge
from gatherset.dataset.retractions import Retraction
from gatherset.dataset.workspace import Workspace
from tests.conftest import must_not_skip_in_ci
from tests.dataset.conftest import correct, next_release


def library(name: str) -> object:
    try:
        return __import__(name)
    except ImportError:
        must_not_skip_in_ci(f"{name} is not installed (pip install 'gatherset[test]')")


@pytest.fixture
def features(released: Release, tmp_path: Path) -> Path:
    """Random features of 3 regions with 4 numbers; every image has its own."""
    ids = [record["id"] for record in released.records()]
    identity = ExtractorIdentity("random", {}, "0" * 64)
    header = Header(identity, released.name, released.version, released.content_hash, 3, 4, ids)
    path = tmp_path / "features.gsf"
    with FeatureWriter(path, header) as writer:
        for number in range(len(ids)):
            writer.append(np.full((1, 3, 4), number, np.float32), np.zeros((1, 3, 4), np.float32))
    return path


def test_huggingface_datasets_show_pictures_and_captions(released: Release, tmp_path: Path) -> None:
    datasets = library("datasets")
    loaded = datasets.load_dataset("parquet", data_dir=str(released.path / "data"), cache_dir=str(tmp_path / "hf"))  # type: ignore[attr-defined]
    assert {name: len(split) for name, split in loaded.items()} == {
        {"val": "validation"}.get(name, name): len(split) for name, split in released.splits.items()
    }
    row, example = loaded["train"][0], released["train"][0]
    assert (row["id"], row["captions"], row["event_type"]) == (example.id, example.captions, example.event_type)
    assert row["image"].size == (example.record["image"]["width"], example.record["image"]["height"])


def test_huggingface_datasets_read_both_configurations_of_the_card(released: Release, tmp_path: Path) -> None:
    datasets = library("datasets")
    cache = str(tmp_path / "hf")
    for name in ("images", "captions"):
        loaded = datasets.load_dataset(str(released.path), name, cache_dir=cache)  # type: ignore[attr-defined]
        assert loaded["test"]["id"] == released["test"].ids
    assert "image" not in loaded["test"].features


def test_huggingface_datasets_read_a_purged_release(released: Release, tmp_path: Path) -> None:
    datasets = library("datasets")
    gone = [Retraction(identity, "wrong", "2026-11-21") for identity in released["train"].ids[:2]]
    purge(released.path, gone)
    loaded = datasets.load_dataset("parquet", data_dir=str(released.path / "data"), cache_dir=str(tmp_path / "hf"))  # type: ignore[attr-defined]
    assert len(loaded["train"]) == len(released["train"].ids) - 2


def test_pycocotools_finds_the_captions_of_an_image(released: Release) -> None:
    library("pycocotools")
    from pycocotools.coco import COCO

    coco = COCO(str(released.path / "annotations" / "coco_train.json"))
    example = released["train"][2]
    [image] = [image for image in coco.loadImgs(coco.getImgIds()) if image["file_name"] == f"{example.id}.jpg"]
    assert [entry["caption"] for entry in coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))] == example.captions


def test_mlcroissant_reads_captions_and_pictures(released: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    mlcroissant = library("mlcroissant")
    monkeypatch.chdir(released.path)
    dataset = mlcroissant.Dataset("croissant.json")  # type: ignore[attr-defined]
    assert list(dataset.metadata.ctx.issues.errors) == []
    rows = {row["images/id"].decode(): row for row in dataset.records("images")}
    assert sorted(rows) == sorted(record["id"] for record in released.records())
    example = released["train"][0]
    assert [text.decode() for text in rows[example.id]["images/captions"]] == example.captions
    assert rows[example.id]["images/image"].size == example.image.size
    assert len(list(dataset.records("captions"))) == len(rows)


def test_croissant_names_the_checksum_of_every_table(released: Release) -> None:
    document = json.loads((released.path / "croissant.json").read_text())
    listed = {part["@id"]: part["sha256"] for part in document["distribution"] if "sha256" in part}
    tables = {entry["path"]: entry["sha256"] for entry in released.manifest["files"] if "parquet" in entry["path"]}
    assert listed == tables


def test_the_layout_of_karpathys_readers_is_there(released: Release, tmp_path: Path) -> None:
    """VSE++ and its descendants take `images` of the JSON in order, the captions' `raw`, and open `filename`."""
    export_images(released, tmp_path / "images")
    document = json.loads((released.path / "annotations" / "karpathy.json").read_text())
    for split in released.splits.values():
        entries = [entry for entry in document["images"] if entry["split"] == split.name]
        assert [[sentence["raw"] for sentence in entry["sentences"]] for entry in entries] == split.captions
        for entry, example in zip(entries, split, strict=True):
            with Image.open(tmp_path / "images" / entry["filename"]) as picture:
                assert picture.size == example.image.size


def test_precomputed_features_have_five_lines_of_captions_an_image(
    released: Release, features: Path, tmp_path: Path
) -> None:
    """SCAN and VSE-infinity divide the number of the caption by five to find the image."""
    export_precomp(released, features, tmp_path / "precomp")
    for split, name in (("train", "train"), ("val", "dev"), ("test", "test")):
        images = np.load(tmp_path / "precomp" / f"{name}_ims.npy")
        captions = (tmp_path / "precomp" / f"{name}_caps.txt").read_bytes().decode().splitlines()
        ids = (tmp_path / "precomp" / f"{name}_ids.txt").read_text().split()
        assert (images.dtype, images.shape) == (np.float32, (len(released[split]), 3, 4))
        assert len(captions) == 5 * len(images)
        assert ids == released[split].ids
        assert captions[5:10] == released[split].captions[1]


def test_features_of_another_release_are_refused(released: Release, features: Path, workspace: Workspace) -> None:
    correct(workspace)
    with pytest.raises(FeaturesError, match=r"mg@1\.0\.0"):
        export_precomp(next_release(workspace), features, released.path.parent / "precomp")
    assert not list(released.path.parent.glob("*precomp*"))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it leaves its files open
def test_webdataset_reads_the_shards(released: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    webdataset = library("webdataset")
    monkeypatch.setattr("gatherset.dataset.exports.SHARD_BYTES", 20_000)
    export_webdataset(released, tmp_path / "shards")
    shards = sorted(str(path) for path in (tmp_path / "shards").glob("train-*.tar"))
    assert len(shards) > 1
    rows = list(webdataset.WebDataset(shards, shardshuffle=False))  # type: ignore[attr-defined]
    assert [row["__key__"] for row in rows] == released["train"].ids
    example = released["train"][0]
    assert rows[0]["txt"].decode().split("\n") == example.captions
    assert json.loads(rows[0]["json"]) == example.record
    assert Image.open(io.BytesIO(rows[0]["jpg"])).size == example.image.size


def test_label_studio_accepts_the_tasks_and_their_predictions(released: Release, tmp_path: Path) -> None:
    library("label_studio_sdk")
    from label_studio_sdk.label_interface import LabelInterface

    export_labelstudio(released, tmp_path / "ls", "/data/local-files/?d=images")
    tasks = json.loads((tmp_path / "ls" / "tasks.json").read_text())
    config = (tmp_path / "ls" / "config.xml").read_text()
    assert config == labelstudio_config(released.event_types, 5)
    interface = LabelInterface(config)
    interface.validate()
    assert all(interface.validate_prediction(prediction) for task in tasks for prediction in task["predictions"])
    names = {task["data"]["image"].rpartition("/")[2] for task in tasks}
    assert names == {path.name for path in (tmp_path / "ls" / "images").iterdir()}
    assert len(tasks) == 24


def test_an_export_does_not_write_over_what_is_there(released: Release, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(InputError, match="is there already"):
        export_images(released, tmp_path / "there")
