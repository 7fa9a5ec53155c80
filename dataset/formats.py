"""The files of a release, in the formats that others read: Parquet, Karpathy's JSON, COCO's JSON.

Every writer is a pure function of the records: the same records give the same bytes. What holds a whole split is made
in parts, by id: each part on its own, by whatever process, and then put together; a million records need no room in
memory.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from gatherset.dataset.facts import NO_LICENCE
from gatherset.dataset.images import SUFFIX
from gatherset.dataset.records import SPLITS, Record, canonical, canonical_bytes
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
            those = records[start : start + ROWS_PER_GROUP]
            rows = [_row(record) | {"image": _image(record, store)} for record in those]
            writer.write_table(_table(rows, DATA_SCHEMA))


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
        "record": canonical_bytes(record),
    }


def captions_table(records: Sequence[Record]) -> pa.Table:
    """Everything but the pixels, a row a record."""
    return _table([_row(record) for record in records], CAPTIONS_SCHEMA)


def _table(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    columns = [pa.array([row[column.name] for row in rows], column.type) for column in schema]
    return pa.Table.from_arrays(columns, schema=schema)


class CaptionsFile:
    """Everything but the pixels of the records of one split, as Parquet."""

    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(path, CAPTIONS_SCHEMA, compression="zstd")
        self._waiting = CAPTIONS_SCHEMA.empty_table()  # too few rows for a group of their own

    def add(self, rows: pa.Table) -> None:
        table = pa.concat_tables([self._waiting, rows]).combine_chunks()
        full = len(table) // CAPTIONS_PER_GROUP * CAPTIONS_PER_GROUP
        for start in range(0, full, CAPTIONS_PER_GROUP):
            self._writer.write_table(table.slice(start, CAPTIONS_PER_GROUP))
        self._waiting = table.slice(full)

    def close(self) -> None:
        if len(self._waiting):
            self._writer.write_table(self._waiting)
        self._writer.close()


@dataclass
class Numbers:
    """How many images and captions there are, by split: where the numbers of what comes after them begin."""

    images: Counter[str] = field(default_factory=Counter)
    captions: Counter[str] = field(default_factory=Counter)

    def add(self, record: Record) -> None:
        self.images[record["split"]] += 1
        self.captions[record["split"]] += len(record["captions"])

    def plus(self, later: Numbers) -> Numbers:
        return Numbers(self.images + later.images, self.captions + later.captions)


@dataclass(frozen=True)
class AnnotationPart:
    """What some records, one after the other by id, add to the files that need no pixels."""

    tables: Mapping[str, pa.Table]  # by split
    karpathy: bytes
    coco_images: Mapping[str, bytes]  # by split
    coco_captions: Mapping[str, bytes]


def annotation_part(
    records: Sequence[Record], before: Numbers, licenses: Mapping[str, Sequence[str]]
) -> AnnotationPart:
    """The part of `records`. `licenses` are those of the images of each split of the release, in order."""
    numbers = before.plus(Numbers())
    karpathy: list[bytes] = []
    images: dict[str, list[bytes]] = {split: [] for split in SPLITS}
    captions: dict[str, list[bytes]] = {split: [] for split in SPLITS}
    codes = {split: {license: number for number, license in enumerate(licenses[split], 1)} for split in SPLITS}
    for record in records:
        split, texts = record["split"], [entry["text"] for entry in record["captions"]]
        karpathy.append(canonical_bytes(_karpathy_image(record, texts, numbers)))
        number, first = numbers.images[split] + 1, numbers.captions[split] + 1
        code = codes[split][record["source"]["license"] or NO_LICENCE]
        images[split].append(canonical_bytes(_coco_image(number, code, record)))
        captions[split] += [
            b'{"id":%d,"image_id":%d,"caption":%b}' % (identity, number, canonical_bytes(text))
            for identity, text in enumerate(texts, first)
        ]
        numbers.add(record)
    rows = {split: [record for record in records if record["split"] == split] for split in SPLITS}
    return AnnotationPart(
        {split: captions_table(those) for split, those in rows.items() if those},
        _BETWEEN.join(karpathy),
        {split: _BETWEEN.join(lines) for split, lines in images.items() if lines},
        {split: _BETWEEN.join(lines) for split, lines in captions.items() if lines},
    )


def _karpathy_image(record: Record, texts: Sequence[str], before: Numbers) -> dict[str, Any]:
    image = before.images.total()
    sentences = [
        {"raw": text, "tokens": tokens(text), "imgid": image, "sentid": number}
        for number, text in enumerate(texts, before.captions.total())
    ]
    return {
        "filename": image_name(record),
        "imgid": image,
        "sentids": [entry["sentid"] for entry in sentences],
        "sentences": sentences,
        "split": record["split"],
        "event_type": record["event"]["type"],
    }


def _coco_image(number: int, license: int, record: Record) -> dict[str, Any]:
    return {
        "id": number,
        "file_name": image_name(record),
        "width": record["image"]["width"],
        "height": record["image"]["height"],
        "license": license,
        "event_type": record["event"]["type"],
        "gatherset_id": record["id"],
    }


_BETWEEN = b",\n"  # the entries of a JSON list that has an entry a line


class _List:
    """Such a list, as it grows in a file."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self._begun = False

    def add(self, entries: bytes) -> None:
        if entries:
            self.file.write(_BETWEEN if self._begun else b"\n")
            self.file.write(entries)
            self._begun = True


class KarpathyFile:
    """The dataset as one JSON in the form of Karpathy and Li (2015), which VSE++, SCAN and others read."""

    def __init__(self, path: Path, name: str) -> None:
        self._file = path.open("wb")
        self._file.write(f'{{"dataset": {json.dumps(name)}, "images": ['.encode())
        self._images = _List(self._file)

    def add(self, entries: bytes) -> None:
        self._images.add(entries)

    def close(self) -> None:
        self._file.write(b"\n]}\n")
        self._file.close()


class CocoFile:
    """One split in the form of COCO's caption files. Numbers of images, captions and licences count from 1."""

    def __init__(self, path: Path, name: str, version: str, year: int, licenses: Sequence[str]) -> None:
        self._file = path.open("wb")
        self._images = _List(self._file)
        # The images come first in the file; the captions wait here until all of them are known.
        self._captions = _List(tempfile.TemporaryFile(dir=path.parent))  # noqa: SIM115
        info = {"description": name, "version": version, "year": year}
        named = [{"id": number, "name": license, "url": ""} for number, license in enumerate(licenses, 1)]
        head = f'{{"info": {canonical(info)},\n"licenses": {canonical(named)},\n"images": ['
        self._file.write(head.encode())

    def add(self, images: bytes, captions: bytes) -> None:
        self._images.add(images)
        self._captions.add(captions)

    def close(self) -> None:
        self._file.write(b'\n],\n"annotations": [')
        self._captions.file.seek(0)
        while block := self._captions.file.read(1 << 20):
            self._file.write(block)
        self._captions.file.close()
        self._file.write(b"\n]}\n")
        self._file.close()


class AnnotationFiles:
    """All files of a release that need no pixels: captions, Karpathy's and COCO's. Parts are added by id."""

    def __init__(self, folder: Path, manifest: Mapping[str, Any], licenses: Mapping[str, Sequence[str]]) -> None:
        """`licenses` are those of the images of each split."""
        (folder / "captions").mkdir(exist_ok=True)
        (folder / "annotations").mkdir(exist_ok=True)
        name, version, year = manifest["name"], manifest["version"], int(manifest["created"][:4])
        self._karpathy = KarpathyFile(folder / "annotations/karpathy.json", name)
        self._coco = {
            split: CocoFile(folder / f"annotations/coco_{split}.json", name, version, year, licenses[split])
            for split in SPLITS
        }
        self._captions = {  # Parquet readers of other tools stumble over empty files
            split: CaptionsFile(folder / captions_file(split))
            for split in SPLITS
            if any(manifest["counts"][split].values())
        }

    def add(self, part: AnnotationPart) -> None:
        self._karpathy.add(part.karpathy)
        for split, table in part.tables.items():
            self._captions[split].add(table)
            self._coco[split].add(part.coco_images[split], part.coco_captions[split])

    def __enter__(self) -> AnnotationFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._karpathy.close()
        for split in SPLITS:
            self._coco[split].close()
        for table in self._captions.values():
            table.close()
