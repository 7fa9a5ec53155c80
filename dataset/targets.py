"""What can be validated: a workspace, a release folder, a file of records, one submission."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gatherset.dataset.errors import InputError, NoWorkspaceError
from gatherset.dataset.integrity import content_finding, integrity_findings
from gatherset.dataset.loading import Release, open_release, releases_in
from gatherset.dataset.membership import Membership
from gatherset.dataset.progress import progress
from gatherset.dataset.records import count_records, current_records
from gatherset.dataset.retractions import retracted_in
from gatherset.dataset.rules.rule import Context
from gatherset.dataset.settings import FORMAT, Settings
from gatherset.dataset.submission import check_submission
from gatherset.dataset.taxonomy import load_taxonomy, named_taxonomy
from gatherset.dataset.validation import rule_ids, validate, validate_file
from gatherset.dataset.validation_report import SHOWN, Report
from gatherset.dataset.workspace import SETTINGS_FILE, Workspace

ROWS_AT_ONCE = 1_000  # from the catalog
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
    with workspace.catalog.read() as connection:
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
    taxonomy = named_taxonomy(release.event_types)
    context = Context(settings, taxonomy, parent=_parent(release), retracted=around.retracted)
    items = ((record["id"], record) for record in release.records())
    report = validate(items, context, choice.ids(settings), choice.shown)
    if found := content_finding(release):
        report.add(found)
    return report


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


def _parent(release: Release) -> Membership | None:
    """Who was in which split of the release's parent, where that stands beside it."""
    if release.manifest["parent"] is None:
        return None
    folder = release.path.absolute().parent / f"{release.name}-{release.manifest['parent']['version']}"
    return Membership(open_release(folder).records()) if (folder / "release.json").is_file() else None


def _surroundings(workspace: Path | None) -> Context:
    """The settings, types and retractions of the workspace around, or the default ones where there is none."""
    try:
        opened = Workspace.open(workspace)
    except NoWorkspaceError:
        return Context(Settings(FORMAT, "records"), load_taxonomy())
    return Context(opened.settings, opened.taxonomy, retracted=retracted_in(opened.root))
