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
from gatherset.dataset.records import current_records
from gatherset.dataset.retractions import retracted_in
from gatherset.dataset.rules.rule import Context
from gatherset.dataset.settings import FORMAT, Settings
from gatherset.dataset.submission import submission_findings
from gatherset.dataset.taxonomy import Taxonomy, load_taxonomy, named_taxonomy
from gatherset.dataset.validation import rule_ids, validate, validate_file
from gatherset.dataset.validation_report import SHOWN, Report
from gatherset.dataset.workspace import SETTINGS_FILE, Workspace


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
        settings, taxonomy = _surroundings(workspace)
        context = Context(settings, taxonomy)
        if (submission := _submission(target)) is not None:
            report = _validate_submission(target, submission, context)
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
    with workspace.catalog.read() as connection:
        records = list(current_records(connection))
    items = ((record["id"], record) for record in progress(records, total=len(records), label="validate"))
    built = releases_in(workspace.releases_folder)
    parent = Membership(open_release(built[max(built)]).records()) if built else None
    retracted = retracted_in(workspace.root)
    context = Context(workspace.settings, workspace.taxonomy, workspace.store, parent=parent, retracted=retracted)
    return validate(items, context, choice.ids(workspace.settings), choice.shown)


def _validate_release(folder: Path, workspace: Path | None, choice: Choice) -> Report:
    release = open_release(folder)
    report = Report(shown=choice.shown)
    for finding in integrity_findings(release):
        report.add(finding)
    if report.counts:
        return report  # its records cannot be trusted
    settings, _ = _surroundings(workspace)
    manifest = release.manifest
    settings = replace(
        settings,
        captions_per_image=manifest["captions_per_image"],
        splits=replace(settings.splits, ratios=tuple(manifest["splits"]["ratios"])),
    )
    # A release may have types of its own.
    context = Context(settings, named_taxonomy(release.event_types), parent=_parent(release))
    items = ((record["id"], record) for record in release.records())
    report = validate(items, context, choice.ids(settings), choice.shown)
    if found := content_finding(release):
        report.add(found)
    return report


def _submission(target: Path) -> dict[str, Any] | None:
    """The JSON object that is all of the file, and is no record; None for any other file."""
    if target.suffix == ".jsonl" or target.stat().st_size > 1_000_000:
        return None
    try:
        document = json.loads(target.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        return None
    return document if isinstance(document, dict) and "kind" in document else None


def _validate_submission(target: Path, submission: dict[str, Any], context: Context) -> Report:
    report = Report(checked=1)
    for finding in submission_findings(submission, context, str(target)):
        report.add(finding)
    return report


def _parent(release: Release) -> Membership | None:
    """Who was in which split of the release's parent, where that stands beside it."""
    if release.manifest["parent"] is None:
        return None
    folder = release.path.absolute().parent / f"{release.name}-{release.manifest['parent']['version']}"
    return Membership(open_release(folder).records()) if (folder / "release.json").is_file() else None


def _surroundings(workspace: Path | None) -> tuple[Settings, Taxonomy]:
    try:
        opened = Workspace.open(workspace)
    except NoWorkspaceError:
        return Settings(FORMAT, "records"), load_taxonomy()
    return opened.settings, opened.taxonomy
