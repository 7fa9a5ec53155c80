"""Releases in the forms that other tools take in: precomputed features, WebDataset shards, Label Studio tasks."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gatherset.dataset.errors import InputError, ReleaseError
from gatherset.dataset.features import FeatureFile
from gatherset.dataset.formats import image_name
from gatherset.dataset.labelstudio import EVENT_TYPE, IMAGE, caption_name, choices, text
from gatherset.dataset.loading import Release
from gatherset.dataset.progress import progress
from gatherset.dataset.records import SPLITS, canonical
from gatherset.dataset.release_folder import assembled

PRECOMP_NAMES = {"train": "train", "val": "dev", "test": "test"}  # as SCAN and its descendants call them
SHARD_BYTES = 256 << 20  # of images, before a new shard is begun


def export_precomp(release: Release, features: Path, folder: Path) -> None:
    """`*_ims.npy`, `*_caps.txt` and `*_ids.txt` of each split, which SCAN, VSE-infinity and their kin read.

    The features [n, K, D] float32 stand once for each image, the captions after each other, five lines an image. An
    image is numbered as in annotations/karpathy.json; `id_mapping.json` has the file name (see `export_images`) of each
    number, for those who train on the pictures themselves.
    """
    file = FeatureFile.open(features)
    file.require(release)
    names = {record["id"]: image_name(record) for record in release.records()}
    numbers = {identity: number for number, identity in enumerate(sorted(names))}
    with _new_folder(folder) as partial:
        for split, name in PRECOMP_NAMES.items():
            ids = release[split].ids
            if not ids:
                continue
            shape = (len(ids), *file.regions([ids[0]]).shape[1:])
            array = np.lib.format.open_memmap(  # type: ignore[no-untyped-call]
                partial / f"{name}_ims.npy", mode="w+", dtype=np.float32, shape=shape
            )
            for number, identity in enumerate(progress(ids, total=len(ids), label=f"features of {split}")):
                array[number] = file.regions([identity])[0]
            array.flush()
            lines = (" ".join(text.split()) + "\n" for captions in release[split].captions for text in captions)
            with (partial / f"{name}_caps.txt").open("w", encoding="utf-8") as captions_file:
                captions_file.writelines(lines)
            (partial / f"{name}_ids.txt").write_text("".join(f"{numbers[identity]}\n" for identity in ids))
        mapping = {str(numbers[identity]): name for identity, name in names.items()}
        (partial / "id_mapping.json").write_text(json.dumps(mapping, indent=0, sort_keys=True))


def export_images(release: Release, folder: Path) -> None:
    """The image files under the names that the Karpathy and COCO files in `annotations/` call them by."""
    _require_images(release)
    with _new_folder(folder) as partial:
        for split in SPLITS:
            for example in progress(release[split], total=len(release[split]), label=f"images of {split}"):
                (partial / image_name(example.record)).write_bytes(example.image_bytes)


def export_webdataset(release: Release, folder: Path) -> None:
    """`train-000000.tar` and so on: for each image `<id>.jpg`, `<id>.txt` (captions, one a line), `<id>.json`."""
    _require_images(release)
    with _new_folder(folder) as partial:
        for split in SPLITS:
            with ExitStack() as stack:
                size, shards = SHARD_BYTES, 0  # full: the first image begins a shard
                for example in progress(release[split], total=len(release[split]), label=f"shards of {split}"):
                    if size >= SHARD_BYTES:
                        stack.close()
                        path = partial / f"{split}-{shards:06d}.tar"
                        tar = stack.enter_context(tarfile.open(path, "w", format=tarfile.USTAR_FORMAT))
                        size, shards = 0, shards + 1
                    suffix = image_name(example.record).partition(".")[2]
                    _add(tar, f"{example.id}.{suffix}", example.image_bytes)
                    _add(tar, f"{example.id}.txt", "\n".join(example.captions).encode())
                    _add(tar, f"{example.id}.json", canonical(example.record).encode())
                    size += len(example.image_bytes)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)  # its time is 0: the same release gives the same bytes
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))


def export_labelstudio(release: Release, folder: Path, images_url: str) -> None:
    """`tasks.json` for Label Studio's import, with captions and type as predictions, config.xml, and `images/`.

    `images_url` is where the server finds the images, such as "/data/local-files/?d=images" or "s3://bucket/images".
    """
    _require_images(release)
    with _new_folder(folder) as partial:
        (partial / "images").mkdir()
        with (partial / "tasks.json").open("w", encoding="utf-8") as file:
            file.write("[")
            written = 0
            for split in SPLITS:
                for example in progress(release[split], total=len(release[split]), label=f"tasks of {split}"):
                    name = image_name(example.record)
                    (partial / "images" / name).write_bytes(example.image_bytes)
                    file.write(",\n" if written else "\n")
                    file.write(json.dumps(_task(example.record, f"{images_url}/{name}", str(release))))
                    written += 1
            file.write("\n]\n")
        config = labelstudio_config(release.event_types, release.manifest["captions_per_image"])
        (partial / "config.xml").write_text(config, encoding="utf-8")


def _task(record: dict[str, Any], url: str, release: str) -> dict[str, Any]:
    captions = [text(caption_name(number), entry["text"]) for number, entry in enumerate(record["captions"], 1)]
    event = choices(EVENT_TYPE, [record["event"]["type"]])
    data = {IMAGE: url, "gatherset_id": record["id"], "split": record["split"]}
    return {"data": data, "predictions": [{"model_version": release, "result": [event, *captions]}]}


def labelstudio_config(event_types: Sequence[str], captions: int) -> str:
    """A labelling configuration whose names are those of the exported predictions."""
    types = "".join(f'<Choice value="{name}"/>' for name in event_types)
    areas = "".join(
        f'<TextArea name="{caption_name(number)}" toName="{IMAGE}" rows="2" maxSubmissions="1" editable="true"/>'
        for number in range(1, captions + 1)
    )
    return (
        f'<View><Image name="{IMAGE}" value="${IMAGE}"/><Choices name="{EVENT_TYPE}" toName="{IMAGE}" '
        f'choice="single">{types}</Choices>{areas}</View>\n'
    )


def _require_images(release: Release) -> None:
    if not release.has_images:
        raise ReleaseError(f"{release} is here without its images", "Pull it whole")


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """A hidden folder that gets its name when it is whole. Raises InputError where there is something already."""
    if folder.exists():
        raise InputError(f"{folder} is there already", "Name a new folder")
    with assembled(folder) as partial:
        yield partial
