"""The shell commands of Label Studio: setup, push, pull, sync, returned, import, export."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gatherset.dataset.errors import InputError
from gatherset.dataset.findings import as_json as findings_json
from gatherset.dataset.findings import errors
from gatherset.dataset.shell import finish, json_option, print_json, say, say_findings, workspace_option

if TYPE_CHECKING:
    from gatherset.annotate.labelstudio.annotation import Pulled
    from gatherset.annotate.labelstudio.links import Link
    from gatherset.annotate.labelstudio.push import Pushed

KINDS = ("caption", "event", "screen")


@click.group()
def labelstudio() -> None:
    """Have the tasks answered in Label Studio, by the rules of the app.

    The token comes from the environment: LABEL_STUDIO_API_KEY.

    Example: gatherset labelstudio setup --url http://localhost:8080 --document-root /data
    """


def _pairs(values: tuple[str, ...], option: str) -> dict[str, str]:
    """{a: b} of "a=b"."""
    pairs = {}
    for value in values:
        left, sign, right = value.rpartition("=")
        if not sign or not left.strip() or not right.strip():
            raise InputError(f"{option} {value}: there is nothing on one side of '='", f"Write {option} THIS=THAT")
        pairs[left.strip()] = right.strip()
    return pairs


@labelstudio.command()
@click.option("--url", help="Of the server. Default: $LABEL_STUDIO_URL.")
@click.option("--kind", type=click.Choice(KINDS), default="caption", show_default=True, help="Of the tasks to send.")
@click.option("--title", help="Of the project; one that has it is adopted. Default: NAME: KIND.")
@click.option("--project", type=click.IntRange(1), help="Adopt the project with this number.")
@click.option(
    "--document-root",
    type=click.Path(path_type=Path),
    help="Label Studio runs on this machine: its LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT, which holds the workspace.",
)
@click.option("--images-url", help="Else: where browsers reach `gatherset app`, which serves the images.")
@click.option("--person", "people", multiple=True, metavar="E-MAIL=NAME", help="Who somebody is in this workspace.")
@click.option("--new", is_flag=True, help="Give up the project that has these tasks, and begin another.")
@workspace_option
@json_option
def setup(
    url: str | None,
    kind: str,
    title: str | None,
    project: int | None,
    document_root: Path | None,
    images_url: str | None,
    people: tuple[str, ...],
    new: bool,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Make or adopt a project, with a labelling configuration made from the workspace.

    Run it again after a change to the workspace: a configuration that would orphan annotations is refused.

    Example: gatherset labelstudio setup --url http://localhost:8080 --document-root /data
    """
    from gatherset.annotate.labelstudio.client import Client, server_url
    from gatherset.annotate.labelstudio.project import Wanted, set_up
    from gatherset.dataset.workspace import Workspace

    if document_root is not None and images_url is not None:
        raise InputError("--document-root and --images-url are two ways to show the images", "Give one of them")
    wanted = Wanted(kind, title, project, document_root, images_url, _pairs(people, "--person"), new)
    opened = Workspace.open(workspace)
    with Client(server_url(url)) as client:
        link, done = set_up(opened, client, wanted)
    if as_json:
        print_json({"done": done, "url": link.url, "project": link.project, "title": link.title, "kind": link.kind})
    else:
        say(f"{link.url}/projects/{link.project} '{link.title}': {done}. Send the tasks: gatherset labelstudio push")


@labelstudio.command()
@workspace_option
@json_option
def push(workspace: Path | None, as_json: bool) -> None:
    """Send the open tasks, with suggestions as predictions. Once more, it adds nothing.

    Example: gatherset labelstudio push
    """
    from gatherset.annotate.labelstudio.push import push as send

    def one(opened: Any, client: Any, link: Link) -> dict[str, Any]:
        done = send(opened, client, link)
        if not as_json:
            _say_pushed(link, done)
        return vars(done)

    _for_each_link(workspace, one, as_json=as_json)


@labelstudio.command()
@workspace_option
@json_option
def pull(workspace: Path | None, as_json: bool) -> None:
    """Take over what was annotated. Once more, it changes nothing.

    What breaks a rule is kept as it was returned (`gatherset labelstudio returned`) and sent back to its annotator.

    Example: gatherset labelstudio pull
    """
    from gatherset.annotate.labelstudio.pull import pull as fetch

    found = 0

    def one(opened: Any, client: Any, link: Link) -> dict[str, Any]:
        nonlocal found
        done = fetch(opened, client, link)
        found += errors(done.findings)
        if not as_json:
            say_findings(done.findings)
            _say_pulled(link, done)
        return {**vars(done), "findings": findings_json(done.findings)}

    _for_each_link(workspace, one, as_json=as_json)
    finish(found > 0)


def _for_each_link(workspace: Path | None, act: Callable[[Any, Any, Link], dict[str, Any]], *, as_json: bool) -> None:
    from gatherset.annotate.labelstudio.client import Client
    from gatherset.annotate.labelstudio.links import current_links
    from gatherset.dataset.workspace import Workspace

    opened = Workspace.open(workspace)
    answers = {}
    for link in current_links(opened):
        with Client(link.url) as client:
            answers[link.kind] = {"project": link.project, **act(opened, client, link)}
    if as_json:
        print_json(answers)


def _say_pushed(link: Link, done: Pushed) -> None:
    more = {
        "sent again after they were deleted there": done.again,
        "found there after a run that was cut off": done.recovered,
        "removed, being there twice": done.doubles,
        "brought up to date": done.changed,
    }
    said = "".join(f", {count} {what}" for what, count in more.items() if count)
    say(f"{link}: {done.sent} {link.kind} tasks sent, {done.there} were there already{said}.")


def _say_pulled(link: Link, done: Pulled) -> None:
    more = {
        "break a rule (gatherset labelstudio returned)": done.refused,
        "came when their image had all its answers": done.surplus,
        "skipped": done.skipped,
        "sent back to their annotators": done.sent_back,
        "deleted there": done.deleted,
        "tasks deleted there": done.gone,
    }
    said = "".join(f", {count} {what}" for what, count in more.items() if count)
    say(f"{link}: {done.read} annotations are new or changed: {done.stored} submissions stored{said}.")


@labelstudio.command()
@click.option("--every", type=click.FloatRange(1), default=60, show_default=True, help="Seconds between two rounds.")
@click.option("--listen", metavar="HOST:PORT", help="Receive webhooks here, to hear of annotations at once.")
@click.option("--webhook-url", help="Where the server reaches that. Default: http://HOST:PORT/.")
@workspace_option
def sync(every: float, listen: str | None, webhook_url: str | None, workspace: Path | None) -> None:
    """Push and pull until Ctrl-C.

    Example: gatherset labelstudio sync --every 30 --listen 127.0.0.1:8502
    """
    from contextlib import ExitStack

    from gatherset.annotate.labelstudio.links import current_links
    from gatherset.annotate.labelstudio.sync import Webhooks, receiver
    from gatherset.annotate.labelstudio.sync import sync as run
    from gatherset.dataset.workspace import Workspace

    opened = Workspace.open(workspace)
    current_links(opened)
    opened.catalog.close()
    with ExitStack() as stack:
        inbox = webhooks = None
        if listen is not None:
            inbox, port = stack.enter_context(receiver(_address(listen)))
            webhooks = Webhooks(webhook_url or f"http://{listen.rpartition(':')[0]}:{port}/", inbox.secret)
            stack.callback(webhooks.remove)
            say(f"Listening at {listen}; Label Studio is told to send to {webhooks.url}")
        say(f"Push and pull every {every:.0f} s (stop it with Ctrl-C)")
        run(
            opened.root,
            every=every,
            stop=threading.Event(),
            told=_tell,
            failed=_tell_failure,
            inbox=inbox,
            webhooks=webhooks,
        )


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise InputError(f"--listen {listen} is not HOST:PORT", "Write it as 127.0.0.1:8502")
    return host, int(port)


def _tell(link: Link, pushed: Pushed | None, pulled: Pulled | None) -> None:
    if pushed is not None and (pushed.sent or pushed.changed):
        _say_pushed(link, pushed)
    if pulled is not None and (pulled.read or pulled.deleted or pulled.gone):
        say_findings(pulled.findings)
        _say_pulled(link, pulled)
    sys.stdout.flush()


def _tell_failure(error: Exception) -> None:
    click.echo(f"gatherset: {error}. It is tried again.", err=True)


@labelstudio.command()
@workspace_option
@json_option
def returned(workspace: Path | None, as_json: bool) -> None:
    """What came back and is no submission: it breaks a rule, or its image had all its answers.

    Example: gatherset labelstudio returned
    """
    from dataclasses import asdict

    from gatherset.annotate.labelstudio.returned import returned_annotations
    from gatherset.dataset.workspace import Workspace

    found = returned_annotations(Workspace.open(workspace))
    if as_json:
        print_json([asdict(one) for one in found])
        return
    for one in found:
        say(f"{one.image}, {one.author}, {one.standing}: {one.why} ({one.url})")
    say(f"{len(found)} annotations.")


@labelstudio.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="OURS=THEIRS",
    help="image, event_type, is_gathering, captions (several: a,b,c) or note, and what they call it.",
)
@click.option("--value", "values", multiple=True, metavar="THEIRS=OURS", help="A choice of theirs: yes, no, or a type.")
@click.option("--person", "people", multiple=True, metavar="THEIRS=NAME", help="A user number or e-mail of theirs.")
@workspace_option
@json_option
def import_(
    file: Path,
    fields: tuple[str, ...],
    values: tuple[str, ...],
    people: tuple[str, ...],
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Store the annotations of an exported project (JSON or JSON-MIN) that Gatherset did not make.

    Its images must be ingested already, under the file names that they have there.

    Example: gatherset labelstudio import export.json --field event_type=kind --field captions=c1,c2,c3,c4,c5
    """
    from gatherset.annotate.labelstudio.foreign_export import FIELDS, Names, import_export
    from gatherset.dataset.workspace import Workspace

    mapped = {}
    for field in fields:
        ours, sign, theirs = field.partition("=")
        if ours not in FIELDS or not sign or not theirs:
            raise InputError(f"--field {field} is not OURS=THEIRS", f"OURS is one of {', '.join(FIELDS)}")
        mapped[ours] = tuple(theirs.split(",")) if ours == "captions" else (theirs,)
    if not set(mapped) - {"image"}:
        raise InputError("nothing says what the answers are called there", "Say it: --field event_type=THEIRS")
    names = Names({"image": ("image",), **mapped}, _pairs(values, "--value"), _pairs(people, "--person"))
    done = import_export(Workspace.open(workspace), file, names)
    if as_json:
        print_json({**vars(done), "findings": findings_json(done.findings)})
    else:
        say_findings(done.findings)
        say(f"{done.annotations} annotations: {done.stored} submissions stored, {done.present} were there already.")
    finish(errors(done.findings) > 0)


@labelstudio.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--kind", type=click.Choice(KINDS), default="caption", show_default=True, help="Of the tasks.")
@click.option(
    "--images-url",
    default="/data/local-files/?d=images/",
    show_default=True,
    help="What the address of an image there begins with; ab/<sha256>.jpg follows, as in the workspace's images/.",
)
@workspace_option
def export(folder: Path, kind: str, images_url: str, workspace: Path | None) -> None:
    """Write tasks.json, with the answers as annotations, and config.xml, for any Label Studio's import.

    Example: gatherset labelstudio export label-studio
    """
    from gatherset.annotate.labelstudio.task_file import export_tasks
    from gatherset.dataset.workspace import Workspace

    count, answered = export_tasks(Workspace.open(workspace), kind, folder, images_url)
    say(f"Wrote {folder}: {count} tasks with {answered} annotations.")
