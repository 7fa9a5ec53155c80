"""kill -9 at random moments of caption, expand and zeroshot: run again, the suggestions are those of a quiet run.

Two kills by default; `pytest -m slow tests/annotate/assist/test_killed_assist.py` tries ten, and BLIP and CLIP too.
"""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
import torch

from gatherset.annotate.assist.captioning import (
    EndpointCaptioner,
    TransformersCaptioner,
    caption_items,
    suggest_captions,
)
from gatherset.annotate.assist.endpoint import Asking, Endpoint
from gatherset.annotate.assist.expansion import expand, expansion_items
from gatherset.annotate.assist.prompts import read_prompt
from gatherset.baselines.zero_shot import ZeroShot, suggest_types
from gatherset.dataset.catalog.tables import suggestions
from gatherset.dataset.workspace import Workspace
from tests.annotate.assist.conftest import images_with_a_first_caption
from tests.annotate.assist.test_captioning import blip  # noqa: F401
from tests.baselines.test_zero_shot import clip  # noqa: F401
from tests.dataset.test_killed_releases import killed_at, seconds
from tests.model_server import ModelServer

KILLS = [2, pytest.param(10, marks=pytest.mark.slow)]
torch.set_num_threads(1)  # those of a process do not live on in its children, which would wait for them
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


def run_blip(root: Path, folder: Path) -> None:
    workspace = Workspace.open(root)
    captioner = TransformersCaptioner(str(folder))
    suggest_captions(workspace, caption_items(workspace, captioner.name), captioner)


def run_zeroshot(root: Path, folder: Path) -> None:
    workspace = Workspace.open(root)
    suggest_types(workspace, ZeroShot(str(folder), workspace.taxonomy))


@pytest.mark.slow
@pytest.mark.parametrize(("run", "model"), [(run_blip, "blip"), (run_zeroshot, "clip")], ids=["caption", "zeroshot"])
def test_a_killed_model_that_is_run_again_suggests_the_same(
    workspace: Workspace,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    run: Callable[[Path, Path], None],
    model: str,
) -> None:
    folder = request.getfixturevalue(model)
    images_with_a_first_caption(workspace, tmp_path / "photos", 64, captions=False)
    workspace.catalog.close()
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(workspace.root, undisturbed)
    length = seconds(lambda: run(undisturbed, folder))
    chance = random.Random(0)
    for _ in range(10):
        killed_at(chance.uniform(0.3, 0.95) * length, lambda: run(workspace.root, folder))
    run(workspace.root, folder)
    assert suggested(workspace.root) == suggested(undisturbed) != []
