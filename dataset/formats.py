"""The files of a release, in the formats that others read: Parquet, Karpathy's JSON, COCO's JSON.

Every writer is a pure function of the records: the same records give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gatherset.dataset.images import SUFFIX
from gatherset.dataset.records import Record, canonical
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
ROWS_PER_GROUP = 64  # so that a reader can take a part of a bucket


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


def write_captions(path: Path, records: Sequence[Record]) -> None:
    """Everything but the pixels of the records of one split."""
    rows = [_row(record) for record in records]
    pq.write_table(pa.Table.from_pylist(rows, CAPTIONS_SCHEMA), path, compression="zstd")


def write_bucket(path: Path, records: Sequence[Record], store: ImageStore) -> None:
    """The records of one bucket with their image files."""
    with pq.ParquetWriter(path, DATA_SCHEMA, compression={"image.bytes": "NONE", "record": "ZSTD"}) as writer:
        for start in range(0, len(records), ROWS_PER_GROUP):
            rows = [
                _row(record) | {"image": _image(record, store)} for record in records[start : start + ROWS_PER_GROUP]
            ]
            writer.write_table(pa.Table.from_pylist(rows, DATA_SCHEMA))


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


def karpathy(name: str, records: Iterable[Record]) -> dict[str, Any]:
    """The dataset as one JSON in the form of Karpathy and Li (2015), which VSE++, SCAN and others read."""
    images: list[dict[str, Any]] = []
    sentence = 0
    for number, record in enumerate(records):
        sentences = []
        for entry in record["captions"]:
            text = entry["text"]
            sentences.append({"raw": text, "tokens": tokens(text), "imgid": number, "sentid": sentence})
            sentence += 1
        images.append(
            {
                "filename": image_name(record),
                "imgid": number,
                "sentids": [entry["sentid"] for entry in sentences],
                "sentences": sentences,
                "split": record["split"],
                "event_type": record["event"]["type"],
            }
        )
    return {"dataset": name, "images": images}


def coco(name: str, version: str, year: int, records: Sequence[Record]) -> dict[str, Any]:
    """One split in the form of COCO's caption files. Numbers of images and licences count from 1."""
    licenses = sorted({record["source"]["license"] for record in records})
    return {
        "info": {"description": name, "version": version, "year": year},
        "licenses": [{"id": number, "name": license, "url": ""} for number, license in enumerate(licenses, 1)],
        "images": [_coco_image(number, record, licenses) for number, record in enumerate(records, 1)],
        "annotations": list(_coco_annotations(records)),
    }


def _coco_image(number: int, record: Record, licenses: Sequence[str]) -> dict[str, Any]:
    return {
        "id": number,
        "file_name": image_name(record),
        "width": record["image"]["width"],
        "height": record["image"]["height"],
        "license": licenses.index(record["source"]["license"]) + 1,
        "event_type": record["event"]["type"],
        "gatherset_id": record["id"],
    }


def _coco_annotations(records: Sequence[Record]) -> Iterator[dict[str, Any]]:
    number = 0
    for image, record in enumerate(records, 1):
        for entry in record["captions"]:
            number += 1
            yield {"id": number, "image_id": image, "caption": entry["text"]}
