"""Every state of the pages, as wide as a desk and a telephone: axe-core finds nothing serious, nothing is cut off.

With GATHERSET_PICTURES=FOLDER the screenshots stay there, to be looked at.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from gatherset.annotate.annotators import annotator_id
from gatherset.annotate.answer import Answer
from gatherset.annotate.gold import set_gold
from gatherset.annotate.leases import lease
from gatherset.annotate.submissions import submit
from gatherset.dataset.catalog.tables import images, suggestions, tasks
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.specimens import write_specimens
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace
from tests.browser import APP, server, settled

SIZES = {"desk": (1400, 900), "telephone": (390, 844)}
WORDS = (
    "Guests in costume chat under a row of lamps.",
    "A crowd.",
    "Several people hold paper cups near the wall.",
    "Guests in costume chat under a row of lamps!",
    "Two children run between the tables of the hall.",
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A workspace with a task of every kind, each for the annotator whose name says so."""
    folder = tmp_path_factory.mktemp("states")
    write_specimens(folder / "written", 8, seed=3, unannotated=0)
    write_specimens(folder / "photos", 6, seed=1, unannotated=6)
    shapes = folder / "shapes"
    shapes.mkdir()
    for name, size in (("portrait", (900, 2400)), ("panorama", (3600, 700))):
        Image.linear_gradient("L").resize(size).convert("RGB").save(shapes / f"{name}.jpg")
    workspace = Workspace.create(folder / "mg", overlap=1)
    ingest(workspace, folder / "photos", Provenance("synthetic", "CC0-1.0"))
    ingest(workspace, folder / "written", Provenance("synthetic", "CC0-1.0"))
    ingest(workspace, shapes, Provenance("synthetic", "CC0-1.0"))
    with workspace.catalog.write() as connection:
        waiting = {row.id: row for row in connection.execute(sa.select(tasks).order_by(tasks.c.id))}
        for row in waiting.values():
            if row.kind == "caption":
                for value in ("People stand close together on a square.", "Someone in the crowd lifts an arm."):
                    given = {"kind": "caption", "value": value, "model": "a captioner", "created_at": now()}
                    connection.execute(sa.insert(suggestions).values(image_id=row.image_id, **given))
    captions, events = ([n for n, row in waiting.items() if row.kind == kind] for kind in ("caption", "event"))
    known = Answer("event", True, "protest")
    set_gold(workspace, events[0], known, explanation="The signs make a demand: that is a protest.", practice=True)
    submit(workspace, events[1], "history", known, key="history-1")
    submit(workspace, events[2], "history", Answer("event", is_gathering=False), key="history-2")
    with workspace.catalog.write() as connection:
        for number, size in enumerate(SIZES):
            screen, event = events[3 + 2 * number : 5 + 2 * number]
            connection.execute(sa.update(tasks).where(tasks.c.id == screen).values(kind="screen"))
            sensitive = sa.update(images).where(images.c.id == waiting[event].image_id)
            connection.execute(sensitive.values(flags=["sensitive"]))
            held = {"screen": screen, "event": event, "practice": captions[number], "portrait": captions[-1 - number]}
            for name, task in held.items():
                lease(connection, workspace, task, annotator_id(connection, f"{name}-{size}"))
    workspace.catalog.close()
    with server(workspace.root, APP) as running:
        yield running


def practise(page: Any) -> None:
    """Through the practice round, to the task that is held for this annotator."""
    page.get_by_text("Practice 1 of 1").wait_for()
    page.keyboard.press("1")
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name="Next").click()
    page.get_by_text("0 today").wait_for()
    page.locator("#image:not(.coming)").wait_for()


def look(page: Any, name: str, size: str, problems: list[str]) -> None:
    """Keep the picture, and collect what axe-core calls serious and what sticks out of the page."""
    settled(page)
    if folder := os.environ.get("GATHERSET_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}-{size}.png", full_page=size == "telephone")
    found = Axe().run(page).response["violations"]
    problems += [
        f"{name}: {one['id']}: {one['help']}: {[node['target'] for node in one['nodes']][:3]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    photo = page.locator("#photo:not(.near)")
    if photo.count() and photo.evaluate(
        "one => one.scrollHeight > one.clientHeight || one.scrollWidth > one.clientWidth"
    ):
        problems.append(f"{name}: the image is not shown whole")
    if page.evaluate("document.documentElement.scrollWidth > innerWidth + 1"):
        problems.append(f"{name}: wider than the window")
    if page.locator("canvas").evaluate_all("all => all.some(one => one.getBoundingClientRect().right > innerWidth)"):
        problems.append(f"{name}: a chart is cut off")


@pytest.mark.parametrize("size", SIZES)
def test_every_state_is_accessible_and_fits(address: str, visit: Callable[..., Any], browser: Any, size: str) -> None:
    width, height = SIZES[size]
    problems: list[str] = []
    door = browser.new_page(viewport={"width": width, "height": height})
    door.goto(address)
    look(door, "sign-in", size, problems)
    door.close()

    page = visit(address, f"practice-{size}", width, height)
    page.get_by_text("Practice 1 of 1").wait_for()
    page.get_by_text("Political rally", exact=True).click()
    look(page, "practice", size, problems)
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("that is a protest").wait_for()
    look(page, "feedback", size, problems)
    page.get_by_role("button", name="Next").click()
    page.get_by_text("today").wait_for()

    page.get_by_text("Describe this image").wait_for()
    look(page, "caption-begun", size, problems)
    for number, text in enumerate(WORDS, 1):
        page.get_by_label(f"Caption {number}", exact=True).fill(text)
    page.get_by_text("Holiday party", exact=True).click()
    page.get_by_role("status").get_by_text("Saved", exact=True).wait_for()
    page.locator("#caption-2-remarks .remark").wait_for()
    look(page, "caption-remarks", size, problems)
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("Not stored yet").wait_for()
    look(page, "caption-refused", size, problems)
    page.keyboard.press("Escape")
    page.keyboard.press("z")
    look(page, "closer", size, problems)
    page.keyboard.press("?")
    look(page, "keys", size, problems)
    page.get_by_role("button", name="Close", exact=True).click()
    page.keyboard.press("Alt+s")
    look(page, "skip", size, problems)
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.keyboard.press("Alt+g")
    page.get_by_role("dialog").get_by_text("How to annotate").wait_for()
    look(page, "guidelines", size, problems)

    for kind in ("screen", "event", "portrait"):
        page = visit(address, f"{kind}-{size}", width, height)
        practise(page)
        look(page, kind, size, problems)

    page = visit(address, "history", width, height)
    page.get_by_role("link", name="Your work").click() if size == "desk" else page.goto(f"{address}/your-work")
    page.get_by_text("Not a gathering").wait_for()
    look(page, "your-work", size, problems)
    assert problems == []
