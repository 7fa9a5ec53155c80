"""What can be validated: a workspace, a release folder, a file of records, one submission."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gatherset.dataset.errors import InputError, NoWorkspaceError
from gatherset.dataset.integrity import content_findings, integrity_findings
from gatherset.dataset.loading import Release, open_release, releases_in
from gatherset.dataset.membership import Membership
from gatherset.dataset.progress import progress
from gatherset.dataset.records import Record, count_records, current_records
from gatherset.dataset.retractions import retracted_in
from gatherset.dataset.rules.rule import Context
from gatherset.dataset.settings import FORMAT, Settings
from gatherset.dataset.store import ImageStore
from gatherset.dataset.submission import check_submission
from gatherset.dataset.taxonomy import load_taxonomy, named_taxonomy
from gatherset.dataset.validation import rule_ids, validate, validate_file
from gatherset.dataset.validation_report import SHOWN, Report
from gatherset.dataset.workspace import SETTINGS_FILE, Workspace

ROWS_AT_ONCE = 1_000  # from the catalog
_SHA256 = re.compile(r"[0-9a-f]{64}")
MAX_SUBMISSION = 1_000_000  # bytes; a larger file holds records


@dataclass(frozen=True)
class Choice:
    """Which rules run, and how much of what they say is kept."""

    select: tuple[str, ...] = ()  # ids or beginnings of ids; empty: those that the settings leave on
    ignore: tuple[str, ...] = ()
    shown: int | None = SHOWN  # findings a rule that are kept in full; None: all

    def ids(self, settings: Settings) -> Sequence[str]:
        return rule_ids(settings.rules, self.select, self.ignore)


def validate_target(target: Path | None, workspace: Path | None, choice: Choice | None = None) -> Report:
    """The report on `target`, or on the workspace where it is None or a workspace's folder.

    A release, a records file or a submission is judged by the settings of the workspace around it, if there is one.
    Raises InputError where there is nothing to check: no records is never a pass.
    """
    choice = choice or Choice()
    if target is None or (target / SETTINGS_FILE).is_file():
        report = _validate_workspace(Workspace.open(target or workspace), choice)
    elif (target / "release.json").is_file():
        report = _validate_release(target, workspace, choice)
    elif target.is_file():
        context = _surroundings(workspace)
        settings = context.settings
        if (submission := _submission(target)) is not None:
            report = _validate_submission(target, submission, context, choice.ids(settings))
        else:
            report = validate_file(target, context, choice.ids(settings), choice.shown)
    else:
        raise InputError(
            f"{target} is neither a workspace, a release, a file of records, nor a submission", "Name one of these"
        )
    if not report.checked and not report.counts:
        step = "Is it the right one?" if target and target.is_file() else "Annotate first: gatherset app"
        raise InputError(f"{target or 'the workspace'} holds no records", step)
    return report


def _validate_workspace(workspace: Workspace, choice: Choice) -> Report:
    built = releases_in(workspace.releases_folder)
    parent = Membership(open_release(built[max(built)]).records()) if built else None
    retracted = retracted_in(workspace.root)
    context = Context(workspace.settings, workspace.taxonomy, workspace.store, parent=parent, retracted=retracted)
    with closing(workspace.catalog), workspace.catalog.read() as connection:
        total = count_records(connection)
        rows = current_records(connection.execution_options(yield_per=ROWS_AT_ONCE))
        items = ((record["id"], record) for record in progress(rows, total=total, label="validate"))
        return validate(items, context, choice.ids(workspace.settings), choice.shown)


def _validate_release(folder: Path, workspace: Path | None, choice: Choice) -> Report:
    release = open_release(folder)
    report = Report(shown=choice.shown)
    for finding in integrity_findings(release):
        report.add(finding)
    if report.counts:
        return report  # its records cannot be trusted
    around = _surroundings(workspace)
    settings, manifest = around.settings, release.manifest
    settings = replace(
        settings,
        captions_per_image=manifest["captions_per_image"],
        splits=replace(settings.splits, ratios=tuple(manifest["splits"]["ratios"])),
    )
    # A release may have types of its own.
    taxonomy, parent = named_taxonomy(release.event_types), _parent(release)
    with unpacked(release) as (store, records):
        before = Membership(parent.records()) if parent else None
        context = Context(settings, taxonomy, store, parent=before, retracted=around.retracted)
        report = validate(((record["id"], record) for record in records), context, choice.ids(settings), choice.shown)
    for finding in content_findings(release, parent):
        report.add(finding)
    return report


@contextmanager
def unpacked(release: Release) -> Iterator[tuple[ImageStore | None, Iterator[Record]]]:
    """The records of a release, and a store that holds the image of the one that was taken last; None where the
    release is here without images.
    """
    if not release.has_images:
        yield None, release.records()
        return
    with TemporaryDirectory(prefix="gatherset-") as folder:
        store = ImageStore(Path(folder, "images"), Path(folder, "thumbnails"))

        def records() -> Iterator[Record]:
            for split in release.pulled_splits:
                for example in progress(release[split], total=len(release[split]), label=f"validate {split}"):
                    path = _place(store, example.record)
                    if path:
                        path.parent.mkdir(parents=True, exist_ok=True)
                        path.write_bytes(example.image_bytes)
                    yield example.record
                    if path:
                        path.unlink()

        yield store, records()


def _place(store: ImageStore, record: Record) -> Path | None:
    """Where rules will look for the image; None where the record, which nobody has checked yet, says no such place."""
    match record.get("image"):
        case {"sha256": str(sha256), "format": "jpeg" | "png" | "webp" as image_format} if _SHA256.fullmatch(sha256):
            return store.path(sha256, image_format)
    return None


def _submission(target: Path) -> dict[str, Any] | None:
    """The submission that is all of the file; None for a file of records. Raises InputError for any other JSON."""
    if target.stat().st_size > MAX_SUBMISSION:
        return None
    try:
        text = target.read_text(encoding="utf-8-sig").strip()
        document = json.loads(text)
    except (ValueError, OSError, RecursionError):
        return None
    if isinstance(document, dict) and "kind" in document:
        return document
    if "\n" in text:
        raise InputError(f"{target} is one JSON document over several lines", "Write each record on a line of its own")
    return None


def _validate_submission(target: Path, submission: dict[str, Any], context: Context, ids: Sequence[str]) -> Report:
    findings, ran = check_submission(submission, context, str(target), ids)
    report = Report(ran, checked=1)
    for finding in findings:
        report.add(finding)
    return report


def _parent(release: Release) -> Release | None:
    """The release's parent, where that stands beside it."""
    if release.manifest["parent"] is None:
        return None
    folder = release.path.absolute().parent / f"{release.name}-{release.manifest['parent']['version']}"
    return open_release(folder) if (folder / "release.json").is_file() else None


def _surroundings(workspace: Path | None) -> Context:
    """The settings, types and retractions of the workspace around, or the default ones where there is none."""
    try:
        opened = Workspace.open(workspace)
    except NoWorkspaceError:
        return Context(Settings(FORMAT, "records"), load_taxonomy())
    with closing(opened.catalog):
        return Context(opened.settings, opened.taxonomy, retracted=retracted_in(opened.root))
