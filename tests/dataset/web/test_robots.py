import pytest

from gatherset.dataset.web.robots import MOST_DELAY, RobotsFile, forbids_training
from gatherset.dataset.web.visitor import retry_after


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("noai", "noai"),
        ("noindex, NoImageAI", "noimageai"),
        ("gatherset: noai", "noai"),
        ("otherbot: noai", None),
        ("noindex", None),
        ("unavailable_after: 25 Jun 2027 15:00:00 PST", None),
        ("noai, unavailable_after: 25 Jun 2027 15:00:00 PST", "noai"),
    ],
)
def test_the_tag_that_keeps_an_image_out_of_training_is_found(value: str, found: str | None) -> None:
    assert forbids_training([value]) == found


def test_no_robots_txt_allows_everything() -> None:
    assert RobotsFile(None).allows("http://example.org/a.jpg")
    assert RobotsFile("<html>not found</html>").allows("http://example.org/a.jpg")


def test_a_section_of_our_own_goes_before_that_of_all() -> None:
    file = RobotsFile("User-agent: *\nDisallow: /\n\nUser-agent: gatherset\nDisallow: /private\nCrawl-delay: 900\n")
    assert file.allows("http://example.org/a.jpg")
    assert not file.allows("http://example.org/private/a.jpg")
    assert file.delay == MOST_DELAY


@pytest.mark.parametrize(("text", "seconds"), [("7", 7), ("", 0), ("soon", 0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0)])
def test_retry_after_is_read_as_seconds_or_as_a_date(text: str, seconds: float) -> None:
    assert retry_after(text) == seconds


def test_retry_after_in_the_future_is_that_far_away() -> None:
    assert retry_after("Fri, 01 Jan 2100 00:00:00 GMT") > 1e9
