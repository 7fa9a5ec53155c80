import json
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from PIL import Image

from gatherset.cli import main
from gatherset.dataset.catalog.tables import images, tasks
from gatherset.dataset.errors import InputError
from gatherset.dataset.findings import Finding
from gatherset.dataset.ingest import IngestReport, Provenance, ingest
from gatherset.dataset.workspace import Workspace
from tests.conftest import ROOT, draw
from tests.dataset.conftest import Photos, encoded, picture


def counts(report: IngestReport) -> tuple[int, int, int]:
    return report.found, report.added, report.present


def one(report: IngestReport) -> Finding:
    [finding] = report.findings
    return finding


def rows(workspace: Workspace) -> list[sa.RowMapping]:
    with workspace.catalog.read() as connection:
        return list(connection.execute(sa.select(images).order_by(images.c.ref)).mappings())


def task_kinds(workspace: Workspace) -> set[tuple[str, str]]:
    with workspace.catalog.read() as connection:
        return {(row.kind, row.state) for row in connection.execute(sa.select(tasks))}


def test_a_folder_comes_in_with_captions_and_provenance(workspace: Workspace, make_photos: Photos) -> None:
    report = ingest(workspace, make_photos(3), Provenance(part="filtered"))
    assert (counts(report), report.findings) == ((3, 3, 0), [])
    row = rows(workspace)[1]
    assert row["ref"] == "1.jpg"
    assert row["captions"][0]["text"] == "People march down the street with signs, photo 1."
    assert {entry["origin"] for entry in row["captions"]} == {"imported"}
    assert (row["source"]["part"], row["source"]["license"], row["source"]["dataset"]) == (
        "filtered",
        "CC-BY-4.0",
        "photos",
    )
    assert workspace.store.path(row["sha256"], row["format"]).stat().st_size == row["bytes"]


def test_a_second_ingest_adds_nothing(workspace: Workspace, make_photos: Photos) -> None:
    folder = make_photos(3)
    ingest(workspace, folder, Provenance(license="CC-BY-4.0"))
    before = rows(workspace)
    report = ingest(workspace, folder, Provenance(license="CC0-1.0"))
    assert (counts(report), report.findings) == ((3, 0, 3), [])
    assert rows(workspace) == before


def test_a_folder_that_grew_adds_what_is_new(workspace: Workspace, make_photos: Photos) -> None:
    ingest(workspace, make_photos(2), Provenance(license="CC-BY-4.0"))
    assert counts(ingest(workspace, make_photos(5), Provenance(license="CC-BY-4.0"))) == (5, 3, 2)


def test_images_without_captions_wait_for_captions(workspace: Workspace, make_photos: Photos) -> None:
    ingest(workspace, make_photos(1, captions=False), Provenance("filtered", "CC-BY-4.0"))
    assert task_kinds(workspace) == {("caption", "open")}


def test_filtered_images_are_screened_before_their_type_is_asked(workspace: Workspace, make_photos: Photos) -> None:
    ingest(workspace, make_photos(1), Provenance("filtered", "CC-BY-4.0"))
    assert task_kinds(workspace) == {("screen", "open"), ("event", "waiting")}


def test_four_captions_are_a_warning_and_an_annotator_is_asked(workspace: Workspace, make_photos: Photos) -> None:
    folder = make_photos(1)
    line = {"image": "0.jpg", "captions": ["one", "two", "three", "four"]}
    (folder / "captions.jsonl").write_text(json.dumps(line))
    finding = one(ingest(workspace, folder, Provenance(license="CC-BY-4.0")))
    assert (finding.rule, finding.level) == ("GS102", "warning")
    assert task_kinds(workspace) == {("caption", "open")}


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def page(path: Path) -> None:
    path.write_text("<html>404</html>")


def bomb(path: Path) -> None:
    path.write_bytes(encoded(Image.new("1", (20_000, 20_000)), "PNG"))


@pytest.mark.parametrize("damage", [truncated, empty, page, bomb])
def test_an_image_that_cannot_be_used_is_a_finding_and_the_others_are_taken(
    workspace: Workspace, make_photos: Photos, damage: object
) -> None:
    folder = make_photos(3)
    damage(folder / "images" / "1.jpg")
    report = ingest(workspace, folder, Provenance(license="CC-BY-4.0"))
    assert counts(report) == (3, 2, 0)
    assert (one(report).rule, one(report).where) == ("GS203", str(folder / "images" / "1.jpg"))
    assert [row["ref"] for row in rows(workspace)] == ["0.jpg", "2.jpg"]


def test_a_mended_image_comes_in_with_the_next_ingest(workspace: Workspace, make_photos: Photos) -> None:
    folder = make_photos(3)
    truncated(folder / "images" / "1.jpg")
    ingest(workspace, folder, Provenance(license="CC-BY-4.0"))
    draw(folder / "images" / "1.jpg", 1)
    assert counts(ingest(workspace, folder, Provenance(license="CC-BY-4.0"))) == (3, 1, 2)


def test_a_line_for_a_missing_image_is_a_finding(workspace: Workspace, make_photos: Photos) -> None:
    folder = make_photos(3)
    (folder / "images" / "2.jpg").unlink()
    finding = one(ingest(workspace, folder, Provenance(license="CC-BY-4.0")))
    assert (finding.rule, finding.where) == ("GS201", f"{folder / 'captions.jsonl'}:3")
    assert "'2.jpg' is not in" in finding.message


@pytest.mark.parametrize("line", [b"{", b'{"image": "0.jpg"\x00}', b'{"image": "\xff"}'])
def test_a_damaged_line_is_a_finding_and_the_others_are_taken(
    workspace: Workspace, make_photos: Photos, line: bytes
) -> None:
    folder = make_photos(2)
    with (folder / "captions.jsonl").open("ab") as file:
        file.write(line + b"\n")
    report = ingest(workspace, folder, Provenance(license="CC-BY-4.0"))
    assert counts(report) == (2, 2, 0)
    assert (one(report).rule, one(report).where) == ("GS100", f"{folder / 'captions.jsonl'}:3")


def test_an_image_whose_line_is_damaged_waits_until_the_line_is_mended(
    workspace: Workspace, make_photos: Photos
) -> None:
    folder = make_photos(3)
    lines = (folder / "captions.jsonl").read_text().splitlines()
    (folder / "captions.jsonl").write_text("\n".join([*lines[:2], lines[2][:-1]]))
    assert ingest(workspace, folder, Provenance(license="CC-BY-4.0")).added == 2
    (folder / "captions.jsonl").write_text("\n".join(lines))
    assert ingest(workspace, folder, Provenance(license="CC-BY-4.0")).added == 1
    with workspace.catalog.read() as connection:
        kept = connection.execute(sa.select(images.c.captions)).scalars().all()
    assert [len(captions) for captions in kept] == [5, 5, 5]


@pytest.mark.parametrize("others", [1, 200])  # in the same batch, and in a later one
def test_the_same_bytes_under_two_names_are_one_image(workspace: Workspace, make_photos: Photos, others: int) -> None:
    folder = make_photos(1, captions=False)
    shutil.copy(folder / "images" / "0.jpg", folder / "images" / "zz.jpg")
    for number in range(1, others):
        draw(folder / "images" / f"{number}.jpg", number, (64, 64))
    report = ingest(workspace, folder, Provenance(license="CC-BY-4.0"))
    assert report.added == others
    assert (one(report).rule, one(report).level) == ("GS206", "warning")
    assert "the same bytes as '0.jpg'" in one(report).message


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda path: None, "is not a folder"),
        (lambda path: path.mkdir(), "holds no .jpg"),
        (lambda path: path.write_text("x"), "is not a folder"),
        (lambda path: (path / "captions.jsonl").mkdir(parents=True), "Is a directory"),
    ],
)
def test_a_folder_that_cannot_be_ingested_says_why(
    workspace: Workspace, tmp_path: Path, make: object, complaint: str
) -> None:
    make(tmp_path / "photos")
    with pytest.raises(InputError, match=complaint):
        ingest(workspace, tmp_path / "photos", Provenance(license="CC-BY-4.0"))
    assert rows(workspace) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a file have any name")
def test_a_file_name_that_is_no_text_is_a_finding(workspace: Workspace, make_photos: Photos) -> None:
    folder = make_photos(1)
    shutil.copy(folder / "images" / "0.jpg", os.fsencode(folder / "images") + b"/\xff.jpg")
    report = ingest(workspace, folder, Provenance(license="CC-BY-4.0"))
    assert counts(report) == (1, 1, 0)
    assert one(report).message == "the file name is not UTF-8"


def test_a_file_name_with_a_line_break_is_shown_in_one_line(workspace: Workspace, make_photos: Photos) -> None:
    folder = make_photos(1)
    empty(folder / "images" / "a\nb.jpg")
    assert "a\\nb.jpg: GS203" in str(one(ingest(workspace, folder, Provenance(license="CC-BY-4.0"))))


def test_damaged_exif_is_no_matter_and_says_nothing(
    workspace: Workspace, make_photos: Photos, recwarn: pytest.WarningsRecorder
) -> None:
    folder = make_photos(1)
    exif = Image.Exif()
    exif[0x010F] = "a camera of some make"
    cut = exif.tobytes()[:-12]
    (folder / "images" / "1.png").write_bytes(encoded(picture(7), "PNG", exif=cut))
    assert counts(ingest(workspace, folder, Provenance(license="CC-BY-4.0"))) == (2, 2, 0)
    assert [str(warning.message) for warning in recwarn] == []


def test_links_in_circles_and_odd_files_are_passed_over(workspace: Workspace, make_photos: Photos) -> None:
    folder = make_photos(1)
    (folder / "images" / "again").symlink_to(folder / "images")
    (folder / "images" / "loop.jpg").symlink_to("loop.jpg")
    (folder / "images" / "dangling.jpg").symlink_to("nowhere.jpg")
    (folder / "images" / "folder.jpg").mkdir()
    os.mkfifo(folder / "images" / "pipe.jpg")
    assert counts(ingest(workspace, folder, Provenance(license="CC-BY-4.0"))) == (1, 1, 0)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_is_a_finding(workspace: Workspace, make_photos: Photos) -> None:
    folder = make_photos(2)
    (folder / "images" / "1.jpg").chmod(0)
    (folder / "images" / "more").mkdir(0)
    report = ingest(workspace, folder, Provenance(license="CC-BY-4.0"))
    (folder / "images" / "more").chmod(0o700)
    assert counts(report) == (2, 1, 0)
    assert [finding.rule for finding in report.findings] == ["GS203", "GS203"]


def test_an_image_without_a_licence_is_left_out_and_comes_in_once_it_has_one(
    workspace: Workspace, make_photos: Photos
) -> None:
    folder = make_photos(1, captions=False)
    report = ingest(workspace, folder, Provenance())
    assert (report.added, one(report).rule, one(report).level) == (0, "GS601", "error")
    assert ingest(workspace, folder, Provenance(license="CC-BY-4.0")).added == 1


def test_a_licence_that_is_none_is_refused_before_anything_is_read(workspace: Workspace, make_photos: Photos) -> None:
    with pytest.raises(InputError, match="'free to use' is neither an SPDX id"):
        ingest(workspace, make_photos(1), Provenance(license="free to use"))


def test_a_lost_stored_copy_is_restored_by_ingesting_again(workspace: Workspace, make_photos: Photos) -> None:
    folder = make_photos(1)
    ingest(workspace, folder, Provenance())
    [stored] = (workspace.root / "images").rglob("*.jpg")
    data = stored.read_bytes()
    stored.unlink()
    assert counts(ingest(workspace, folder, Provenance())) == (1, 0, 1)
    assert stored.read_bytes() == data


def test_the_same_picture_with_other_metadata_is_left_out(workspace: Workspace, make_photos: Photos) -> None:
    folder = make_photos(1, captions=False)
    with Image.open(folder / "images" / "0.jpg") as image:
        image.save(folder / "images" / "1.jpg", quality="keep", comment=b"another file")
        image.save(folder / "images" / "2.jpg", quality="keep", comment=b"yet another")
    report = ingest(workspace, folder, Provenance(license="CC-BY-4.0"))
    assert report.added + len(report.findings) == 3
    assert {finding.rule for finding in report.findings} == {"GS206"}


def test_captions_that_come_later_are_not_taken_and_this_is_said(workspace: Workspace, make_photos: Photos) -> None:
    ingest(workspace, make_photos(1, captions=False), Provenance(license="CC-BY-4.0"))
    report = ingest(workspace, make_photos(1), Provenance())
    assert counts(report) == (1, 0, 1)
    assert "came with other captions, which stay" in one(report).message


def test_what_another_ingest_brought_in_meanwhile_is_present(workspace: Workspace, make_photos: Photos) -> None:
    folder = make_photos(3)
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: ingest(workspace, folder, Provenance()), range(4)))
    assert sum(report.added for report in reports) == 3
    assert all(report.added + report.present == 3 for report in reports)


def test_what_macos_leaves_beside_a_photograph_is_no_photograph(workspace: Workspace, make_photos: Photos) -> None:
    folder = make_photos(1)
    (folder / "images" / "._0.jpg").write_bytes(b"\x00\x05\x16\x07")
    assert counts(ingest(workspace, folder, Provenance())) == (1, 1, 0)


DEADLY = """
import os, signal
from PIL import ImageFile
loaded = ImageFile.ImageFile.load
def load(self):
    if self.size == (97, 61):
        os.kill(os.getpid(), signal.SIGSEGV)
    return loaded(self)
ImageFile.ImageFile.load = load
"""


def test_an_image_that_crashes_the_decoder_is_told_and_costs_only_itself(
    workspace: Workspace, make_photos: Photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_photos(4)
    (folder / "images" / "2.jpg").write_bytes(encoded(Image.new("RGB", (97, 61)), "JPEG"))
    (tmp_path / "sitecustomize.py").write_text(DEADLY)  # in the processes that decode: Pillow with such a fault
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    arguments = ["ingest", str(folder), "-w", str(workspace.root)]
    for said in ("3 added, 0 were there already", "0 added, 3 were there already"):
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 1
        assert "2.jpg: GS203 error: decoding it ended the process" in done.output
        assert said in done.output
