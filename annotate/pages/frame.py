"""The frame of every page: who is here, and where one can go. The first script that Streamlit runs."""

from __future__ import annotations

import streamlit as st
from sqlalchemy.exc import DBAPIError

from gatherset.annotate.access import may, visitor
from gatherset.annotate.server import open_workspace
from gatherset.dataset.errors import GathersetError

STYLE = """<style>
[data-testid="stMainBlockContainer"] { padding: 3.75rem 1.75rem 1rem; max-width: 1500px; }
@media (max-width: 820px) { [data-testid="stMainBlockContainer"] { padding: 4rem .9rem 1rem; } }
</style>"""


def main() -> None:
    st.set_page_config("Gatherset", page_icon="🎪", layout="wide")
    st.html(STYLE)
    try:
        workspace = open_workspace()
        name = visitor(workspace, st.context.cookies)
        if name is None:
            st.html('<a href="/sign-in" target="_self">Sign in</a>')
            st.stop()
        st.session_state.visitor = name
        pages = [
            st.Page("annotate.py", title="Annotate", default=True),
            st.Page("own_work.py", title="Your work", url_path="your-work"),
            st.Page("guidelines.py", title="Guidelines", url_path="guidelines"),
            st.Page("discussions.py", title="Discussions", url_path="discussions"),
        ]
        if may(workspace, name, "review"):
            pages.append(st.Page("review.py", title="Review", url_path="review"))
        if may(workspace, name, "lead"):
            pages.append(st.Page("lead.py", title="Team", url_path="team"))
        st.navigation(pages, position="top").run()
    except GathersetError as error:
        st.error(str(error))
    except DBAPIError as error:
        st.error(f"The catalog cannot be used now: {error.orig}. What you typed is kept; try again.")


main()
