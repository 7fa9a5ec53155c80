"""The annotation page: it mounts the desk, which draws the task and keeps what is typed (desk/desk.js)."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import streamlit as st

from gatherset.annotate.guidelines import guidelines
from gatherset.annotate.server import open_workspace

FOLDER = Path(__file__).parent / "desk"


def main() -> None:
    workspace = open_workspace()
    settings, taxonomy = workspace.settings, workspace.taxonomy
    html, css, *scripts = (
        (FOLDER / name).read_text(encoding="utf-8")
        for name in ("desk.html", "desk.css", "browser.js", "board.js", "picture.js", "desk.js")
    )
    desk = st.components.v2.component("gatherset_desk", html=html, css=css, js="\n".join(scripts))
    done = desk(
        key="desk",
        data={
            "annotator": st.session_state.visitor,
            "captions_asked": settings.captions_asked,
            "language": settings.language,
            "types": [asdict(kind) for kind in taxonomy.types],
            "groups": [list(group) for group in taxonomy.groups],
        },
        on_guidelines_change=lambda: None,
    )
    if done.guidelines:
        show_guidelines()


@st.dialog("Guidelines", width="large")
def show_guidelines() -> None:
    st.markdown(guidelines(open_workspace()))


main()
