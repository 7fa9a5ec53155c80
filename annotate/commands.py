"""The shell commands of annotation: app, submissions, gold, agreement."""

from __future__ import annotations

from pathlib import Path

import click

from gatherset.dataset.findings import as_json as findings_json
from gatherset.dataset.findings import errors
from gatherset.dataset.shell import finish, json_option, print_json, say, say_findings, workspace_option


@click.group()
def submissions() -> None:
    """Bring in what annotators answered elsewhere.

    Example: gatherset submissions import answers.csv --as anna
    """


@submissions.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--as", "annotator", required=True, help="The annotator whose answers these are.")
@workspace_option
@json_option
def import_(file: Path, annotator: str, workspace: Path | None, as_json: bool) -> None:
    """Store the answers in FILE (CSV: image, is_gathering, event_type, confidence) as those of one annotator.

    Importing the same file again changes nothing; changed lines supersede the earlier answers.

    Example: gatherset submissions import annotator_a.csv --as a
    """
    from gatherset.annotate.answer_file import import_answers
    from gatherset.annotate.standing import standing
    from gatherset.dataset.workspace import Workspace

    opened = Workspace.open(workspace)
    report = import_answers(opened, file, annotator)
    now = standing(opened)
    if as_json:
        counts = {"rows": report.rows, "stored": report.stored, "present": report.present}
        print_json({**counts, "standing": now, "findings": findings_json(report.findings)})
    else:
        say_findings(report.findings)
        say(f"{report.rows} lines: {report.stored} submissions stored, {report.present} were there already.")
        counted = ", ".join(f"{count} {name}" for name, count in now.items())
        say(f"Images: {counted}.")
    finish(errors(report.findings) > 0)


@click.group()
def gold() -> None:
    """Images whose answer is known: a practice round for newcomers, a measure for everybody.

    Example: gatherset gold import known.csv --practice
    """


@gold.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--practice", is_flag=True, help="For the practice round; else they are mixed into the queue, unmarked.")
@workspace_option
@json_option
def import_gold(file: Path, practice: bool, workspace: Path | None, as_json: bool) -> None:
    """Take the answers in FILE (CSV: image, is_gathering, event_type, explanation) as the known ones.

    These images leave the queue for good: nobody's answer to them decides anything.

    Example: gatherset gold import known.csv
    """
    from gatherset.annotate.answer_file import import_gold as take
    from gatherset.dataset.workspace import Workspace

    report = take(Workspace.open(workspace), file, practice=practice)
    if as_json:
        print_json({"rows": report.rows, "stored": report.stored, "findings": findings_json(report.findings)})
    else:
        say_findings(report.findings)
        say(f"{report.rows} lines: {report.stored} answers are known.")
    finish(errors(report.findings) > 0)


@gold.command()
@workspace_option
@json_option
def scores(workspace: Path | None, as_json: bool) -> None:
    """How often each annotator was right on the images of known answer.

    Example: gatherset gold scores
    """
    from gatherset.annotate.gold import gold_scores
    from gatherset.dataset.workspace import Workspace

    found = gold_scores(Workspace.open(workspace))
    if as_json:
        print_json({name: {"right": right, "answers": count} for name, (right, count) in found.items()})
        return
    for name, (right, count) in sorted(found.items()):
        say(f"{name}: {right} of {count} right")
    if not found:
        say("Nobody has answered an image of known answer yet.")


@click.command()
@click.option("--export", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures to a CSV file too.")
@workspace_option
@json_option
def agreement(export: Path | None, workspace: Path | None, as_json: bool) -> None:
    """Say how far the annotators agree: overall, per answer, per pair and per annotator.

    Krippendorff's alpha (1: always, 0: no more than chance), the share of equal answers beside it, and the estimate
    of Dawid and Skene as a second opinion. docs/review.md explains them. Retired work is left out.

    Example: gatherset agreement --export agreement.csv
    """
    from gatherset.annotate.agreement_report import agreement_report, as_table, text_lines
    from gatherset.dataset.workspace import Workspace

    document = agreement_report(Workspace.open(workspace))
    if export:
        partial = export.with_name(f"{export.name}.partial")
        partial.write_text(as_table(document), encoding="utf-8")
        partial.replace(export)
    if as_json:
        print_json(document)
        return
    for line in text_lines(document):
        say(line)


@click.command()
@click.option("--port", default=8501, show_default=True, envvar="GATHERSET_PORT", type=click.IntRange(1, 65535))
@click.option(
    "--address",
    default="127.0.0.1",
    show_default=True,
    envvar="GATHERSET_ADDRESS",
    help="Where to listen; another needs accounts and [app] url. Not needed behind a proxy on this machine.",
)
@workspace_option
def app(port: int, address: str, workspace: Path | None) -> None:
    """Serve the workspace to browsers: at this machine, or to a team (docs/deploy.md).

    Example: gatherset app
    """
    from gatherset.annotate.server import serve

    serve(workspace, port=port, address=address)
