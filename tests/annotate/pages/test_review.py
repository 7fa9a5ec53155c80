"""The review desk in a real browser, with what it stores read from the database."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from gatherset.annotate.answer import Answer
from gatherset.annotate.answer_file import import_answers
from gatherset.annotate.standing import standing
from gatherset.annotate.submissions import submit
from gatherset.dataset.catalog.tables import decisions, discussions, images, revisions, tasks
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.records import current_record, current_records
from gatherset.dataset.workspace import Workspace
from tests.browser import APP, PATIENCE, server
from tests.conftest import draw, some_photographs

Visit = Callable[..., Any]
Served = tuple[Workspace, str]
SENTENCES = (
    "The march fills a {} street in photo {}.",
    "Somebody at the back lifts a {} banner.",
    "Two drummers with {} hats walk in front.",
    "Behind them one sees a {} row of shops.",
    "Children on {} shoulders look at the camera.",
)
IMAGES = 10


@pytest.fixture(scope="module")
def disputed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Images on whose type anna and ben disagree, each with captions of their own; and the address of the app."""
    folder = tmp_path_factory.mktemp("disputed")
    workspace = Workspace.create(folder / "mg")
    for number in range(IMAGES):
        draw(folder / "photos" / f"{number}.jpg", number)
    ingest(workspace, folder / "photos", Provenance(license="CC-BY-4.0"))
    with workspace.catalog.read() as connection:
        waiting = connection.execute(sa.select(tasks.c.id).order_by(tasks.c.id)).scalars().all()
    for task in waiting:
        for name, kind, size in (("anna", "protest", "long"), ("ben", "political_rally", "wide")):
            texts = tuple(text.format(size, task) for text in SENTENCES)
            submit(workspace, task, name, Answer("caption", True, kind, texts), key=f"{task}-{name}")
    with server(workspace.root, APP) as address:
        yield workspace, address
    workspace.catalog.close()


@pytest.fixture
def review(browser: Any) -> Visit:
    """review(address, "rita") opens the review desk, signed in."""

    def review(address: str, name: str = "rita", query: str = "", width: int = 1400, height: int = 900) -> Any:
        page = browser_page(browser, address, name, width, height)
        page.goto(f"{address}/review{query}")
        page.locator("#rows .row").first.or_(page.get_by_text("Nothing waits for a reviewer")).wait_for()
        return page

    return review


def browser_page(browser: Any, address: str, name: str, width: int, height: int) -> Any:
    page = browser.new_context(viewport={"width": width, "height": height}).new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{address}/sign-in")
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Begin").click()
    page.wait_for_url(f"{address}/")
    return page


def title(page: Any) -> str:
    return str(page.locator("#title").inner_text())


def stored(page: Any, before: str) -> None:
    """Wait for what comes after the image called `before`: the next one, or nothing."""
    expect(page.locator("#title")).not_to_have_text(before, timeout=PATIENCE)


def identity(workspace: Workspace, ref: str) -> str:
    with workspace.catalog.read() as connection:
        return str(connection.execute(sa.select(images.c.id).where(images.c.ref == ref)).scalar_one())


def test_one_answer_is_accepted_with_two_keys(disputed: Served, review: Visit) -> None:
    workspace, address = disputed
    page = review(address)
    name = title(page)
    page.keyboard.press("2")
    page.keyboard.press("Control+Enter")
    page.get_by_role("status").get_by_text("Stored", exact=True).wait_for()
    with workspace.catalog.read() as connection:
        record = current_record(connection, identity(workspace, name))
    assert record is not None
    assert record["event"]["type"] == "political_rally"
    assert "wide" in record["captions"][0]["text"]


def test_who_signs_out_in_another_tab_leaves_nothing_on_the_review_desk(disputed: Served, review: Visit) -> None:
    _, address = disputed
    page = review(address)
    page.keyboard.press("1")
    page.get_by_role("status").get_by_text("Saved", exact=True).wait_for()
    other = page.context.new_page()
    other.goto(f"{address}/sign-out")
    page.wait_for_url(f"{address}/sign-in")
    kept = page.evaluate("Object.keys(localStorage)")
    assert not [key for key in kept if key.startswith("gatherset:")]


def test_the_captions_are_merged_row_by_row_on_the_keyboard(disputed: Served, review: Visit) -> None:
    workspace, address = disputed
    page = review(address)
    name = title(page)
    page.keyboard.press("1")  # all of anna's
    for _ in range(3):
        page.keyboard.press("ArrowDown")  # the type, caption 1, caption 2
    page.keyboard.press("2")  # of ben's this one alone
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.press("Control+a")
    page.keyboard.type("Rita has seen 3 drummers in this picture.")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Enter")
    stored(page, name)
    with workspace.catalog.read() as connection:
        record = current_record(connection, identity(workspace, name))
    assert record is not None
    texts = [entry["text"] for entry in record["captions"]]
    assert record["event"]["type"] == "protest"
    assert ["long" in texts[0], "wide" in texts[1], texts[2]] == [
        True,
        True,
        "Rita has seen 3 drummers in this picture.",
    ]


def test_the_differences_are_marked_word_by_word(disputed: Served, review: Visit) -> None:
    _, address = disputed
    page = review(address)
    page.keyboard.press("1")
    of_ben = page.locator("#rows .row").nth(1).locator(".said").nth(1)
    of_ben.locator("ins").wait_for()
    assert (of_ben.locator("ins").inner_text().strip(), of_ben.locator("del").inner_text().strip()) == ("wide", "long")
    of_anna = page.locator("#rows .row").nth(1).locator(".said").nth(0)
    assert (of_anna.locator("ins, del").count(), "taken" in str(of_anna.get_attribute("class"))) == (0, True)


def test_what_is_begun_survives_a_reload_and_another_browser(disputed: Served, review: Visit) -> None:
    _, address = disputed
    page = review(address, "tess")
    page.get_by_label("Reason").fill("It is a march")
    page.get_by_role("status").get_by_text("Saved", exact=True).wait_for()
    name = title(page)
    page.reload()
    page.locator("#rows .row").first.wait_for()
    assert (title(page), page.get_by_label("Reason").input_value()) == (name, "It is a march")
    elsewhere = review(address, "tess")
    assert (title(elsewhere), elsewhere.get_by_label("Reason").input_value()) == (name, "It is a march")


def test_sending_back_on_the_keyboard_gives_the_image_to_its_writer_with_the_comment(
    disputed: Served, review: Visit, visit: Visit
) -> None:
    workspace, address = disputed
    page = review(address)
    name = title(page)
    page.keyboard.press("r")
    page.keyboard.press("Shift+Tab")  # from the comment to the last of the names, ben
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")  # not to anna
    page.locator("#comment").focus()
    page.keyboard.type("Is there a speaker?")
    page.keyboard.press("Control+Enter")
    page.get_by_role("status").get_by_text("Sent back", exact=True).wait_for()
    stored(page, name)
    writer = visit(address, "ben")
    writer.get_by_text("rita has reviewed your answer and sends it back: “Is there a speaker?”").wait_for()
    assert "wide street" in writer.get_by_label("Caption 1", exact=True).input_value()
    writer.keyboard.press("Control+Enter")  # stands by it
    writer.get_by_text("Nothing is left for you").wait_for()
    with workspace.catalog.read() as connection:
        states = connection.execute(sa.select(tasks.c.state).where(tasks.c.kind == "review", tasks.c.state == "open"))
        assert len(states.all()) > 0


def test_who_decides_second_is_told_and_keeps_the_text(disputed: Served, review: Visit) -> None:
    workspace, address = disputed
    page = review(address, "una")
    name = title(page)
    other = review(address, "vic", f"?image={identity(workspace, name)}")
    for reviewer, key in ((other, "1"), (page, "2")):
        reviewer.keyboard.press(key)
        reviewer.get_by_role("status").get_by_text("Saved", exact=True).wait_for()
    other.keyboard.press("Control+Enter")
    stored(other, name)
    page.keyboard.press("Control+Enter")
    page.get_by_text("vic has decided about this image meanwhile").wait_for()
    page.get_by_role("button", name="Look again").click()
    page.get_by_text("Reason for the change").wait_for()
    assert page.locator("#type").input_value() == "political_rally"  # the text that was kept
    with workspace.catalog.read() as connection:
        made = connection.execute(sa.select(decisions).where(decisions.c.image_id == identity(workspace, name))).all()
    assert [row.decided_by for row in made if row.kind == "accepted"] == ["vic"]


def test_what_was_begun_before_somebody_else_decided_does_not_come_back_over_the_record(
    disputed: Served, review: Visit
) -> None:
    workspace, address = disputed
    page = review(address, "sam")
    name = title(page)
    image = f"?image={identity(workspace, name)}"
    page.keyboard.press("2")
    page.get_by_label("Caption 1", exact=True).fill("Sam has begun to write.")
    page.get_by_role("status").get_by_text("Saved", exact=True).wait_for()
    other = review(address, "rita", image)
    other.keyboard.press("1")
    other.keyboard.press("Control+Enter")
    stored(other, name)
    page.goto(f"{address}/review{image}")  # the same browser, which has kept the text too
    page.get_by_text("Reason for the change").wait_for()
    assert page.locator("#type").input_value() == "protest"
    assert "long street" in page.get_by_label("Caption 1", exact=True).input_value()


def test_a_record_is_opened_and_edited_with_a_reason(disputed: Served, review: Visit) -> None:
    workspace, address = disputed
    with workspace.catalog.read() as connection:
        record = next(iter(current_records(connection)))
    page = review(address, "wes")
    page.keyboard.press("o")
    page.keyboard.type(record["id"])
    page.keyboard.press("Enter")
    page.get_by_text("Reason for the change").wait_for()
    page.get_by_label("Caption 4", exact=True).fill("")
    page.get_by_label("Caption 4", exact=True).type("Two more drummers follow behind them.")
    page.keyboard.press("Control+Enter")
    page.get_by_text("This needs a reason").wait_for()
    page.get_by_label("Reason for the change").fill("A slip")
    page.keyboard.press("Control+Enter")
    page.get_by_role("status").get_by_text("Stored", exact=True).wait_for()
    with workspace.catalog.read() as connection:
        rows = connection.execute(sa.select(revisions).where(revisions.c.record_id == record["id"]))
        last = max(rows, key=lambda row: row.revision)
    assert (last.revision, last.reason, last.decided_by) == (2, "A slip", "wes")
    assert last.content["captions"][3]["text"] == "Two more drummers follow behind them."


def test_an_image_goes_to_the_discussion_and_its_decision_to_the_guidelines(disputed: Served, review: Visit) -> None:
    workspace, address = disputed
    page = review(address, "xia")
    page.keyboard.press("d")
    page.keyboard.type("March or rally?")
    page.keyboard.press("Control+Enter")
    page.get_by_text("It is on the list of discussions").wait_for()
    page.goto(f"{address}/discussions")
    page.get_by_label("Your words").fill("A march makes it a *protest*.")
    page.get_by_role("button", name="Decide so").click()
    page.get_by_text("xia decided: A march makes it a *protest*.").wait_for()
    page.goto(f"{address}/guidelines")
    page.get_by_text("A march makes it a *protest*.").wait_for()
    assert page.get_by_alt_text("The picture of this case").evaluate("one => one.complete && one.naturalWidth > 0")
    with workspace.catalog.read() as connection:
        assert connection.execute(sa.select(discussions.c.decided_by)).scalars().all() == ["xia"]


@pytest.mark.parametrize("count", [30, pytest.param(893, marks=pytest.mark.slow)])
def test_the_disagreements_about_real_photographs_are_resolved_by_keyboard_alone(
    gatherings: Path, tmp_path: Path, review: Visit, count: int
) -> None:
    """Two annotators; the reviewer looks at what both said and takes what the surer one says."""
    some_photographs(gatherings, tmp_path / "photos", count)
    workspace = Workspace.create(tmp_path / "mg")
    ingest(workspace, tmp_path / "photos", Provenance("filtered", "LicenseRef-research-only"))
    for name in ("a", "b"):
        import_answers(workspace, tmp_path / "photos" / f"annotator_{name}.csv", name)
    disputed = standing(workspace)["in the queue"]
    assert disputed > 3
    with server(workspace.root, APP) as address:
        page = review(address, "rita")
        for _ in range(disputed):
            name = title(page)
            sure = page.locator("#heads .head small").all_inner_texts()
            page.keyboard.press("1" if sure[0] == "sure" or sure[1] != "sure" else "2")
            if page.locator("#type").input_value() == "":
                page.keyboard.press("n")
            page.keyboard.press("Control+Enter")
            stored(page, name)
        page.get_by_text("Nothing waits for a reviewer").wait_for()
    assert standing(workspace)["in review"] == standing(workspace)["in the queue"] == 0
    with workspace.catalog.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(decisions)).scalar_one() == disputed
    workspace.catalog.close()
