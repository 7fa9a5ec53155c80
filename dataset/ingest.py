"""Ingest: from images that are offered to images in the store, rows in the catalog, and tasks for annotators."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.dataset.bulk import Job, Measuring, Row, in_processes, in_threads, look, pieces
from gatherset.dataset.candidates import Candidate, CaptionFile, Offer, offered, require_own_captions
from gatherset.dataset.catalog.database import insert_many
from gatherset.dataset.catalog.tables import images, tasks
from gatherset.dataset.errors import InputError
from gatherset.dataset.findings import Finding
from gatherset.dataset.licenses import license_fault
from gatherset.dataset.parts import count_parts, is_parts, read_parts
from gatherset.dataset.progress import progress
from gatherset.dataset.records import caption, numeric_id
from gatherset.dataset.rules import RULES
from gatherset.dataset.rules.rule import GOLDEN, Context
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

BATCH = 128  # images a transaction: all that Ctrl-C can cost
PART_BATCH = 1 << 14  # the same where they were measured before: with fewer, a large catalog's indexes are rewritten
CARRIED = 1 << 26  # bytes of stored copies in memory at once
DOOR_RULES = ("GS204", "GS601", "GS602", "GS603")  # what they say of an image, no annotator can mend


@dataclass(frozen=True)
class Provenance:
    """What holds for every image of the folder whose own line in captions.jsonl does not say otherwise."""

    part: str = "collected"
    license: str | None = None
    dataset: str | None = None  # None: the folder's name


@dataclass
class IngestReport:
    found: int = 0  # image files in the folder
    added: int = 0
    present: int = 0  # were in the catalog before
    findings: list[Finding] = field(default_factory=list)


def ingest(
    workspace: Workspace,
    folder: Path,
    provenance: Provenance,
    captions: CaptionFile | None = None,
    *,
    isolated: bool = False,
) -> IngestReport:
    """Bring the images in `folder` (or its sub-folder `images`, or its shards) and their captions into the workspace.

    The captions are those in captions.jsonl, in the shards, or in the file given. What is there already stays as it
    is, so a run that was interrupted is repeated to go on. An image or a line that cannot be used becomes a finding;
    the others are taken. `isolated` reads the images in processes of their own, so that one that kills its decoder
    costs only itself. Raises InputError for a folder that cannot be read or holds no images, and for a licence that
    is none.
    """
    require_license(provenance)
    if is_parts(folder):
        require_own_captions(folder, captions)
        return bring_in_parts(workspace, folder, provenance)
    return bring_in(workspace, offered(folder, captions), provenance, collection_name(folder), isolated=isolated)


def collection_name(path: Path) -> str:
    """What a collection is called where nobody says: after its folder, or its shard."""
    return path.absolute().stem if path.suffix == ".tar" else path.absolute().name


def require_license(provenance: Provenance) -> None:
    """Raise InputError where the licence is none."""
    if provenance.license and (fault := license_fault(provenance.license)):
        raise InputError(fault, "Write it as an SPDX id (CC-BY-4.0) or as LicenseRef-own-name")


def bring_in(
    workspace: Workspace, offer: Offer, provenance: Provenance, name: str, *, isolated: bool = False
) -> IngestReport:
    """Measure the images that are offered and bring in those that can be used; `name` is the folder's."""
    report = IngestReport(offer.found, findings=offer.findings)
    door = _Door(workspace, provenance, name)
    jobs = (Job(candidate.place, keep=not door.refusals(candidate)) for candidate in offer.candidates)
    with closing((in_processes if isolated else in_threads)(door.measuring, jobs)) as rows:
        _admit(workspace, door, zip(offer.candidates, rows, strict=True), len(offer.candidates), report)
    return report


def bring_in_parts(workspace: Workspace, folder: Path, provenance: Provenance, *, pixels: bool = True) -> IngestReport:
    """The same for images that were measured before, perhaps elsewhere; without `pixels` for their rows alone."""
    report = IngestReport(images := count_parts(folder))
    door = _Door(workspace, provenance, collection_name(folder))
    with _no_search_for_cycles():
        _admit(workspace, door, read_parts(folder, pixels=pixels), images, report, most=PART_BATCH)
    return report


@contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """There are none in rows, and to look for them among so many at once takes a third of the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _admit(
    workspace: Workspace,
    door: _Door,
    measured: Iterable[tuple[Candidate, Row]],
    total: int,
    report: IngestReport,
    *,
    most: int = BATCH,
) -> None:
    shown = progress(measured, total=total, label="ingest")
    for some in pieces(shown, most, CARRIED, lambda one: len(one[1].data or b"")):
        rows = door.rows(some, report)
        with workspace.catalog.write() as connection:
            # Another ingest may have been quicker since this one looked.
            there = set(_by_id(connection, [row["id"] for row in rows]))
            new = [row for row in rows if row["id"] not in there]
            # In the order of their ids, neighbours come to lie on the same pages of the index.
            insert_many(connection, images, sorted(new, key=itemgetter("id")))
            insert_many(connection, tasks, [task for row in new for task in tasks_for(workspace, row)])
        report.added += len(new)
        report.present += len(there)


def _by_id(connection: Connection, ids: Sequence[str]) -> dict[str, Any]:
    columns = (images.c.id, images.c.sha256, images.c.format, images.c.captions, images.c.ref)
    return {row.id: row for row in connection.execute(sa.select(*columns).where(images.c.id.in_(ids)))}


class _Door:
    """What lets an image in: once only, measured, and with nothing against it that no annotator could mend."""

    def __init__(self, workspace: Workspace, provenance: Provenance, folder_name: str) -> None:
        self.workspace = workspace
        self.provenance = provenance
        self.folder_name = folder_name
        context = Context(workspace.settings, workspace.taxonomy)
        self.rules = [RULES[rule](context) for rule in DOOR_RULES if rule not in workspace.settings.rules.ignore]
        self.taken: set[int] = set()  # the numbers of the ids that this run has let in
        limits = workspace.settings.images
        with workspace.catalog.read() as connection:
            known = [numeric_id(identity) for identity in connection.execute(sa.select(images.c.id)).scalars()]
        self.measuring = Measuring(
            limits.max_pixels,
            limits.min_side if "GS204" not in workspace.settings.rules.ignore else 1,
            workspace.store,
            limits.thumbnail_side,
            known=np.sort(np.array(known, np.uint64)),
        )

    def refusals(self, candidate: Candidate) -> list[Finding]:
        """What the rules have against where the image comes from."""
        source = self._source(candidate, GOLDEN["source"]["sha256"], now())
        return [finding for finding in self._refusals(candidate, GOLDEN["image"], source) if finding.rule != "GS204"]

    def rows(self, batch: Sequence[tuple[Candidate, Row]], report: IngestReport) -> list[dict[str, Any]]:
        """The rows of `images` for those of the batch that are new; their stored copies are in the store."""
        measured = [row for _, row in batch if row.error is None]
        with self.workspace.catalog.read() as connection:
            there = _by_id(connection, [row.id for row in measured])
            twins = sa.select(images.c.sha256, images.c.id).where(images.c.sha256.in_([row.sha256 for row in measured]))
            pictures = {row.sha256: row.id for row in connection.execute(twins)}
        rows: dict[str, dict[str, Any]] = {}
        when = now()
        for candidate, row in batch:
            if row.error is not None:
                report.findings.append(Finding("GS203", "error", candidate.where, row.error, row.next_step))
                continue
            identity, source = row.id, self._source(candidate, row.source_sha256, when)
            if (number := numeric_id(identity)) in self.taken:
                other = rows[identity]["ref"] if identity in rows else there[identity].ref
                report.findings.append(_left_out(candidate, f"the same bytes as '{other}'"))
            elif identity in there:
                report.present += 1
                self._restore(candidate, row, there[identity])
                report.findings += self._late_captions(candidate, there[identity])
            elif refusals := self._refusals(candidate, vars(row), source):
                report.findings += refusals
            elif (twin := pictures.setdefault(row.sha256, identity)) != identity:
                report.findings.append(_left_out(candidate, f"the same picture as {twin}, with other metadata"))
            else:
                self.taken.add(number)
                if row.data is not None:
                    self.workspace.store.add(row.sha256, row.format, row.data)
                rows[identity] = self._row(candidate, row, source, when)
                report.findings += self._caption_count(candidate)
        return list(rows.values())

    def _restore(self, candidate: Candidate, row: Row, there: Any) -> None:
        """Where the stored copy of a known image is lost, it is made again."""
        if not self.workspace.store.path(there.sha256, there.format).exists():
            if row.data is not None:
                self.workspace.store.add(row.sha256, row.format, row.data)
            elif not row.sha256:
                look(replace(self.measuring, known=np.empty(0, np.uint64)), Job(candidate.place))

    def _refusals(self, candidate: Candidate, image: Mapping[str, Any], source: Mapping[str, Any]) -> list[Finding]:
        record = {**GOLDEN, "image": image, "source": source}
        return [
            Finding(rule.id, "error", candidate.where, message, rule.next_step)
            for rule in self.rules
            for message in rule.check(record)
        ]

    def _source(self, candidate: Candidate, sha256: str, when: str) -> dict[str, Any]:
        entry, provenance = candidate.entry, self.provenance
        part = (entry and entry.part) or provenance.part
        source = {
            "sha256": sha256,
            "part": part,
            "dataset": (entry and entry.dataset) or provenance.dataset or self.folder_name,
            "ref": candidate.ref,
            "url": entry and entry.url,
            "license": (entry and entry.license) or provenance.license,
            "attribution": entry and entry.attribution,
            # Specimens are made, not retrieved: their records are the same whenever they are ingested.
            "retrieved": None if part == "synthetic" else (entry and entry.retrieved) or when,
        }
        return {**source, "selected": candidate.selected} if candidate.selected else source

    def _row(self, candidate: Candidate, row: Row, source: dict[str, Any], when: str) -> dict[str, Any]:
        texts = candidate.entry.captions if candidate.entry else ()
        return {
            "id": row.id,
            "sha256": row.sha256,
            "phash": row.phash,
            "width": row.width,
            "height": row.height,
            "format": row.format,
            "bytes": row.bytes,
            "language": self.workspace.settings.language,
            "captions": [caption(text, origin="imported", author=None, verified=False) for text in texts],
            "source": source,
            "flags": [],
            "ref": candidate.ref,
            "added_at": when,
        }

    def _caption_count(self, candidate: Candidate) -> list[Finding]:
        wanted = self.workspace.settings.captions_per_image
        given = len(candidate.entry.captions) if candidate.entry else 0
        if given in (0, wanted):
            return []
        message = f"{given} caption{'s' * (given != 1)} instead of {wanted}; an annotator is asked for {wanted}"
        return [Finding("GS102", "warning", candidate.where, message, "Nothing to do")]

    def _late_captions(self, candidate: Candidate, there: Any) -> list[Finding]:
        """An image keeps the captions that it came with: annotators may have judged them already."""
        if candidate.entry is None or [entry["text"] for entry in there.captions] == list(candidate.entry.captions):
            return []
        message = f"{there.id} came with other captions, which stay; those that come now are not taken"
        return [Finding("GS102", "warning", candidate.where, message, "Correct its captions in the app")]


def _left_out(candidate: Candidate, why: str) -> Finding:
    return Finding("GS206", "warning", candidate.where, f"{why}; left out", "Nothing to do")


def tasks_for(workspace: Workspace, row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The tasks of a new image: captions to write, or an event type to choose for the captions it came with.

    Images of the filtered part are screened first (EDAN section 4.1): the words matched, the picture may not. However
    many captions they have: what is asked after that depends on it.
    """
    kind = "event" if len(row["captions"]) == workspace.settings.captions_per_image else "caption"
    screened = row["source"]["part"] == "filtered" and row["captions"]
    kinds = [("screen", "open"), (kind, "waiting")] if screened else [(kind, "open")]
    for kind, state in kinds:
        overlap, _ = workspace.settings.asked(kind)
        yield {"image_id": row["id"], "kind": kind, "state": state, "overlap": overlap, "answers": 0, "note": ""}
