import json
import os
import random
import shutil
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import gatherset
from gatherset.dataset import pull as pull_module
from gatherset.dataset.errors import RegistryError, ReleaseError
from gatherset.dataset.integrity import content_findings, integrity_findings
from gatherset.dataset.loading import Release
from gatherset.dataset.pull import Pulled, YankWarning, as_selection, cache_folder
from gatherset.dataset.pull import pull as pull_
from gatherset.dataset.registry import Registry
from gatherset.dataset.retractions import Retraction, RetractionWarning
from gatherset.dataset.versions import parse_wanted
from gatherset.dataset.workspace import Workspace
from tests.dataset.conftest import correct, next_release
from tests.web_server import WebServer


@pytest.fixture
def published(registry: Registry, released: Release) -> Registry:
    registry.publish(released)
    return registry


@pytest.fixture
def web(published: Registry) -> Iterator[WebServer]:
    with WebServer(Path(published.url)).running() as server:
        yield server


def pull(text: str, location: str, to: Path | None = None, *splits: str, captions_only: bool = False) -> Pulled:
    return pull_(parse_wanted(text), location, to=to, selection=as_selection(splits, captions_only))


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def same(first: Path, second: Path) -> bool:
    return files(first) == files(second)


def test_a_pulled_release_is_the_published_one(web: WebServer, released: Release) -> None:
    pulled = pull("mg", web.url)
    assert same(pulled.release.path, released.path)
    assert pulled.fetched == sum(entry["bytes"] for entry in released.manifest["files"])
    assert list(integrity_findings(pulled.release)) == []


def test_pulling_again_fetches_nothing(web: WebServer) -> None:
    pull("mg", web.url)
    again = pull("mg@1.0", web.url)
    assert (again.fetched, web.requests[-2:]) == (0, ["index.json", "retractions.json"])


def test_a_folder_and_a_file_url_are_pulled_from_as_well(
    published: Registry, released: Release, tmp_path: Path
) -> None:
    assert same(pull("mg", published.url, tmp_path / "a").release.path, released.path)
    assert same(pull("mg", Path(published.url).as_uri(), tmp_path / "b").release.path, released.path)


def test_another_version_fetches_only_the_files_that_changed(
    web: WebServer, published: Registry, released: Release, workspace: Workspace
) -> None:
    pull("mg", web.url)
    correct(workspace)
    published.publish(next_release(workspace))
    web.requests.clear()
    pull("mg@2", web.url)
    buckets = [path for path in web.requests if "/data/" in path]
    assert len(buckets) == 1


def test_a_pull_that_is_cut_off_twenty_times_ends_whole_with_little_fetched_twice(
    web: WebServer, released: Release
) -> None:
    chance = random.Random(7)
    total = sum(entry["bytes"] for entry in released.manifest["files"])
    cuts = iter([chance.randrange(total // 40) for _ in range(20)])
    web.cut_after = lambda: next(cuts, None) if web.requests[-1].count("/") > 1 else None
    for _ in range(25):
        try:
            pulled = pull("mg", web.url)
            break
        except RegistryError:
            assert list(cache_folder().glob("releases/*/mg-*")) == []
    assert next(cuts, None) is None
    assert same(pulled.release.path, released.path)
    listed = {f"mg/1.0.0/{entry['path']}" for entry in released.manifest["files"]}
    assert total <= sum(length for path, length in web.served if path in listed) <= 1.1 * total


def test_a_server_without_ranges_is_asked_for_the_whole_file_again(web: WebServer, released: Release) -> None:
    web.ranges = False
    first = iter([3000])
    web.cut_after = lambda: next(first, None) if "/data/" in web.requests[-1] else None
    assert same(pull("mg", web.url).release.path, released.path)


@pytest.mark.parametrize("change", [lambda data: data[:-1] + b"?", lambda data: data + b"more"])
def test_swapped_bytes_are_refused_and_named(web: WebServer, change: object) -> None:
    web.change = lambda path, data: change(data) if path.endswith("karpathy.json") else data  # type: ignore[operator]
    with pytest.raises(RegistryError, match=r"karpathy\.json is not what was published"):
        pull("mg", web.url)
    assert list(cache_folder().glob("releases/*/*")) == []
    web.change = lambda path, data: data
    pull("mg", web.url)


def test_a_swapped_manifest_is_refused(web: WebServer) -> None:
    web.change = lambda path, data: data.replace(b'"tool"', b'"t00l"') if path.endswith("release.json") else data
    with pytest.raises(RegistryError, match=r"release\.json is not the one that was published"):
        pull("mg", web.url)


def test_a_version_that_is_another_than_the_one_pulled_before_is_refused(
    published: Registry, released: Release, workspace: Workspace
) -> None:
    pull("mg", published.url)
    shutil.rmtree(published.url)
    shutil.rmtree(released.path)
    correct(workspace)
    published.publish(next_release(workspace, "1.0.0"))
    with pytest.raises(RegistryError, match="was pulled before and is not what"):
        pull("mg@1.0.0", published.url)


@pytest.mark.parametrize(
    "path",
    [
        *("../outside", "/etc/passwd", "data/../../outside", "C:\\x", "a\\..\\b", "..", "./README.md", "data//x"),
        *("release.json", "Retractions.json", ".pulled.json", "SHA256SUMS", "measurements/links.json", "CHANGES.md"),
    ],
)
def test_a_manifest_with_a_path_that_no_release_has_is_not_followed(published: Registry, path: str) -> None:
    import hashlib

    where = Path(published.url) / "mg" / "1.0.0" / "release.json"
    manifest = json.loads(where.read_text())
    manifest["files"][0]["path"] = path
    where.write_text(json.dumps(manifest))
    index = Path(published.url) / "index.json"
    document = json.loads(index.read_text())
    document["releases"]["mg"]["1.0.0"]["manifest_sha256"] = hashlib.sha256(where.read_bytes()).hexdigest()
    index.write_text(json.dumps(document))
    with pytest.raises(RegistryError, match="is no path of a release"):
        pull("mg", published.url)


@pytest.mark.parametrize("text", [b"", b"<html>", b"\x00" * 1000, b"[" * 100_000])
@pytest.mark.parametrize("name", ["index.json", "retractions.json", "release.json"])
def test_a_registry_that_answers_nonsense_is_said(web: WebServer, published: Registry, name: str, text: bytes) -> None:
    published.retract(Retraction("gs-0000000000000000", "wrong", "2026-11-21"))
    web.change = lambda path, data: text if path.endswith(name) else data
    with pytest.raises(ReleaseError, match=name.replace(".", r"\.")):
        pull("mg", web.url)
    assert list(cache_folder().glob("releases/*/*")) == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://", "http://[", "nonsense://x", "s4://bucket"])
def test_an_address_that_leads_nowhere_is_said(registry: Registry, url: str) -> None:
    with pytest.raises(ReleaseError):
        pull("mg", url)


def test_one_split_is_pulled_alone(web: WebServer, released: Release) -> None:
    test = pull("mg", web.url, None, "test").release
    assert [example.id for example in test["test"]] == released["test"].ids
    assert not [path for path in web.requests if "train" in path or "val" in path]
    with pytest.raises(ReleaseError, match=r"pulled without its split 'train'.*gatherset pull mg@1\.0\.0"):
        len(test["train"])
    assert list(integrity_findings(test)) == []
    both = pull("mg", web.url, None, "val").release
    assert (len(both["test"]), len(both["val"])) == (len(released["test"]), len(released["val"]))
    whole = pull("mg", web.url).release
    assert len(whole["train"]) == len(released["train"])


def test_captions_are_pulled_without_images(web: WebServer, released: Release) -> None:
    alone = pull("mg", web.url, None, captions_only=True).release
    assert not [path for path in web.requests if "/data/" in path]
    assert alone["train"][0].captions == released["train"][0].captions
    with pytest.raises(ReleaseError, match="without its image"):
        _ = alone["train"][0].image


def test_a_yanked_version_is_pulled_with_a_warning(published: Registry) -> None:
    published.yank(parse_wanted("mg@1.0.0"), "the wrong licence")
    with pytest.raises(RegistryError, match="yanked"):
        pull("mg", published.url)
    with pytest.warns(YankWarning, match="the wrong licence"):
        gatherset.load("mg@1.0.0", registry=published.url)


def test_retractions_are_applied_on_pull_and_said(published: Registry, released: Release) -> None:
    gone = released["train"][2]
    published.retract(Retraction(gone.id, "privacy", "2026-11-21"))
    pulled = pull("mg", published.url)
    assert [entry.id for entry in pulled.retracted] == [gone.id]
    assert gone.id not in pulled.release["train"].ids
    assert not [name for name, data in files(pulled.release.path).items() if gone.image_bytes[50:] in data]
    assert not [name for name, data in files(cache_folder()).items() if gone.image_bytes[50:] in data]
    assert list(integrity_findings(pulled.release)) == []
    assert list(content_findings(pulled.release)) == []
    with pytest.warns(RetractionWarning, match=gone.id):
        assert len(gatherset.load("mg", registry=published.url)["train"]) == len(released["train"]) - 1


def test_retractions_reach_what_was_pulled_before(published: Registry, released: Release) -> None:
    before = pull("mg", published.url).release
    assert before["train"][2].id == released["train"].ids[2]
    published.retract(Retraction(released["train"].ids[2], "wrong", "2026-11-21"))
    after = pull("mg", published.url).release
    assert (before.path, len(after["train"])) == (after.path, len(released["train"]) - 1)
    assert after["train"][2].id == released["train"].ids[3]
    assert after["train"][2].image_bytes == released["train"][3].image_bytes


def test_a_purged_version_is_pulled_whole(published: Registry, released: Release) -> None:
    published.retract(Retraction(released["test"].ids[0], "takedown", "2026-11-21"))
    published.purge()
    pulled = pull("mg", published.url)
    assert len(pulled.release["test"]) == len(released["test"]) - 1
    assert list(integrity_findings(pulled.release)) == []


def test_a_release_is_loaded_by_name_from_the_registry_and_then_without_it(
    published: Registry, released: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ReleaseError, match="was pulled yet"):
        gatherset.load("mg")
    monkeypatch.setenv("GATHERSET_REGISTRY", published.url)
    assert gatherset.load("mg@1.0")["test"][0].captions == released["test"][0].captions
    monkeypatch.delenv("GATHERSET_REGISTRY")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert str(gatherset.load("mg@^1.0")) == "mg@1.0.0"


def test_a_workspace_of_the_same_name_does_not_stand_in_the_way(
    published: Registry, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace.root.parent)
    assert str(gatherset.load("mg", registry=published.url)) == "mg@1.0.0"


def test_a_folder_that_is_no_release_is_not_overwritten(published: Registry, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ReleaseError, match="is there and is not a release"):
        pull("mg", published.url, tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("captions_only", [False, True])
def test_a_part_of_a_purged_version_is_pulled(published: Registry, released: Release, captions_only: bool) -> None:
    published.retract(Retraction(released["train"].ids[0], "takedown", "2026-11-21"))
    published.purge()
    part = pull("mg", published.url, None, *(() if captions_only else ("test",)), captions_only=captions_only).release
    assert part["test"].ids == released["test"].ids
    assert list(integrity_findings(part)) == []


def test_captions_alone_come_without_the_photographs_of_the_report(published: Registry) -> None:
    assert not (pull("mg", published.url, None, captions_only=True).release.path / "report.html").exists()


@pytest.mark.parametrize("path", ["data/../../victim/x.parquet", "data/train/unheard-of.parquet"])
def test_retractions_of_files_that_are_not_of_the_release_are_refused(
    published: Registry, released: Release, tmp_path: Path, path: str
) -> None:
    published.retract(Retraction(released["train"].ids[0], "wrong", "2026-11-21"))
    nothing = {"bytes": 0, "sha256": "0" * 64}
    document = json.loads((Path(published.url) / "retractions.json").read_text())
    document["files"] = [{"path": path, "was": nothing, "now": nothing}]
    (Path(published.url) / "mg" / "1.0.0" / "retractions.json").write_text(json.dumps(document))
    with pytest.raises(ReleaseError, match="Do not trust it"):
        pull("mg", published.url, tmp_path / "here")


@pytest.mark.parametrize("length", [None, 5])
def test_a_kept_file_that_somebody_edited_is_fetched_anew(
    published: Registry, tmp_path: Path, length: int | None
) -> None:
    path = pull("mg", published.url, tmp_path / "a").release.path / "README.md"
    assert not path.stat().st_mode & 0o222
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(b"XXX")
        file.truncate(length)
    assert list(integrity_findings(pull("mg", published.url, tmp_path / "b").release)) == []


def test_a_file_that_was_removed_comes_back(published: Registry) -> None:
    path = pull("mg", published.url).release.path
    (path / "captions" / "train.parquet").unlink()
    assert list(integrity_findings(pull("mg", published.url).release)) == []


def test_pulling_another_split_keeps_what_was_measured(published: Registry) -> None:
    path = pull("mg", published.url, None, "test").release.path
    (path / "measurements").mkdir()
    (path / "measurements" / "benchmark.json").write_text("{}")
    assert pull("mg", published.url).release.whole
    assert (path / "measurements" / "benchmark.json").read_text() == "{}"
    assert sorted(other.name for other in path.parent.iterdir()) == ["mg-1.0.0", "registry.txt"]


def test_a_pull_that_is_killed_between_two_folders_loses_neither(published: Registry, released: Release) -> None:
    path = pull("mg", published.url, None, "test").release.path
    path.rename(path.with_name(".mg-1.0.0.0123abcd.replaced"))  # as a kill leaves it
    again = pull("mg", published.url, None, "test")
    assert (again.fetched, again.release.path, again.release["test"].ids) == (0, path, released["test"].ids)


def test_pulls_at_the_same_time_all_end_well(web: WebServer) -> None:
    with ThreadPoolExecutor(4) as pool:
        pulled = list(pool.map(lambda _: pull("mg", web.url), range(4)))
    assert len([one for one in pulled if one.fetched]) == 1
    assert list(integrity_findings(pulled[0].release)) == []


def test_hidden_folders_of_others_are_left_alone(published: Registry, tmp_path: Path) -> None:
    theirs, ours = tmp_path / ".download.partial", tmp_path / ".here.0123abcd.partial"
    for folder in (theirs, ours):
        folder.mkdir()
        os.utime(folder, (1, 1))
    pull("mg", published.url, tmp_path / "here")
    assert (theirs.exists(), ours.exists()) == (True, False)


def test_a_purge_that_was_stopped_before_the_checksums_is_finished(
    published: Registry, released: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull("mg", published.url)
    published.retract(Retraction(released["train"].ids[0], "takedown", "2026-11-21"))

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("gatherset.dataset.purge._keep_sums", stop)
        with pytest.raises(KeyboardInterrupt):
            pull("mg", published.url)
    assert list(integrity_findings(pull("mg", published.url).release)) == []


def test_a_name_that_two_registries_use_differently_is_refused(
    published: Registry, released: Release, workspace: Workspace, tmp_path: Path
) -> None:
    shutil.rmtree(released.path)
    correct(workspace)
    other = Registry(str(tmp_path / "other"))
    other.publish(next_release(workspace, "1.0.0"))
    pull("mg", published.url)
    assert str(gatherset.load("mg")) == "mg@1.0.0"
    pull("mg", other.url)
    with pytest.raises(ReleaseError, match=r"'mg' stands for different releases: .*/other, .*/registry.*registry=URL"):
        gatherset.load("mg")
    assert gatherset.load("mg", registry=other.url).content_hash != released.content_hash


def test_the_same_release_of_two_registries_needs_no_choice(
    published: Registry, released: Release, tmp_path: Path
) -> None:
    mirror = Registry(str(tmp_path / "mirror"))
    mirror.publish(released)
    pull("mg", published.url)
    pull("mg", mirror.url)
    assert gatherset.load("mg@1").content_hash == released.content_hash


def test_the_cache_keeps_no_password_of_an_address(published: Registry) -> None:
    pull_module._note_address(cache_folder(), "https://eva:secret@example.org/registry")
    assert (cache_folder() / "registry.txt").read_text() == "https://example.org/registry\n"


def test_a_folder_is_loaded_without_what_a_registry_has_retracted_since(published: Registry, released: Release) -> None:
    gone = released["test"].ids[0]
    published.retract(Retraction(gone, "takedown", "2026-11-21"))
    with pytest.warns(RetractionWarning, match=gone):
        loaded = gatherset.load(released.path, registry=published.url)
    assert gone not in loaded["test"].ids
    assert len(loaded["test"]) == len(released["test"]) - 1
    assert list(integrity_findings(released)) == []  # nobody's folder is written to
