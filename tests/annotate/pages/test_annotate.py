"""The desk in a real browser, on a real server, with what it stores read from the database."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import sqlalchemy as sa

from gatherset.annotate.answer import Answer
from gatherset.annotate.gold import set_gold
from gatherset.dataset.catalog.tables import images, skips, suggestions
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace
from tests.annotate.pages.at_the_desk import BEGINNINGS, acknowledged, answers, saved, shown, write
from tests.browser import APP, STREAMLIT, server

Photos = Callable[..., Path]
Visit = Callable[..., Any]
Served = tuple[Workspace, str]


def test_three_images_are_captioned_and_the_three_submissions_are_stored(uncaptioned: Served, visit: Visit) -> None:
    workspace, address = uncaptioned
    page = visit(address, "three")
    seen = set()
    for number in range(3):
        seen.add(shown(page))
        write(page, f"Sentence {{}} about the crowd in photo {number}.")
        page.get_by_text("Protest", exact=True).click()
        page.get_by_text("People gather or march to object").wait_for()
        page.get_by_role("button", name="Submit").click()
        page.get_by_text(f"three: {number + 1} today").wait_for()
    given = answers(workspace, "three")
    assert len(seen) == 3
    assert [answer["captions"][4] for answer in given] == [
        f"Sentence five about the crowd in photo {n}." for n in range(3)
    ]
    assert {answer["event_type"] for answer in given} == {"protest"}


def test_the_whole_task_is_done_on_the_keyboard(uncaptioned: Served, visit: Visit) -> None:
    workspace, address = uncaptioned
    page = visit(address, "keys")
    # The first box has the focus by itself.
    for number, beginning in zip(("one", "two", "three", "four", "five"), BEGINNINGS, strict=True):
        page.keyboard.type(f"{beginning}Sentence {number} has a 5 in it.")
        page.keyboard.press("Tab")
    page.keyboard.press("0")  # outside the boxes now: the tenth type
    page.keyboard.press("Control+Enter")
    acknowledged(page)
    [answer] = answers(workspace, "keys")
    assert (answer["event_type"], answer["captions"][4]) == ("public_assembly", "Sentence five has a 5 in it.")


def test_ctrl_enter_submits_the_words_of_the_box_that_has_the_focus(uncaptioned: Served, visit: Visit) -> None:
    workspace, address = uncaptioned
    page = visit(address, "ctrl")
    page.get_by_text("Protest", exact=True).click()
    write(page)
    page.get_by_label("Caption 5", exact=True).press("Control+Enter")
    acknowledged(page)
    assert answers(workspace, "ctrl")[0]["captions"][4] == "Sentence five about the crowd in the picture."


def test_number_keys_can_be_turned_off(uncaptioned: Served, visit: Visit) -> None:
    _, address = uncaptioned
    page = visit(address, "digits")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.get_by_label("Number keys choose the event type").uncheck()
    page.get_by_role("button", name="Close", exact=True).click()
    page.locator("#question").click()
    page.keyboard.press("1")
    assert page.locator("input[name=type]:checked").count() == 0


def test_an_incomplete_answer_is_refused_in_words_and_keeps_what_was_typed(uncaptioned: Served, visit: Visit) -> None:
    workspace, address = uncaptioned
    page = visit(address, "half")
    page.get_by_label("Caption 1", exact=True).fill("Only one sentence so far.")
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("No event type is chosen").wait_for()
    assert page.get_by_label("Caption 1", exact=True).input_value() == "Only one sentence so far."
    assert answers(workspace, "half") == []


def test_the_rules_answer_under_the_box_while_one_types(uncaptioned: Served, visit: Visit) -> None:
    _, address = uncaptioned
    page = visit(address, "live")
    page.get_by_label("Caption 2", exact=True).fill("A crowd.")
    page.locator("#caption-2-remarks").get_by_text("Has 2 words; write at least 3").wait_for()
    assert page.locator(".box").nth(1).get_by_text("2 words", exact=True).is_visible()
    assert page.locator("#caption-1-remarks").inner_text() == ""


def test_what_was_said_of_half_a_sentence_is_not_in_the_way_to_the_next_box(uncaptioned: Served, visit: Visit) -> None:
    _, address = uncaptioned
    page = visit(address, "pause")
    page.keyboard.type("A crowd")
    page.get_by_role("button", name="Keep it").wait_for()
    page.route("**/draft", lambda route: route.abort())  # a server that has not looked at the rest yet
    page.keyboard.type(" waits for the first train of the day.")
    page.keyboard.press("Tab")
    page.keyboard.type("12 people wait.")
    assert page.get_by_label("Caption 2", exact=True).input_value() == "12 people wait."
    page.unroute("**/draft")
    page.keyboard.type(" They wave.")
    page.locator("#caption-1-remarks").get_by_text("Keep it").wait_for(state="detached")


def test_a_warning_is_overruled_with_a_reason_which_is_stored(uncaptioned: Served, visit: Visit) -> None:
    workspace, address = uncaptioned
    page = visit(address, "why")
    write(page)
    page.get_by_label("Caption 2", exact=True).fill("A crowd.")
    page.get_by_text("Protest", exact=True).click()
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("keep it with a reason").wait_for()
    page.locator("#caption-2-remarks").get_by_role("button", name="Keep it").click()
    page.keyboard.type("Nothing else can be seen")
    page.keyboard.press("Enter")
    page.get_by_text("Kept as it is: Nothing else can be seen").wait_for()
    page.keyboard.press("Control+Enter")
    acknowledged(page)
    [answer] = answers(workspace, "why")
    assert answer["overruled"] == [{"rule": "GS302", "caption": 2, "reason": "Nothing else can be seen"}]


def test_a_reason_that_is_not_yet_kept_counts_when_one_submits(uncaptioned: Served, visit: Visit) -> None:
    workspace, address = uncaptioned
    page = visit(address, "hasty")
    write(page)
    page.get_by_label("Caption 2", exact=True).fill("A crowd.")
    page.get_by_text("Protest", exact=True).click()
    page.locator("#caption-2-remarks").get_by_role("button", name="Keep it").click()
    page.keyboard.type("Nothing else can be seen")
    page.keyboard.press("Control+Enter")
    acknowledged(page)
    assert answers(workspace, "hasty")[0]["overruled"][0]["reason"] == "Nothing else can be seen"


def test_not_a_gathering_keeps_the_captions_for_who_comes_back(uncaptioned: Served, visit: Visit) -> None:
    _, address = uncaptioned
    page = visit(address, "rash")
    page.get_by_label("Caption 1", exact=True).fill("Three people wait.")
    page.get_by_role("button", name="Not a gathering").click()
    acknowledged(page)
    page.keyboard.press("Alt+b")
    page.get_by_text("You said: not a gathering").wait_for()
    assert page.get_by_label("Caption 1", exact=True).input_value() == "Three people wait."
    assert page.get_by_role("button", name="Skip").count() == 0
    page.get_by_label("Caption 2", exact=True).fill("A crowd.")
    page.locator("#caption-2-remarks .remark").wait_for()


def test_a_skip_asks_for_a_reason_and_brings_the_next_image(uncaptioned: Served, visit: Visit) -> None:
    workspace, address = uncaptioned
    page = visit(address, "skipper")
    first = shown(page)
    page.keyboard.press("Alt+s")
    page.get_by_label("I cannot tell what it shows").check()
    page.keyboard.press("Enter")
    page.locator(f"#image:not([src='{first}'])").wait_for()
    with workspace.catalog.read() as connection:
        assert connection.execute(sa.select(skips.c.reason)).scalars().all() == ["I cannot tell what it shows"]


def test_going_back_corrects_the_last_submission(uncaptioned: Served, visit: Visit) -> None:
    workspace, address = uncaptioned
    page = visit(address, "back")
    first = shown(page)
    write(page)
    page.get_by_text("Protest", exact=True).click()
    page.get_by_role("button", name="Submit").click()
    acknowledged(page)
    page.keyboard.press("Alt+b")
    page.get_by_text("You are correcting an answer").wait_for()
    assert shown(page) == first
    page.get_by_label("Caption 3", exact=True).fill("A better third sentence about it.")
    page.keyboard.press("Control+Enter")
    page.get_by_text("You are correcting an answer").wait_for(state="detached")
    before, after = answers(workspace, "back")
    assert before["captions"][2] != after["captions"][2] == "A better third sentence about it."


def test_a_screening_is_one_key_for_the_text_and_one_for_the_image(
    workspace: Workspace, make_photos: Photos, visit: Visit
) -> None:
    ingest(workspace, make_photos(2), Provenance("filtered", "CC-BY-4.0"))
    with server(workspace.root, APP) as address:
        page = visit(address)
        page.keyboard.down("n")
        page.get_by_text("anna: 1 today").wait_for()
        page.keyboard.down("n")  # held down: it does not answer the next image too
        page.keyboard.up("n")
        page.keyboard.press("y")
        page.get_by_text("Does the text fit this image?").wait_for()
        page.locator("#image:not(.coming)").wait_for()
        page.keyboard.press("y")
        page.get_by_text("Nothing is left for you").wait_for()
    assert [answer["is_gathering"] for answer in answers(workspace)] == [False, True]


def test_imported_captions_are_shown_and_can_be_corrected(
    workspace: Workspace, make_photos: Photos, visit: Visit
) -> None:
    ingest(workspace, make_photos(2), Provenance(license="CC-BY-4.0"))
    with server(workspace.root, APP) as address:
        page = visit(address)
        page.get_by_text("People march down the street").wait_for()
        page.keyboard.press("1")
        page.keyboard.press("Control+Enter")
        page.get_by_text("anna: 1 today").wait_for()
        page.keyboard.press("Alt+c")
        other = visit(address)  # a tab that has never shown the boxes
        page.get_by_label("Caption 1", exact=True).fill("Nobody marches; they stand and listen.")
        saved(page)
        other.keyboard.press("2")
        other.get_by_text("open in another tab").wait_for()
        saved(other)
        page.keyboard.press("Escape")
        page.keyboard.press("2")
        page.keyboard.press("Control+Enter")
        page.get_by_text("Nothing is left for you").wait_for()
    left, corrected = answers(workspace)
    assert left["captions"] == []
    assert corrected["captions"][0] == "Nobody marches; they stand and listen."
    assert len(corrected["captions"]) == 5


def test_an_accepted_suggestion_says_where_it_is_from_until_it_is_edited(
    workspace: Workspace, make_photos: Photos, visit: Visit
) -> None:
    ingest(workspace, make_photos(1, captions=False), Provenance(license="CC-BY-4.0"))
    with workspace.catalog.write() as connection:
        image = connection.execute(sa.select(images.c.id)).scalar_one()
        for text in ("A crowd walks along a broad street.", "People carry signs past a row of shops."):
            row = {"image_id": image, "kind": "caption", "value": text, "model": "tiny", "created_at": now()}
            connection.execute(sa.insert(suggestions).values(row))
    with server(workspace.root, APP) as address:
        page = visit(address)
        write(page)
        for number in (1, 2):
            page.get_by_label(f"Caption {number}", exact=True).fill("")
            page.get_by_role("button", name="Use:").nth(number - 1).click()
        page.get_by_label("Caption 2", exact=True).fill("People carry red signs past a row of shops.")
        page.get_by_text("Protest", exact=True).click()
        page.keyboard.press("Control+Enter")
        page.get_by_text("Nothing is left for you").wait_for()
    [answer] = answers(workspace)
    assert answer["suggested"] == [1, None, None, None, None]


def test_the_practice_round_comes_first_and_tells_what_is_known(
    workspace: Workspace, make_photos: Photos, visit: Visit
) -> None:
    ingest(workspace, make_photos(2), Provenance(license="CC-BY-4.0"))
    known = Answer("event", True, "protest")
    set_gold(workspace, 2, known, explanation="The banners make a demand.", practice=True)
    with server(workspace.root, APP) as address:
        page = visit(address)
        page.get_by_text("Practice 1 of 1").wait_for()
        page.keyboard.press("2")
        page.keyboard.press("Control+Enter")
        page.get_by_text("The banners make a demand.").wait_for()
        page.keyboard.press("Enter")
        page.get_by_text("anna: 0 today").wait_for()
    assert answers(workspace) == []


def test_a_sensitive_image_is_blurred_until_the_annotator_agrees(
    workspace: Workspace, make_photos: Photos, visit: Visit
) -> None:
    ingest(workspace, make_photos(1), Provenance(license="CC-BY-4.0"))
    with workspace.catalog.write() as connection:
        connection.execute(sa.update(images).values(flags=["sensitive"]))
    with server(workspace.root, APP) as address:
        page = visit(address)
        blur = "getComputedStyle(element).filter"
        assert page.locator("#image").evaluate(f"element => {blur}") == "blur(32px)"
        page.get_by_role("button", name="Show it").click()
        assert page.locator("#image").evaluate(f"element => {blur}") == "none"
        assert page.locator("#photo.near").count() == 0
        page.locator("#image").dispatch_event("error")
        page.get_by_text("This image cannot be shown").wait_for()


def test_streamlit_alone_serves_the_same_app_on_loopback_only_to_who_is_signed_in(
    workspace: Workspace, make_photos: Photos, visit: Visit
) -> None:
    ingest(workspace, make_photos(1), Provenance(license="CC-BY-4.0"))
    with server(workspace.root, STREAMLIT) as address:
        page = visit(address)
        source = shown(page)
        picture = page.request.get(f"{address}/{source}")
        assert picture.headers["content-type"] == "image/jpeg"
        assert "immutable" in picture.headers["cache-control"]
        for name in ("0" * 64 + ".jpg", "..%2f..%2fgatherset.toml", "x.jpg"):
            assert page.request.get(f"{address}/img/{name}").status in (400, 404)
        with pytest.raises(HTTPError, match="400"):
            urlopen(Request(address, headers={"Host": "elsewhere.example"}))
        page.context.clear_cookies()
        for path in (source, source.replace("img/", "original/")):
            assert page.request.get(f"{address}/{path}").status == 403
        listening = {line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]}
        port = int(address.rsplit(":", 1)[1])
        assert f"0100007F:{port:04X}" in listening
        assert f"00000000:{port:04X}" not in listening


def test_a_name_that_cannot_be_shown_is_refused_at_the_door(uncaptioned: Served, browser: Any) -> None:
    _, address = uncaptioned
    page = browser.new_page()
    page.goto(address)
    page.get_by_label("Your name").fill("   ")
    page.get_by_role("button", name="Begin").click()
    page.get_by_text("cannot name an annotator").wait_for()
    page.close()


def test_your_work_shows_what_was_answered(uncaptioned: Served, visit: Visit) -> None:
    _, address = uncaptioned
    page = visit(address, "history")
    write(page, "Sentence {} that I wrote myself & alone.")
    page.get_by_text("Protest", exact=True).click()
    page.get_by_role("button", name="Submit").click()
    acknowledged(page)
    page.get_by_role("link", name="Your work").click()
    page.get_by_text("Sentence two that I wrote myself & alone.").wait_for()


def test_the_guidelines_are_one_key_away(uncaptioned: Served, visit: Visit) -> None:
    _, address = uncaptioned
    page = visit(address, "guided")
    page.keyboard.press("Alt+g")
    page.get_by_role("dialog").get_by_text("How to annotate").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
