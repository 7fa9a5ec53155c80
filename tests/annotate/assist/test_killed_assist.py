"""kill -9 at random moments of caption, expand and zeroshot: run again, the suggestions are those of a quiet run.

Two kills by default; `pytest -m slow tests/annotate/assist/test_killed_assist.py` tries ten, and BLIP and CLIP too.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from gatherset.annotate.assist.captioning import EndpointCaptioner, caption_items, suggest_captions
from gatherset.annotate.assist.endpoint import Asking, Endpoint
from gatherset.annotate.assist.expansion import expand, expansion_items
from gatherset.annotate.assist.prompts import read_prompt
from gatherset.dataset.catalog.tables import suggestions
from gatherset.dataset.workspace import Workspace
from tests.annotate.assist.conftest import images_with_a_first_caption
from tests.annotate.assist.test_captioning import blip  # noqa: F401
from tests.baselines.test_zero_shot import clip  # noqa: F401
from tests.conftest import ROOT
from tests.dataset.test_killed_releases import killed_at, seconds
from tests.model_server import ModelServer

KILLS = [2, pytest.param(10, marks=pytest.mark.slow)]
pytestmark = pytest.mark.in_file  # the workspace is copied as a folder


def suggested(root: Path) -> list[tuple[str, str, str, str]]:
    columns = ("image_id", "kind", "origin", "value")
    workspace = Workspace.open(root)
    with workspace.catalog.read() as connection:
        found = sorted(tuple(row) for row in connection.execute(sa.select(*(suggestions.c[name] for name in columns))))
    workspace.catalog.close()
    return found


def run_expand(root: Path, url: str) -> None:
    workspace = Workspace.open(root)
    with Endpoint(url, Asking("m", seconds=5), root / "answers") as endpoint:
        expand(workspace, expansion_items(workspace), endpoint, read_prompt(root, "expand"))


def run_caption(root: Path, url: str) -> None:
    workspace = Workspace.open(root)
    with Endpoint(url, Asking("m", seconds=5), root / "answers") as endpoint:
        captioner = EndpointCaptioner(endpoint, read_prompt(root, "caption"), "en")
        suggest_captions(workspace, caption_items(workspace, captioner.name), captioner)


@pytest.mark.parametrize("kills", KILLS)
@pytest.mark.parametrize(("run", "captions"), [(run_expand, True), (run_caption, False)], ids=["expand", "caption"])
def test_what_was_killed_and_run_again_suggests_the_same(
    workspace: Workspace,
    models: ModelServer,
    tmp_path: Path,
    kills: int,
    run: Callable[[Path, str], None],
    captions: bool,
) -> None:
    images_with_a_first_caption(workspace, tmp_path / "photos", 16, captions=captions)
    workspace.catalog.close()
    models.latency = 0.05
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(workspace.root, undisturbed)
    length = seconds(lambda: run(undisturbed, models.url))
    asked = len(models.requests)
    chance = random.Random(kills)
    for _ in range(kills):
        killed_at(chance.uniform(0.1, 0.9) * length, lambda: run(workspace.root, models.url))
    run(workspace.root, models.url)
    assert suggested(workspace.root) == suggested(undisturbed) != []
    assert len(models.requests) - asked <= asked + 4 * kills  # those under way when it was killed


@pytest.mark.slow
@pytest.mark.parametrize(("command", "model"), [("caption", "blip"), ("zeroshot", "clip")])
def test_a_killed_model_that_is_run_again_suggests_the_same(
    workspace: Workspace, tmp_path: Path, request: pytest.FixtureRequest, command: str, model: str
) -> None:
    folder = request.getfixturevalue(model)
    images_with_a_first_caption(workspace, tmp_path / "photos", 100, captions=False)
    workspace.catalog.close()
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(workspace.root, undisturbed)

    def start(root: Path) -> subprocess.Popen[bytes]:
        line = [sys.executable, "-m", "gatherset.cli", command, "--model", str(folder), "-w", str(root)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    begin = time.monotonic()
    assert start(undisturbed).wait() in (0, 1)
    length = time.monotonic() - begin
    chance = random.Random(0)
    for _ in range(10):
        process = start(workspace.root)
        time.sleep(chance.uniform(0.3, 0.95) * length)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert start(workspace.root).wait() in (0, 1)
    assert suggested(workspace.root) == suggested(undisturbed)
