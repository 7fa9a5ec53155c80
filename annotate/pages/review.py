"""The review page: it mounts the review desk, which draws what the annotators said and keeps what is decided."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import streamlit as st

from gatherset.annotate.server import open_workspace

FOLDER = Path(__file__).parent
PARTS = ("desk/browser.js", "desk/board.js", "desk/picture.js", "review_desk/differences.js", "review_desk/review.js")


def main() -> None:
    workspace = open_workspace()
    taxonomy = workspace.taxonomy
    html, *styles = (read(name) for name in ("review_desk/review.html", "desk/desk.css", "review_desk/review.css"))
    script = "\n".join(read(name) for name in PARTS)
    desk = st.components.v2.component("gatherset_review", html=html, css="\n".join(styles), js=script)
    desk(
        key="review",
        data={
            "annotator": st.session_state.visitor,
            "language": workspace.settings.language,
            "types": [asdict(kind) for kind in taxonomy.types],
            "groups": [list(group) for group in taxonomy.groups],
            "open": st.query_params.get("image"),
        },
    )


def read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


main()
