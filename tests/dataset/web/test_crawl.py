import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gatherset.dataset.web.addresses import Reach
from gatherset.dataset.web.crawl import crawl
from gatherset.dataset.web.judging import Received, judged
from gatherset.dataset.web.outcome import Outcome
from tests.dataset.web.conftest import HURRIED, LOOPBACK, QUICK
from tests.rude_server import RudeServer

Ask = Callable[..., list[Outcome]]


@pytest.mark.parametrize(
    ("path", "category", "kind"),
    [
        ("ok/1.jpg", "there", "there"),
        ("moved/2.jpg", "there", "there"),
        ("octets", "there", "there"),
        ("untyped", "there", "there"),
        ("gzip", "there", "there"),
        ("other-noai", "there", "there"),
        ("page", "invalid", "a page"),
        ("page-as-image", "invalid", "no image"),
        ("text", "invalid", "another type"),
        ("empty", "invalid", "empty"),
        ("damaged", "invalid", "damaged"),
        ("truncated", "invalid", "incomplete"),
        ("hang", "invalid", "incomplete"),
        ("gzip-cut", "invalid", "incomplete"),
        ("not-gzip", "invalid", "damaged"),
        ("brotli", "invalid", "packed"),
        ("bomb", "invalid", "too large"),
        ("pixels", "invalid", "damaged"),
        ("huge", "invalid", "too large"),
        ("endless", "invalid", "too large"),
        ("silent", "no-connection", "timeout"),
        ("drip", "no-connection", "timeout"),
        ("reset", "no-connection", "reset"),
        ("mute", "no-connection", "reset"),
        ("garbage", "no-connection", "protocol"),
        ("status/400", "4xx", "400"),
        ("status/401", "4xx", "401"),
        ("status/403", "4xx", "403"),
        ("status/404", "4xx", "404"),
        ("status/410", "4xx", "410"),
        ("status/451", "4xx", "451"),
        ("status/500", "5xx", "500"),
        ("status/502", "5xx", "502"),
        ("status/503", "5xx", "503"),
        ("status/504", "5xx", "504"),
        ("status/520", "5xx", "520"),
        ("status/999", "other", "999"),
        ("status/204", "other", "204"),
        ("nowhere", "other", "302"),
        ("loop", "other", "redirections"),
        ("noai", "not-asked", "noai"),
        ("private", "not-asked", "private address"),
        ("metadata", "not-asked", "private address"),
        ("file", "not-asked", "no web address"),
    ],
)
def test_every_misbehaviour_has_its_category(rude: RudeServer, ask: Ask, path: str, category: str, kind: str) -> None:
    [outcome] = ask(rude.url(path), limits=HURRIED if path in ("silent", "hang", "drip") else QUICK)
    assert (outcome.category, outcome.kind) == (category, kind), outcome


def test_a_host_that_refuses_or_has_no_name_is_no_connection(ask: Ask) -> None:
    refused, nameless = ask("http://127.0.0.1:1/a.jpg", "http://gatherset.invalid/a.jpg")
    assert (refused.category, refused.kind) == ("no-connection", "refused")
    assert nameless.category == "no-connection"
    assert nameless.kind in ("no such name", "name server")


@pytest.mark.parametrize("url", ["", "no url", "ftp://x/a.jpg", "http://", "http://a:99999/", "http://u:p@host/a.jpg"])
def test_what_is_no_web_address_is_not_asked_for(ask: Ask, url: str) -> None:
    [outcome] = ask(url)
    assert (outcome.category, outcome.kind) == ("not-asked", "no web address")


def test_loopback_is_not_reached_unless_told_to(rude: RudeServer, ask: Ask) -> None:
    [outcome] = ask(rude.url("ok/1.jpg"), reach=Reach())
    assert outcome.kind == "private address"
    assert not rude.asked


def test_a_name_that_leads_to_a_private_address_is_not_reached(rude: RudeServer, ask: Ask) -> None:
    [outcome] = ask(f"http://localhost:{rude.port}/ok/1.jpg", reach=Reach())
    assert outcome.kind == "private address"
    assert not rude.asked


def test_a_redirection_to_a_name_of_a_private_address_is_not_followed(tmp_path: Path) -> None:
    """127.0.0.2 may be reached, and sends on to localhost, which may not."""
    reach = Reach.of(["127.0.0.2/32"])
    with RudeServer(("127.0.0.2",)).running() as server:
        url = server.url("named")
        [(_, outcome)] = crawl([url], tmp_path, lambda *_: pytest.fail("received"), limits=QUICK, reach=reach)
    assert outcome.kind == "private address"


def test_what_may_pass_is_asked_again_and_the_rest_is_not(rude: RudeServer, ask: Ask) -> None:
    found = ask(*(rude.url(path) for path in ("once/503", "once/500", "once/404", "status/503", "truncated")))
    assert [outcome.kind for outcome in found] == ["there", "there", "404", "503", "incomplete"]
    times = [rude.asked[f"127.0.0.1/{path}"] for path in ("once/503", "once/404", "status/503", "truncated")]
    assert times == [2, 1, 3, 3]


def test_a_host_that_asks_for_a_pause_gets_it(rude: RudeServer, ask: Ask) -> None:
    busy, other = ask(rude.url("once/429/1"), rude.url("ok/1.jpg"), limits=replace(QUICK, per_host=1))
    assert (busy.kind, other.kind) == ("there", "there")
    first, second, *_ = rude.times["127.0.0.1"]
    assert second - first >= 1


def test_a_host_that_is_asked_too_much_is_left_alone_for_a_while(rude: RudeServer, ask: Ask) -> None:
    urls = [rude.url("once/429"), rude.url("ok/1.jpg")]
    ask(*urls, limits=replace(QUICK, per_host=1, back_off=0.4))
    first, second, *_ = rude.times["127.0.0.1"]
    assert second - first >= 0.4


def test_a_host_that_asks_for_a_long_pause_is_left_for_another_day(rude: RudeServer, ask: Ask) -> None:
    urls = [rude.url("status/503/86400"), *(rude.url(f"ok/{number}.jpg") for number in range(3))]
    found = ask(*urls, limits=replace(QUICK, per_host=1))
    assert [outcome.kind for outcome in found] == ["503"] * 4
    assert len(rude.times["127.0.0.1"]) == 1


def test_a_host_is_asked_no_quicker_and_by_no_more_at_once_than_allowed(rude: RudeServer, ask: Ask) -> None:
    rude.latency = 0.02
    ask(*(rude.url(f"ok/{number}.jpg") for number in range(30)), limits=replace(QUICK, per_host=2, per_second=50))
    times = rude.times["127.0.0.1"]
    assert times[-1] - times[0] >= 28 / 50 * 0.8  # as the server saw it, which may have been late for the first
    assert rude.most_at_once["127.0.0.1"] <= 2


def test_robots_txt_is_obeyed_and_read_once(rude: RudeServer, ask: Ask) -> None:
    rude.robots = b"User-agent: *\nDisallow: /ok/*.jpg$\nAllow: /ok/2.jpg$\n\nUser-agent: other\nDisallow: /\n"
    found = ask(*(rude.url(path) for path in ("ok/1.jpg", "ok/2.jpg", "octets", "moved/1.jpg")))
    assert [outcome.kind for outcome in found] == ["robots.txt", "there", "there", "robots.txt"]
    assert rude.asked["127.0.0.1/robots.txt"] == 1


def test_a_robots_txt_that_comes_packed_is_obeyed_too(rude: RudeServer, ask: Ask) -> None:
    rude.robots, rude.pack_robots = b"User-agent: *\nDisallow: /\n", True
    [outcome] = ask(rude.url("ok/1.jpg"))
    assert outcome.kind == "robots.txt"


def test_no_cookie_is_kept(rude: RudeServer, ask: Ask) -> None:
    ask(rude.url("octets"), rude.url("ok/1.jpg"), rude.url("octets?again"), limits=replace(QUICK, per_host=1))
    assert rude.cookies == 0


def test_a_crawl_delay_is_kept(rude: RudeServer, ask: Ask) -> None:
    rude.robots = b"User-agent: gatherset\nCrawl-delay: 0.2\n"
    ask(*(rude.url(f"ok/{number}.jpg") for number in range(4)))
    _, second, *_, last = rude.times["127.0.0.1"]  # the first is that before which it was read
    assert last - second >= 2 * 0.2 * 0.5  # as the server saw it, which may have been late for the second


def test_where_robots_txt_cannot_be_read_nothing_is_asked(ask: Ask) -> None:
    [outcome] = ask("http://127.0.0.1:1/a.jpg")
    assert "robots.txt" in outcome.detail


@pytest.mark.parametrize(
    "target",
    ["http://127.0.0.1:99999/robots.txt", "file:///etc/passwd", "http://me:secret@127.0.0.1:1/", "http:///x"],
)
def test_a_robots_txt_that_leads_to_no_web_address_is_none(rude: RudeServer, ask: Ask, target: str) -> None:
    rude.robots_at = target
    [outcome] = ask(rude.url("ok/1.jpg"))
    assert outcome.kind == "there"


def test_a_robots_txt_that_asks_for_a_long_pause_is_asked_for_once(rude: RudeServer, ask: Ask) -> None:
    rude.gone = {"/robots.txt/": 429}
    rude.wait = "86400"
    first, second = ask(rude.url("ok/1.jpg"), rude.url("ok/2.jpg"))
    assert (first.kind, first.wait, second.wait) == ("429", 86400, 86400)
    assert rude.asked == {"127.0.0.1/robots.txt": 1}


def test_what_nobody_foresaw_is_the_outcome_of_its_url_alone(rude: RudeServer, tmp_path: Path) -> None:
    def look(url: str, path: Path) -> Outcome:
        if url.endswith("1.jpg"):
            raise OverflowError("never heard of")
        return judged(Received(path, ""))

    urls = [rude.url("ok/1.jpg"), rude.url("ok/2.jpg")]
    found = dict(crawl(urls, tmp_path, look, limits=QUICK, reach=LOOPBACK))
    assert [(found[url].category, found[url].kind) for url in urls] == [("other", "unforeseen"), ("there", "there")]


def test_a_bomb_is_not_unpacked_to_its_end(rude: RudeServer, ask: Ask) -> None:
    ask(rude.url("bomb"))  # made, and imports done
    tracemalloc.start()
    ask(rude.url("bomb"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


def test_what_goes_wrong_here_is_raised_and_not_blamed_on_the_url(rude: RudeServer, tmp_path: Path) -> None:
    def full(url: str, path: Path) -> Outcome:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        list(crawl([rude.url("ok/1.jpg")], tmp_path, full, limits=QUICK, reach=LOOPBACK))


def test_nothing_that_was_received_stays_when_the_caller_stops(rude: RudeServer, tmp_path: Path) -> None:
    urls = [rude.url(f"ok/{number}.jpg") for number in range(20)]
    answers = crawl(urls, tmp_path, lambda *_: Outcome("there", "there"), limits=QUICK, reach=LOOPBACK)
    next(answers)
    answers.close()
    assert list(tmp_path.iterdir()) == []
