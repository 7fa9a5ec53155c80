"""The annotation page: one image, what is asked about it, and then the next one."""

from __future__ import annotations

import getpass
import html
import uuid
from collections.abc import Callable

import streamlit as st
from sqlalchemy.exc import DBAPIError

from gatherset.annotate.answer import Answer, caption_findings
from gatherset.annotate.queue import Task, next_task
from gatherset.annotate.server import image_url, open_workspace
from gatherset.annotate.standing import progress_of, standing
from gatherset.annotate.submissions import RefusedError, submit
from gatherset.dataset.errors import GathersetError
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace

STYLE = """<style>
[data-testid="stMainBlockContainer"] { padding: 1.5rem 2.5rem 1rem; max-width: 1440px; }
.gs-photo { background: #eef2f1; border-radius: .5rem; display: flex; justify-content: center; }
.gs-photo img { width: 100%; max-height: 78vh; object-fit: contain; border-radius: .5rem; display: block; }
.gs-question { font-size: 1.15rem; font-weight: 600; line-height: 1.35; margin: 0; }
[data-testid="stTextAreaRootElement"] textarea { padding: .5rem .75rem; }
.gs-captions { margin: .2rem 0 1rem; padding-left: 1.3rem; line-height: 1.55; }
</style>"""
QUESTIONS = {
    "caption": "Describe this image in {count} sentences and choose its event type",
    "event": "Which event type do this image and its captions show?",
    "screen": "Is this a mass gathering, and do the captions fit the image?",
}


def main() -> None:
    st.set_page_config("Gatherset", page_icon="🎪", layout="wide")
    st.html(STYLE)
    try:
        draw(open_workspace())
    except GathersetError as error:
        st.error(str(error))
    except DBAPIError as error:
        st.error(f"The catalog cannot be used now: {error.orig}. What you typed is still here; try again.")


def draw(workspace: Workspace) -> None:
    annotator = sidebar(workspace)
    task = current_task(workspace, annotator)
    if task is None:
        st.success("Nothing is left for you: thank you. Images that others still work on may come back to you later.")
        st.button("Look again")
        return
    picture, answer = st.columns([6, 5], gap="medium")
    with picture:
        alt = html.escape(task.captions[0] if task.captions else "the image to describe", quote=True)
        st.html(f'<div class="gs-photo"><img src="{image_url(task.sha256, task.format)}" alt="{alt}"></div>')
    with answer.container(gap="xsmall"):
        question = QUESTIONS[task.kind].format(count=workspace.settings.captions_per_image)
        st.html(f'<h1 class="gs-question">{html.escape(question)}</h1>')
        show_problems(task)
        FORMS[task.kind](workspace, annotator, task)


def sidebar(workspace: Workspace) -> str:
    """Who annotates, and how far the dataset is. Returns the annotator's name."""
    with st.sidebar:
        st.title("Gatherset", anchor=False)
        st.caption(f"Dataset **{workspace.settings.name}**")
        if "name" not in st.session_state:
            st.session_state.name = getpass.getuser()
        name: str = st.text_input("Your name", key="name", max_chars=100, on_change=forget_task)
        if not name.strip():
            st.info("Enter your name to begin. It stays in this workspace; records show a pseudonym.")
            st.stop()
        own = progress_of(workspace, name)
        st.metric("Your submissions", own)
        for place, count in standing(workspace).items():
            st.caption(f"{count} {place}")
    return name


def forget_task() -> None:
    st.session_state.pop("task", None)


def current_task(workspace: Workspace, annotator: str) -> Task | None:
    """The task on the screen; a new one is taken from the queue when there is none."""
    if st.session_state.get("task") is None:
        st.session_state.task = next_task(workspace, annotator)
        st.session_state.submission_key = str(uuid.uuid4())
        st.session_state.started_at = now()
    task: Task | None = st.session_state.task
    return task


def caption_form(workspace: Workspace, annotator: str, task: Task) -> None:
    count = workspace.settings.captions_per_image
    for number in range(1, count + 1):
        text = task.captions[number - 1] if number <= len(task.captions) else ""
        st.text_area(f"Caption {number}", text, key=f"{task.id}:caption{number}", height=68, max_chars=1000)
    if all(typed(task, count)):
        for finding in caption_findings(workspace, typed(task, count)):
            if finding.level == "warning":
                st.warning(f"{finding.message}. {finding.next_step}.", icon=":material/edit_note:")
    choose_type(workspace, task)
    # Read when the button is pressed, not when it is drawn: Ctrl+Enter brings the last words and the press at once.
    submit_buttons(workspace, annotator, task, lambda: Answer("caption", True, chosen(task), typed(task, count)))


def typed(task: Task, count: int) -> tuple[str, ...]:
    return tuple(str(st.session_state[f"{task.id}:caption{number}"]).strip() for number in range(1, count + 1))


def event_form(workspace: Workspace, annotator: str, task: Task) -> None:
    show_captions(task)
    choose_type(workspace, task)
    submit_buttons(workspace, annotator, task, lambda: Answer("event", True, chosen(task)))


def screen_form(workspace: Workspace, annotator: str, task: Task) -> None:
    show_captions(task)
    yes, no = st.columns(2)
    for column, label, said in ((yes, "Yes, a gathering", True), (no, "No", False)):
        column.button(
            label,
            key=f"{task.id}:screen-{said}",
            type="primary" if said else "secondary",
            width="stretch",
            shortcut="y" if said else "n",
            on_click=send,
            args=(workspace, annotator, task, lambda said=said: Answer("screen", is_gathering=said)),
        )


FORMS: dict[str, Callable[[Workspace, str, Task], None]] = {
    "caption": caption_form,
    "event": event_form,
    "screen": screen_form,
}


def show_captions(task: Task) -> None:
    items = "".join(f"<li>{html.escape(text)}</li>" for text in task.captions)
    st.html(f'<ol class="gs-captions">{items}</ol>')


def choose_type(workspace: Workspace, task: Task) -> None:
    """The types in the order of their groups; the definition of the chosen one stands below."""
    taxonomy = workspace.taxonomy
    st.pills(
        "Event type",
        taxonomy.names,
        format_func=lambda name: taxonomy[name].title,
        key=f"{task.id}:type",
        wrap=True,
        help="\n".join(f"- **{kind.title}**: {kind.definition}" for kind in taxonomy.types),
    )
    if name := chosen(task):
        kind = taxonomy[name]
        st.caption(f"{kind.definition} Includes {kind.includes}. Not: {kind.excludes}.")


def chosen(task: Task) -> str | None:
    name: str | None = st.session_state.get(f"{task.id}:type")
    return name


def submit_buttons(workspace: Workspace, annotator: str, task: Task, answer: Callable[[], Answer]) -> None:
    send_it, refuse = st.columns([3, 2])
    send_it.button(
        "Submit",
        key=f"{task.id}:submit",
        type="primary",
        width="stretch",
        shortcut="Ctrl+Enter",
        on_click=send,
        args=(workspace, annotator, task, answer),
    )
    refuse.button(
        "Not a gathering",
        key=f"{task.id}:no",
        width="stretch",
        on_click=send,
        args=(workspace, annotator, task, lambda: Answer(task.kind, is_gathering=False)),
    )


def send(workspace: Workspace, annotator: str, task: Task, answer: Callable[[], Answer]) -> None:
    """Store the answer; what is wrong with it is shown, and what was typed stays."""
    try:
        submit(
            workspace,
            task.id,
            annotator,
            answer(),
            key=st.session_state.submission_key,
            started_at=st.session_state.started_at,
        )
    except RefusedError as error:
        st.session_state[f"{task.id}:problems"] = [f"{finding.message}." for finding in error.findings]
    except GathersetError as error:
        st.session_state[f"{task.id}:problems"] = [str(error)]
    except DBAPIError as error:
        st.session_state[f"{task.id}:problems"] = [f"The catalog cannot be used now: {error.orig}. Try again."]
    else:
        forget_task()


def show_problems(task: Task) -> None:
    """What kept the last answer from being stored, once."""
    if problems := st.session_state.pop(f"{task.id}:problems", []):
        st.error("Not stored yet: " + " ".join(text[:1].upper() + text[1:] for text in problems))


main()
