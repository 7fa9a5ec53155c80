"""What all shell commands share: the workspace option, JSON output, findings, and exit codes."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from gatherset.dataset.errors import one_line
from gatherset.dataset.findings import Finding, lines

_UNSEEN = re.compile(r"[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")  # JSON itself escapes those below a space
F = TypeVar("F", bound=Callable[..., Any])
FINDINGS = 1  # exit code: it ran and found something
COULD_NOT_RUN = 2  # exit code: a usage error, or something that must be mended first


def workspace_option(command: F) -> F:
    """Gives the command a `workspace: Path | None` argument, for Workspace.open."""
    return click.option(
        "-w",
        "--workspace",
        type=click.Path(path_type=Path),
        help="The workspace folder. Default: $GATHERSET_WORKSPACE, else this folder or the nearest above it.",
    )(command)


def json_option(command: F) -> F:
    """Gives the command an `as_json: bool` argument."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")(command)


def say(text: str, *, err: bool = False) -> None:
    """Print lines of text. What others wrote may stand in them: escape sequences are written out, not obeyed."""
    click.echo("\n".join(map(one_line, text.split("\n"))), err=err)


def print_json(value: Any) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    # Half a character, from a file name, becomes JSON's \uXXXX; so does what a terminal would obey.
    click.echo(_UNSEEN.sub(lambda match: json.dumps(match[0])[1:-1], text).encode("utf-8", "backslashreplace"))


def say_findings(findings: Sequence[Finding]) -> None:
    """The findings on standard error, so that a pipe gets the answer alone."""
    for line in lines(findings):
        click.echo(line, err=True)


def finish(findings: bool) -> None:
    """End the command: 1 where it found errors."""
    if findings:
        sys.exit(FINDINGS)
