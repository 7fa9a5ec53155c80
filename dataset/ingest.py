"""Ingest: from a folder of image files to images in the store, rows in the catalog, and tasks for annotators."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from gatherset.dataset.caption_file import Entry, read_caption_file
from gatherset.dataset.catalog.tables import images, tasks
from gatherset.dataset.errors import ImageError, InputError
from gatherset.dataset.findings import Finding
from gatherset.dataset.images import SUFFIXES, MeasuredImage, image_id, measure
from gatherset.dataset.licenses import license_fault
from gatherset.dataset.progress import progress
from gatherset.dataset.records import caption, make_record
from gatherset.dataset.rules import RULES
from gatherset.dataset.rules.rule import GOLDEN, Context
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

T = TypeVar("T")
BATCH = 128  # images a transaction: all that Ctrl-C can cost
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


@dataclass(frozen=True)
class _Candidate:
    path: Path
    ref: str  # its name in the folder, as captions.jsonl has it
    entry: Entry | None


def ingest(workspace: Workspace, folder: Path, provenance: Provenance) -> IngestReport:
    """Bring the images in `folder` (or its sub-folder `images`) and their captions into the workspace.

    What is there already stays as it is, so a run that was interrupted is repeated to go on. An image or a line that
    cannot be used becomes a finding; the others are taken. Raises InputError for a folder that cannot be read or
    holds no images, and for a licence that is none.
    """
    if provenance.license and (fault := license_fault(provenance.license)):
        raise InputError(fault, "Write it as an SPDX id (CC-BY-4.0) or as LicenseRef-own-name")
    report = IngestReport()
    candidates = _candidates(folder, report)
    door = _Door(workspace, provenance, folder.absolute().name)
    for batch in _batches(progress(candidates, total=len(candidates), label="ingest")):
        rows = door.rows(batch, report)
        with workspace.catalog.write() as connection:
            ids = [row["id"] for row in rows]
            # Another ingest may have been quicker since this one looked.
            there = set(connection.execute(sa.select(images.c.id).where(images.c.id.in_(ids))).scalars())
            for row in rows:
                if row["id"] not in there:
                    connection.execute(sa.insert(images).values(row))
                    connection.execute(sa.insert(tasks), list(_tasks(workspace, row)))
        report.added += len(rows) - len(there)
        report.present += len(there)
    return report


def _candidates(folder: Path, report: IngestReport) -> list[_Candidate]:
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder", "Name the folder that holds the images and captions.jsonl")
    caption_file = folder / "captions.jsonl"
    entries: dict[str, Entry] = {}
    if caption_file.exists():
        entries, report.findings = read_caption_file(caption_file)
    root = folder / "images" if (folder / "images").is_dir() else folder
    refs = {path.relative_to(root).as_posix(): path for path in _image_files(root, report)}
    for ref, entry in entries.items():
        if ref not in refs:
            message = f"'{ref}' is not in {root}"
            where = f"{caption_file}:{entry.line}"
            report.findings.append(Finding("GS201", "error", where, message, "Add the image or remove the line"))
    if not refs:
        raise InputError(f"{root} holds no {', '.join(SUFFIXES)} files", "Name the folder that holds the images")
    if beside := [path for path in folder.iterdir() if root != folder and path.suffix.lower() in SUFFIXES]:
        message = f"{len(beside)} image files beside the folder 'images' are left out: '{beside[0].name}'…"
        report.findings.append(Finding("GS201", "warning", str(folder), message, "Move them into 'images'"))
    report.found = len(refs)
    if any(finding.rule == "GS100" for finding in report.findings):
        # One of them may belong to a line that could not be read; ingested now, it would never get its captions.
        left = [ref for ref in refs if ref not in entries]
        if left:
            message = f"{len(left)} images without a readable line are left out: '{left[0]}'…"
            step = "Mend the lines above and ingest again"
            report.findings.append(Finding("GS201", "warning", str(caption_file), message, step))
        refs = {ref: path for ref, path in refs.items() if ref in entries}
    return [_Candidate(path, ref, entries.get(ref)) for ref, path in refs.items()]


def _image_files(root: Path, report: IngestReport) -> list[Path]:
    """The image files below `root`, by name; a finding for each folder or name that cannot be read."""

    def leave_out(path: str, message: str, next_step: str) -> None:
        report.findings.append(Finding("GS203", "error", path, message, next_step))

    def unreadable(error: OSError) -> None:
        leave_out(str(error.filename), f"the folder cannot be read: {error.strerror}", "Check its permissions")

    paths = []
    for folder, _, names in os.walk(root, onerror=unreadable):
        for path in (Path(folder, name) for name in names):
            hidden = path.name.startswith(".")  # such as the "._photo.jpg" that macOS leaves beside photo.jpg
            if hidden or path.suffix.lower() not in SUFFIXES or not path.is_file():
                continue
            try:
                str(path).encode()
            except UnicodeEncodeError:
                leave_out(str(path), "the file name is not UTF-8", "Rename the file")
            else:
                paths.append(path)
    return sorted(paths)


def _batches(candidates: Iterator[_Candidate]) -> Iterator[list[_Candidate]]:
    batch: list[_Candidate] = []
    for candidate in candidates:
        batch.append(candidate)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


class _Door:
    """What lets an image in: once only, measured, and with nothing against it that no annotator could mend."""

    def __init__(self, workspace: Workspace, provenance: Provenance, folder_name: str) -> None:
        self.workspace = workspace
        self.provenance = provenance
        self.folder_name = folder_name
        context = Context(workspace.settings, workspace.taxonomy)
        self.rules = [RULES[rule](context) for rule in DOOR_RULES if rule not in workspace.settings.rules.ignore]
        with workspace.catalog.read() as connection:
            query = sa.select(images.c.id, images.c.sha256, images.c.format, images.c.captions)
            self.known = {row.id: row for row in connection.execute(query)}
        self.pictures = {row.sha256: identity for identity, row in self.known.items()}
        self.taken: dict[str, str] = {}  # ids that this run has let in, and the names they came with

    def rows(self, batch: Sequence[_Candidate], report: IngestReport) -> list[dict[str, Any]]:
        """The rows of `images` for those of the batch that are new; their stored copies are in the store."""
        rows = []
        with closing(_in_threads(self._look, batch)) as outcomes:
            for candidate, outcome in outcomes:
                where = str(candidate.path)
                if isinstance(outcome, ImageError):
                    report.findings.append(Finding("GS203", "error", where, outcome.what, outcome.next_step))
                elif isinstance(outcome, list):
                    report.findings += outcome
                elif (identity := outcome if isinstance(outcome, str) else outcome["id"]) in self.taken:
                    message = f"the same bytes as '{self.taken[identity]}'; left out"
                    report.findings.append(Finding("GS206", "warning", where, message, "Nothing to do"))
                elif isinstance(outcome, str):
                    report.present += 1
                    report.findings += self._late_captions(candidate, self.known[outcome])
                elif (twin := self.pictures.setdefault(outcome["sha256"], identity)) != identity:
                    message = f"the same picture as {twin}, with other metadata; left out"
                    report.findings.append(Finding("GS206", "warning", where, message, "Nothing to do"))
                else:
                    self.taken[identity] = candidate.ref
                    rows.append(outcome)
                    report.findings += self._caption_count(candidate)
        return rows

    def _look(self, candidate: _Candidate) -> dict[str, Any] | ImageError | list[Finding] | str:
        """The row of a new image, the id of one that is known, or why it is left out; runs in a thread."""
        try:
            data = candidate.path.read_bytes()
            identity = image_id(hashlib.sha256(data).hexdigest())
            there = self.known.get(identity)
            if identity in self.taken or (there and self.workspace.store.path(there.sha256, there.format).exists()):
                return identity
            image = measure(data, max_pixels=self.workspace.settings.images.max_pixels)
        except ImageError as error:
            return error
        except OSError as error:
            return ImageError(f"the file cannot be read: {error.strerror}", "Check its permissions")
        row = self._row(candidate, image)
        record = make_record(row, GOLDEN["event"]["type"], {}, row["captions"])
        findings = [
            Finding(rule.id, "error", str(candidate.path), message, rule.next_step)
            for rule in self.rules
            for message in rule.check(record)
        ]
        if findings and not there:
            return findings
        self.workspace.store.add(image.sha256, image.format, image.data)  # for a known image: its copy was lost
        return identity if there else row

    def _row(self, candidate: _Candidate, image: MeasuredImage) -> dict[str, Any]:
        entry, provenance = candidate.entry, self.provenance
        part = (entry and entry.part) or provenance.part
        source = {
            "sha256": image.source_sha256,
            "part": part,
            "dataset": (entry and entry.dataset) or provenance.dataset or self.folder_name,
            "ref": candidate.ref,
            "url": entry and entry.url,
            "license": (entry and entry.license) or provenance.license,
            "attribution": entry and entry.attribution,
            # Specimens are made, not retrieved: their records are the same whenever they are ingested.
            "retrieved": None if part == "synthetic" else (entry and entry.retrieved) or now(),
        }
        texts = entry.captions if entry else ()
        return {
            "id": image.id,
            "sha256": image.sha256,
            "phash": image.phash,
            "width": image.width,
            "height": image.height,
            "format": image.format,
            "bytes": len(image.data),
            "language": self.workspace.settings.language,
            "captions": [caption(text, origin="imported", author=None, verified=False) for text in texts],
            "source": source,
            "flags": [],
            "ref": candidate.ref,
            "added_at": now(),
        }

    def _caption_count(self, candidate: _Candidate) -> list[Finding]:
        wanted = self.workspace.settings.captions_per_image
        given = len(candidate.entry.captions) if candidate.entry else 0
        if given in (0, wanted):
            return []
        message = f"{given} captions instead of {wanted}; an annotator is asked for {wanted}"
        return [Finding("GS102", "warning", str(candidate.path), message, "Nothing to do")]

    def _late_captions(self, candidate: _Candidate, there: Any) -> list[Finding]:
        """An image keeps the captions that it came with: annotators may have judged them already."""
        if candidate.entry is None or [entry["text"] for entry in there.captions] == list(candidate.entry.captions):
            return []
        message = f"{there.id} came with other captions, which stay; those in captions.jsonl are not taken"
        return [Finding("GS102", "warning", str(candidate.path), message, "Correct its captions in the app")]


def _in_threads(
    work: Callable[[_Candidate], T], batch: Sequence[_Candidate]
) -> Generator[tuple[_Candidate, T], None, None]:
    """(candidate, work(candidate)) of each: decoding and hashing release the interpreter lock."""
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="PIL")  # what Pillow thinks of a camera's EXIF is no news here
            yield from zip(batch, pool.map(work, batch), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C waits for the images in hand, not for the batch


def _tasks(workspace: Workspace, row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The tasks of a new image: captions to write, or an event type to choose for the captions it came with.

    Images of the filtered part are screened first (EDAN section 4.1): the words matched, the picture may not.
    """
    if len(row["captions"]) != workspace.settings.captions_per_image:
        kinds = [("caption", "open")]
    elif row["source"]["part"] == "filtered":
        kinds = [("screen", "open"), ("event", "waiting")]
    else:
        kinds = [("event", "open")]
    settings = workspace.settings
    for kind, state in kinds:
        overlap = settings.queue.overlap
        if kind == "caption" and settings.captions_per_submission == 1:
            overlap = max(overlap, settings.captions_per_image)
        yield {"image_id": row["id"], "kind": kind, "state": state, "overlap": overlap, "answers": 0, "note": ""}
