"""kill -9 at random moments of a fetch and a link check: run again, the result is that of a run nobody interrupted.

Two kills by default; `pytest -m slow tests/dataset/web/test_killed_web.py` tries ten.
"""

import json
import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gatherset.dataset.loading import open_release
from gatherset.dataset.measurements import link_measurement, write_measurements
from gatherset.dataset.timestamps import now
from gatherset.dataset.web.fetch import fetch
from gatherset.dataset.web.journal import Journal
from gatherset.dataset.web.link_rot import forget_journal
from gatherset.dataset.workspace import Workspace
from tests.dataset.test_killed_releases import killed_at, seconds
from tests.dataset.web.conftest import LOOPBACK, QUICK
from tests.dataset.web.test_link_rot import linked_release
from tests.rude_server import RudeServer

KILLS = [2, pytest.param(10, marks=pytest.mark.slow)]
STEADY = replace(QUICK, per_second=150)
PATHS = ("page", "status/404", "status/500", "truncated", "noai", "damaged", "loop", "private", "octets", "gzip")


def result(folder: Path) -> object:
    """All that a fetch leaves but its times."""
    lines = [json.loads(line) for line in (folder / "captions.jsonl").read_text().splitlines()]
    report = [line.rpartition(",")[0] for line in (folder / "fetch.csv").read_text().splitlines()]
    images = {path.name: path.read_bytes() for path in (folder / "images").iterdir()}
    rest = sorted(path.name for path in folder.iterdir())
    return [{**line, "retrieved": None} for line in lines], report, images, rest


@pytest.mark.parametrize("kills", KILLS)
def test_a_killed_fetch_that_is_run_again_leaves_what_an_undisturbed_one_does(
    rude: RudeServer, tmp_path: Path, kills: int
) -> None:
    path = tmp_path / "urls.csv"
    urls = [rude.url(f"ok/{number}.jpg") for number in range(60)] + [rude.url(name) for name in PATHS]
    path.write_text("url\n" + "\n".join(urls))

    def run(folder: str) -> object:
        return fetch(path, tmp_path / folder, limits=STEADY, reach=LOOPBACK)

    length = seconds(lambda: run("undisturbed"))
    chance = random.Random(kills)
    for _ in range(kills):
        killed_at(chance.uniform(0.1, 1.0) * length, lambda: run("killed"))
        asked = rude.asked.copy()
        with Journal(tmp_path / "killed" / "fetch.jsonl") as journal:
            known = set(journal.outcomes)
    run("killed")  # asks for nothing that was known
    for url in known:
        path_asked = f"127.0.0.1/{url.rpartition(f':{rude.port}/')[2]}"
        assert rude.asked[path_asked] == asked[path_asked], url
    assert result(tmp_path / "killed") == result(tmp_path / "undisturbed")


@pytest.mark.parametrize("kills", KILLS)
def test_a_killed_link_check_that_is_run_again_counts_what_an_undisturbed_one_does(
    rude: RudeServer, workspace: Workspace, tmp_path: Path, kills: int
) -> None:
    release = linked_release(rude, workspace, tmp_path, 20)
    rude.gone = {f"/ok/{number}.jpg": 404 for number in range(0, 20, 3)}

    def run() -> None:
        opened = open_release(release.path)
        write_measurements(opened, [link_measurement(opened, limits=STEADY, reach=LOOPBACK, isolated=False)])
        forget_journal(opened)

    length = seconds(run)
    undisturbed = written(release.path)
    while now() == undisturbed["history"][-1]["measured"]:  # two checks that begin in one second are one
        time.sleep(0.05)
    chance = random.Random(kills)
    for _ in range(kills):
        killed_at(chance.uniform(0.1, 0.9) * length, run)
    run()
    links = written(release.path)
    assert links["kinds"] == undisturbed["kinds"]
    assert links["reasons"] == undisturbed["reasons"]
    assert 2 <= len(links["history"]) <= 2 + kills  # more where the run was quicker than the signal


def written(release: Path) -> dict[str, Any]:
    links: dict[str, Any] = json.loads((release / "measurements" / "links.json").read_text())
    return links
