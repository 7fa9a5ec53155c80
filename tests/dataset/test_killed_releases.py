"""kill -9, a full disk and a folder that cannot be written, at random moments of building, publishing and pulling.

The default is a few moments each; `pytest -m slow tests/dataset/test_killed_releases.py` tries a hundred.
"""

import os
import random
import resource
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gatherset.dataset.errors import GathersetError
from gatherset.dataset.integrity import integrity_findings
from gatherset.dataset.loading import Release, open_release, releases_in
from gatherset.dataset.pull import cache_folder, pull
from gatherset.dataset.registry import Registry
from gatherset.dataset.release import build_release
from gatherset.dataset.versions import parse_wanted
from gatherset.dataset.workspace import Workspace
from tests.dataset.conftest import correct
from tests.web_server import WebServer

MOMENTS = [pytest.param(4), pytest.param(100, marks=pytest.mark.slow)]


def in_child(work: Callable[[], object]) -> int:
    """Run `work` in a child process; its process id."""
    child = os.fork()
    if child:
        return child
    try:
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, 2)
        work()
        os._exit(0)
    except BaseException:
        os._exit(1)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    assert os.waitpid(in_child(work), 0)[1] == 0
    return time.perf_counter() - started


def killed_at(moment: float, work: Callable[[], object]) -> None:
    child = in_child(work)
    time.sleep(moment)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def moments(times: int, length: float) -> list[float]:
    chance = random.Random(0)
    return [chance.uniform(0, 1.1 * length) for _ in range(times)]


def build(root: Path) -> None:
    build_release(Workspace.open(root))


@pytest.mark.parametrize("times", MOMENTS)
def test_a_killed_build_leaves_no_half_release_and_the_next_one_finishes(
    workspace: Workspace, fill: Callable[..., None], times: int
) -> None:
    fill(workspace, 24)
    folder = workspace.releases_folder
    length = seconds(lambda: build(workspace.root))
    for moment in moments(times, length):
        shutil.rmtree(folder, ignore_errors=True)
        killed_at(moment, lambda: build(workspace.root))
        for path in releases_in(folder).values():  # it may have been quicker than the signal
            assert list(integrity_findings(open_release(path))) == []
    shutil.rmtree(folder, ignore_errors=True)
    build(workspace.root)
    assert list(integrity_findings(workspace.release())) == []


@pytest.mark.parametrize("times", MOMENTS)
def test_a_killed_publication_is_listed_nowhere_and_the_next_one_finishes(
    registry: Registry, released: Release, times: int
) -> None:
    length = seconds(lambda: Registry(registry.url).publish(released))
    for moment in moments(times, length):
        shutil.rmtree(registry.url, ignore_errors=True)
        killed_at(moment, lambda: Registry(registry.url).publish(released))
        assert list(registry.verify()) == []  # what is listed is whole
        registry.publish(released)
        assert list(registry.index()["mg"]) == [(1, 0, 0)]
        assert list(registry.verify()) == []


@pytest.mark.parametrize("times", MOMENTS)
def test_a_killed_pull_leaves_no_half_release_and_the_next_one_finishes(
    registry: Registry, released: Release, times: int
) -> None:
    registry.publish(released)
    with WebServer(Path(registry.url)).running() as web:
        length = seconds(lambda: pull(parse_wanted("mg"), web.url))
        for moment in moments(times, length):
            shutil.rmtree(cache_folder(), ignore_errors=True)
            killed_at(moment, lambda: pull(parse_wanted("mg"), web.url))
            for path in cache_folder().glob("releases/*/mg-*"):
                assert list(integrity_findings(open_release(path))) == []
            assert list(integrity_findings(pull(parse_wanted("mg"), web.url).release)) == []


def on_a_full_disk(work: Callable[[], object], most: int) -> bool:
    """Whether `work` said so when no file could grow beyond `most` bytes."""

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        try:
            work()
        except GathersetError as error:
            os._exit(7 if "File too large" in str(error) else 8)

    return os.waitstatus_to_exitcode(os.waitpid(in_child(limited), 0)[1]) == 7


def test_a_full_disk_is_said_and_leaves_nothing(
    workspace: Workspace, registry: Registry, fill: Callable[..., None]
) -> None:
    fill(workspace, 24)
    assert on_a_full_disk(lambda: build(workspace.root), 20_000)
    assert list(workspace.releases_folder.glob("*")) == []
    build(workspace.root)
    released = workspace.release()
    assert on_a_full_disk(lambda: registry.publish(released), 20_000)
    assert registry.index() == {}
    registry.publish(released)
    assert on_a_full_disk(lambda: pull(parse_wanted("mg"), registry.url), 20_000)
    assert list(cache_folder().glob("releases/*/*")) == []
    assert list(integrity_findings(pull(parse_wanted("mg"), registry.url).release)) == []


def test_a_place_that_cannot_be_written_is_said(
    workspace: Workspace, fill: Callable[..., None], registry: Registry, tmp_path: Path
) -> None:
    fill(workspace, 4)
    workspace.releases_folder.write_text("a file in the place of the folder")
    with pytest.raises(GathersetError, match=r"cannot write .*Not a directory"):
        build_release(workspace)
    workspace.releases_folder.unlink()
    released = build_release(workspace).release
    assert released is not None
    registry.publish(released)
    (tmp_path / "cache").write_text("a file in the place of the folder")
    with pytest.raises(GathersetError, match=r"cannot write .*Not a directory"):
        pull(parse_wanted("mg"), registry.url)


def as_nobody(work: Callable[[], object]) -> str:
    """What `work` says when somebody runs it who may not write here."""
    reader, writer = os.pipe()

    def without_rights() -> None:
        if os.geteuid() == 0:
            os.setegid(65534)
            os.seteuid(65534)
        try:
            work()
        except GathersetError as error:
            os.write(writer, str(error).encode())

    status = os.waitpid(in_child(without_rights), 0)[1]
    os.close(writer)
    with open(reader, encoding="utf-8") as said:
        return said.read() if status == 0 else f"it ended with {status}"


def read_only(folder: Path) -> None:
    for path in (*folder.rglob("*"), folder):
        path.chmod(0o555 if path.is_dir() else 0o444)


def test_a_folder_that_may_only_be_read_is_said(
    workspace: Workspace, fill: Callable[..., None], registry: Registry, tmp_path: Path
) -> None:
    for above in (tmp_path, *tmp_path.parents[:3]):
        above.chmod(above.stat().st_mode | 0o055)  # pytest's own folders are for their owner alone
    fill(workspace, 4)
    released = build_release(workspace).release
    assert released is not None
    registry.publish(released)
    correct(workspace)
    second = build_release(workspace).release
    assert second is not None
    correct(workspace, "One more caption of the crowd.")
    workspace.catalog.close()
    for folder in (workspace.releases_folder, Path(registry.url)):
        read_only(folder)
    (tmp_path / "cache").mkdir(mode=0o555)
    assert "Permission denied" in as_nobody(lambda: Registry(registry.url).publish(second))
    assert "Permission denied" in as_nobody(lambda: Registry(registry.url).yank(parse_wanted("mg@1.0.0"), "a test"))
    assert "Permission denied" in as_nobody(lambda: pull(parse_wanted("mg"), registry.url))
    workspace.root.chmod(0o777)
    for path in workspace.root.glob("catalog.db*"):
        path.chmod(0o666)
    assert "Permission denied" in as_nobody(lambda: build(workspace.root))
    assert sorted(path.name for path in workspace.releases_folder.iterdir()) == ["mg-1.0.0", "mg-2.0.0"]
    assert list((tmp_path / "cache").iterdir()) == []
    assert list(registry.verify()) == []
