import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.integrity import integrity_findings
from gatherset.dataset.loading import Release
from gatherset.dataset.measurements import link_measurement, write_measurements
from gatherset.dataset.web.addresses import Reach
from gatherset.dataset.web.crawl import UNDER_WAY
from gatherset.dataset.web.fetch import fetch
from gatherset.dataset.web.judging import Received, judged
from gatherset.dataset.web.link_rot import (
    Linked,
    Links,
    _links,
    _rotten_rows,
    advice,
    archive_address,
    as_text,
    compared,
    forget_journal,
)
from gatherset.dataset.workspace import Workspace
from tests.dataset.conftest import make_all, next_release
from tests.dataset.web.conftest import LOOPBACK, QUICK
from tests.rude_server import RudeServer, picture

Check = Callable[[], Links]


@pytest.fixture
def linked(rude: RudeServer, workspace: Workspace, tmp_path: Path) -> Release:
    """A release of four images of two collections, each with a URL of the rude server."""
    return linked_release(rude, workspace, tmp_path, 4)


def linked_release(rude: RudeServer, workspace: Workspace, tmp_path: Path, count: int) -> Release:
    lines = [f"{rude.url(f'ok/{number}.jpg')},CC0-1.0,{'ab'[number % 2]}" for number in range(count)]
    path = tmp_path / "urls.csv"
    path.write_text("url,license,dataset\n" + "\n".join(lines), encoding="utf-8")
    fetch(path, tmp_path / "photos", limits=QUICK, reach=LOOPBACK, isolated=False)
    captions = tmp_path / "photos" / "captions.jsonl"
    rows = [json.loads(line) for line in captions.read_text().splitlines()]
    texts = ("March of people {}.", "The crowd walks {}.", "Signs are held up {}.", "They pass {}.", "A long line {}.")
    for number, row in enumerate(rows):
        row["captions"] = [text.format(f"in picture {number}") for text in texts]
    captions.write_text("\n".join(map(json.dumps, rows)))
    ingest(workspace, tmp_path / "photos", Provenance("web"))
    make_all(workspace)
    return next_release(workspace)


def check(release: Release) -> Links:
    links = link_measurement(release, limits=QUICK, reach=LOOPBACK, isolated=False)
    write_measurements(release, [links])
    forget_journal(release)
    return links


def saved_anew(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(picture(number))).save(buffer, "JPEG", quality=70)
    return buffer.getvalue()


def test_links_that_are_as_they_were_are_available(linked: Release) -> None:
    left = linked.path / "measurements" / UNDER_WAY / "0.partial"  # by a check that was killed
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half an image")
    links = check(linked)
    assert not left.parent.exists()
    assert (links["links"], links["available"], links["rotten"]) == (4, 4, [])
    assert links["kinds"] == {"there": {"unchanged": 4}}
    assert list(integrity_findings(linked)) == []


def test_another_picture_is_rot_and_the_same_saved_anew_is_not(linked: Release, rude: RudeServer) -> None:
    rude.picture = lambda number: saved_anew(0) if number == 0 else picture(99) if number == 1 else picture(number)
    links = check(linked)
    assert links["kinds"] == {"there": {"unchanged": 2, "saved anew": 1}, "invalid": {"another picture": 1}}
    [rotten] = links["rotten"]
    assert rotten["url"] == rude.url("ok/1.jpg")


def test_two_records_with_one_url_are_each_compared_with_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(picture(1))
    there = judged(Received(tmp_path / "1.jpg", "of this one", like=("of the other",)))
    assert there.found
    own = Linked("gs-1", there.found.sha256, there.found.phash, "a", "CC0-1.0", "")
    other = replace(own, id="gs-2", sha256="of the other", phash=f"{~int(own.phash, 16) & (1 << 64) - 1:016x}")
    found = [compared(there, record) for record in (own, other)]
    assert [outcome.kind for outcome in found] == ["unchanged", "another picture"]
    links = _links({"u": found}, {"u": [own, other]}, 0, {}, "2026-01-01T00:00:00Z")
    assert (links["available"], links["rotten"][0]["ids"]) == (1, ["gs-2"])
    assert [row["id"] for row in _rotten_rows(links, {"u": [own, other]})] == ["gs-2"]


def test_the_tables_are_those_of_the_paper_by_collection(linked: Release, rude: RudeServer) -> None:
    rude.gone = {"/ok/0.jpg": 404, "/ok/1.jpg": 500}
    links = check(linked)
    assert links["availability"]["a"] == {"links": 2, "available": 1, "unavailable": 1, "not_asked": 0}
    assert links["reasons"]["a"]["404"] == 1
    assert links["reasons"]["b"]["500"] == 1
    text = as_text(links)
    assert "Total                               4          2            2         50.0%          0" in text


def test_the_history_is_kept_and_says_since_when(linked: Release, rude: RudeServer) -> None:
    rude.gone = {"/ok/0.jpg": 404}
    first = check(linked)
    rude.gone = {"/ok/0.jpg": 410, "/ok/1.jpg": 404}
    (linked.path / "measurements" / "links.json").write_text(
        json.dumps({**first, "rotten": [{**first["rotten"][0], "since": "2020-01-01T00:00:00Z"}],
                    "history": [{**first["history"][0], "measured": "2020-01-01T00:00:00Z"}]})
    )  # fmt: skip
    second = check(linked)
    assert [row["unavailable"] for row in second["history"]] == [1, 2]
    assert second["history"][1]["newly_rotten"] == 1
    assert {row["kind"]: row["since"][:4] for row in second["rotten"]}["410"] == "2020"


def test_a_check_that_was_interrupted_asks_for_the_rest_alone(linked: Release, rude: RudeServer) -> None:
    link_measurement(linked, limits=QUICK, reach=LOOPBACK, isolated=False)  # killed before its result was written
    asked = rude.asked.copy()
    links = check(linked)
    assert rude.asked == asked
    assert len(links["history"]) == 1
    check(linked)
    assert rude.asked["127.0.0.1/ok/1.jpg"] == asked["127.0.0.1/ok/1.jpg"] + 1


def test_what_is_rotten_stands_in_a_table_with_where_to_look(linked: Release, rude: RudeServer) -> None:
    rude.gone = {"/ok/0.jpg": 404}
    links = check(linked)
    lines = (linked.path / "measurements" / "rotten.csv").read_text().splitlines()
    assert len(lines) == 2
    assert "https://web.archive.org/web/20" in lines[1]
    assert any("holds its own copy" in line for line in advice(links, linked))
    assert any("retract" in line for line in advice(links, linked))


def test_a_check_reaches_no_private_address_by_itself(linked: Release, rude: RudeServer) -> None:
    asked = rude.asked.copy()
    links = link_measurement(linked, limits=QUICK, reach=Reach(), isolated=False)
    assert (links["not_asked"], rude.asked) == (4, asked)


def test_the_archive_is_asked_for_the_day_of_retrieval() -> None:
    address = archive_address("http://a.org/1.jpg", "2026-11-20T10:00:00Z")
    assert address == "https://web.archive.org/web/20261120100000/http://a.org/1.jpg"
