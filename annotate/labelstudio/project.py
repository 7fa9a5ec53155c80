"""The project over there: made or adopted, given its configuration, and checked before anything is sent or fetched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from markdown_it import MarkdownIt

from gatherset.annotate.guidelines import guidelines
from gatherset.annotate.labelstudio.client import Client, Json, MissingError, RefusesError
from gatherset.annotate.labelstudio.configuration import configuration, controls, lacking, orphans
from gatherset.annotate.labelstudio.image_address import LOCAL, image_address
from gatherset.annotate.labelstudio.links import Link, end_link, keep_link, link_of
from gatherset.dataset.catalog.tables import images
from gatherset.dataset.errors import InputError, ServerError
from gatherset.dataset.workspace import Workspace

PAGE = 200  # tasks with their annotations a request
MIN_TITLE, MAX_TITLE = 3, 50  # characters, as the server wants


@dataclass(frozen=True)
class Wanted:
    """What is asked of `set_up`."""

    kind: str = "caption"  # of the tasks that go there
    title: str | None = None  # of the project; None: named after the workspace
    project: int | None = None  # adopt this one
    document_root: Path | None = None  # LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT, where both sit on one machine
    images_url: str | None = None  # else: where the annotators' browsers reach `gatherset app`
    people: Mapping[str, str] = field(default_factory=dict)  # {e-mail there: annotator here}
    new: bool = False  # give up the project that has these tasks, and begin another


def set_up(workspace: Workspace, client: Client, wanted: Wanted) -> tuple[Link, str]:
    """The link to the project, and what was done: "made", "adopted", "changed" or "as it was".

    Raises ServerError or InputError, and changes nothing, where a project is of another shape, two have the title, or
    the new configuration would orphan annotations.
    """
    config = configuration(workspace, wanted.kind)
    with workspace.catalog.read() as connection:
        link = link_of(connection, wanted.kind)
    there = None if link is None or wanted.new else _linked(client, link, wanted)
    done = "changed"
    if there is None:
        if link is not None and not wanted.new:  # it was deleted there
            wanted = replace(wanted, title=link.title)
        there = _found(client, workspace, wanted, link)
        done = "adopted"
    title = there["title"] if there else _title(workspace, wanted)
    prefix = _images(workspace, wanted, link)
    if there and there["label_config"] != config:
        _require_no_orphans(client, there, config, adopted=done == "adopted")
    elif there and done == "changed":
        done = "as it was"
    fields = _fields(workspace, config, prefix)
    try:
        if there is None:
            asked = people_asked(workspace, wanted.kind)
            there, done = client.make_project(title=title, maximum_annotations=asked, **fields), "made"
        else:
            client.change_project(there["id"], **fields)
    except RefusesError as error:
        raise ServerError(
            f"Label Studio does not take the labelling configuration: {error.what}",
            "Annotations there may use names that it does not have: mend or delete them, or begin another: --new",
        ) from error
    if wanted.document_root is not None:
        _serve(client, there["id"], workspace, wanted.document_root)
    with workspace.catalog.write() as connection:
        if link is not None and done in ("made", "adopted"):
            end_link(connection, link)
        people = {**(link.people if link else {}), **wanted.people}
        values = {"url": client.url, "project": there["id"], "title": title, "config": config}
        return keep_link(connection, wanted.kind, images=prefix, people=people, **values), done


def _linked(client: Client, link: Link, wanted: Wanted) -> Json | None:
    """The project that the workspace has already; None where it was deleted there."""
    other = wanted.project not in (None, link.project) or wanted.title not in (None, link.title)
    if other or (client.url != link.url and wanted.project is None):
        raise ServerError(
            f"the {link.kind} tasks of this workspace are in {link}",
            f"Go on there; if that server has a new address, add --project {link.project}; to begin another: --new",
        )
    try:
        there = client.project(link.project)
    except MissingError:
        return None
    if client.url != link.url:  # the number may be another project's on another server
        _require_shape(there, link.config)
    return there


def _found(client: Client, workspace: Workspace, wanted: Wanted, link: Link | None) -> Json | None:
    """The project to adopt; None where one is to be made."""
    number = wanted.project
    if number is None:
        title = _title(workspace, wanted)
        found = [project["id"] for project in client.projects(title)]
        if len(found) > 1:
            numbers = " and ".join(map(str, sorted(found)))
            raise ServerError(
                f"{len(found)} projects on {client.url} are called '{title}': {numbers}",
                f"Say which: --project {min(found)}; or name another: --title",
            )
        if not found:
            return None
        number = found[0]
        if link is not None and number == link.project and wanted.new:
            raise ServerError(f"{link} has this title already", "Name the new one otherwise: --title")
    there = client.project(number)
    if there.get("task_number"):
        _require_shape(there, configuration(workspace, wanted.kind))
    return there


def _require_shape(there: Json, config: str) -> None:
    missing = lacking(controls(there["label_config"]), controls(config))
    if missing:
        raise ServerError(
            f"project {there['id']} '{there['title']}' is of another shape: {'; '.join(missing[:3])}",
            "Let Gatherset make its own: --title; or bring an export of that one in: gatherset labelstudio import",
        )


def require_unchanged(client: Client, link: Link) -> Json:
    """The project as it is there. Raises ServerError where it is gone, or no longer asks what was set up."""
    try:
        there = client.project(link.project)
    except MissingError as error:
        raise ServerError(
            f"{link} was deleted there", "What was pulled is kept; make it anew: gatherset labelstudio setup"
        ) from error
    missing = lacking(controls(there["label_config"]), controls(link.config))
    if missing:
        raise ServerError(
            f"the labelling configuration of {link} was changed there: {'; '.join(missing[:3])}",
            "Set it back: gatherset labelstudio setup",
        )
    return there


def _require_no_orphans(client: Client, there: Json, config: str, *, adopted: bool) -> None:
    if not there.get("total_annotations_number"):
        return
    found = orphans(results_there(client, there["id"]), controls(config))
    if found:
        named = ", ".join(f"{what} ({count} annotations)" for what, count in sorted(found.items())[:5])
        step = "Bring back what they use, or mend them there, or begin another project: --new"
        if adopted:
            step = "Mend or delete them there, or let Gatherset make its own project: --title"
        raise ServerError(
            f"the new labelling configuration of project {there['id']} would orphan annotations that use {named}", step
        )


def results_there(client: Client, project: int) -> Iterator[Sequence[Mapping[str, Any]]]:
    """The results of every annotation in the project, a page of tasks at a time."""
    last = 0
    while rows := client.tasks_after(project, last, PAGE, fields="id,total_annotations,cancelled_annotations"):
        last = rows[-1]["id"]
        ids = [row["id"] for row in rows if row.get("total_annotations") or row.get("cancelled_annotations")]
        for task in client.whole_tasks(project, ids) if ids else ():
            yield from (annotation.get("result") or [] for annotation in task.get("annotations", ()))


def people_asked(workspace: Workspace, kind: str) -> int:
    """How many annotators a task of `kind` is given to at first."""
    settings = workspace.settings
    each_writes_one = kind == "caption" and settings.captions_per_submission == 1
    return max(settings.queue.overlap, settings.captions_per_image if each_writes_one else 1)


def _fields(workspace: Workspace, config: str, prefix: str) -> dict[str, Any]:
    def picture_url(sha256: str, image_format: str) -> str:
        return image_address(workspace, prefix, sha256, image_format)[0]  # the app's own would need its ticket

    instructions = MarkdownIt("commonmark", {"html": False}).render(guidelines(workspace, picture_url))
    return {
        "label_config": config,
        "expert_instruction": instructions,
        "show_instruction": True,
        # What is sent back must come before its annotator again; Label Studio does that with skipped tasks alone.
        "skip_queue": "REQUEUE_FOR_ME",
        "show_skip_button": True,
        "enable_empty_annotation": False,
        "show_collab_predictions": True,  # suggestions are there from the start
    }


def _title(workspace: Workspace, wanted: Wanted) -> str:
    title = wanted.title if wanted.title is not None else f"{workspace.settings.name}: {wanted.kind}"[:MAX_TITLE]
    if not MIN_TITLE <= len(title) <= MAX_TITLE:
        raise InputError(
            f"'{title}' cannot be a title in Label Studio", f"Use {MIN_TITLE} to {MAX_TITLE} characters: --title"
        )
    return title


def _images(workspace: Workspace, wanted: Wanted, link: Link | None) -> str:
    """What the addresses of images begin with."""
    if wanted.document_root is not None:
        return f"{LOCAL}{_below(workspace, wanted.document_root).as_posix()}/"
    if wanted.images_url is not None:
        try:
            url = httpx.URL(wanted.images_url)
        except httpx.InvalidURL:
            url = httpx.URL("")
        if url.scheme not in ("http", "https") or not url.host:
            raise InputError(f"'{wanted.images_url}' is not an address", "Write it as http://127.0.0.1:8501")
        return wanted.images_url.rstrip("/")
    if link is not None:
        return link.images
    raise InputError(
        "nothing says how the annotators get to see the images",
        "With Label Studio on this machine: --document-root (its LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT); else "
        "--images-url, the address of `gatherset app` in their browsers",
    )


def _below(workspace: Workspace, document_root: Path) -> Path:
    """Where the image store is below the folder of which the server shows files."""
    folder = workspace.store.folder
    try:
        below = folder.resolve().relative_to(document_root.resolve())
    except ValueError:
        below = Path()
    if not below.parts:
        raise InputError(
            f"{folder} is not below {document_root}",
            "Start Label Studio with LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT set to a folder that holds the "
            "workspace, and name the same one",
        )
    return below


def _serve(client: Client, project: int, workspace: Workspace, document_root: Path) -> None:
    """Have the server show the image store, and try it with one image."""
    below = _below(workspace, document_root)
    folder = document_root.absolute() / below  # as the server writes it: it compares the words
    trouble = (
        "Start it on this machine with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and "
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT set to the folder named; else use --images-url"
    )
    try:
        client.serve_folder(project, str(folder))
    except RefusesError as error:
        raise ServerError(f"Label Studio does not show files of {folder}: {error.what}", trouble) from error
    with workspace.catalog.read() as connection:
        row = connection.execute(sa.select(images.c.sha256, images.c.format).limit(1)).one_or_none()
    if row is not None:
        path = workspace.store.path(row.sha256, row.format).relative_to(workspace.store.folder)
        address = f"{LOCAL}{(below / path).as_posix()}"
        if not client.shows(address):
            raise ServerError(f"Label Studio does not find {path.name} at {address}", trouble)
