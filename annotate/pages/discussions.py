"""Discussions: images that the team talks about; what is decided goes to the guidelines, with the picture."""

from __future__ import annotations

import html
from collections.abc import Callable
from functools import partial

import streamlit as st

from gatherset.annotate.access import may
from gatherset.annotate.desk import image_url
from gatherset.annotate.discussions import (
    Discussion,
    add_remark,
    all_discussions,
    decide_discussion,
    reopen_discussion,
)
from gatherset.annotate.server import open_workspace
from gatherset.dataset.errors import GathersetError

STYLE = """<style>
.gs-talk { display: flex; gap: 1rem; padding: .75rem 0 .25rem; border-top: 1px solid #e0e6e4; }
.gs-talk img { width: 14rem; height: 10rem; object-fit: cover; border-radius: .4rem; flex: none; }
.gs-talk img.veiled { filter: blur(14px); }
.gs-talk p { margin: 0 0 .25rem; overflow-wrap: anywhere; }
.gs-talk .decided { background: #e4f4ee; border-radius: .4rem; padding: .3rem .7rem; }
.gs-small { margin: 0; font-size: .9rem; color: #4a5a57; }
@media (max-width: 820px) { .gs-talk { flex-direction: column; } .gs-talk img { width: 100%; } }
</style>"""


def main() -> None:
    workspace, name = open_workspace(), str(st.session_state.visitor)
    leads = may(workspace, name, "lead")
    st.html(STYLE)
    st.header("Discussions", anchor=False)
    found = all_discussions(workspace)
    if not found:
        st.html('<p class="gs-small">Nothing is discussed. A reviewer puts an image here with D, the lead on Team.</p>')
    for one in found:
        st.html(talk(one))
        with st.form(f"talk-{one.image_id}", border=False, clear_on_submit=True):
            text = st.text_area("Your words", key=f"text-{one.image_id}", height=80, max_chars=1000)
            left, right = st.columns(2)
            if left.form_submit_button("Add a remark"):
                act(partial(add_remark, workspace, one.image_id, name, text))
            if not leads:
                continue
            if one.decision is not None and right.form_submit_button("Open it again"):
                act(partial(reopen_discussion, workspace, one.image_id))
            if one.decision is None and right.form_submit_button("Decide so: into the guidelines"):
                act(partial(decide_discussion, workspace, one.image_id, name, text))


def act(change: Callable[[], None]) -> None:
    try:
        change()
    except GathersetError as error:
        st.error(str(error))
        return
    st.rerun()


def talk(one: Discussion) -> str:
    veiled = ' class="veiled"' if one.sensitive else ""
    spoken = "".join(f"<p><b>{html.escape(r.author)}</b>: {html.escape(r.text)}</p>" for r in one.remarks)
    decided = ""
    if one.decision:
        by = html.escape(one.decided_by or "")
        decided = f'<p class="decided">{by} decided: {html.escape(one.decision)}</p>'
    return (
        f'<div class="gs-talk"><img src="{image_url(one.sha256, one.format)}" alt=""{veiled}>'
        f"<div><p><b>{html.escape(one.raised_by)}</b>: {html.escape(one.question)}</p>{spoken}{decided}</div></div>"
    )


main()
