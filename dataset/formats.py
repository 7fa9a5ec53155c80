"""The files of a release, in the formats that others read: Parquet, Karpathy's JSON, COCO's JSON.

Every writer is a pure function of the records: the same records give the same bytes. Those that write a whole split
take the records one by one, by id, so that a million of them need no room in memory.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring as json_text
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from gatherset.dataset.facts import NO_LICENCE
from gatherset.dataset.images import SUFFIX
from gatherset.dataset.records import SPLITS, Record, canonical
from gatherset.dataset.store import ImageStore
from gatherset.dataset.tokens import tokens

_TEXT_FIELDS = [
    ("captions", pa.list_(pa.string())),
    ("event_type", pa.string()),
    ("width", pa.int32()),
    ("height", pa.int32()),
    ("part", pa.string()),
    ("license", pa.string()),
    ("attribution", pa.string()),
    ("record", pa.string()),  # the whole record as canonical JSON: nothing is lost in the columns
]
_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
# Hugging Face `datasets` reads this key and shows `image` as a picture.
_HF_STRING = {"dtype": "string", "_type": "Value"}
_HF_FEATURES = {
    "id": _HF_STRING,
    "image": {"_type": "Image"},
    "captions": {"feature": _HF_STRING, "_type": "List"},
    "event_type": _HF_STRING,
    "width": {"dtype": "int32", "_type": "Value"},
    "height": {"dtype": "int32", "_type": "Value"},
    **{name: _HF_STRING for name in ("part", "license", "attribution", "record")},
}
CAPTIONS_SCHEMA = pa.schema([("id", pa.string()), *_TEXT_FIELDS])
DATA_SCHEMA = pa.schema(
    [("id", pa.string()), ("image", _IMAGE), *_TEXT_FIELDS],
    metadata={"huggingface": json.dumps({"info": {"features": _HF_FEATURES}})},
)
ROWS_PER_GROUP = 64  # so that a reader of one image takes a small part of its bucket
CAPTIONS_PER_GROUP = 256  # rows of the captions files, which have no pixels: small enough to read one row quickly


def bucket_of(identity: str, buckets: int) -> int:
    """The bucket of a record; follows from its id, so that a corrected caption touches one file."""
    return int(identity[3:5], 16) * buckets // 256


def bucket_file(split: str, bucket: int) -> str:
    return f"data/{split}/bucket-{bucket:02x}.parquet"


def captions_file(split: str) -> str:
    return f"captions/{split}.parquet"


def image_name(record: Record) -> str:
    """The file name of the image in annotation files."""
    return f"{record['id']}{SUFFIX[record['image']['format']]}"


def write_bucket(path: Path, records: Sequence[Record], store: ImageStore) -> None:
    """The records of one bucket with their image files."""
    with _bucket_writer(path) as writer:
        for start in range(0, len(records), ROWS_PER_GROUP):
            rows = [
                _row(record) | {"image": _image(record, store)} for record in records[start : start + ROWS_PER_GROUP]
            ]
            writer.write_table(pa.Table.from_pylist(rows, DATA_SCHEMA))


def write_bucket_table(path: Path, table: pa.Table) -> None:
    """The rows of one bucket, as they were read from such a file."""
    with _bucket_writer(path) as writer:
        for start in range(0, table.num_rows, ROWS_PER_GROUP):
            writer.write_table(table.slice(start, ROWS_PER_GROUP))


def _bucket_writer(path: Path) -> pq.ParquetWriter:
    # Image files are compressed already; left as they are, a reader maps them into memory.
    return pq.ParquetWriter(path, DATA_SCHEMA, compression={"image.bytes": "NONE", "record": "ZSTD"})


def _image(record: Record, store: ImageStore) -> dict[str, Any]:
    data = store.read(record["image"]["sha256"], record["image"]["format"])
    return {"bytes": data, "path": image_name(record)}


def _row(record: Record) -> dict[str, Any]:
    return {
        "id": record["id"],
        "captions": [entry["text"] for entry in record["captions"]],
        "event_type": record["event"]["type"],
        "width": record["image"]["width"],
        "height": record["image"]["height"],
        "part": record["source"]["part"],
        "license": record["source"]["license"],
        "attribution": record["source"]["attribution"],
        "record": canonical(record),
    }


class CaptionsFile:
    """Everything but the pixels of the records of one split, as Parquet."""

    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(path, CAPTIONS_SCHEMA, compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def add(self, record: Record) -> None:
        self._rows.append(_row(record))
        if len(self._rows) == CAPTIONS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        self._writer.write_table(pa.Table.from_pylist(self._rows, CAPTIONS_SCHEMA))
        self._rows = []

    def close(self) -> None:
        if self._rows:
            self._flush()
        self._writer.close()


class KarpathyFile:
    """The dataset as one JSON in the form of Karpathy and Li (2015), which VSE++, SCAN and others read."""

    def __init__(self, path: Path, name: str) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._file.write(f'{{"dataset": {json.dumps(name)}, "images": [')
        self._images = self._sentences = 0

    def add(self, record: Record) -> None:
        sentences = []
        for entry in record["captions"]:
            text = entry["text"]
            number = self._sentences
            sentences.append({"raw": text, "tokens": tokens(text), "imgid": self._images, "sentid": number})
            self._sentences += 1
        image = {
            "filename": image_name(record),
            "imgid": self._images,
            "sentids": [entry["sentid"] for entry in sentences],
            "sentences": sentences,
            "split": record["split"],
            "event_type": record["event"]["type"],
        }
        self._file.write(_separator(self._images) + canonical(image))
        self._images += 1

    def close(self) -> None:
        self._file.write("\n]}\n")
        self._file.close()


class CocoFile:
    """One split in the form of COCO's caption files. Numbers of images, captions and licences count from 1."""

    def __init__(self, path: Path, name: str, version: str, year: int, licenses: Sequence[str]) -> None:
        self._file = path.open("w", encoding="utf-8")
        # The images come first in the file; the captions wait here until all of them are known.
        self._captions: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", dir=path.parent)  # noqa: SIM115
        self._licenses = {license: number for number, license in enumerate(licenses, 1)}
        info = {"description": name, "version": version, "year": year}
        named = [{"id": number, "name": license, "url": ""} for license, number in self._licenses.items()]
        self._file.write(f'{{"info": {canonical(info)},\n"licenses": {canonical(named)},\n"images": [')
        self._images = self._annotations = 0

    def add(self, record: Record) -> None:
        self._file.write(_separator(self._images) + canonical(self._image(self._images + 1, record)))
        self._images += 1
        for entry in record["captions"]:
            begin = f'{_separator(self._annotations)}{{"id":{self._annotations + 1},"image_id":{self._images},'
            self._captions.write(f'{begin}"caption":{json_text(entry["text"])}}}')
            self._annotations += 1

    def _image(self, number: int, record: Record) -> dict[str, Any]:
        return {
            "id": number,
            "file_name": image_name(record),
            "width": record["image"]["width"],
            "height": record["image"]["height"],
            "license": self._licenses[record["source"]["license"] or NO_LICENCE],
            "event_type": record["event"]["type"],
            "gatherset_id": record["id"],
        }

    def close(self) -> None:
        self._file.write('\n],\n"annotations": [')
        self._captions.seek(0)
        while block := self._captions.read(1 << 20):
            self._file.write(block)
        self._captions.close()
        self._file.write("\n]}\n")
        self._file.close()


def _separator(written: int) -> str:
    """What stands before the next entry of a JSON list with an entry a line."""
    return ",\n" if written else "\n"


class AnnotationFiles:
    """All files of a release that need no pixels: captions, Karpathy's and COCO's. Records are added by id."""

    def __init__(self, folder: Path, manifest: Mapping[str, Any], licenses: Mapping[str, Sequence[str]]) -> None:
        """`licenses` are those of the images of each split."""
        (folder / "captions").mkdir(exist_ok=True)
        (folder / "annotations").mkdir(exist_ok=True)
        name, version, year = manifest["name"], manifest["version"], int(manifest["created"][:4])
        self._karpathy = KarpathyFile(folder / "annotations/karpathy.json", name)
        self._splits: dict[str, list[CaptionsFile | CocoFile]] = {}
        for split in SPLITS:
            coco = folder / f"annotations/coco_{split}.json"
            self._splits[split] = [CocoFile(coco, name, version, year, licenses[split])]
            if any(manifest["counts"][split].values()):  # Parquet readers of other tools stumble over empty files
                self._splits[split].append(CaptionsFile(folder / captions_file(split)))

    def add(self, record: Record) -> None:
        self._karpathy.add(record)
        for file in self._splits[record["split"]]:
            file.add(record)

    def __enter__(self) -> AnnotationFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._karpathy.close()
        for files in self._splits.values():
            for file in files:
                file.close()
