import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from gatherset.cli import main
from gatherset.dataset.workspace import Workspace
from tests.dataset.web.test_link_rot import linked_release
from tests.rude_server import RudeServer

ALLOWED = ["--allow-network", "127.0.0.0/8", "--per-second", "100"]


def test_fetch_says_what_came_and_exits_with_1_where_an_image_is_missing(rude: RudeServer, tmp_path: Path) -> None:
    path = tmp_path / "urls.txt"
    path.write_text(f"{rude.url('ok/1.jpg')}\n{rude.url('status/404')}\n")
    done = CliRunner().invoke(main, ["fetch", str(path), str(tmp_path / "photos"), *ALLOWED])
    assert done.exit_code == 1
    assert "2 URLs, 2 of them asked for now; 1 different images." in done.output
    path.write_text(f"{rude.url('ok/1.jpg')}\n")
    done = CliRunner().invoke(main, ["fetch", str(path), str(tmp_path / "photos"), *ALLOWED, "--json"])
    assert (done.exit_code, json.loads(done.stdout)["asked"]) == (0, 0)


@pytest.mark.parametrize(
    "given", [("--max-mb", "inf"), ("--max-mb", "nan"), ("--seconds", "inf"), ("--per-second", "nan")]
)
def test_a_limit_is_a_number_to_count_with(tmp_path: Path, given: tuple[str, str]) -> None:
    done = CliRunner().invoke(main, ["fetch", str(tmp_path / "urls.txt"), str(tmp_path / "photos"), *given])
    assert done.exit_code == 2
    assert given[0] in done.output


def test_linkcheck_prints_the_tables_and_what_to_do(rude: RudeServer, workspace: Workspace, tmp_path: Path) -> None:
    release = linked_release(rude, workspace, tmp_path, 4)
    assert CliRunner().invoke(main, ["linkcheck", str(release.path), *ALLOWED]).exit_code == 0
    rude.gone = {"/ok/0.jpg": 410}
    done = CliRunner().invoke(main, ["linkcheck", "-w", str(workspace.root), *ALLOWED])
    assert done.exit_code == 1
    assert "Availability (Table 2)" in done.output
    assert "1 are gone (404, 410)" in done.output
    assert not (release.path / "measurements" / "links.jsonl").exists()
