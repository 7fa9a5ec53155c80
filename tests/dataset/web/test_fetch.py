import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from PIL import Image

from gatherset.dataset.catalog.tables import images
from gatherset.dataset.errors import InputError
from gatherset.dataset.images import TOO_HUNGRY
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.web import judging
from gatherset.dataset.web.fetch import Fetched, fetch
from gatherset.dataset.web.journal import Journal
from gatherset.dataset.workspace import Workspace
from tests.conftest import ROOT, hear_ctrl_c
from tests.dataset.web.conftest import LOOPBACK, QUICK
from tests.rude_server import RudeServer, picture


def run(path: Path, folder: Path, again: str | None = None, *, isolated: bool = False) -> Fetched:
    return fetch(path, folder, limits=QUICK, reach=LOOPBACK, again=again, isolated=isolated)


def a_list(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "urls.csv"
    path.write_text("url,caption,license,attribution\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_what_is_fetched_is_ingested_as_the_web_part_with_url_date_and_licence(
    rude: RudeServer, workspace: Workspace, tmp_path: Path
) -> None:
    path = a_list(tmp_path, f"{rude.url('ok/1.jpg')},A crowd fills a square.,CC-BY-4.0,Photo: N. N.")
    fetched = run(path, tmp_path / "photos")
    assert (fetched.images, fetched.asked, fetched.findings) == (1, 1, [])
    report = ingest(workspace, tmp_path / "photos", Provenance("web"))
    assert report.added == 1
    with workspace.catalog.read() as connection:
        row = connection.execute(sa.select(images)).mappings().one()
    source = row["source"]
    assert (source["part"], source["url"], source["license"]) == ("web", rude.url("ok/1.jpg"), "CC-BY-4.0")
    assert source["retrieved"].endswith("Z")
    assert [entry["text"] for entry in row["captions"]] == ["A crowd fills a square."]


def test_a_run_that_is_repeated_asks_for_nothing(rude: RudeServer, tmp_path: Path) -> None:
    path = a_list(tmp_path, *(rude.url(name) for name in ("ok/1.jpg", "page", "status/404", "status/500")))
    first = run(path, tmp_path / "photos")
    before, kept = rude.asked.copy(), (tmp_path / "photos" / "captions.jsonl").read_bytes()
    second = run(path, tmp_path / "photos")
    assert (second.asked, rude.asked, second.outcomes) == (0, before, first.outcomes)
    assert (tmp_path / "photos" / "captions.jsonl").read_bytes() == kept


def test_the_failed_ones_alone_are_asked_again_on_request(rude: RudeServer, tmp_path: Path) -> None:
    path = a_list(tmp_path, *(rude.url(name) for name in ("ok/1.jpg", "once/404", "status/410", "once/403")))
    assert len(run(path, tmp_path / "photos").findings) == 3
    again = run(path, tmp_path / "photos", again="failed")
    assert again.asked == 3
    assert again.counts == {"4xx": {"410": 1}, "there": {"there": 3}}
    assert rude.asked["127.0.0.1/ok/1.jpg"] == 1


def test_asking_again_that_was_interrupted_goes_on_with_the_rest(rude: RudeServer, tmp_path: Path) -> None:
    path = a_list(tmp_path, *(rude.url(name) for name in ("once/404", "status/410")))
    run(path, tmp_path / "photos")
    with Journal(tmp_path / "photos" / "fetch.jsonl") as journal:  # killed when both were still to be asked
        assert journal.ask_again("failed", list(journal.outcomes)) == 2
    assert run(path, tmp_path / "photos").asked == 2
    assert run(path, tmp_path / "photos").asked == 0


def test_asking_again_for_one_list_is_no_matter_of_another(rude: RudeServer, tmp_path: Path) -> None:
    run(a_list(tmp_path, rude.url("status/404")), tmp_path / "photos")
    path = a_list(tmp_path, rude.url("status/410"), rude.url("page"))
    run(path, tmp_path / "photos")
    assert [run(path, tmp_path / "photos", again="4xx").asked for _ in range(2)] == [1, 1]


def test_an_image_that_was_kept_in_the_moment_of_a_kill_is_not_left_behind(rude: RudeServer, tmp_path: Path) -> None:
    path, images = a_list(tmp_path, rude.url("ok/1.jpg")), tmp_path / "photos" / "images"
    run(path, tmp_path / "photos")
    [kept] = images.iterdir()
    with Journal(tmp_path / "photos" / "fetch.jsonl") as journal:
        journal.begin_judging(rude.url("ok/2.jpg"), "gs-0123456789abcdef")
        journal.begin_judging(rude.url("ok/3.jpg"), kept.stem)  # the same picture, from elsewhere
    (images / "gs-0123456789abcdef.jpg").write_bytes(b"of a URL whose outcome is not in the journal")
    (tmp_path / "photos" / ".captions.jsonl.0a1b2c3d.partial").write_bytes(b"half of it")
    (images / "gs-fedcba9876543210.jpg").write_bytes(b"somebody's own, called as an export calls it")
    run(path, tmp_path / "photos")
    assert {path.name for path in images.iterdir()} == {kept.name, "gs-fedcba9876543210.jpg"}
    assert not list((tmp_path / "photos").glob(".*"))


@pytest.mark.parametrize("name", ["images", "captions.jsonl", "fetch.csv"])
def test_a_folder_that_no_fetch_has_made_is_left_as_it_is(tmp_path: Path, name: str) -> None:
    mine = tmp_path / "mine" / name / "gs-0123456789abcdef.jpg" if name == "images" else tmp_path / "mine" / name
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(InputError, match="no fetch made it"):
        run(a_list(tmp_path, "http://gatherset.invalid/1.jpg"), tmp_path / "mine")
    assert mine.read_bytes() == b"mine"
    assert not (tmp_path / "mine" / "fetch.jsonl").exists()


def test_an_image_that_is_gone_from_the_folder_is_fetched_anew_while_its_line_stands(
    rude: RudeServer, tmp_path: Path
) -> None:
    first, second = rude.url("ok/1.jpg"), rude.url("ok/2.jpg")
    run(a_list(tmp_path, first, second), tmp_path / "photos")
    for image in (tmp_path / "photos" / "images").iterdir():
        image.unlink()
    fetched = run(a_list(tmp_path, first), tmp_path / "photos")
    assert (fetched.asked, fetched.images) == (1, 1)
    [line] = (tmp_path / "photos" / "captions.jsonl").read_text().splitlines()
    assert json.loads(line)["url"] == first


DEADLY = """
import os, signal
from PIL import ImageFile
loaded = ImageFile.ImageFile.load
def load(self):
    if self.width in (97, 98):
        os.kill(os.getpid(), {97: signal.SIGSEGV, 98: signal.SIGABRT}[self.width])
    return loaded(self)
ImageFile.ImageFile.load = load
"""


def test_an_image_that_crashes_its_decoder_costs_only_itself_and_is_not_fetched_again(
    rude: RudeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(DEADLY)  # in the processes that decode: Pillow with such a fault
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    rude.picture = lambda number: picture(number, {2: 97, 5: 98}.get(number, 96))
    path = a_list(tmp_path, *(rude.url(f"ok/{number}.jpg") for number in range(8)))
    for _ in range(2):
        fetched = run(path, tmp_path / "photos", isolated=True)
        deadly = [finding.message for finding in fetched.findings]
        ended = "damaged: decoding it ended the process"
        assert deadly == [f"{rude.url(name)}: {ended}" for name in ("ok/2.jpg", "ok/5.jpg")]
        assert fetched.images == len(list((tmp_path / "photos" / "images").iterdir())) == 6
    assert set(rude.served.values()) == {1}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds what a process has of its own")
def test_an_image_that_takes_more_memory_than_it_may_costs_only_itself(
    rude: RudeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "memory_for", lambda _: 20_000_000)  # as if ours took many times what they do
    large = io.BytesIO()
    Image.new("RGB", (3000, 3000)).save(large, "PNG")
    rude.picture = lambda number: large.getvalue() if number == 1 else picture(number)
    path = a_list(tmp_path, *(rude.url(f"ok/{number}.jpg") for number in range(4)))
    fetched = run(path, tmp_path / "photos", isolated=True)
    [finding] = fetched.findings
    assert finding.message == f"{rude.url('ok/1.jpg')}: damaged: {TOO_HUNGRY[0]}"
    assert fetched.images == 3


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_command_that_is_ended_leaves_no_process_behind_and_goes_on_with_the_rest(
    rude: RudeServer, tmp_path: Path, how: signal.Signals
) -> None:
    path, journal = a_list(tmp_path, *(rude.url(f"ok/{number}.jpg") for number in range(60))), "photos/fetch.jsonl"
    command = [sys.executable, "-m", "gatherset.cli", "fetch", str(path), str(tmp_path / "photos")]
    process = subprocess.Popen(
        [*command, "--allow-network", "127.0.0.0/8", "--per-second", "20"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=hear_ctrl_c,
    )
    while not (tmp_path / journal).exists() or b'"there"' not in (tmp_path / journal).read_bytes():
        assert process.poll() is None
        time.sleep(0.01)
    if how == signal.SIGINT:
        os.killpg(process.pid, how)  # a terminal sends Ctrl-C to all processes of the command
    else:
        process.send_signal(how)  # of which nobody else hears
    _, said = process.communicate(timeout=120)  # the others hold its standard error: until they have ended, too
    assert "Traceback" not in said
    assert process.returncode == (130 if how == signal.SIGINT else -how)
    with Journal(tmp_path / journal) as left:
        known = len(left.outcomes)
    fetched = run(path, tmp_path / "photos")
    assert (fetched.asked, fetched.images) == (60 - known, 60)


def test_a_host_that_asks_for_a_long_pause_is_asked_again_by_the_next_run(rude: RudeServer, tmp_path: Path) -> None:
    path = a_list(tmp_path, rude.url("once/429/86400"))
    first = run(path, tmp_path / "photos")
    [finding] = first.findings
    assert "left alone for a while" in finding.next_step
    second = run(path, tmp_path / "photos")
    assert (second.asked, second.images) == (1, 1)
    assert run(path, tmp_path / "photos").asked == 0


def test_the_step_after_what_may_pass_is_to_try_again_and_after_the_rest_is_not(
    rude: RudeServer, tmp_path: Path
) -> None:
    path = a_list(tmp_path, *(rude.url(name) for name in ("status/429", "status/404", "page", "status/503")))
    steps = [finding.next_step.partition(" ")[0] for finding in run(path, tmp_path / "photos").findings]
    assert steps == ["Try", "Find", "Find", "Try"]


def test_one_picture_with_two_licences_is_told(rude: RudeServer, tmp_path: Path) -> None:
    lines = [f"{rude.url('octets')},,CC-BY-4.0", f"{rude.url('untyped')},,CC-BY-NC-ND-4.0"]
    [finding] = run(a_list(tmp_path, *lines), tmp_path / "photos").findings
    assert (finding.rule, finding.level) == ("GS103", "error")
    assert "CC-BY-4.0, CC-BY-NC-ND-4.0" in finding.message


def test_the_report_names_every_url_and_no_formula(rude: RudeServer, tmp_path: Path) -> None:
    path = a_list(tmp_path, rude.url("ok/1.jpg"), rude.url("page"))
    run(path, tmp_path / "photos")
    lines = (tmp_path / "photos" / "fetch.csv").read_text().splitlines()
    assert lines[0] == "line,url,category,kind,detail,image,asked"
    assert [line.split(",")[2:4] for line in lines[1:]] == [["there", "there"], ["invalid", "a page"]]


def test_a_picture_that_many_urls_give_is_told(rude: RudeServer, tmp_path: Path) -> None:
    path = a_list(tmp_path, *(rude.url(f"octets?{number}") for number in range(5)))
    fetched = run(path, tmp_path / "photos")
    assert fetched.images == 1
    [finding] = fetched.findings
    assert finding.rule == "GS612"


def test_a_second_list_adds_to_the_folder(rude: RudeServer, tmp_path: Path) -> None:
    run(a_list(tmp_path, f"{rude.url('ok/1.jpg')},,CC0-1.0"), tmp_path / "photos")
    run(a_list(tmp_path, f"{rude.url('ok/2.jpg')},,CC0-1.0"), tmp_path / "photos")
    lines = (tmp_path / "photos" / "captions.jsonl").read_text().splitlines()
    assert {json.loads(line)["license"] for line in lines} == {"CC0-1.0"}
    assert len(lines) == 2


def test_half_a_line_that_a_kill_left_is_cut_off(rude: RudeServer, tmp_path: Path) -> None:
    path = a_list(tmp_path, rude.url("page"), rude.url("text"))
    run(path, tmp_path / "photos")
    journal = tmp_path / "photos" / "fetch.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    assert run(path, tmp_path / "photos").asked == 1
    assert run(path, tmp_path / "photos").asked == 0


def test_a_folder_is_fetched_into_by_one_at_a_time(rude: RudeServer, tmp_path: Path) -> None:
    path = a_list(tmp_path, rude.url("ok/1.jpg"))
    with Journal(tmp_path / "photos" / "fetch.jsonl"), pytest.raises(InputError, match="in use"):
        run(path, tmp_path / "photos")


def test_a_damaged_journal_is_named(tmp_path: Path, rude: RudeServer) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "fetch.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match="damaged"):
        run(a_list(tmp_path, rude.url("ok/1.jpg")), tmp_path / "photos")
