import hashlib
import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import sqlalchemy as sa
from PIL import Image

from gatherset import schemas
from gatherset.dataset import release as release_module
from gatherset.dataset.catalog.tables import records as records_table
from gatherset.dataset.errors import ImageError, ReleaseError
from gatherset.dataset.formats import bucket_of
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.loading import Release
from gatherset.dataset.records import SPLITS, add_revision, content_hash, current_records
from gatherset.dataset.release import build_release
from gatherset.dataset.splits import assign_splits
from gatherset.dataset.targets import validate_target
from gatherset.dataset.versions import parse_version
from gatherset.dataset.workspace import Workspace
from tests.conftest import must_not_skip_in_ci
from tests.dataset.conftest import Photos, make_all

TYPES = ("protest", "sports_event")


@pytest.fixture
def filled(workspace: Workspace, fill: Callable[..., None]) -> Workspace:
    fill(workspace, 20, types=TYPES)
    return workspace


def built(workspace: Workspace, version: str | None = None) -> Release:
    release = build_release(workspace, version).release
    assert release is not None
    return release


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def correct(workspace: Workspace) -> str:
    """A new revision of the first record; its id."""
    with workspace.catalog.write() as connection:
        record = next(current_records(connection))
        record["captions"][0]["text"] = "A corrected caption of the crowd."
        add_revision(connection, record, submissions=[], reason="a slip", decided_by="eva")
    return str(record["id"])


def test_a_release_holds_every_record_in_its_split(filled: Workspace) -> None:
    release = built(filled)
    with filled.catalog.read() as connection:
        wanted = list(current_records(connection))
    assert sorted(release.records(), key=lambda record: record["id"]) == wanted
    assert {split: {r["split"] for r in release[split].records()} for split in SPLITS} == {s: {s} for s in SPLITS}
    assert release.content_hash == content_hash(wanted)
    assert str(release) == "mg@1.0.0"


def test_the_manifest_has_the_shape_of_its_schema(filled: Workspace) -> None:
    manifest = built(filled).manifest
    jsonschema.validate(manifest, schemas.read("release_manifest.schema.json"), jsonschema.Draft202012Validator)
    assert sum(sum(types.values()) for types in manifest["counts"].values()) == 20
    assert manifest["parent"] is None


def test_the_same_catalog_gives_the_same_bytes_in_another_folder(filled: Workspace, tmp_path: Path) -> None:
    shutil.copytree(filled.root, tmp_path / "elsewhere" / "copy")
    copy = Workspace.open(tmp_path / "elsewhere" / "copy")
    first, second = built(filled), built(copy)
    copy.catalog.close()
    assert digests(first.path) == digests(second.path)
    assert len(digests(first.path)) > 10


def test_the_date_comes_from_the_catalog_and_not_from_the_clock(filled: Workspace) -> None:
    with filled.catalog.write() as connection:
        connection.execute(sa.update(records_table).values(split_at="2031-02-03T04:05:06Z"))
    assert built(filled).manifest["created"] == "2031-02-03T04:05:06Z"


def test_source_date_epoch_sets_the_date(filled: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert built(filled).manifest["created"] == "1970-01-02T00:00:00Z"


def test_a_source_date_epoch_that_is_no_number_is_said(filled: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(ReleaseError, match="SOURCE_DATE_EPOCH is 'yesterday'"):
        build_release(filled)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), ImageError("damaged")])
def test_what_fails_in_the_middle_leaves_nothing(
    filled: Workspace, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*_: object) -> str:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(release_module, "write_papers", fail)
        with pytest.raises((ReleaseError, type(error))):
            build_release(filled)
    assert list(filled.releases_folder.iterdir()) == []
    assert built(filled).version == "1.0.0"


def test_what_a_killed_build_left_is_swept_away(filled: Workspace) -> None:
    leftover = filled.releases_folder / ".mg-1.0.0.0123abcd.partial"
    (leftover / "data").mkdir(parents=True)
    os.utime(leftover, (0, 0))
    built(filled)
    assert [path.name for path in filled.releases_folder.iterdir()] == ["mg-1.0.0"]


def test_broken_rules_stop_the_build_and_write_nothing(filled: Workspace, make_photos: Photos) -> None:
    ingest(filled, make_photos(21), Provenance(license="CC-BY-4.0"))
    make_all(filled, types=["a_picnic"])
    result = build_release(filled)
    assert result.release is None
    assert "GS401" in {finding.rule for finding in result.report.findings if finding.level == "error"}
    assert not filled.releases_folder.exists()
    with filled.catalog.read() as connection:
        assert [record["split"] for record in current_records(connection)].count(None) == 1


def test_records_without_a_split_get_one(workspace: Workspace, fill: Callable[..., None]) -> None:
    fill(workspace, 10, split=False)
    release = built(workspace)
    assert {name: len(split) for name, split in release.splits.items()} == {"train": 8, "val": 1, "test": 1}
    with workspace.catalog.read() as connection:
        assert {record["id"]: record["split"] for record in current_records(connection)} == {
            record["id"]: record["split"] for record in release
        }
    assert build_release(workspace, "1.0.1").report.errors == 0


def test_a_dry_run_says_what_would_come_and_writes_nothing(filled: Workspace) -> None:
    built(filled)
    identity = correct(filled)
    outcome = build_release(filled, dry_run=True)
    assert (outcome.release, outcome.version) == (None, (2, 0, 0))
    assert outcome.comparison is not None
    assert [change.id for change in outcome.comparison.changes] == [identity]
    assert [path.name for path in filled.releases_folder.iterdir()] == ["mg-1.0.0"]


def test_a_catalog_without_records_is_refused(workspace: Workspace) -> None:
    with pytest.raises(ReleaseError, match="no records"):
        build_release(workspace)


def test_nothing_changed_is_refused_without_a_version(filled: Workspace) -> None:
    built(filled)
    with pytest.raises(ReleaseError, match=r"nothing has changed since mg@1\.0\.0"):
        build_release(filled)
    assert built(filled, "1.0.1").manifest["parent"]["version"] == "1.0.0"


def test_new_records_ask_for_a_minor_version(filled: Workspace, make_photos: Photos) -> None:
    built(filled)
    ingest(filled, make_photos(24), Provenance(license="CC-BY-4.0"))
    make_all(filled)
    assign_splits(filled)
    with pytest.raises(ReleaseError, match=r"1\.0\.1 is too low: 4 added.*at least 1\.1\.0"):
        build_release(filled, "1.0.1")
    assert built(filled).version == "1.1.0"


def test_a_corrected_record_asks_for_a_major_version_and_is_listed(filled: Workspace) -> None:
    built(filled)
    identity = correct(filled)
    with pytest.raises(ReleaseError, match=r"at least 2\.0\.0"):
        build_release(filled, "1.9.0")
    release = built(filled)
    assert release.version == "2.0.0"
    assert f"## Changed\n\n- {identity} caption 1: [-" in (release.path / "CHANGES.md").read_text()


def test_a_corrected_caption_touches_one_bucket(filled: Workspace) -> None:
    first = built(filled)
    identity = correct(filled)
    before, after = digests(first.path), digests(built(filled).path)
    changed = [name for name in before if name.startswith("data/") and before[name] != after[name]]
    assert [name[-10:-8] for name in changed] == [f"{bucket_of(identity, 16):02x}"]


def test_an_older_release_never_changes(filled: Workspace) -> None:
    first = built(filled)
    before = digests(first.path)
    correct(filled)
    built(filled)
    assert digests(first.path) == before


@pytest.mark.parametrize("text", ["1", "1.0", "1.0.0.0", "v1.0.0", "1.00.0", "1.-1.0", "1.0.x", "٣.0.0", ""])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ReleaseError, match="is not a version"):
        parse_version(text)


def test_sha256sum_accepts_the_checksums(filled: Workspace) -> None:
    if shutil.which("sha256sum") is None:
        must_not_skip_in_ci("sha256sum is not installed")
    folder = built(filled).path
    done = subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(digests(folder)) - 1


def test_pandas_reads_the_records_and_the_pictures(filled: Workspace) -> None:
    pandas = pytest.importorskip("pandas")
    release = built(filled)
    table = pandas.read_parquet(release.path / "data" / "train")
    assert sorted(table["id"]) == release["train"].ids
    row = table.iloc[0]
    assert Image.open(io.BytesIO(row["image"]["bytes"])).size == (row["width"], row["height"])
    assert row["image"]["path"] == f"{row['id']}.jpg"
    captions = pandas.read_parquet(release.path / "captions" / "train.parquet")
    assert list(captions["captions"].iloc[0]) == release["train"].captions[0]
    assert "image" not in captions


def test_karpathys_file_numbers_images_and_sentences(filled: Workspace) -> None:
    document = json.loads((built(filled).path / "annotations" / "karpathy.json").read_text())
    images = document["images"]
    assert (document["dataset"], len(images)) == ("mg", 20)
    assert [image["imgid"] for image in images] == list(range(20))
    sentences = [sentence for image in images for sentence in image["sentences"]]
    assert [sentence["sentid"] for sentence in sentences] == list(range(100))
    assert all(image["sentids"] == [s["sentid"] for s in image["sentences"]] for image in images)
    assert {image["split"] for image in images} == set(SPLITS)
    assert all(image["filename"].startswith("gs-") for image in images)
    assert sentences[0].keys() == {"raw", "tokens", "imgid", "sentid"}


def test_cocos_files_join_captions_to_images(filled: Workspace) -> None:
    release = built(filled)
    for split in SPLITS:
        document = json.loads((release.path / "annotations" / f"coco_{split}.json").read_text())
        ids = [image["id"] for image in document["images"]]
        assert ids == list(range(1, len(release[split]) + 1))
        assert sorted(a["image_id"] for a in document["annotations"]) == sorted(ids * 5)
        assert len({a["id"] for a in document["annotations"]}) == 5 * len(ids)
        assert {image["license"] for image in document["images"]} <= {entry["id"] for entry in document["licenses"]}


def test_the_card_counts_types_and_licences(filled: Workspace) -> None:
    text = (built(filled).path / "README.md").read_text()
    assert text.startswith("---\n")
    assert "| CC-BY-4.0 | 20 |" in text
    assert "| **all** |" in text


def test_a_split_without_records_has_no_empty_tables(workspace: Workspace, fill: Callable[..., None]) -> None:
    toml = workspace.root / "gatherset.toml"
    toml.write_text(toml.read_text().replace("[8, 1, 1]", "[9, 0, 1]"))
    opened = Workspace.open(workspace.root)
    fill(opened, 6)
    release = built(opened)
    opened.catalog.close()
    assert not list(release.path.rglob("val*.parquet"))
    assert len(release["val"]) == 0
    assert "validation" not in (release.path / "README.md").read_text()


def test_records_beyond_the_exact_counts_wait_for_a_later_release(
    workspace: Workspace, fill: Callable[..., None]
) -> None:
    toml = workspace.root / "gatherset.toml"
    toml.write_text(toml.read_text().replace("[splits]", "[splits]\ncounts = [8, 2, 2]"))
    workspace = Workspace.open(workspace.root)
    fill(workspace, 20)
    assert validate_target(workspace.root, None).counts["GS501"] == 0
    release = build_release(workspace).release
    assert release is not None
    assert {name: len(split) for name, split in release.splits.items()} == {"train": 8, "val": 2, "test": 2}


def test_splits_that_a_killed_build_did_not_keep_are_those_of_its_release(
    workspace: Workspace, fill: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(workspace, 20, types=TYPES, split=False)
    with monkeypatch.context() as patched:
        patched.setattr(release_module, "_keep_splits", lambda *_: None)
        build_release(workspace)
    fill(workspace, 60, types=TYPES, split=False)
    second = build_release(workspace)
    assert second.comparison is not None
    assert not second.comparison.difference.moved


def test_faces_that_the_release_before_blurs_are_not_shown_unasked(filled: Workspace) -> None:
    manifest = built(filled).path / "release.json"
    document = json.loads(manifest.read_text())
    faces = {"detector": "x", "detector_sha256": "0" * 64, "threshold": 0.5, "faces": 1, "images": 1}
    manifest.write_text(json.dumps({**document, "faces": faces}))
    with pytest.raises(ReleaseError, match="has its faces blurred"):
        build_release(filled, "1.0.1")
    assert build_release(filled, "1.0.1", show_faces=True).release is not None


def test_what_others_wrote_stays_one_line_of_plain_text_in_the_papers(filled: Workspace) -> None:
    built(filled)
    with filled.catalog.write() as connection:
        record = next(current_records(connection))
        record["source"]["attribution"] = "Jane\nDoe [x](http://evil) <b>"
        record["source"]["url"] = "http://example.org/a b>"
        add_revision(connection, record, submissions=[], reason="x", decided_by="eva")
    path = built(filled).path
    for name in ("CHANGES.md", "ATTRIBUTION.md"):
        lines = [line for line in (path / name).read_text().splitlines() if "Jane" in line]
        assert len(lines) == 1
        assert r"Jane Doe \[x\](http://evil) \<b\>" in lines[0]
        assert record["id"] in lines[0]
    assert "<http://example.org/a%20b%3E>" in (path / "ATTRIBUTION.md").read_text()


def test_a_release_may_hold_images_without_a_licence_where_the_rules_are_switched_off(
    workspace: Workspace, fill: Callable[..., None]
) -> None:
    fill(workspace, 12)
    path = workspace.root / "gatherset.toml"
    rules = '[rules]\nignore = ["GS601", "GS602", "GS604"]\n'
    text = path.read_text()
    path.write_text(text.replace("[rules]\n", rules) if "\n[rules]\n" in text else f"{text}\n{rules}")
    with workspace.catalog.write() as connection:
        record = next(current_records(connection))
        record["source"]["license"] = None
        add_revision(connection, record, submissions=[], reason="x", decided_by="eva")
    release = build_release(Workspace.open(workspace.root)).release
    assert release is not None
    assert "| none named | 1 |" in (release.path / "README.md").read_text()
