import threading
import time
from pathlib import Path

import pytest

from gatherset.dataset import storage as storage_module
from gatherset.dataset.errors import RegistryError
from gatherset.dataset.loading import Release
from gatherset.dataset.pull import pull
from gatherset.dataset.registry import Registry
from gatherset.dataset.retractions import Retraction
from gatherset.dataset.storage import (
    FolderStorage,
    MissingError,
    ObjectStorage,
    Storage,
    WebStorage,
    read_small,
    storage_at,
)
from gatherset.dataset.versions import parse_wanted

pytest.importorskip("fsspec", reason="fsspec is not installed (pip install 'gatherset[remote]')")


@pytest.fixture(params=["folder", "fsspec"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """A folder, and fsspec's own store in memory: any implementation of fsspec that knows exclusive creation."""
    return storage_at(str(tmp_path / "there") if request.param == "folder" else f"memory://{tmp_path.name}")


def test_what_is_written_is_read(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    storage.write("a/b", b"old")
    storage.write("a/b", tmp_path / "file")
    assert (read_small(storage, "a/b", 100), storage.size("a/b")) == (b"0123456789", 10)
    with storage.open("a/b", 7) as stream:
        buffer = bytearray(10)
        assert (stream.readinto(memoryview(buffer)), bytes(buffer[:3]), stream.start) == (3, b"789", 7)


def test_what_is_not_there_is_missing(storage: Storage) -> None:
    assert storage.size("a/b") is None
    storage.remove("a/b")
    with pytest.raises(MissingError):
        read_small(storage, "a/b", 100)


def test_only_the_first_creates(storage: Storage) -> None:
    assert [storage.create("a/claim", text) for text in (b"mine", b"yours")] == [True, False]
    assert read_small(storage, "a/claim", 100) == b"mine"


def test_one_writer_at_a_time_holds_the_lock(storage: Storage) -> None:
    inside, most = [], []

    def work() -> None:
        with storage.locked():
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.02)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 5


def test_the_lock_of_a_killed_writer_is_taken_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    storage = storage_at(f"memory://{tmp_path.name}")
    storage.create("index.lock", b'{"token": "x", "since": 0}')
    with storage.locked():
        pass
    storage.create("index.lock", b'{"token": "x", "since": 99999999999}')
    monkeypatch.setattr(storage_module, "SECONDS_TO_WAIT", 0.1)
    with pytest.raises(RegistryError, match=r"somebody else is writing .*index\.lock"), storage.locked():
        pass


def test_a_writer_whose_lock_was_taken_over_leaves_it_to_the_other(tmp_path: Path) -> None:
    storage = storage_at(f"memory://{tmp_path.name}")
    with storage.locked():
        storage.write("index.lock", b'{"token": "of another", "since": 99999999999}')
    assert storage.size("index.lock") is not None


def test_a_registry_behind_fsspec_serves_the_whole_life_of_a_release(
    released: Release, registry: Registry, tmp_path: Path
) -> None:
    url = f"memory://{tmp_path.name}/registry"
    there = Registry(url)
    assert there.publish(released)
    assert not there.publish(released)
    there.retract(Retraction(released["train"].ids[0], "takedown", "2026-11-21"))
    assert there.purge() != {}
    assert list(there.verify()) == []
    assert len(pull(parse_wanted("mg"), url).release["train"]) == len(released["train"]) - 1


@pytest.mark.parametrize(
    ("location", "kind"),
    [("/r", FolderStorage), ("r", FolderStorage), ("file:///r", FolderStorage), ("https://x.org/r", WebStorage)],
)
def test_a_location_has_its_kind_of_storage(location: str, kind: type) -> None:
    assert type(storage_at(location)) is kind
    assert type(storage_at("memory://r")) is ObjectStorage


def test_a_web_server_can_only_be_read(released: Release) -> None:
    with pytest.raises(RegistryError, match="can only be read"):
        WebStorage("http://127.0.0.1:1").write("a", b"")


@pytest.fixture
def careless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Storage:
    """A store that knows no condition: fsspec's own way to the local disk, which looks first and writes then."""
    monkeypatch.setattr(storage_module, "SECONDS_TO_SETTLE", 0.2)
    return storage_at(f"local://{tmp_path}/store")


def test_a_store_without_conditions_says_so(careless: Storage, tmp_path: Path) -> None:
    assert "read back" in careless.how_locked
    assert "on condition" in storage_at(f"memory://{tmp_path.name}").how_locked


def test_of_many_who_create_in_the_same_moment_one_has_created(careless: Storage) -> None:
    start, won = threading.Barrier(6), []

    def work(number: int) -> None:
        start.wait()
        if careless.create("claim", b"%d" % number):
            won.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [int(read_small(careless, "claim", 10))]
    assert not careless.create("claim", b"late")


def test_writers_without_conditions_hold_the_lock_one_after_the_other(careless: Storage) -> None:
    inside, most = [], []

    def work() -> None:
        with careless.locked():
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.02)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 3
