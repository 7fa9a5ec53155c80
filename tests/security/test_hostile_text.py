"""Texts of other people that are code to a browser, a spreadsheet, a terminal or Label Studio.

What is promised: nothing in them is executed or fetched anywhere, and they come out as they went in.
"""

from __future__ import annotations

import copy
import csv
import json
import shutil
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import sqlalchemy as sa

from gatherset import schemas
from gatherset.annotate.agreement_report import agreement_report, as_table
from gatherset.annotate.answer import Answer
from gatherset.annotate.discussions import add_remark, decide_discussion, raise_discussion
from gatherset.annotate.labelstudio.configuration import configuration
from gatherset.annotate.queue import skip
from gatherset.annotate.submissions import submit
from gatherset.dataset.catalog.tables import images, tasks
from gatherset.dataset.errors import SubmissionError
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.records import caption
from gatherset.dataset.release import build_release
from gatherset.dataset.splits import assign_splits
from gatherset.dataset.workspace import Workspace
from tests.annotate.pages.test_team import each_part
from tests.browser import APP, server, settled
from tests.conftest import CAPTIONS, draw
from tests.dataset.conftest import make_all
from tests.security.conftest import Watched

HOSTILE = (
    "People march <script>hit()</script> down the long street.",
    'A crowd <img src="http://127.0.0.1:9/a.png" onerror="hit()"> fills the square.',
    "Many ![people](http://127.0.0.1:9/b.png) and [banners](javascript:hit()) can be seen.",
    "Somebody </textarea></script><svg onload=hit()> lifts a placard in the crowd.",
    "The march \u202emoves\u202c on\u200b slowly $\\href{javascript:hit()}{x}$ :material/delete: through the city.",
)
NAME = "<b onmouseover=hit()>Mallory</b><img src=x onerror=hit()>"
FORMULA = '=HYPERLINK("http://127.0.0.1:9/", "click")'


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace of images that came with hostile captions, names and credits, and that people disagree on."""
    folder = tmp_path_factory.mktemp("hostile")
    lines = []
    for number in range(6):
        draw(folder / "photos" / f"{number}<img src=x onerror=hit()>.jpg", number)
        entry = {
            "image": f"{number}<img src=x onerror=hit()>.jpg",
            "captions": HOSTILE,
            "attribution": HOSTILE[number % 5],
        }
        lines.append(json.dumps(entry))
    (folder / "photos" / "captions.jsonl").write_text("\n".join(lines))
    workspace = Workspace.create(folder / "mg")
    ingest(workspace, folder / "photos", Provenance("collected", "CC-BY-4.0", dataset="<script>hit()</script>"))
    with workspace.catalog.read() as connection:
        waiting = connection.execute(sa.select(tasks.c.id, tasks.c.image_id).order_by(tasks.c.id)).all()
    for row in waiting[:3]:
        for name, kind in ((NAME, "protest"), (FORMULA, "political_rally")):
            submit(workspace, row.id, name, Answer("event", True, kind), key=f"{row.id}-{name}")
    skip(workspace, waiting[3].id, NAME, HOSTILE[1])
    raise_discussion(workspace, waiting[0].image_id, NAME, HOSTILE[0])
    add_remark(workspace, waiting[0].image_id, "rita", HOSTILE[2])
    raise_discussion(workspace, waiting[1].image_id, NAME, HOSTILE[1])
    decide_discussion(workspace, waiting[1].image_id, NAME, HOSTILE[4])
    yield workspace
    workspace.catalog.close()


@pytest.fixture(scope="module")
def served(hostile: Workspace) -> Iterator[str]:
    pytest.importorskip("streamlit", reason="streamlit is not installed: pip install 'gatherset[app]'")
    with server(hostile.root, APP) as address:
        yield address


def signed_in(watched: Watched, address: str, name: str) -> tuple[Any, list[str]]:
    page, noticed = watched(address)
    page.goto(f"{address}/sign-in")
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Begin").click()
    page.wait_for_url(f"{address}/")
    return page, noticed


def hover_over_all(page: Any) -> None:
    """A mouse over everything that somebody might point at."""
    settled(page)
    page.evaluate(
        "document.querySelectorAll('*').forEach(one => one.dispatchEvent(new MouseEvent('mouseover', {bubbles: true})))"
    )
    page.wait_for_timeout(200)  # for what hears of it later


def test_no_text_runs_on_the_desk(served: str, watched: Watched) -> None:
    page, noticed = signed_in(watched, served, NAME)
    page.locator("#image").wait_for()
    page.get_by_text("hit()").first.wait_for()
    page.keyboard.press("Alt+c")
    boxes = page.locator("textarea")
    boxes.first.wait_for()
    assert [boxes.nth(number).input_value() for number in range(5)] == list(HOSTILE)
    boxes.first.fill(HOSTILE[3] + HOSTILE[1])
    hover_over_all(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Guidelines").click()
    page.get_by_text("A decided case").wait_for()
    hover_over_all(page)
    assert noticed == []


@pytest.mark.parametrize("path", ["review", "discussions", "guidelines"])
def test_no_text_runs_on_the_pages(served: str, watched: Watched, path: str) -> None:
    page, noticed = signed_in(watched, served, NAME)
    page.goto(f"{served}/{path}")
    page.get_by_text("hit()").first.wait_for()
    hover_over_all(page)
    assert noticed == []


def test_no_text_runs_for_the_lead(served: str, watched: Watched) -> None:
    page, noticed = signed_in(watched, served, "lea")
    page.goto(f"{served}/team")
    for _part in each_part(page):
        hover_over_all(page)
    assert noticed == []


def test_no_text_runs_in_the_papers_of_a_release(hostile: Workspace, watched: Watched, tmp_path: Path) -> None:
    """The report in a browser, and the card as a Markdown reader that lets HTML through would show it."""
    markdown_it = pytest.importorskip("markdown_it")
    copy = tmp_path / "mg"
    shutil.copytree(hostile.root, copy)
    settings = copy / "gatherset.toml"
    ignored = '[rules]\nignore = ["GS102", "GS308", "GS309", "GS310", "GS311", "GS306"]\n'
    settings.write_text(settings.read_text().replace("[rules]\n", ignored))
    workspace = Workspace.open(copy)
    clean = [caption(text, origin="imported", author=None, verified=False) for text in CAPTIONS]
    with workspace.catalog.write() as connection:  # the rules let no record with those captions into a release
        connection.execute(sa.update(images).values(captions=clean))
    make_all(workspace, ["protest", "sports_event"])
    assign_splits(workspace)
    built = build_release(workspace)
    assert built.release is not None
    page, noticed = watched("file://")
    page.goto(f"file://{built.release.path}/report.html")
    hover_over_all(page)
    for paper in ("README.md", "ATTRIBUTION.md", "DATASHEET.md"):
        html = tmp_path / f"{paper}.html"
        text = (built.release.path / paper).read_text().partition("\n---\n")[2] or (
            built.release.path / paper
        ).read_text()
        html.write_text(markdown_it.MarkdownIt("commonmark", {"html": True}).render(text))
        page.goto(f"file://{html}")
        hover_over_all(page)
    assert noticed == []
    workspace.catalog.close()


def test_what_is_too_long_for_a_box_is_refused_in_words(hostile: Workspace) -> None:
    with hostile.catalog.read() as connection:
        task = connection.execute(sa.select(tasks.c.id).order_by(tasks.c.id.desc())).scalars().first()
    assert task is not None
    texts = ("x" * 1_000_000, *HOSTILE[1:])
    with pytest.raises(SubmissionError, match="letters"):
        submit(hostile, task, "carl", Answer("event", True, "protest", texts), key="long")


def test_no_name_is_a_formula_in_a_table_for_spreadsheets(hostile: Workspace) -> None:
    cells = [cell for row in csv.reader(StringIO(as_table(agreement_report(hostile)))) for cell in row]
    assert f"'{FORMULA}" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]


def test_a_name_of_an_event_is_no_tag_in_label_studio(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "mg")
    taxonomy = workspace.root / "event_types.json"
    document = copy.deepcopy(schemas.read("event_types.json"))
    document["types"][0]["title"] = '"/><HyperText value="<script>alert(1)</script>"/><Choice value="'
    document["types"][0]["definition"] = HOSTILE[1]
    taxonomy.write_text(json.dumps(document))
    reopened = Workspace.open(workspace.root)
    tree = ElementTree.fromstring(configuration(reopened, "caption"))
    assert not list(tree.iter("HyperText"))
    assert document["types"][0]["title"] in {choice.get("value") for choice in tree.iter("Choice")}
    workspace.catalog.close()
    reopened.catalog.close()
