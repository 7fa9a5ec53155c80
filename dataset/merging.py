"""Merging the parts of a dataset (EDAN section 4.3): other workspaces join, and what is there twice is dropped."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.dataset.caption_likeness import alike_captions
from gatherset.dataset.catalog.tables import decisions, images, records, submissions, tasks
from gatherset.dataset.corrections import withdraw_record
from gatherset.dataset.duplicates import duplicate_groups
from gatherset.dataset.errors import ImageError
from gatherset.dataset.findings import Finding
from gatherset.dataset.ingest import tasks_for
from gatherset.dataset.progress import progress
from gatherset.dataset.records import add_revision, current_record
from gatherset.dataset.timestamps import now
from gatherset.dataset.tokens import tokens
from gatherset.dataset.workspace import Workspace

MERGE = "gatherset merge"  # who decided
NEAR, SAME_CAPTIONS = "near-duplicate", "same captions"
LEAST = 2  # captions of an image that can tell that it is there twice
BATCH = 500  # images a transaction


@dataclass(frozen=True)
class Copy:
    """An image that another one stands for."""

    image: str
    kept: str
    kind: str  # NEAR, SAME_CAPTIONS
    value: float  # bits of the perceptual hash that differ, or the cosine of the captions

    def __str__(self) -> str:
        how = f"{self.value:.0f} bits" if self.kind == NEAR else f"cosine {self.value:.2f}"
        return f"{self.kind} of {self.kept} ({how})"


@dataclass(frozen=True)
class _Item:
    """An image that is a record or may become one, with what speaks for keeping it."""

    id: str
    part: str  # "filtered (flickr8k)"
    phash: int
    captions: tuple[str, ...]
    rank: tuple[int, ...]  # the lower, the rather it is kept


@dataclass
class Merge:
    parts: Counter[str] = field(default_factory=Counter)  # images of each
    copies: list[Copy] = field(default_factory=list)
    overlap: Counter[tuple[str, str]] = field(default_factory=Counter)  # copies, by the part of the kept and their own


def find_copies(workspace: Workspace, *, likeness: float) -> Merge:
    """What is there twice: near-duplicate images, and caption sets whose TF-IDF cosine is at least `likeness`.

    A set has at least LEAST captions: one sentence may be that of a template, or of a whole album. Kept is the one with
    a split, else a record, else the most answers, else the most pixels. Every copy is near the one that is kept, and
    not merely near another copy of it.
    """
    items = sorted(_items(workspace), key=lambda item: item.rank)
    merge = Merge(Counter(item.part for item in items))
    for kind, copies in ((NEAR, _near), (SAME_CAPTIONS, _same_captions)):
        limit = workspace.settings.rules.near_duplicate_distance if kind == NEAR else likeness
        found = sorted(copies(items, limit))
        for kept, copy, value in found:
            merge.copies.append(Copy(items[copy].id, items[kept].id, kind, value))
            merge.overlap[items[kept].part, items[copy].part] += 1
        gone = {copy for _, copy, _ in found}
        items = [item for number, item in enumerate(items) if number not in gone]
    return merge


def _items(workspace: Workspace) -> Iterator[_Item]:
    answers = sa.select(tasks.c.image_id, sa.func.sum(tasks.c.answers).label("answers")).group_by(tasks.c.image_id)
    given = answers.subquery()
    query = (
        sa.select(images, records.c.id.label("record"), records.c.split, given.c.answers)
        .outerjoin(records, records.c.id == images.c.id)
        .outerjoin(given, given.c.image_id == images.c.id)
        .where(images.c.rejected.is_(None), records.c.withdrawn.is_(None))
    )
    with workspace.catalog.read() as connection:
        for number, row in enumerate(connection.execute(query.order_by(images.c.id)).mappings()):
            record = current_record(connection, row["id"]) if row["record"] else None
            captions = tuple(entry["text"] for entry in (record or row)["captions"])
            part = f"{row['source']['part']} ({row['source']['dataset']})"
            pixels = row["width"] * row["height"]
            rank = (
                row["split"] is None,
                row["record"] is None,
                -(row["answers"] or 0),
                -len(captions),
                -pixels,
                number,
            )
            yield _Item(row["id"], part, int(row["phash"], 16), captions, tuple(map(int, rank)))


def _near(items: Sequence[_Item], distance: float) -> Iterator[tuple[int, int, float]]:
    """(kept, copy, bits) of the items whose perceptual hash is so few bits from that of one that is kept."""
    hashes = np.array([item.phash for item in items], np.uint64)
    groups = duplicate_groups(hashes, int(distance))
    order = np.argsort(groups, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        while len(members) > 1:
            kept, others = int(members[0]), members[1:]
            bits = np.bitwise_count(hashes[kept] ^ hashes[others])
            for copy, differing in zip(others[bits <= distance].tolist(), bits[bits <= distance].tolist(), strict=True):
                yield kept, copy, differing
            members = others[bits > distance]


def _same_captions(items: Sequence[_Item], likeness: float) -> Iterator[tuple[int, int, float]]:
    """(kept, copy, cosine) of the items whose captions are as alike to those of one that is kept.

    Equal captions are compared with others once, together.
    """
    equal: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, item in enumerate(items):
        if len(item.captions) >= LEAST and any(map(tokens, item.captions)):
            equal[tuple(sorted(item.captions))].append(number)
    members = list(equal.values())
    gone = np.zeros(len(members), np.bool_)
    for left, right, values in alike_captions(list(equal), likeness, gone):
        for one in np.unique(left):
            if not gone[one]:
                new = (left == one) & ~gone[right]
                gone[right[new]] = True
                for other, value in zip(right[new].tolist(), values[new].tolist(), strict=True):
                    yield from ((members[one][0], copy, value) for copy in members[other])
    for group in np.flatnonzero(~gone).tolist():
        yield from ((members[group][0], copy, 1.0) for copy in members[group][1:])


def drop_copies(workspace: Workspace, copies: Sequence[Copy]) -> int:
    """Keep the copies out of the dataset, each with its reason: records are withdrawn, other images rejected.

    What was dropped before, or decided otherwise meanwhile, stays. The number of images dropped now.
    """
    dropped = 0
    shown = iter(progress(copies, total=len(copies), label="merge"))
    for start in range(0, len(copies), BATCH):
        with workspace.catalog.write() as connection:
            for _ in copies[start : start + BATCH]:
                dropped += _drop(connection, next(shown))
    return dropped


def _drop(connection: Connection, copy: Copy) -> bool:
    if current_record(connection, copy.image) is not None:
        withdraw_record(connection, copy.image, str(copy), MERGE)
        return True
    rejected = sa.update(images).where(images.c.id == copy.image, images.c.rejected.is_(None)).values(rejected=now())
    if not connection.execute(rejected).rowcount:
        return False
    connection.execute(sa.update(tasks).where(tasks.c.image_id == copy.image).values(state="done"))
    key = f"merge {copy.image} {now()}"
    row: dict[str, Any] = {"image_id": copy.image, "key": key, "kind": "rejected", "seen": [], "revision": None}
    row |= {"comment": str(copy), "decided_by": MERGE, "decided_at": now()}
    connection.execute(sa.insert(decisions).values(row))
    return True


@dataclass
class Joined:
    images: int = 0  # brought in now
    records: int = 0  # of them, those that came with a record
    there: int = 0  # in both workspaces
    findings: list[Finding] = field(default_factory=list)


def join(workspace: Workspace, other: Workspace) -> Joined:
    """Bring the images of another workspace in, with their records; those that were rejected there stay there.

    What is in both keeps its state here. Answers that have not made a record stay behind, and that is said: whoever
    gave them is known under another pseudonym here.
    """
    joined = Joined()
    with other.catalog.read() as connection:
        query = sa.select(images).where(images.c.rejected.is_(None)).order_by(images.c.id)
        rows = connection.execute(query).mappings().all()
        for start in range(0, len(rows), BATCH):
            _join_some(workspace, other, connection, rows[start : start + BATCH], joined)
    return joined


def _join_some(
    workspace: Workspace, other: Workspace, theirs: Connection, rows: Iterable[sa.RowMapping], joined: Joined
) -> None:
    with workspace.catalog.write() as connection:
        for row in rows:
            same = sa.select(images.c.id).where((images.c.id == row["id"]) | (images.c.sha256 == row["sha256"]))
            if connection.execute(same).first() is not None:
                joined.there += 1
                continue
            record = current_record(theirs, row["id"])
            made = sa.select(records.c.id).where(records.c.id == row["id"])
            if record is None and theirs.execute(made).first() is not None:
                continue  # withdrawn there
            try:
                data = other.store.read(row["sha256"], row["format"])
            except ImageError as error:
                joined.findings.append(Finding("GS202", "error", row["id"], error.what, error.next_step))
                continue
            if hashlib.sha256(data).hexdigest() != row["sha256"]:  # it names the file in the store
                message = "its stored copy there is damaged: it has another sha256"
                joined.findings.append(Finding("GS202", "error", row["id"], message, "Ingest its folder there again"))
                continue
            workspace.store.add(row["sha256"], row["format"], data)
            connection.execute(sa.insert(images).values({**row, "added_at": now()}))
            joined.images += 1
            if record is not None:
                record["split"] = None
                reason = f"joined from the workspace {other.settings.name}"
                add_revision(connection, record, submissions=[], reason=reason, decided_by=MERGE)
                joined.records += 1
                continue
            connection.execute(sa.insert(tasks), list(tasks_for(workspace, dict(row))))
            answered = sa.select(submissions.c.id).join(tasks).where(tasks.c.image_id == row["id"]).limit(1)
            if theirs.execute(answered).first() is not None:
                message = "it has answers there, which stay there; it is asked again here"
                step = "Settle it there before joining, to keep them"
                joined.findings.append(Finding("GS402", "warning", row["id"], message, step))
