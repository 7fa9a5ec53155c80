"""Building a release: an immutable, versioned, checksummed folder, which is there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version as library_version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

import gatherset
from gatherset.dataset.catalog.tables import records as records_table
from gatherset.dataset.diff import Comparison, compare
from gatherset.dataset.draft import Draft
from gatherset.dataset.errors import ReleaseError
from gatherset.dataset.faces import Blurred, FaceBlurring
from gatherset.dataset.findings import Finding
from gatherset.dataset.loading import Release, open_release, releases_in
from gatherset.dataset.papers import About, write_papers
from gatherset.dataset.progress import progress
from gatherset.dataset.pseudonyms import ReleasedAuthors
from gatherset.dataset.records import SPLITS, Record, count_records, current_records, newest_change
from gatherset.dataset.release_folder import assembled, write_checksums
from gatherset.dataset.splits import plan_splits
from gatherset.dataset.timestamps import from_epoch
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
    unsaid: tuple[str, ...] = ()  # likewise, of [about] in gatherset.toml


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
    that one. `dry_run` writes nothing. `show_faces`: although the release before blurs them. Large ones are built by
    several processes: a script that calls this needs its `if __name__ == "__main__":`. Raises ReleaseError where there
    is nothing to release or the version is too low or taken.
    """
    with workspace.catalog.read() as opened, ExitStack() as until_built:
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
        blurred = None
        if blur_faces:
            beside = Path(until_built.enter_context(TemporaryDirectory())) if dry_run else None
            total = count_records(connection)
            blurred = blur_faces.apply(workspace, current_records(connection), beside, total=total)
        records = _drafted(workspace, connection, assigned, blurred)
        try:
            scratch = None if dry_run else workspace.root
            draft = Draft(workspace, records, blurred=blurred, parent=parent, scratch=scratch)
        except OSError as error:
            raise _cannot_write(workspace.root, error) from error
        until_built.enter_context(draft)
        report = draft.validate()
        for finding in held_back:
            report.add(finding)
        if report.errors:
            return Built(None, report)
        if not report.checked:
            raise ReleaseError("all records were withdrawn", "To take one back: gatherset record restore")
        comparison = compare(str(parent), parent, workspace.settings.name, draft.lines) if parent else None
        if not (dry_run or wanted or comparison is None or comparison.difference):
            _keep_splits(workspace, assigned, changed)  # a kill after the release before may have kept it from that
        version = _next_version(workspace, parent, comparison, wanted)
        about = About.of(workspace)
        if dry_run:
            return Built(None, report, version, comparison, about.unanswered, about.unsaid)
        manifest = _manifest(draft, workspace, version_text(version), parent, _created(changed), report)
        folder = workspace.releases_folder / f"{workspace.settings.name}-{manifest['version']}"
        _write_atomically(folder, lambda partial: _write_all(partial, draft, manifest, comparison, about))
    _keep_splits(workspace, assigned, changed)
    return Built(open_release(folder), report, version, comparison, about.unanswered, about.unsaid)


def _drafted(
    workspace: Workspace, connection: Connection, assigned: Mapping[str, str], blurred: Blurred | None
) -> Iterator[Record]:
    """The records as they will be released."""
    authors = ReleasedAuthors(workspace.pseudonym_key, workspace.settings.name)
    for record in progress(current_records(connection), total=count_records(connection), label="read"):
        if record["split"] is None:
            record["split"] = assigned.get(record["id"])
        if record["split"] is None and workspace.settings.splits.counts:
            continue  # more than the counts ask for: it waits
        record = authors.shown(record)
        yield blurred.record(record) if blurred else record


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
    kept: dict[str, str] = {}

    def settled() -> Iterator[Record]:
        for record in current_records(connection):
            if record["split"] is None and (split := released.get(record["id"])):
                record["split"] = kept[record["id"]] = split
            yield record

    plan = plan_splits(settled(), workspace.settings)
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


def _manifest(
    draft: Draft, workspace: Workspace, version: str, parent: Release | None, created: str, report: Report
) -> dict[str, Any]:
    settings = workspace.settings
    return {
        "schema_version": "1.0",
        "name": settings.name,
        "version": version,
        "parent": parent and {"version": parent.version, "content_hash": parent.content_hash},
        "created": created,
        "language": settings.language,
        "captions_per_image": settings.captions_per_image,
        "event_types": list(workspace.taxonomy.names),
        "counts": draft.facts.count_table(),
        "images": settings.release.images,
        "faces": draft.blurred and draft.blurred.summary(),
        "buckets": settings.release.buckets,
        "splits": {"seed": settings.splits.seed, "ratios": list(settings.splits.ratios)},
        "rules": report.per_rule(),
        "tool": f"gatherset {gatherset.__version__}",
        "libraries": {name: library_version(name) for name in LIBRARIES},
        "content_hash": draft.lines.content_hash,
        "files": [],
    }


def _write_atomically(folder: Path, write: Callable[[Path], None]) -> None:
    try:
        with assembled(folder) as partial:
            write(partial)
    except OSError as error:
        if folder.exists():
            raise ReleaseError(f"{folder} was built meanwhile by somebody else", "Look at it first") from error
        raise _cannot_write(folder, error) from error


def _cannot_write(path: Path, error: OSError) -> ReleaseError:
    step = "Nothing was released; make room, or see to your rights, and try again"
    return ReleaseError(f"cannot write {path}: {error.strerror or error}", step)


def _write_all(
    folder: Path, draft: Draft, manifest: dict[str, Any], comparison: Comparison | None, about: About
) -> None:
    draft.write(folder, manifest)
    write_papers(folder, manifest, draft.facts, comparison, about, draft.store)
    write_checksums(folder, manifest)
