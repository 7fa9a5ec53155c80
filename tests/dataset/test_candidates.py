import json
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from gatherset.cli import main
from gatherset.dataset.bulk import Measuring, in_threads
from gatherset.dataset.candidates import CaptionFile, offered
from gatherset.dataset.errors import InputError
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.parts import write_parts
from gatherset.dataset.workspace import Workspace
from tests.dataset.conftest import Photos


def karpathy(path: Path, *names: str, count: int = 5) -> CaptionFile:
    images = [
        {"filepath": "val2014", "filename": name, "sentences": [{"raw": f"A crowd {n}."} for n in range(count)]}
        for name in names
    ]
    path.write_text(json.dumps({"images": images}))
    return CaptionFile(path)


def test_an_image_is_found_by_its_file_name_where_its_folder_is_another(make_photos: Photos, tmp_path: Path) -> None:
    folder = make_photos(2, captions=False)
    offer = offered(folder, karpathy(tmp_path / "k.json", "0.jpg", "1.jpg"))
    assert offer.findings == []
    assert [len(c.entry.captions) for c in offer.candidates if c.entry] == [5, 5]


def test_a_file_name_that_two_images_have_is_nobodys(make_photos: Photos, tmp_path: Path) -> None:
    folder = make_photos(1, captions=False)
    (folder / "images" / "more").mkdir()
    (folder / "images" / "more" / "0.jpg").write_bytes((folder / "images" / "0.jpg").read_bytes())
    offer = offered(folder, karpathy(tmp_path / "k.json", "0.jpg"))
    assert [finding.rule for finding in offer.findings] == ["GS201", "GS102", "GS102"]


def test_captions_for_half_of_the_images_are_told_image_by_image(make_photos: Photos, tmp_path: Path) -> None:
    offer = offered(make_photos(4, captions=False), karpathy(tmp_path / "k.json", "0.jpg", "2.jpg"))
    assert [(f.rule, f.level, Path(f.where).name) for f in offer.findings] == [
        ("GS102", "warning", "1.jpg"),
        ("GS102", "warning", "3.jpg"),
    ]
    assert len(offer.candidates) == 4


def test_captions_of_other_images_are_told_one_by_one_and_the_exit_code_says_so(
    workspace: Workspace, make_photos: Photos, tmp_path: Path
) -> None:
    captions = karpathy(tmp_path / "k.json", "a.jpg", "b.jpg")
    arguments = ["ingest", make_photos(2, captions=False), "--captions", captions.path, "-w", workspace.root]
    for added in (2, 0):  # the images come in, once
        done = CliRunner().invoke(main, [*map(str, arguments), "--license", "CC-BY-4.0", "--json"])
        document = json.loads(done.stdout)
        assert (done.exit_code, document["added"]) == (1, added)
        assert [f["rule"] for f in document["findings"] if f["level"] == "error"] == ["GS201", "GS201"]


@pytest.mark.parametrize("count", [3, 7])
def test_three_captions_or_seven_are_a_warning(
    workspace: Workspace, make_photos: Photos, tmp_path: Path, count: int
) -> None:
    captions = karpathy(tmp_path / "k.json", "0.jpg", count=count)
    arguments = ["ingest", make_photos(1, captions=False), "--captions", captions.path, "-w", workspace.root]
    done = CliRunner().invoke(main, [*map(str, arguments), "--license", "CC-BY-4.0"])
    assert done.exit_code == 0
    assert f"{count} captions instead of 5" in done.stderr


def test_shards_are_read_where_a_folder_holds_them(make_photos: Photos, tmp_path: Path) -> None:
    folder = make_photos(3)
    (tmp_path / "shards").mkdir()
    with tarfile.open(tmp_path / "shards" / "00000.tar", "w") as tar:
        for number in range(3):
            tar.add(folder / "images" / f"{number}.jpg", f"{number:09d}.jpg")
    for source in (tmp_path / "shards", tmp_path / "shards" / "00000.tar"):
        assert [candidate.ref for candidate in offered(source).candidates] == [f"00000/{n:09d}" for n in range(3)]


def test_a_caption_file_beside_a_shard_or_measured_parts_is_refused(
    workspace: Workspace, make_photos: Photos, tmp_path: Path
) -> None:
    captions = karpathy(tmp_path / "k.json", "0.jpg")
    with tarfile.open(tmp_path / "0.tar", "w") as tar:
        tar.add(make_photos(1) / "images" / "0.jpg", "0.jpg")
    write_parts(offered(tmp_path / "0.tar").candidates, Measuring(10**7, carry=True), tmp_path / "parts", in_threads)
    for source in (tmp_path / "0.tar", tmp_path / "parts"):
        with pytest.raises(InputError, match="brings its captions along"):
            ingest(workspace, source, Provenance(license="CC-BY-4.0"), captions)


def test_photographs_beside_a_shard_are_not_passed_over(make_photos: Photos, tmp_path: Path) -> None:
    folder = make_photos(1)
    with tarfile.open(folder / "0.tar", "w") as tar:
        tar.add(folder / "images" / "0.jpg", "0.jpg")
    assert [finding.rule for finding in offered(folder).findings] == ["GS201"]  # the photographs have a captions.jsonl
    (folder / "captions.jsonl").unlink()
    with pytest.raises(InputError, match=r"holds shards and image files: 0\.tar and images/0\.jpg"):
        offered(folder)


def test_two_entries_of_one_file_name_are_not_guessed_at(make_photos: Photos, tmp_path: Path) -> None:
    captions = karpathy(tmp_path / "k.json", "train/0.jpg", "test/0.jpg")
    offer = offered(make_photos(1, captions=False), captions)
    assert [candidate.entry for candidate in offer.candidates] == [None]
    assert "'0.jpg' is the file name of 1 there and of 2 in the file" in offer.findings[0].message


def test_column_names_need_a_file_that_has_columns(make_photos: Photos, tmp_path: Path) -> None:
    captions = karpathy(tmp_path / "k.json", "0.jpg")
    with pytest.raises(InputError, match="has no columns to name"):
        offered(make_photos(1), CaptionFile(captions.path, None, {"image": "x"}))
