"""The page in a real browser, on a real server, with what it stores read from the database."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gatherset.dataset.catalog.tables import submissions
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.workspace import Workspace
from tests.browser import APP, CHROMIUM, STREAMLIT, chromium, server
from tests.conftest import must_not_skip_in_ci

pytest.importorskip("streamlit", reason="streamlit is not installed: pip install 'gatherset[app]'")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        must_not_skip_in_ci("no Chromium (Debian: apt-get install chromium)")
    with chromium() as opened:
        yield opened


def answers(workspace: Workspace) -> list[dict[str, Any]]:
    with workspace.catalog.read() as connection:
        return list(connection.execute(sa.select(submissions.c.answer).order_by(submissions.c.id)).scalars())


def shown_image(page: Any) -> str:
    return str(page.locator(".gs-photo img").get_attribute("src"))


def test_three_images_are_captioned_and_the_three_submissions_are_stored(
    browser: Any, workspace: Workspace, make_photos: Callable[..., Path]
) -> None:
    ingest(workspace, make_photos(3, captions=False), Provenance(license="CC-BY-4.0"))
    with server(workspace.root, APP) as address:
        page = browser.new_page()
        page.goto(address)
        seen = []
        for number in range(3):
            page.locator(".gs-photo img").wait_for()
            seen.append(shown_image(page))
            for box in range(1, 6):
                page.get_by_label(f"Caption {box}").fill(f"Sentence {box} about the crowd in photo {number}.")
            page.get_by_text("Protest", exact=True).click()
            page.get_by_text("People gather or march to object").wait_for()
            page.get_by_role("button", name="Submit").click()
            # The next image, or the end of the queue: the answer was acknowledged.
            page.wait_for_function(
                "old => document.querySelector('.gs-photo img')?.getAttribute('src') !== old", arg=seen[-1]
            )
        page.get_by_text("Nothing is left for you").wait_for()
    assert len(set(seen)) == 3
    assert [answer["captions"][4] for answer in answers(workspace)] == [
        f"Sentence 5 about the crowd in photo {number}." for number in range(3)
    ]
    assert {answer["event_type"] for answer in answers(workspace)} == {"protest"}


def test_ctrl_enter_submits_the_words_of_the_box_that_has_the_focus(
    browser: Any, workspace: Workspace, make_photos: Callable[..., Path]
) -> None:
    ingest(workspace, make_photos(1, captions=False), Provenance(license="CC-BY-4.0"))
    with server(workspace.root, APP) as address:
        page = browser.new_page()
        page.goto(address)
        page.get_by_text("Protest", exact=True).click()
        for box in range(1, 6):
            page.get_by_label(f"Caption {box}").fill(f"Sentence {box} about this crowd.")
        page.get_by_label("Caption 5").press("Control+Enter")
        page.get_by_text("Nothing is left for you").wait_for()
    [answer] = answers(workspace)
    assert answer["captions"][4] == "Sentence 5 about this crowd."


def test_an_incomplete_answer_is_refused_in_words_and_keeps_what_was_typed(
    browser: Any, workspace: Workspace, make_photos: Callable[..., Path]
) -> None:
    ingest(workspace, make_photos(1, captions=False), Provenance(license="CC-BY-4.0"))
    with server(workspace.root, APP) as address:
        page = browser.new_page()
        page.goto(address)
        page.get_by_label("Caption 1").fill("Only one sentence so far.")
        page.get_by_role("button", name="Submit").click()
        page.get_by_text("No event type is chosen").wait_for()
        assert page.get_by_label("Caption 1").input_value() == "Only one sentence so far."
    assert answers(workspace) == []


def test_a_screening_is_one_key_and_typing_a_name_is_not(
    browser: Any, workspace: Workspace, make_photos: Callable[..., Path]
) -> None:
    ingest(workspace, make_photos(2), Provenance("filtered", "CC-BY-4.0"))
    with server(workspace.root, APP) as address:
        page = browser.new_page()
        page.goto(address)
        page.get_by_label("Your name").fill("yann")
        page.get_by_label("Your name").press("Enter")
        page.locator(".gs-captions li").first.wait_for()
        first = shown_image(page)
        page.locator(".gs-question").click()
        page.keyboard.press("n")
        page.wait_for_function("old => document.querySelector('.gs-photo img')?.getAttribute('src') !== old", arg=first)
    assert [answer["is_gathering"] for answer in answers(workspace)] == [False]


def test_streamlit_alone_serves_the_same_app_on_loopback_only(
    browser: Any, workspace: Workspace, make_photos: Callable[..., Path]
) -> None:
    ingest(workspace, make_photos(1), Provenance(license="CC-BY-4.0"))
    with server(workspace.root, STREAMLIT) as address:
        page = browser.new_page()
        page.goto(address)
        page.locator(".gs-photo img").wait_for()
        picture = page.request.get(f"{address}{shown_image(page)}")
        assert picture.headers["content-type"] == "image/jpeg"
        assert "immutable" in picture.headers["cache-control"]
        for name in ("0" * 64 + ".jpg", "..%2f..%2fgatherset.toml", "x.jpg"):
            assert page.request.get(f"{address}/img/{name}").status in (400, 404)
        port = address.rsplit(":", 1)[1]
        listening = {line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]}
        assert f"0100007F:{int(port):04X}" in listening
        assert f"00000000:{int(port):04X}" not in listening
