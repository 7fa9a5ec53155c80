"""The shell commands of the dataset: ingest, validate, split, specimens."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from gatherset.dataset.caption_file import PARTS
from gatherset.dataset.errors import InputError
from gatherset.dataset.findings import as_json as findings_json
from gatherset.dataset.findings import errors
from gatherset.dataset.shell import (
    COULD_NOT_RUN,
    finish,
    json_option,
    print_json,
    say,
    say_findings,
    workspace_option,
)

F = TypeVar("F", bound=Callable[..., Any])

if TYPE_CHECKING:
    from gatherset.dataset.candidates import CaptionFile
    from gatherset.dataset.ingest import IngestReport
    from gatherset.dataset.validation_report import Report

CAPTION_FORMS = ("jsonl", "flickr", "csv", "parquet", "karpathy", "coco", "labelstudio")


def captions_options(command: F) -> F:
    """Gives the command a `captions: CaptionFile | None` argument: a caption file in somebody else's form.

    Where the command has an argument `source` that is itself a file of captions, it is that one.
    """

    @wraps(command)
    def with_captions(
        captions: Path | None, caption_form: str | None, columns: tuple[str, ...], **arguments: Any
    ) -> Any:
        source: Path | None = arguments.get("source")
        if captions is None and source is not None and source.is_file() and source.suffix != ".tar":
            captions = source
        return command(captions=_caption_file(captions, caption_form, columns), **arguments)

    options = (
        click.option("--captions", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Their file."),
        click.option("--format", "caption_form", type=click.Choice(CAPTION_FORMS), help="Default: what it looks like."),
        click.option(
            "--column", "columns", multiple=True, metavar="OURS=THEIRS", help="As captions=comment. Repeatable."
        ),
    )
    for option in reversed(options):
        with_captions = option(with_captions)
    return cast(F, with_captions)


def _caption_file(path: Path | None, form: str | None, columns: tuple[str, ...]) -> CaptionFile | None:
    from gatherset.dataset.candidates import CaptionFile

    if path is None:
        if form or columns:
            raise InputError("--format and --column are about a caption file", "Name it: --captions FILE")
        return None
    pairs = [column.partition("=") for column in columns]
    if wrong := [column for column, (_, equals, theirs) in zip(columns, pairs, strict=True) if not (equals and theirs)]:
        raise InputError(f"--column {wrong[0]} is not OURS=THEIRS", "Write it as --column captions=comment")
    return CaptionFile(path, form, {ours: theirs for ours, _, theirs in pairs})


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--part", type=click.Choice(PARTS), default="collected", show_default=True, help="Where the images are from."
)
@click.option("--license", help="SPDX id or LicenseRef-…, for images whose line in captions.jsonl names none.")
@click.option("--dataset", help="The collection they come from. Default: the folder's name.")
@captions_options
@workspace_option
@json_option
def ingest(
    folder: Path,
    part: str,
    license: str | None,
    dataset: str | None,
    captions: CaptionFile | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Bring the images in FOLDER, and their captions, into the workspace.

    FOLDER holds images with captions.jsonl, or WebDataset shards (*.tar), or what gatherset measure made. --captions
    takes the captions from a file in another form: Flickr's token files, CSV, Parquet, Karpathy's JSON, COCO's
    captions, an export of Label Studio. What is there already stays; a run that was interrupted is repeated to go on.

    Example: gatherset ingest val2017 --captions captions_val2017.json --part filtered
    """
    from gatherset.dataset.ingest import Provenance, ingest
    from gatherset.dataset.workspace import Workspace

    provenance = Provenance(part, license, dataset)
    say_ingested(ingest(Workspace.open(workspace), folder, provenance, captions, isolated=True), as_json)


def say_ingested(report: IngestReport, as_json: bool, **more: Any) -> None:
    """What came in, and the findings; ends the command."""
    if as_json:
        counts = {"found": report.found, "added": report.added, "present": report.present}
        print_json({**more, **counts, "findings": findings_json(report.findings)})
    else:
        say_findings(report.findings)
        say(f"{report.found} images: {report.added} added, {report.present} were there already.")
    finish(errors(report.findings) > 0)


@click.command()
@click.argument("target", required=False, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="github: annotations beside the lines of a pull request.",
)
@click.option("--select", multiple=True, metavar="RULE", help="Only this rule, or those that begin so. Repeatable.")
@click.option("--ignore", multiple=True, metavar="RULE", help="Not this rule, or those that begin so. Repeatable.")
@click.option("--statistics", is_flag=True, help="Only count the findings of each rule.")
@click.option("--all", "show_all", is_flag=True, help="Show every finding, not the first 1,000 of each rule.")
@click.option("--strict", is_flag=True, help="Warnings count as findings too.")
@click.option("--explain", metavar="RULE", help="Say what a rule asks for and why, with an example; check nothing.")
@workspace_option
@json_option
def validate(
    target: Path | None,
    form: str,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    statistics: bool,
    show_all: bool,
    strict: bool,
    explain: str | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Check a workspace, or TARGET: a release folder, a records file (.jsonl), or one submission (.json).

    Exit code 0: clean; 1: errors were found (with --strict: or warnings); 2: could not run.

    Example: gatherset validate releases/mg-1.0.0 --select GS3
    """
    from gatherset.dataset.rules.explanation import explanation
    from gatherset.dataset.targets import Choice, validate_target
    from gatherset.dataset.validation_report import SHOWN

    if explain:
        say(explanation(explain))
        return
    report = validate_target(target, workspace, Choice(select, ignore, None if show_all else SHOWN))
    if as_json or form == "json":
        print_json(report.document())
    elif form == "github":
        for line in report.annotations():
            say(line)
        say_report(report, statistics=True)
    else:
        say_report(report, statistics)
    if report.counts["GS105"] or not (report.checked or report.counts.keys() - {"GS100"}):
        sys.exit(COULD_NOT_RUN)  # what a newer version wrote, or nobody can read, was not checked
    finish(report.errors > 0 or (strict and report.warnings > 0))


def say_report(report: Report, statistics: bool = False) -> None:
    """The findings on standard error (not where only `statistics` are asked for), the counts on standard output."""
    from gatherset.dataset.rules import RULES

    for line in () if statistics else report.lines():
        click.echo(line, err=True)
    for line in report.statistics({rule_id: rule.title for rule_id, rule in RULES.items()}):
        say(line)
    say(report.summary())


def _decision(command: F) -> F:
    """Gives the command the record's id, the reason, and the name of who decides."""
    command = workspace_option(command)
    command = click.option("--as", "name", help="Who decides. Default: your login name.")(command)
    command = click.option("--reason", required=True, help="For those who come later.")(command)
    return click.argument("record_id")(command)


def _who(name: str | None) -> str:
    try:
        return name or getuser()
    except (KeyError, OSError) as error:
        raise InputError("this user has no name here", "Say who decides: --as NAME") from error


@click.group()
def record() -> None:
    """Decide about one record.

    Example: gatherset record withdraw gs-3f9a1c0b7d2e4a55 --reason "The photographer asked for it"
    """


@record.command()
@_decision
@click.option("--caption", "captions", type=(int, str), multiple=True, metavar="NUMBER TEXT", help="Its new text.")
@click.option("--event-type", metavar="TYPE", help="Its new event type.")
def edit(
    record_id: str,
    captions: tuple[tuple[int, str], ...],
    event_type: str | None,
    reason: str,
    name: str | None,
    workspace: Path | None,
) -> None:
    """Correct captions or the event type of the record RECORD_ID, in a new revision with the reason.

    It is checked before it is stored: an error that was not there before is refused. The next release is a MAJOR one.

    Example: gatherset record edit gs-3f9a1c0b7d2e4a55 --caption 3 "Two drummers lead the march." --reason "A slip"
    """
    from gatherset.dataset.corrections import BrokenRuleError, edit
    from gatherset.dataset.workspace import Workspace

    texts = dict(captions)
    if len(texts) < len(captions):
        raise InputError("one caption is given twice", "Give each number once")
    if not texts and event_type is None:
        raise InputError("nothing is to be changed", 'Say what: --caption 3 "…", or --event-type TYPE')
    try:
        edit(Workspace.open(workspace), record_id, texts, event_type, reason, _who(name))
    except BrokenRuleError as error:
        say_findings(error.findings)
        say(f"{record_id} stays as it is.")
        finish(True)
    say(f"{record_id} is corrected: the next release is a MAJOR one.")


@record.command()
@_decision
@click.argument("rule")
def waive(record_id: str, rule: str, reason: str, name: str | None, workspace: Path | None) -> None:
    """Excuse the record RECORD_ID from RULE: its finding is counted as waived, and the reason stands in the record.

    Example: gatherset record waive gs-3f9a1c0b7d2e4a55 GS304 --reason "Two captions of one sign"
    """
    from gatherset.dataset.corrections import waive
    from gatherset.dataset.workspace import Workspace

    waive(Workspace.open(workspace), record_id, rule, reason, _who(name))
    say(f"{record_id} is excused from {rule}.")


@record.command()
@_decision
def withdraw(record_id: str, reason: str, name: str | None, workspace: Path | None) -> None:
    """Keep the record RECORD_ID out of the dataset from now on. Releases that were built do not change.

    Example: gatherset record withdraw gs-3f9a1c0b7d2e4a55 --reason "The photographer asked for it"
    """
    from gatherset.dataset.corrections import withdraw
    from gatherset.dataset.workspace import Workspace

    withdraw(Workspace.open(workspace), record_id, reason, _who(name))
    say(f"{record_id} is withdrawn. Is it published? See: gatherset release retract")


@record.command()
@click.argument("record_id")
@workspace_option
def restore(record_id: str, workspace: Path | None) -> None:
    """Take the withdrawal of the record RECORD_ID back.

    Example: gatherset record restore gs-3f9a1c0b7d2e4a55
    """
    from gatherset.dataset.corrections import restore
    from gatherset.dataset.workspace import Workspace

    restore(Workspace.open(workspace), record_id)
    say(f"{record_id} is a record again.")


@click.command()
@click.option("--counts", metavar="TRAIN:VAL:TEST", help="Exactly so many records in each, e.g. 8000:1000:1000.")
@click.option(
    "--features",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A feature file: images that look alike by it stay together too.",
)
@workspace_option
@json_option
def split(counts: str | None, features: Path | None, workspace: Path | None, as_json: bool) -> None:
    """Give every record that has no split one: train, val or test.

    Near-duplicates and images of one source stay together; a record that has a split keeps it.
    Without --counts the splits fill to splits.counts or splits.ratios; records beyond the counts get none.

    Example: gatherset split --counts 8000:1000:1000
    """
    from gatherset.dataset.features import FeatureFile
    from gatherset.dataset.splits import assign_splits, parse_counts
    from gatherset.dataset.workspace import Workspace

    wanted = parse_counts(counts) if counts else None
    space = Workspace.open(workspace)
    plan = assign_splits(space, wanted, FeatureFile.open(features) if features else None)
    if as_json:
        numbers = {"assigned": plan.assigned, "counts": plan.counts, "left": plan.left}
        print_json({**numbers, "findings": findings_json(plan.findings)})
    else:
        say_findings(plan.findings)
        now = ", ".join(f"{name} {count}" for name, count in plan.counts.items())
        kept = "" if space.settings.splits.counts else " (to keep it so in releases, set splits.counts)"
        left = f"; {plan.left} have none{kept if wanted else ''}" if plan.left else ""
        say(f"{len(plan.assigned)} records got a split; now {now}{left}.")
    finish(errors(plan.findings) > 0)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--count", default=300, show_default=True, type=click.IntRange(1), help="Images.")
@click.option("--unannotated", default=0, show_default=True, type=click.IntRange(0), help="Of them, without captions.")
@click.option("--faults", default=0, show_default=True, type=click.IntRange(0), help="Planted, so many of each kind.")
@click.option("--seed", default=0, show_default=True)
def specimens(folder: Path, count: int, unannotated: int, faults: int, seed: int) -> None:
    """Draw synthetic gatherings with captions and two annotators' answers into FOLDER, ready to be ingested.

    With --faults 10, ten each of near-duplicates, wrong event types, swapped and copied captions are among them;
    planted.jsonl says which.

    Example: gatherset specimens photos --count 100
    """
    from gatherset.dataset.specimens import write_specimens

    write_specimens(folder, count, seed=seed, unannotated=unannotated, faults=faults)
    say(f"Drew {count} specimens: {folder}")
