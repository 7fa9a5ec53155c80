"""What is typed at the desk and not yet submitted: it outlasts tabs, browsers, servers and leases."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from gatherset.dataset.catalog.tables import annotators, drafts, leases
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace
from tests.annotate.pages.at_the_desk import answers, saved, shown, write
from tests.browser import APP, Server, server

Photos = Callable[..., Path]
Visit = Callable[..., Any]
Served = tuple[Workspace, str]


def test_half_typed_text_survives_a_reload(uncaptioned: Served, visit: Visit) -> None:
    _, address = uncaptioned
    page = visit(address, "reload")
    page.get_by_label("Caption 1", exact=True).type("Half a sen")
    page.get_by_text("Sports event", exact=True).click()
    page.reload()
    page.locator("#image").wait_for()
    assert page.get_by_label("Caption 1", exact=True).input_value() == "Half a sen"
    assert page.locator("input[value=sports_event]").is_checked()


def test_the_draft_is_there_in_another_browser(uncaptioned: Served, visit: Visit) -> None:
    _, address = uncaptioned
    page = visit(address, "laptop")
    page.get_by_label("Caption 1", exact=True).fill("Begun at home.")
    saved(page)
    elsewhere = visit(address, "laptop")
    assert shown(elsewhere) == shown(page)
    assert elsewhere.get_by_label("Caption 1", exact=True).input_value() == "Begun at home."


def test_two_tabs_bring_their_texts_together(uncaptioned: Served, visit: Visit) -> None:
    workspace, address = uncaptioned
    one, two = visit(address, "tabs"), visit(address, "tabs")
    one.get_by_label("Caption 1", exact=True).fill("From the first tab.")
    saved(one)
    two.get_by_label("Caption 2", exact=True).fill("From the second tab.")
    two.get_by_text("open in another tab").wait_for()
    saved(two)
    assert two.get_by_label("Caption 1", exact=True).input_value() == "From the first tab."
    query = sa.select(drafts.c.content).join(annotators).where(annotators.c.name == "tabs")
    with workspace.catalog.read() as connection:
        [content] = connection.execute(query).scalars()
    assert content["captions"][:2] == ["From the first tab.", "From the second tab."]


def test_signing_out_leaves_no_text_in_the_browser(uncaptioned: Served, visit: Visit) -> None:
    _, address = uncaptioned
    page = visit(address, "leaving")
    page.get_by_label("Caption 1", exact=True).fill("Not for the next person.")
    saved(page)
    other = page.context.new_page()
    other.goto(f"{address}/your-work")
    other.get_by_role("link", name="Sign out").click()
    for tab in (other, page):  # the desk in the first tab hears it
        tab.get_by_label("Your name").wait_for()
    assert page.evaluate("Object.keys(localStorage).filter(key => key.startsWith('gatherset:'))") == []


def test_an_image_that_went_to_someone_else_leaves_the_draft_and_says_so(
    workspace: Workspace, make_photos: Photos, visit: Visit
) -> None:
    ingest(workspace, make_photos(1, captions=False), Provenance(license="CC-BY-4.0"))
    with server(workspace.root, APP) as address:
        page = visit(address)
        page.get_by_label("Caption 1", exact=True).fill("Begun before lunch.")
        saved(page)
        with workspace.catalog.write() as connection:
            connection.execute(sa.update(leases).values(expires_at=now(plus_minutes=-1)))
        for name in ("ben", "cleo"):
            visit(address, name)
        page.get_by_label("Caption 1", exact=True).fill("Begun before lunch, and after.")
        page.get_by_text("went to someone else while you were away").wait_for()
        with workspace.catalog.read() as connection:
            [content] = connection.execute(sa.select(drafts.c.content)).scalars()
    assert content["captions"][0] == "Begun before lunch, and after."


def test_words_typed_while_the_server_is_dead_are_there_when_it_is_back(
    workspace: Workspace, make_photos: Photos, visit: Visit
) -> None:
    ingest(workspace, make_photos(1, captions=False), Provenance(license="CC-BY-4.0"))
    running = Server(workspace.root, APP)
    running.start()
    try:
        page = visit(running.address)
        write(page)
        page.get_by_text("Protest", exact=True).click()
        saved(page)
        running.kill()
        page.get_by_label("Caption 5", exact=True).fill("Written while nobody listened.")
        page.get_by_text("Not connected").wait_for()
        page.keyboard.press("Control+Enter")  # it is sent as soon as somebody does
        running.start()
        page.get_by_text("Nothing is left for you").wait_for()
    finally:
        running.stop()
    [answer] = answers(workspace)
    assert answer["captions"][4] == "Written while nobody listened."
