"""The accounts page, for maintainers: who may come in, and as what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import streamlit as st

from gatherset.annotate.access import may, open_to_all
from gatherset.annotate.accounts import INVITED_DAYS, ROLES, Account, add_account, all_accounts, change_account, invite
from gatherset.annotate.accounts import reset as reset_account
from gatherset.annotate.pages.parts import STYLE, notice, small, table
from gatherset.annotate.server import open_workspace
from gatherset.dataset.errors import GathersetError
from gatherset.dataset.workspace import Workspace

Act = Callable[[], str | None]  # what an invitation holds, where it made one


def main() -> None:
    workspace, name = open_workspace(), str(st.session_state.visitor)
    if not may(workspace, name, "accounts"):
        st.error("This page is for maintainers.")
        return
    st.html(STYLE)
    st.header("Accounts", anchor=False)
    small("Who may come in, and as what.")
    if open_to_all(workspace):
        small("There are no accounts: whoever sits at this machine may do everything, under any name.")
        small("With the first one everybody has to sign in. Make it at the shell, for yourself:")
        st.code("gatherset account add YOUR-NAME --role maintainer", language=None)
        return
    if said := st.session_state.pop("said", None):
        text, good, token = said
        notice(text, good=good)
        if token:
            show_invitation(token)
    found = all_accounts(workspace)
    columns = {"name": "Name", "role": "Role", "email": "E-mail", "state": "State"}
    table(columns, [{**asdict(account), "email": account.email or ""} for account in found])
    st.subheader("Change one", anchor=False)
    chosen = st.selectbox("Account", [account.name for account in found])
    show_changes(workspace, name, next(account for account in found if account.name == chosen))
    st.subheader("Add one", anchor=False)
    with st.form("add", border=False, clear_on_submit=False):
        new, email = st.text_input("Name", max_chars=100), st.text_input("E-mail (where a provider says who it is)")
        role = st.selectbox("Role", ROLES)
        if st.form_submit_button("Add"):
            done(f"{new} has an account.", lambda: add_account(workspace, new, role, email, by=name))


def show_changes(workspace: Workspace, by: str, account: Account) -> None:
    """The buttons act on the account as it was shown: who comes second learns what the first has changed."""
    shown = st.session_state.setdefault("shown", {})
    version = shown.setdefault(account.name, account.version)
    who = account.name
    role = st.radio("Role", ROLES, ROLES.index(account.role), horizontal=True, key=f"role-{who}-{version}")
    if role != account.role and st.button(f"Make {who} {role}"):
        done(f"{who} is {role} now.", lambda: change_account(workspace, who, role=role, by=by, version=version))
    left, middle, right = st.columns(3)
    if account.enabled:
        if left.button("New invitation"):
            done(f"A new link for {who}.", lambda: invite(workspace, who, by=by, version=version))
        if middle.button("Reset the password"):
            done(
                f"{who} is signed out, and chooses a new one.",
                lambda: reset_account(workspace, who, by=by, version=version),
            )
        if right.button("Disable"):
            why = "by a maintainer"
            done(
                f"{who} cannot come in any more.",
                lambda: change_account(workspace, who, disabled=why, by=by, version=version),
            )
    elif left.button("Enable"):
        done(f"{who} can come in again.", lambda: change_account(workspace, who, disabled=None, by=by, version=version))


def show_invitation(token: str) -> None:
    small(f"Send this link to that person alone. It serves once, within {INVITED_DAYS} days, and is not shown again:")
    st.code(f"{(st.context.url or '').rpartition('/')[0]}/invitation#{token}", language=None)


def done(said: str, act: Act) -> None:
    """Do it, and draw the page anew with what came of it."""
    try:
        st.session_state.said = said, True, act()
    except GathersetError as error:
        st.session_state.said = str(error), False, None
    st.session_state.shown = {}
    st.rerun()


main()
