from collections.abc import Callable
from pathlib import Path

import pytest

from gatherset.annotate.answer_file import import_answers
from gatherset.annotate.standing import standing
from gatherset.dataset.errors import InputError
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.workspace import Workspace

HEADER = "image,is_gathering,event_type,confidence\n"


@pytest.fixture
def filtered(workspace: Workspace, make_photos: Callable[..., Path]) -> Workspace:
    ingest(workspace, make_photos(3), Provenance("filtered", "CC-BY-4.0"))
    return workspace


def answers(folder: Path, text: str, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_text(HEADER + text, encoding="utf-8")
    return path


def test_a_line_answers_the_screening_and_the_event_task(filtered: Workspace, tmp_path: Path) -> None:
    report = import_answers(filtered, answers(tmp_path, "0.jpg,1,protest,3\n1.jpg,0,,2\n"), "a")
    assert (report.rows, report.stored, report.findings) == (2, 3, [])


def test_importing_the_same_file_again_changes_nothing(filtered: Workspace, tmp_path: Path) -> None:
    path = answers(tmp_path, "0.jpg,1,protest,3\n")
    import_answers(filtered, path, "a")
    report = import_answers(filtered, path, "a")
    assert (report.stored, report.present) == (0, 2)


def test_two_files_that_agree_make_records_and_rejections(filtered: Workspace, tmp_path: Path) -> None:
    text = "0.jpg,1,protest,3\n1.jpg,0,protest,3\n2.jpg,1,protest,1\n"
    import_answers(filtered, answers(tmp_path, text), "a")
    import_answers(filtered, answers(tmp_path, text.replace("2.jpg,1", "2.jpg,0")), "b")
    assert standing(filtered) == {"records": 1, "rejected": 1, "in review": 0, "in the queue": 1}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("9.jpg,1,protest,3", "no image '9.jpg' in the catalog"),
        ("0.jpg,perhaps,protest,3", "is_gathering is 'perhaps'"),
        ("0.jpg,1,picnic,3", "there is no event type 'picnic'"),
        ("0.jpg,1,protest,sure", "confidence is 'sure'"),
        ("0.jpg,1", "more or fewer fields"),
        ("0.jpg,,,3", "the line answers nothing"),
    ],
)
def test_a_bad_line_is_named_and_the_good_ones_are_taken(
    filtered: Workspace, tmp_path: Path, line: str, complaint: str
) -> None:
    report = import_answers(filtered, answers(tmp_path, f"1.jpg,1,protest,3\n{line}\n2.jpg,1,protest,3\n"), "a")
    [finding] = report.findings
    assert complaint in finding.message
    assert finding.where.endswith("a.csv:3")
    assert report.stored >= 4


def test_a_file_with_other_columns_cannot_be_imported(filtered: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("file,label\n0.jpg,protest\n")
    with pytest.raises(InputError, match="has the columns file, label"):
        import_answers(filtered, path, "a")


@pytest.mark.parametrize("data", [b"", b"image,event_type\n\xff\xfe,protest\n", b'image,event_type\n"0.jpg,protest\n'])
def test_a_file_that_is_no_csv_cannot_be_imported(filtered: Workspace, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(data)
    with pytest.raises(InputError):
        import_answers(filtered, path, "a")


def test_a_missing_file_is_named(filtered: Workspace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        import_answers(filtered, tmp_path / "nowhere.csv", "a")


def test_two_real_annotators_make_589_records_of_893_photographs(workspace: Workspace, gatherings: Path) -> None:
    """Both call 613 a gathering and agree on the type of 589; both call 203 none; the rest waits."""
    ingest(workspace, gatherings, Provenance("filtered", "LicenseRef-research-only"))
    for name in ("a", "b"):
        assert import_answers(workspace, gatherings / f"annotator_{name}.csv", name).findings == []
    assert standing(workspace) == {"records": 589, "rejected": 203, "in review": 0, "in the queue": 101}


def test_an_answer_that_contradicts_a_record_is_kept_and_said_to_change_nothing(
    filtered: Workspace, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        import_answers(filtered, answers(tmp_path, "0.jpg,1,protest,3\n"), name)
    report = import_answers(filtered, answers(tmp_path, "0.jpg,1,riot_response,3\n"), "b")
    [finding] = report.findings
    assert (report.stored, finding.level) == (1, "warning")
    assert "changes nothing" in finding.message
    assert standing(filtered)["records"] == 1
