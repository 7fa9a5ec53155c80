"""The pages of reviewers and of the lead in a browser: what they say, and that everybody can use them."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gatherset import annotate
from gatherset.annotate.answer import Answer
from gatherset.annotate.discussions import decide_discussion, raise_discussion
from gatherset.annotate.overview import overview
from gatherset.annotate.submissions import submit
from gatherset.dataset.catalog.tables import annotators, tasks
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.specimens import write_specimens
from gatherset.dataset.workspace import Workspace
from tests.annotate.pages.test_review import SENTENCES, browser_page
from tests.annotate.pages.test_states import SIZES, look
from tests.browser import APP, server
from tests.labelstudio_workspace import give_back

PAGE = Path(annotate.__file__).parent / "pages" / "lead.py"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, str]]:
    """A workspace with records, disputes, a flag and two discussions, and the address of the app on it."""
    folder = tmp_path_factory.mktemp("team")
    write_specimens(folder / "photos", 10, seed=3, unannotated=3)
    workspace = Workspace.create(folder / "mg")
    ingest(workspace, folder / "photos", Provenance("synthetic", "CC0-1.0"))
    with workspace.catalog.read() as connection:
        rows = connection.execute(sa.select(tasks).order_by(tasks.c.id)).all()
    for row in rows:
        for name, kind, size in (("anna", "protest", "long"), ("ben", "political_rally", "wide")):
            kind = "sports_event" if row.id % 3 == 0 else kind
            texts = tuple(text.format(size, row.id) for text in SENTENCES) if row.kind == "caption" else ()
            flags = ("personal_data",) if (row.id, name) == (3, "ben") else ()
            submit(workspace, row.id, name, Answer(row.kind, True, kind, texts, flags=flags), key=f"{row.id}-{name}")
    raise_discussion(workspace, rows[0].image_id, "rita", "March or rally?")
    raise_discussion(workspace, rows[1].image_id, "rita", "How many are a crowd?")
    decide_discussion(workspace, rows[1].image_id, "lea", "Ten")
    give_back(workspace, rows[0].id, "anna <anna@example.org>", ["4 captions instead of 5"], sent_back_at="2026-11-21")
    with server(workspace.root, APP) as address:
        yield workspace, address
    workspace.catalog.close()


PARTS = {  # of the team's page: what is said there
    "Overview": "Coverage",
    "Annotators": "Hand over",
    "Agreement": "Krippendorff's alpha",
    "Release": "Check all records now",
    "Steer": "What comes first",
}


def each_part(page: Any, parts: Mapping[str, str] = PARTS) -> Iterator[str]:
    """Its parts, one after the other, each when it is there."""
    page.get_by_role("heading", name="Worth talking about").wait_for()
    for part, text in parts.items():
        page.locator("label").filter(has_text=part).first.click()
        page.get_by_text(text).first.wait_for()
        yield part


@pytest.mark.parametrize("size", SIZES)
def test_every_page_is_accessible_and_fits(served: tuple[Workspace, str], browser: Any, size: str) -> None:
    _, address = served
    problems: list[str] = []
    page = browser_page(browser, address, "lea", *SIZES[size])
    page.goto(f"{address}/review")
    page.locator("#rows .row").first.wait_for()
    page.keyboard.press("1")
    page.get_by_role("status").get_by_text("Saved", exact=True).wait_for()
    look(page, "review", size, problems)
    page.keyboard.press("r")
    page.locator("#return-dialog[open]").wait_for()
    look(page, "review-return", size, problems)
    page.keyboard.press("Escape")
    page.goto(f"{address}/discussions")
    page.get_by_text("lea decided: Ten").wait_for()
    look(page, "discussions", size, problems)
    page.goto(f"{address}/team")
    for part in each_part(page, {**PARTS, "Label Studio": "4 captions instead of 5"}):
        look(page, f"team-{part.lower()}", size, problems)
    page.context.close()
    assert problems == []


def test_the_page_says_what_the_report_says_and_pauses_whom_the_lead_pauses(
    served: tuple[Workspace, str], browser: Any
) -> None:
    workspace, address = served
    alpha = overview(workspace).alpha["event_type"]
    page = browser_page(browser, address, "lea", 1400, 900)
    page.goto(f"{address}/team")
    page.locator("label").filter(has_text="Agreement").first.click()
    page.get_by_text(f"Krippendorff's alpha {alpha:.3f}").wait_for()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Agreement as CSV").click()
    assert "event_type,all" in Path(saved.value.path()).read_text()
    page.locator("label").filter(has_text="Annotators").first.click()
    page.get_by_label("Reason").fill("Please call me")
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("anna is paused").wait_for()
    with workspace.catalog.read() as connection:
        paused = sa.select(annotators.c.paused).where(annotators.c.name == "anna")
        assert connection.execute(paused).scalar_one() == "Please call me"
    page.context.close()


def test_who_does_not_lead_is_refused_the_page(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from streamlit.testing.v1 import AppTest

    monkeypatch.setattr("gatherset.annotate.server.open_workspace", lambda: workspace)
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # the page takes its place
    page = AppTest.from_file(str(PAGE), default_timeout=120)
    page.session_state.visitor = "anna"
    for leads in (True, False):
        monkeypatch.setattr("gatherset.annotate.access.may", lambda *asked, leads=leads: leads and asked[2] == "lead")
        page.run()
        refused = [error.value for error in page.error]
        assert (refused, [header.value for header in page.header]) == (
            ([], ["Team"]) if leads else (["This page is for the lead of the team."], [])
        )
