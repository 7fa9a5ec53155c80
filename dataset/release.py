"""Building a release: an immutable, versioned, checksummed folder, which is there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version as library_version
from itertools import groupby
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

import gatherset
from gatherset.dataset import formats
from gatherset.dataset.card import attribution_head, attribution_line
from gatherset.dataset.catalog.tables import records as records_table
from gatherset.dataset.diff import Comparison, compare
from gatherset.dataset.errors import ReleaseError
from gatherset.dataset.faces import Blurred, FaceBlurring
from gatherset.dataset.facts import Facts
from gatherset.dataset.findings import Finding
from gatherset.dataset.loading import Release, open_release, releases_in
from gatherset.dataset.membership import Membership
from gatherset.dataset.papers import About, write_papers
from gatherset.dataset.progress import progress
from gatherset.dataset.records import SPLITS, Record, count_records, current_records, newest_change
from gatherset.dataset.release_folder import assembled, write_checksums
from gatherset.dataset.retractions import retracted_in
from gatherset.dataset.rules.rule import Context
from gatherset.dataset.splits import plan_splits
from gatherset.dataset.store import ImageStore
from gatherset.dataset.timestamps import from_epoch
from gatherset.dataset.validation import validate
from gatherset.dataset.validation_report import Report
from gatherset.dataset.versions import Version, parse_version, version_text
from gatherset.dataset.workspace import Workspace

LIBRARIES = ("numpy", "pillow", "pyarrow", "imagehash")  # those that decide what the bytes of a release are
ROWS_AT_ONCE = 1_000  # from the catalog


@dataclass(frozen=True)
class Built:
    release: Release | None  # None: rules were broken, or it was a dry run; nothing was written
    report: Report
    version: Version | None = None  # the one that was built, or would be
    comparison: Comparison | None = None  # with the release before it; None where there is none
    unanswered: tuple[str, ...] = ()  # questions of the datasheet that wait for a person


@dataclass
class _Draft:
    """A release that is being built: what is read from one state of the catalog, however often it is read."""

    workspace: Workspace
    connection: Connection
    assigned: Mapping[str, str]  # splits of records that have none in the catalog
    blurred: Blurred | None
    parent: Release | None  # the newest release
    facts: Facts = field(default_factory=Facts)

    def __iter__(self) -> Iterator[Record]:
        for record in current_records(self.connection):
            if record["split"] is None:
                record["split"] = self.assigned.get(record["id"])
            if record["split"] is None and self.workspace.settings.splits.counts:
                continue  # more than the counts ask for: it waits
            yield self.blurred.record(record) if self.blurred else record

    @property
    def store(self) -> ImageStore:
        return self.blurred.store if self.blurred else self.workspace.store

    def validate(self) -> Report:
        """All rules, and on the way the facts."""
        workspace = self.workspace
        # Without images in the release, whether they can be read is no question of the release.
        store = self.store if workspace.settings.release.images else None
        before = Membership(self.parent.records()) if self.parent else None
        context = Context(
            workspace.settings, workspace.taxonomy, store, parent=before, retracted=retracted_in(workspace.root)
        )
        total = count_records(self.connection)
        return validate(self._looked_at(progress(self, total=total, label="validate")), context)

    def _looked_at(self, records: Iterator[Record]) -> Iterator[tuple[str, Record]]:
        damaged = False
        for record in records:
            yield str(record["id"]), record
            try:
                if not damaged:
                    self.facts.add(record)
            except (KeyError, TypeError, AttributeError):  # of no shape: the rules have said so, nothing is built
                damaged = True


def build_release(
    workspace: Workspace,
    wanted: str | None = None,
    *,
    dry_run: bool = False,
    blur_faces: FaceBlurring | None = None,
    show_faces: bool = False,
) -> Built:
    """Build the next release of the workspace: splits where they are missing, all rules, then the folder, in one move.

    `wanted` is a version, at least as high as the changes since the newest release ask for (see `diff`); None takes
    that one. `dry_run` writes nothing. `show_faces`: although the release before blurs them. Raises ReleaseError
    where there is nothing to release or the version is too low or taken.
    """
    with workspace.catalog.read() as opened:
        connection = opened.execution_options(yield_per=ROWS_AT_ONCE)
        changed = newest_change(connection)
        if changed is None:
            raise ReleaseError(
                "the catalog has no records", "Annotate first: gatherset app, or gatherset submissions import"
            )
        parent = _parent(workspace)
        if not (blur_faces or show_faces) and workspace.settings.release.images and parent and _blurs(parent):
            step = "Blur them again: --blur-faces MODEL; or, if they may be seen: --no-blur-faces"
            raise ReleaseError(f"{parent} has its faces blurred", step)
        assigned, held_back = _missing_splits(workspace, connection, parent)
        blurred = blur_faces.apply(workspace, current_records(connection)) if blur_faces else None
        draft = _Draft(workspace, connection, assigned, blurred, parent)
        report = draft.validate()
        for finding in held_back:
            report.add(finding)
        if report.errors:
            return Built(None, report)
        if not report.checked:
            raise ReleaseError("all records were withdrawn", "To take one back: gatherset record restore")
        comparison = compare(str(parent), parent, workspace.settings.name, draft) if parent else None
        if not (dry_run or wanted or comparison is None or comparison.difference):
            _keep_splits(workspace, assigned, changed)  # a kill after the release before may have kept it from that
        version = _next_version(workspace, parent, comparison, wanted)
        about = About.of(workspace)
        if dry_run:
            return Built(None, report, version, comparison, about.unanswered)
        manifest = _manifest(draft, version_text(version), parent, _created(changed), report)
        folder = workspace.releases_folder / f"{workspace.settings.name}-{manifest['version']}"
        _write_atomically(folder, lambda partial: _write_all(partial, draft, manifest, comparison, about))
    _keep_splits(workspace, assigned, changed)
    return Built(open_release(folder), report, version, comparison, about.unanswered)


def _missing_splits(
    workspace: Workspace, connection: Connection, parent: Release | None
) -> tuple[dict[str, str], list[Finding]]:
    """Splits for the records that have none, and what kept some from getting one.

    A record of the release before keeps the split that it has there: what was released does not move.
    """
    without = (records_table.c.split.is_(None), records_table.c.withdrawn.is_(None))
    missing = sa.select(records_table.c.id).where(*without).limit(1)
    if connection.execute(missing).first() is None:
        return {}, []
    released = {identity: split for split in SPLITS for identity in parent[split].ids} if parent else {}
    records = list(current_records(connection))
    kept = {r["id"]: released[r["id"]] for r in records if r["split"] is None and r["id"] in released}
    for record in records:
        record["split"] = kept.get(record["id"], record["split"])
    plan = plan_splits(records, workspace.settings)
    return {**kept, **plan.assigned}, [finding for finding in plan.findings if finding.level == "error"]


def _keep_splits(workspace: Workspace, assigned: Mapping[str, str], at: str) -> None:
    """Write the splits that the release has fixed. Their time is that of the newest change before them: the same
    catalog gives the same release, whenever it is built.
    """
    if assigned:
        rows = [{"record": identity, "chosen": split, "at": at} for identity, split in assigned.items()]
        table = records_table
        update = sa.update(table).where(table.c.id == sa.bindparam("record"), table.c.split.is_(None))
        with workspace.catalog.write() as connection:
            connection.execute(update.values(split=sa.bindparam("chosen"), split_at=sa.bindparam("at")), rows)


def _blurs(release: Release) -> bool:
    return bool(release.manifest.get("faces"))


def _created(changed: str) -> str:
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        return changed
    if not epoch.isdecimal():
        raise ReleaseError(f"SOURCE_DATE_EPOCH is '{epoch}', not a number of seconds", "Mend or unset it")
    return from_epoch(int(epoch))


def _parent(workspace: Workspace) -> Release | None:
    built = releases_in(workspace.releases_folder)
    return open_release(built[max(built)]) if built else None


def _next_version(
    workspace: Workspace, parent: Release | None, comparison: Comparison | None, wanted: str | None
) -> Version:
    chosen = parse_version(wanted) if wanted else None
    if parent is None or comparison is None:
        return chosen or (1, 0, 0)
    difference = comparison.difference
    least = difference.least_version(parse_version(parent.version))
    if chosen is None and not difference:
        raise ReleaseError(
            f"nothing has changed since {parent}", "To package it again, name a version: --version X.Y.Z"
        )
    built = releases_in(workspace.releases_folder)
    if chosen in built:
        raise ReleaseError(f"{built[chosen]} is there already", "A release never changes; name a higher version")
    if chosen is not None and chosen < least:
        message = f"version {wanted} is too low: {difference}"
        raise ReleaseError(message, f"The changes ask for at least {version_text(least)}")
    return chosen or least


def _manifest(draft: _Draft, version: str, parent: Release | None, created: str, report: Report) -> dict[str, Any]:
    settings = draft.workspace.settings
    return {
        "schema_version": "1.0",
        "name": settings.name,
        "version": version,
        "parent": parent and {"version": parent.version, "content_hash": parent.content_hash},
        "created": created,
        "language": settings.language,
        "captions_per_image": settings.captions_per_image,
        "event_types": list(draft.workspace.taxonomy.names),
        "counts": draft.facts.count_table(),
        "images": settings.release.images,
        "faces": draft.blurred and draft.blurred.summary(),
        "buckets": settings.release.buckets,
        "splits": {"seed": settings.splits.seed, "ratios": list(settings.splits.ratios)},
        "rules": report.per_rule(),
        "tool": f"gatherset {gatherset.__version__}",
        "libraries": {name: library_version(name) for name in LIBRARIES},
        "content_hash": draft.facts.content_hash,
        "files": [],
    }


def _write_atomically(folder: Path, write: Callable[[Path], None]) -> None:
    try:
        with assembled(folder) as partial:
            write(partial)
    except OSError as error:
        if folder.exists():
            raise ReleaseError(f"{folder} was built meanwhile by somebody else", "Look at it first") from error
        raise ReleaseError(
            f"cannot write {folder}: {error.strerror or error}", "Nothing was released; make room and try again"
        ) from error


def _write_all(
    folder: Path, draft: _Draft, manifest: dict[str, Any], comparison: Comparison | None, about: About
) -> None:
    _write_data(folder, draft, manifest)
    write_papers(folder, manifest, draft.facts, comparison, about, draft.store)
    write_checksums(folder, manifest)


def _write_data(folder: Path, draft: _Draft, manifest: dict[str, Any]) -> None:
    """All files that hold records, in one pass over them: by id, so that one bucket comes after the other."""
    licenses = {split: sorted(draft.facts.licenses[split]) for split in SPLITS}
    records = progress(draft, total=draft.facts.records, label="release")
    with (
        formats.AnnotationFiles(folder, manifest, licenses) as annotations,
        (folder / "ATTRIBUTION.md").open("w", encoding="utf-8") as credits,
    ):
        credits.write(attribution_head(manifest, draft.facts))
        for bucket, members in groupby(records, lambda record: formats.bucket_of(record["id"], manifest["buckets"])):
            kept: dict[str, list[Record]] = {split: [] for split in SPLITS}
            for record in members:
                annotations.add(record)
                credits.write(attribution_line(record))
                if manifest["images"]:
                    kept[record["split"]].append(record)
            for split, those in kept.items():
                if those:
                    path = folder / formats.bucket_file(split, bucket)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    formats.write_bucket(path, those, draft.store)
