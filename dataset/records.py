"""Records: how one is made, written as text, hashed, and kept in the catalog with its revisions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.dataset.catalog.tables import records, revisions
from gatherset.dataset.timestamps import now

Record = dict[str, Any]  # of the shape schemas/record.schema.json
SCHEMA_VERSION = "1.0"
SPLITS = ("train", "val", "test")
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical(value: Any) -> str:
    """The one text of a JSON value: sorted keys, no spaces, as UTF-8."""
    return _CANONICAL.encode(value)


def canonical_bytes(value: Any) -> bytes:
    """`canonical` as UTF-8, seven times as fast, for values whose numbers are whole, as all of a record's are."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # a number of more than 64 bits; of half a character neither makes UTF-8
        return canonical(value).encode()


def content_hash(records: Iterable[Record]) -> str:
    """sha256 of the canonical JSON of the records, a line each, sorted by id: the same across versions of the tools."""
    return ordered_content_hash(sorted(records, key=lambda record: str(record["id"])))


def ordered_content_hash(records: Iterable[Record]) -> str:
    """`content_hash` of records that come in the order of their ids, in no memory."""
    digest = hashlib.sha256()
    for record in records:
        digest.update(canonical_bytes(record) + b"\n")
    return digest.hexdigest()


def numeric_id(identity: str) -> int:
    """The 64 bits of a record's id."""
    return int(identity[3:], 16)


def record_id(number: int) -> str:
    """The record's id that has these 64 bits."""
    return f"gs-{number:016x}"


def some_ids(numbers: Sequence[int], most: int = 10) -> str:
    """The ids of the first few, and how many more there are."""
    more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
    return ", ".join(map(record_id, numbers[:most])) + more


def caption(text: str, *, origin: str, author: str | None, verified: bool) -> dict[str, Any]:
    """One entry of a record's `captions`."""
    return {"text": text, "origin": origin, "author": author, "verified": verified}


def make_record(
    image: Mapping[Any, Any], event_type: str, votes: Mapping[str, int], captions: Sequence[Mapping[str, Any]]
) -> Record:
    """The record of a row of `images`, still without a split."""
    measured = {key: image[key] for key in ("sha256", "phash", "width", "height", "format", "bytes")}
    return {
        "schema_version": SCHEMA_VERSION,
        "id": image["id"],
        "language": image["language"],
        "image": measured,
        "event": {"type": event_type, "votes": dict(sorted(votes.items()))},
        "captions": [dict(entry) for entry in captions],
        "source": dict(image["source"]),
        "split": None,
        "flags": sorted(image["flags"]),
    }


def add_revision(
    connection: Connection, record: Record, *, submissions: Sequence[int], reason: str, decided_by: str
) -> int:
    """Write `record` as the newest revision of its id; returns the revision's number, 1 for a new record."""
    current = connection.execute(_REVISION, {"record": record["id"]}).scalar()
    revision = (current or 0) + 1
    now_current = {"revision": revision, "event_type": record["event"]["type"]}
    if current is None:
        connection.execute(_NEW, {"id": record["id"], **now_current})
    else:
        connection.execute(sa.update(records).where(records.c.id == record["id"]).values(now_current))
    content = {key: value for key, value in record.items() if key != "split"}  # it may change without a revision
    row = {"record_id": record["id"], "revision": revision, "content": content, "submissions": list(submissions)}
    row |= {"reason": reason, "decided_by": decided_by, "created_at": now()}
    connection.execute(_WRITTEN, row)
    return revision


def current_records(connection: Connection) -> Iterator[Record]:
    """The current revision of every record that was not withdrawn, by id."""
    return (_record(row) for row in connection.execute(_CURRENT.order_by(records.c.id)))


def some_records(connection: Connection, most: int) -> Iterator[Record]:
    """The first `most` of them."""
    return (_record(row) for row in connection.execute(_CURRENT.order_by(records.c.id).limit(most)))


def count_records(connection: Connection) -> int:
    """How many records there are that were not withdrawn."""
    return int(
        connection.execute(
            sa.select(sa.func.count()).select_from(records).where(records.c.withdrawn.is_(None))
        ).scalar_one()
    )


def current_record(connection: Connection, identity: str) -> Record | None:
    """The current revision of one record; None where the image has not become one, or it was withdrawn."""
    row = connection.execute(_ONE, {"record": identity}).one_or_none()
    return None if row is None else _record(row)


_CURRENT = (
    # As text: the general way to read JSON takes four times as long.
    sa.select(sa.cast(revisions.c.content, sa.Text).label("content"), records.c.split)
    .join(records, (records.c.id == revisions.c.record_id) & (records.c.revision == revisions.c.revision))
    .where(records.c.withdrawn.is_(None))
)
# Composed once: that takes longer than to run them.
_ONE = _CURRENT.where(records.c.id == sa.bindparam("record"))
_REVISION = sa.select(records.c.revision).where(records.c.id == sa.bindparam("record"))
_NEW, _WRITTEN = sa.insert(records), sa.insert(revisions)


def _record(row: Any) -> Record:
    try:
        content = orjson.loads(row.content)
    except orjson.JSONDecodeError:  # half a character, which the rules will speak of
        content = json.loads(row.content)
    return {**content, "split": row.split}


def newest_change(connection: Connection) -> str | None:
    """When a record was last made, corrected, given a split, or withdrawn: a release's date. None without records."""
    made = connection.execute(sa.select(sa.func.max(revisions.c.created_at))).scalar()
    latest = sa.select(sa.func.max(records.c.split_at), sa.func.max(records.c.withdrawn_at))
    assigned, withdrawn = connection.execute(latest).one()
    return max(filter(None, (made, assigned, withdrawn)), default=None)
