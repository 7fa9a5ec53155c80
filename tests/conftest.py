"""Fixtures that many folders need: a small folder of real image files, a workspace, the real data where it is."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from PIL import Image

from gatherset.dataset.catalog.database import VARIABLE
from gatherset.dataset.workspace import Workspace
from tests.postgresql import Cluster, programs

# Tests run side by side: the threads of two trainings, which wait by spinning, would take the cores from each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A machine that does other work at the same time is slow now and then; that is no failure.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
CAPTIONS = (
    "People march down the street with signs.",
    "A crowd fills the avenue under banners.",
    "Many demonstrators walk past the shops.",
    "Someone in the crowd lifts a white placard.",
    "The march moves slowly through the city.",
)


# Files of minutes, which would be what is left at the end where files are run side by side.
LONGEST = (
    *("docs/test_docs.py", "doors/test_demo.py", "benchmarks/test_kill.py", "pages/test_states.py"),
    *("security/test_soak.py", "security/test_faults.py", "security/test_hostile_text.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not str(item.path).endswith(LONGEST))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--postgresql", action="store_true", help="make the tests' workspaces in PostgreSQL")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """A PostgreSQL server for this run."""
    found = programs()
    if found is None:
        must_not_skip_in_ci("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    assert found is not None
    cluster = Cluster(found)
    yield cluster
    cluster.remove()


@pytest.fixture(scope="module")
def playwright() -> Iterator[Any]:
    """What starts browsers. It does not start a second time beside itself, nor does asyncio.run beside it."""
    from playwright.sync_api import sync_playwright

    from tests.browser import CHROMIUM

    if CHROMIUM is None:
        must_not_skip_in_ci("no Chromium (Debian: apt-get install chromium)")
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: Any) -> Iterator[Any]:
    """One Chromium for the tests of a file."""
    from tests.browser import launch

    opened = launch(playwright)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _no_workspace_around(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own workspace and database must not leak into a test."""
    monkeypatch.delenv("GATHERSET_WORKSPACE", raising=False)
    monkeypatch.delenv(VARIABLE, raising=False)
    if request.config.getoption("postgresql"):
        monkeypatch.setenv(VARIABLE, request.getfixturevalue("postgresql").url)


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in files that nobody has worked in: to copy it takes a twentieth of the time of making one."""
    folder = tmp_path_factory.mktemp("blank") / "mg"
    Workspace.create(folder).catalog.close()
    return folder


@pytest.fixture
def workspace(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Workspace]:
    if VARIABLE in os.environ:
        made = Workspace.create(tmp_path / "mg")
    else:
        made = Workspace.open(shutil.copytree(request.getfixturevalue("blank"), tmp_path / "mg"))
    yield made
    made.catalog.close()


def draw(path: Path, number: int, size: tuple[int, int] = (96, 80)) -> None:
    """A picture of its own for each number: smooth noise, so that perceptual hashes differ."""
    noise = np.random.default_rng(number).integers(0, 256, (10, 12, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(path, quality=90)


@pytest.fixture
def make_photos(tmp_path: Path) -> Callable[..., Path]:
    """make_photos(4, captions=True) draws a folder of 4 photographs with captions.jsonl."""

    def make(count: int, *, captions: bool = True, folder: str = "photos", **fields: object) -> Path:
        root = tmp_path / folder
        lines = []
        for number in range(count):
            draw(root / "images" / f"{number}.jpg", number)
            texts = [f"{text[:-1]}, photo {number}." for text in CAPTIONS]
            lines.append(json.dumps({"image": f"{number}.jpg", "captions": texts, "license": "CC-BY-4.0", **fields}))
        if captions:
            (root / "captions.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return root

    return make


@pytest.fixture(scope="session")
def gatherings() -> Path:
    """The folder of 893 real photographs with captions and two annotators; not part of the project."""
    folder = SHARED / "data" / "gatherings"
    if not folder.is_dir():
        pytest.skip("the real photographs are not beside this clone (../shared/data/gatherings)")
    return folder


def some_photographs(gatherings: Path, folder: Path, count: int) -> None:
    """Make `folder` one of the first `count` real photographs, with their captions and both annotators' answers."""
    (folder / "images").mkdir(parents=True)
    lines = (gatherings / "captions.jsonl").read_text(encoding="utf-8").splitlines()[:count]
    names = {json.loads(line)["image"] for line in lines}
    (folder / "captions.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name in names:
        (folder / "images" / name).symlink_to(gatherings.resolve() / "images" / name)
    for annotator in ("annotator_a.csv", "annotator_b.csv"):
        header, *rows = (gatherings / annotator).read_text(encoding="utf-8").splitlines()
        kept = [row for row in rows if row.partition(",")[0] in names]
        (folder / annotator).write_text("\n".join([header, *kept]) + "\n", encoding="utf-8")


def hear_ctrl_c() -> None:
    """preexec_fn of a process that a test interrupts: one started by a background job would not hear SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def must_not_skip_in_ci(reason: str) -> None:
    """Skip with the reason; in CI, where the thing can be installed, fail instead."""
    if os.environ.get("CI"):
        pytest.fail(f"in CI this must run: {reason}")
    pytest.skip(reason)
