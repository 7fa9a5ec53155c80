"""The frame of every page: who is here, and where one can go. The first script that Streamlit runs."""

from __future__ import annotations

import html
from urllib.parse import urlsplit

import streamlit as st
from sqlalchemy.exc import DBAPIError

from gatherset.annotate import provider
from gatherset.annotate.access import may, visitor
from gatherset.annotate.outages import in_words
from gatherset.annotate.server import open_workspace
from gatherset.dataset.clock import trouble
from gatherset.dataset.errors import GathersetError
from gatherset.dataset.workspace import Workspace

STYLE = """<style>
[data-testid="stMainBlockContainer"] { padding: 3.75rem 1.75rem 1rem; max-width: 1500px; }
@media (max-width: 820px) { [data-testid="stMainBlockContainer"] { padding: 4rem .9rem 1rem; } }
</style>"""
LEAD_ON = "export default function ({ data }) { location.replace(data.to); }"


def main() -> None:
    st.set_page_config("Gatherset", page_icon="🎪", layout="wide")
    st.html(STYLE)
    try:
        workspace = open_workspace()
        name = visitor(workspace, st.context.cookies)
        if name is None:
            come_in(workspace)
        else:
            show_pages(workspace, name)
    except GathersetError as error:
        st.error(str(error))
    except DBAPIError as error:
        st.error(f"{in_words(error)}. What you typed is kept; try again.")


def show_pages(workspace: Workspace, name: str) -> None:
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
    if may(workspace, name, "accounts"):
        pages.append(st.Page("accounts.py", title="Accounts", url_path="accounts"))
        if wrong := trouble(workspace.catalog):
            st.warning(wrong)
    st.navigation(pages, position="top").run()


def come_in(workspace: Workspace) -> None:
    """Nobody is signed in, or not any more. The page /enter goes on to the provider, or comes back from it."""
    if not (workspace.settings.app.provider and urlsplit(st.context.url or "").path.endswith("/enter")):
        st.html('<p>You are not signed in, or not any more. <a href="sign-in" target="_self">Sign in</a></p>')
        return
    if not st.user.is_logged_in:
        st.login()
        return
    try:
        person = provider.known_person(workspace, st.user.to_dict())
    except GathersetError as error:
        st.html(f"<p>{html.escape(str(error))}.</p>")
        if st.button("Sign in again"):
            st.login()
        st.html('<p><a href="sign-out" target="_self">As somebody else</a></p>')
        return
    lead_on = st.components.v2.component("gatherset_arrived", html="<p>Signing in…</p>", js=LEAD_ON)
    lead_on(key="arrived", data={"to": f"arrived?pass={provider.hand_over(person)}"})


main()
