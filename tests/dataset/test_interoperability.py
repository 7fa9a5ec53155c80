"""What others read a release with, on a release: each test uses the real library, and nothing of Gatherset."""

import io
import json
import os
from collections.abc import Callable
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
    return written_features(released, tmp_path)


def written_features(released: Release, tmp_path: Path) -> Path:
    """Features of 3 regions with 4 numbers; every image has its own."""
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


# VSE++ (fartashf/vsepp), SCAN (kuanghuei/SCAN), VSE-infinity (woodfrog/vse_infty) are repositories, not packages: what
# follows opens the files as their loaders do, call by call, with the libraries that these use.


def test_vsepps_loader_for_karpathys_json_finds_captions_and_pictures(released: Release, tmp_path: Path) -> None:
    """FlickrDataset: places in `images`, then `sentences[x]["raw"]`, and `filename` below one folder."""
    export_images(released, tmp_path / "images")
    images = json.loads((released.path / "annotations" / "karpathy.json").read_text())["images"]
    for split in ("train", "val", "test"):
        pairs = [(i, x) for i, d in enumerate(images) if d["split"] == split for x in range(len(d["sentences"]))]
        assert len(pairs) == 5 * len(released[split])
        for place, (i, x) in enumerate(pairs):
            example = released[split][place // 5]
            assert str(images[i]["sentences"][x]["raw"]) == example.captions[place % 5]
            with Image.open(os.path.join(tmp_path / "images", images[i]["filename"])) as picture:
                assert picture.convert("RGB").size == example.image.size


def test_the_numbers_of_karpathys_json_are_what_split_files_are_made_of(released: Release) -> None:
    """`sentids[:5]` of the images of a split choose the captions by number, across the whole file."""
    images = json.loads((released.path / "annotations" / "karpathy.json").read_text())["images"]
    by_number = {entry["sentid"]: entry for image in images for entry in image["sentences"]}
    assert sorted(by_number) == list(range(5 * len(images)))
    for image in images:
        assert {by_number[number]["imgid"] for number in image["sentids"][:5]} == {image["imgid"]}
        assert images[image["imgid"]] is image


def test_vsepps_loader_for_coco_finds_captions_and_pictures(released: Release, tmp_path: Path) -> None:
    """CocoDataset: the keys of `anns`, the `caption` and `image_id` of each, and `file_name` by pycocotools."""
    library("pycocotools")
    from pycocotools.coco import COCO

    export_images(released, tmp_path / "images")
    for split in ("train", "val", "test"):
        coco = COCO(str(released.path / "annotations" / f"coco_{split}.json"))
        shown = []
        for number in list(coco.anns.keys()):
            path = coco.loadImgs(coco.anns[number]["image_id"])[0]["file_name"]
            with Image.open(os.path.join(tmp_path / "images", path)) as picture:
                picture.convert("RGB")
            shown.append((path.partition(".")[0], str(coco.anns[number]["caption"])))
        assert shown == [(example.id, text) for example in released[split] for text in example.captions]


class Precomp:
    """PrecompDataset of VSE++ and SCAN, PrecompRegionDataset of VSE-infinity: what all three do with the files."""

    def __init__(self, folder: Path, split: str) -> None:
        with (folder / f"{split}_caps.txt").open("rb") as file:
            self.captions = [line.strip() for line in file]
        self.images = np.load(folder / f"{split}_ims.npy")
        self.captions_per_image = 1 if len(self.images) == len(self.captions) else 5

    def __getitem__(self, index: int) -> tuple[np.ndarray, str]:
        return self.images[index // self.captions_per_image], self.captions[index].decode("utf-8")


def test_the_precomputed_features_are_read_as_scan_and_vse_infinity_do(
    released: Release, features: Path, tmp_path: Path
) -> None:
    torch = library("torch")
    export_precomp(released, features, tmp_path / "precomp")
    row = {record["id"]: number for number, record in enumerate(released.records())}
    for split, name in (("train", "train"), ("val", "dev"), ("test", "test")):
        read = Precomp(tmp_path / "precomp", name)
        assert len(read.captions) == 5 * len(released[split])
        for index in range(len(read.captions)):
            image, caption = read[index]
            example = released[split][index // 5]
            tensor = torch.Tensor(image)  # type: ignore[attr-defined]
            assert (tensor.shape, float(tensor.max())) == ((3, 4), row[example.id])
            assert caption == example.captions[index % 5]


def test_vse_infinitys_loader_of_pictures_finds_them_by_number(
    released: Release, features: Path, tmp_path: Path
) -> None:
    """RawImageDataset: whole numbers in `*_ids.txt`, and `id_mapping.json` from each to a file."""
    export_images(released, tmp_path / "images")
    export_precomp(released, features, tmp_path / "precomp")
    names = json.loads((tmp_path / "precomp" / "id_mapping.json").read_text())
    karpathy = json.loads((released.path / "annotations" / "karpathy.json").read_text())["images"]
    for split, name in (("train", "train"), ("val", "dev"), ("test", "test")):
        numbers = [int(line.strip()) for line in (tmp_path / "precomp" / f"{name}_ids.txt").read_text().splitlines()]
        assert [names[str(number)].partition(".")[0] for number in numbers] == released[split].ids
        assert all((tmp_path / "images" / names[str(number)]).is_file() for number in numbers)
        assert all(karpathy[number]["filename"] == names[str(number)] for number in numbers)


def test_a_caption_with_a_line_break_stays_one_line_of_the_precomputed_files(
    workspace: Workspace, fill: Callable[..., None], tmp_path: Path
) -> None:
    """The readers find an image by dividing the number of the line by five."""
    settings = workspace.root / "gatherset.toml"
    settings.write_text(settings.read_text() + '[rules]\nignore = ["GS305"]\n')
    opened = Workspace.open(workspace.root)
    fill(opened, 6)
    correct(opened, "A crowd\u2028in\r\nthe street.")
    release = next_release(opened)
    export_precomp(release, written_features(release, tmp_path), tmp_path / "precomp")
    lines = b"".join((tmp_path / "precomp" / f"{n}_caps.txt").read_bytes() for n in ("train", "dev", "test"))
    assert len(lines.decode().splitlines()) == 30


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
