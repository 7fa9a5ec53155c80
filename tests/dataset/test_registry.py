import json
import shutil
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from gatherset.dataset.catalog.tables import records as records_table
from gatherset.dataset.catalog.tables import revisions
from gatherset.dataset.errors import RegistryError, ReleaseError
from gatherset.dataset.loading import Release, open_release
from gatherset.dataset.registry import Registry
from gatherset.dataset.retractions import Retraction, keep_retractions, retracted_in
from gatherset.dataset.versions import parse_wanted
from gatherset.dataset.workspace import Workspace
from tests.dataset.conftest import correct, next_release


def retraction(identity: str) -> Retraction:
    return Retraction(identity, "takedown", "2026-11-21")


def test_what_is_published_is_listed_and_whole(registry: Registry, released: Release) -> None:
    assert registry.publish(released)
    [(version, entry)] = registry.index()["mg"].items()
    assert (version, entry.records, entry.content_hash) == ((1, 0, 0), 24, released.content_hash)
    assert list(registry.verify()) == []
    assert not (Path(registry.url) / "mg" / "1.0.0" / ".publishing").exists()


def test_publishing_again_changes_nothing(registry: Registry, released: Release) -> None:
    registry.publish(released)
    before = (Path(registry.url) / "index.json").read_bytes()
    assert not registry.publish(released)
    assert (Path(registry.url) / "index.json").read_bytes() == before


def test_a_published_version_never_changes(registry: Registry, released: Release, workspace: Workspace) -> None:
    registry.publish(released)
    shutil.rmtree(released.path)
    correct(workspace)
    other = next_release(workspace, "1.0.0")
    with pytest.raises(RegistryError, match=r"mg@1\.0\.0 is published .* with other content"):
        registry.publish(other)
    assert list(registry.verify()) == []


def test_a_damaged_release_is_not_published(registry: Registry, released: Release) -> None:
    (released.path / "README.md").write_text("changed")
    with pytest.raises(RegistryError, match=r"damaged: .*README\.md"):
        registry.publish(released)
    assert registry.index() == {}


def test_publishing_goes_on_where_it_stopped(
    registry: Registry, released: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    write = registry.storage.write

    def stop_after_ten(path: str, source: Path | bytes) -> None:
        if len(written) == 10:
            raise KeyboardInterrupt
        written.append(path)
        write(path, source)

    with monkeypatch.context() as patched:
        patched.setattr(registry.storage, "write", stop_after_ten)
        with pytest.raises(KeyboardInterrupt):
            registry.publish(released)
    assert registry.index() == {}
    monkeypatch.setattr(registry.storage, "write", lambda path, source: (written.append(path), write(path, source)))
    assert registry.publish(released)
    assert len(written) == len(set(written))
    assert list(registry.verify()) == []


def test_two_releases_of_one_version_cannot_be_published_side_by_side(registry: Registry, released: Release) -> None:
    claim = Path(registry.url) / "mg" / "1.0.0" / ".publishing"
    claim.parent.mkdir(parents=True)
    claim.write_text("0" * 64)
    with pytest.raises(RegistryError, match=r"somebody else is publishing .*remove .*\.publishing"):
        registry.publish(released)


def test_publishers_of_different_versions_do_not_lose_each_other(
    registry: Registry, released: Release, workspace: Workspace
) -> None:
    releases = [released]
    for number in range(1, 4):
        correct(workspace, f"Caption of the crowd number {number}.")
        releases.append(next_release(workspace))
    threads = [threading.Thread(target=Registry(registry.url).publish, args=(release,)) for release in releases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(registry.index()["mg"]) == [(1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0, 0)]


def test_a_yanked_version_is_found_by_its_full_name_alone(
    registry: Registry, released: Release, workspace: Workspace
) -> None:
    registry.publish(released)
    registry.publish(next_release(workspace, "1.0.1"))
    registry.yank(parse_wanted("mg@1.0.1"), "wrong licence")
    assert registry.resolve(parse_wanted("mg"))[0] == (1, 0, 0)
    assert registry.resolve(parse_wanted("mg@1.0.1"))[1].yanked == "wrong licence"
    registry.yank(parse_wanted("mg@1.0.1"), None)
    assert registry.resolve(parse_wanted("mg"))[0] == (1, 0, 1)


@pytest.mark.parametrize("text", ["mg@1.0", "mg@9.9.9", "other@1.0.0"])
def test_what_cannot_be_yanked_is_said(registry: Registry, released: Release, text: str) -> None:
    registry.publish(released)
    with pytest.raises(RegistryError, match=r"is not one version|no release"):
        registry.yank(parse_wanted(text), "because")


def test_an_unknown_release_names_those_there_are(registry: Registry, released: Release) -> None:
    with pytest.raises(RegistryError, match=r"no release 'mg' .*There is: nothing"):
        registry.resolve(parse_wanted("mg"))
    registry.publish(released)
    with pytest.raises(RegistryError, match=r"no release 'mg@2' .*There is: 1\.0\.0"):
        registry.resolve(parse_wanted("mg@2"))


def test_a_record_is_retracted_once(registry: Registry, released: Release) -> None:
    identity = released["train"].ids[0]
    assert registry.retract(retraction(identity))
    assert not registry.retract(retraction(identity))
    assert [entry.id for entry in registry.retractions()] == [identity]
    with pytest.raises(ReleaseError, match="is not the id of a record"):
        registry.retract(retraction("gs-1"))


def test_a_purge_takes_image_and_captions_out_of_every_version(
    registry: Registry, released: Release, workspace: Workspace
) -> None:
    correct(workspace, number=5)
    registry.publish(released)
    registry.publish(next_release(workspace))
    example = released["train"][3]
    registry.retract(retraction(example.id))
    assert set(registry.purge()) == {"mg@1.0.0", "mg@2.0.0"}
    for path in Path(registry.url).glob("mg/**/*"):
        if path.is_file() and path.name != "retractions.json":
            data = path.read_bytes()
            assert example.image_bytes[50:] not in data, path
            assert example.id.encode() not in data, path
            assert example.captions[0].encode() not in data, path
    assert list(registry.verify()) == []
    assert registry.purge() == {}


def test_a_purge_reaches_what_the_papers_quote(registry: Registry, released: Release, workspace: Workspace) -> None:
    """CHANGES.md of the next version quotes a record that is no longer in it."""
    example = released["train"][3]
    with workspace.catalog.write() as connection:
        connection.execute(sa.delete(revisions).where(revisions.c.record_id == example.id))
        connection.execute(sa.delete(records_table).where(records_table.c.id == example.id))
    second = next_release(workspace)
    assert example.captions[0] in (second.path / "CHANGES.md").read_text()
    registry.publish(second)
    registry.retract(retraction(example.id))
    assert registry.purge() == {"mg@2.0.0": 1}
    assert example.captions[0] not in (Path(registry.url) / "mg" / "2.0.0" / "CHANGES.md").read_text()
    assert list(registry.verify()) == []


def test_an_interrupted_purge_is_seen_and_finished(
    registry: Registry, released: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.publish(released)
    registry.retract(retraction(released["train"].ids[3]))
    write, calls = registry.storage.write, iter(range(100))

    def stop_at_the_third(path: str, source: Path | bytes) -> None:
        if next(calls) == 2:
            raise KeyboardInterrupt
        write(path, source)

    with monkeypatch.context() as patched:
        patched.setattr(registry.storage, "write", stop_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            registry.purge()
    assert {finding.rule for finding in registry.verify()} == {"GS701"}
    assert registry.purge() != {}
    assert list(registry.verify()) == []


def test_a_tampered_published_file_is_named_with_its_length(registry: Registry, released: Release) -> None:
    registry.publish(released)
    path = Path(registry.url) / "mg" / "1.0.0" / "README.md"
    length = path.stat().st_size
    path.write_bytes(path.read_bytes() + b"!")
    (path.parent / "CHANGES.md").unlink()
    found = {Path(finding.where).name: finding for finding in registry.verify()}
    assert f"{length + 1} bytes, {length} expected" in found["README.md"].message
    assert found["CHANGES.md"].rule == "GS702"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema_version": "9"}', "\x00\xff", "<html>not here</html>"])
def test_an_index_that_is_none_is_said(registry: Registry, text: str) -> None:
    path = Path(registry.url) / "index.json"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="latin-1")
    with pytest.raises(RegistryError, match=r"index\.json"):
        registry.index()


def test_an_index_without_end_is_not_read_to_the_end(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatherset.dataset.registry.MOST_INDEX", 1000)
    path = Path(registry.url) / "index.json"
    path.parent.mkdir(parents=True)
    path.write_text(" " * 1001)
    with pytest.raises(RegistryError, match="longer than 1000 bytes"):
        registry.index()


def test_a_registry_that_cannot_be_written_is_said(registry: Registry, released: Release) -> None:
    Path(registry.url).write_text("a file in the place of the folder")
    with pytest.raises(RegistryError, match="Not a directory"):
        registry.publish(released)


def test_what_was_measured_stands_beside_the_release(registry: Registry, released: Release) -> None:
    registry.publish(released)
    registry.add_measurement("mg", (1, 0, 0), "links", {"links": 3})
    path = Path(registry.url) / "mg" / "1.0.0" / "measurements" / "links.json"
    assert json.loads(path.read_text()) == {"links": 3}
    assert list(registry.verify()) == []
    with pytest.raises(RegistryError, match="Publish it first"):
        registry.add_measurement("mg", (7, 0, 0), "links", {})


def test_a_publisher_who_comes_late_to_the_claim_changes_nothing(
    registry: Registry, released: Release, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looked at the index before the other had written it, and claims the folder after the other has left it."""
    first = open_release(shutil.copytree(released.path, tmp_path / "first"))
    shutil.rmtree(released.path)
    correct(workspace)
    second = next_release(workspace, "1.0.0")
    late, claim = Registry(registry.url), Registry._claim

    def publish_the_first(self: Registry, folder: str, sha256: str) -> None:
        if self is late:
            registry.publish(first)
        claim(self, folder, sha256)

    monkeypatch.setattr(Registry, "_claim", publish_the_first)
    with pytest.raises(RegistryError, match="with other content"):
        late.publish(second)
    assert list(registry.verify()) == []
    assert not (Path(registry.url) / "mg" / "1.0.0" / ".publishing").exists()


def test_checksums_that_an_interrupted_purge_left_are_seen_and_mended(
    registry: Registry, released: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.publish(released)
    registry.retract(retraction(released["train"].ids[0]))
    write = registry.storage.write

    def stop(path: str, source: Path | bytes) -> None:
        if path.endswith("SHA256SUMS"):
            raise KeyboardInterrupt
        write(path, source)

    with monkeypatch.context() as patched:
        patched.setattr(registry.storage, "write", stop)
        with pytest.raises(KeyboardInterrupt):
            registry.purge()
    assert [Path(finding.where).name for finding in registry.verify()] == ["SHA256SUMS"]
    registry.purge()
    assert list(registry.verify()) == []


def test_purges_go_one_after_the_other_and_each_reads_the_list_anew(registry: Registry, released: Release) -> None:
    registry.publish(released)
    registry.retract(retraction(released["train"].ids[0]))
    with registry.storage.locked("purge.lock"):
        waiting = threading.Thread(target=Registry(registry.url).purge)
        waiting.start()
        registry.retract(retraction(released["train"].ids[1]))
    waiting.join()
    assert len(registry.applied("mg", (1, 0, 0)).retractions) == 2


def test_a_purge_says_which_published_file_is_missing(registry: Registry, released: Release) -> None:
    registry.publish(released)
    registry.retract(retraction(released["train"].ids[0]))
    (Path(registry.url) / "mg" / "1.0.0" / "README.md").unlink()
    with pytest.raises(RegistryError, match=r"README\.md is missing"):
        registry.purge()


def test_a_retracted_record_is_not_published_again(registry: Registry, released: Release) -> None:
    registry.retract(retraction(released["train"].ids[0]))
    with pytest.raises(RegistryError, match=f"retracted in .*{released['train'].ids[0]}"):
        registry.publish(released)
    assert registry.index() == {}


def test_a_version_of_thousands_of_digits_is_refused(registry: Registry) -> None:
    entry = {"manifest_sha256": "0" * 64, "content_hash": "0" * 64, "records": 1, "bytes": 1, "published": ""}
    versions = {f"{'1' * 5000}.0.0": {**entry, "yanked": None}}
    Path(registry.url).mkdir()
    document = {"schema_version": "1.0", "releases": {"mg": versions}}
    (Path(registry.url) / "index.json").write_text(json.dumps(document))
    with pytest.raises(RegistryError, match=r"index\.json"):
        registry.index()


def test_a_workspace_keeps_the_lists_of_all_registries(tmp_path: Path) -> None:
    first, second = retraction(f"gs-{1:016x}"), retraction(f"gs-{2:016x}")
    keep_retractions(tmp_path, [first])
    keep_retractions(tmp_path, [second])
    assert set(retracted_in(tmp_path)) == {first.id, second.id}
