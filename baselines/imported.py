"""Region features that somebody else extracted, as the field shares them, as a feature file of a release.

*_ims.npy      [n, K, D], with a text file that names the image of each row (each name once, or once a caption)
*.tsv          bottom-up-attention: image_id, image_w, image_h, num_boxes, boxes, features (base64, float32)
a folder       of one .npz an image, named after it: `x` or `features` [K, D], `bbox` or `boxes` [K, 4] in pixels

An image is found by the name it came with (source.ref), with or without its ending, or by the number in it. Images with
fewer regions than others are padded with regions of zeros, which EDAN leaves out.
"""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gatherset.dataset.errors import FeaturesError
from gatherset.dataset.features import ExtractorIdentity, FeatureWriter, Header
from gatherset.dataset.progress import progress
from gatherset.dataset.records import SPLITS

if TYPE_CHECKING:
    from gatherset.dataset.loading import Release

Floats = NDArray[np.float32]
Regions = tuple[Floats, Floats]  # [k, D], and boxes [k, 4]: x0 y0 x1 y1 relative to the image
_TSV = ["image_id", "image_w", "image_h", "num_boxes", "boxes", "features"]


def import_features(release: Release, source: Path, path: Path, names: Path | None = None) -> None:
    """Write the features in `source` to `path`, for all records of `release`; `names` is for .npy files.

    FeaturesError names the record that has none, or the file that cannot be read.
    """
    found: dict[str, Regions] = {}
    for name, regions in _read(source, names):
        found[_key(name)] = regions
    refs = {str(record["id"]): str(record["source"]["ref"]) for record in release.records()}
    ids = [record for split in SPLITS for record in release[split].ids]
    missing = [record for record in ids if _key(refs[record]) not in found]
    if missing:
        raise FeaturesError(
            f"{source} lacks {len(missing)} of {len(ids)} records, such as {missing[0]} ({refs[missing[0]]})",
            "Give the features of all images of the release",
        )
    if not ids:
        raise FeaturesError(f"{release} has no records", "Add records and build the release again")
    dims = {found[_key(refs[record])][0].shape[1] for record in ids}
    if len(dims) != 1:
        raise FeaturesError(f"{source} holds regions of {sorted(dims)} numbers", "Give features of one extractor")
    K = max(len(found[_key(refs[record])][0]) for record in ids)
    header = Header(
        extractor=ExtractorIdentity("imported", {"file": source.name, "regions": K}, _sha256(source)),
        release_name=release.name,
        release_version=release.version,
        release_hash=release.content_hash,
        regions=K,
        dim=dims.pop(),
        ids=ids,
    )
    with FeatureWriter(path, header) as writer:
        for record in progress(ids[writer.rows :], total=len(ids) - writer.rows, label="features"):
            shown, boxes = found[_key(refs[record])]
            padding = ((0, K - len(shown)), (0, 0))
            writer.append(np.pad(shown, padding)[None], np.pad(boxes, padding)[None])


def _key(name: str) -> str:
    """What a name and its variants have in common: COCO_val2014_000000000042.jpg, 42."""
    stem = Path(name).stem
    number = re.search(r"(\d+)$", stem)
    return str(int(number[1])) if number and (stem.isdigit() or stem.startswith("COCO_")) else stem


def _read(source: Path, names: Path | None) -> Iterator[tuple[str, Regions]]:
    try:
        if source.is_dir():
            yield from _read_folder(source)
        elif source.suffix == ".tsv":
            yield from _read_tsv(source)
        elif source.suffix == ".npy":
            yield from _read_npy(source, names)
        else:
            raise FeaturesError(f"{source} is no known kind of features", "Give a .npy, a .tsv or a folder of .npz")
    except (OSError, ValueError, KeyError, TypeError, EOFError, binascii.Error) as error:
        raise FeaturesError(f"{source} cannot be read: {error}", "See docs/edan.md for what can be imported") from error


def _read_npy(source: Path, names: Path | None) -> Iterator[tuple[str, Regions]]:
    if names is None:
        raise FeaturesError(f"{source} does not say which row is which image", "Name them with --names FILE")
    images = names.read_text("utf-8").split()
    regions = np.load(source, mmap_mode="r", allow_pickle=False)
    repeated, rest = divmod(len(regions), max(len(images), 1))
    if regions.ndim != 3 or not repeated or rest:
        raise FeaturesError(
            f"{source} has the shape {regions.shape}, but {names} has {len(images)} names", "Check both"
        )
    for row, name in enumerate(images):
        shown = np.asarray(regions[row * repeated], np.float32)
        yield name, (shown, np.tile(np.array([0, 0, 1, 1], np.float32), (len(shown), 1)))


def _read_tsv(source: Path) -> Iterator[tuple[str, Regions]]:
    csv.field_size_limit(1 << 30)
    with source.open(newline="", encoding="ascii") as file:
        for line in csv.DictReader(file, _TSV, delimiter="\t"):
            count = int(line["num_boxes"])
            arrays = [np.frombuffer(base64.b64decode(line[name]), np.float32) for name in ("features", "boxes")]
            size = float(line["image_w"]), float(line["image_h"])
            yield line["image_id"], (arrays[0].reshape(count, -1), _relative(arrays[1].reshape(count, 4), size))


def _read_folder(source: Path) -> Iterator[tuple[str, Regions]]:
    for path in sorted(source.glob("*.npz")):
        with np.load(path, allow_pickle=False) as file:
            regions = np.asarray(file["x" if "x" in file else "features"], np.float32)
            # Some of these files are written transposed, [D, K].
            boxes = np.asarray(file["bbox" if "bbox" in file else "boxes"], np.float32)
            regions = regions if len(regions) == len(boxes) else regions.T
            size = (float(file["image_w"]), float(file["image_h"])) if "image_w" in file else boxes[:, 2:].max(0)
            yield path.stem, (regions, _relative(boxes, (float(size[0]), float(size[1]))))


def _relative(boxes: Floats, size: tuple[float, float]) -> Floats:
    relative: Floats = (boxes / np.array([*size, *size], np.float32)).clip(0, 1)
    return relative


def _sha256(source: Path) -> str:
    """Of the file, or of all files of the folder, one after the other."""
    digest = hashlib.sha256()
    for path in sorted(source.glob("*.npz")) if source.is_dir() else [source]:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
