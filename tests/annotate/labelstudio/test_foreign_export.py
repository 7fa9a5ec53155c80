import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gatherset.annotate.labelstudio.foreign_export import Names, import_export
from gatherset.annotate.overview import overview
from gatherset.dataset.catalog.tables import annotators, submissions
from gatherset.dataset.errors import InputError
from gatherset.dataset.workspace import Workspace
from tests.labelstudio_workspace import SENTENCES, fill

TEXTS = [sentence.format(1) for sentence in SENTENCES]
NAMES = Names(
    {"image": ("picture",), "event_type": ("kind",), "captions": ("says",)},
    values={"Demo": "protest"},
    people={"7": "anna", "ben@example.org": "ben"},
)
Write = Callable[[Any], Path]


@pytest.fixture
def write(tmp_path: Path, workspace: Workspace) -> Write:
    """write(document) is an export; the workspace has the images 0.jpg to 2.jpg."""
    fill(workspace, 3)

    def write(document: Any) -> Path:
        path = tmp_path / "export.json"
        path.write_text(json.dumps(document))
        return path

    return write


def annotation(number: int, kind: str = "Demo", captions: list[str] | None = None, **more: Any) -> dict[str, Any]:
    result = [
        {"from_name": "kind", "to_name": "p", "type": "choices", "value": {"choices": [kind]}},
        {"from_name": "says", "to_name": "p", "type": "textarea", "value": {"text": captions or TEXTS}},
    ]
    moment = {"created_at": "2026-11-20T10:00:00.123456Z", "updated_at": "2026-11-20T10:05:00.123456Z"}
    return {"id": number, "completed_by": 7, "result": result, "lead_time": 30.5, **moment, **more}


def task(number: int, *annotations: dict[str, Any], image: str = "/data/local-files/?d=a/{}.jpg") -> dict[str, Any]:
    return {"id": number, "data": {"picture": image.format(number)}, "annotations": list(annotations)}


def stored(workspace: Workspace) -> list[Any]:
    with workspace.catalog.read() as connection:
        return list(connection.execute(sa.select(submissions, annotators.c.name).join(annotators)))


def test_an_export_is_taken_over_once(workspace: Workspace, write: Write) -> None:
    path = write([task(0, annotation(1), annotation(2, completed_by={"id": 9, "email": "ben@example.org"})), task(1)])
    first, second = import_export(workspace, path, NAMES), import_export(workspace, path, NAMES)
    assert (first.annotations, first.stored, first.findings) == (2, 2, [])
    assert (second.stored, second.present) == (0, 2)
    rows = stored(workspace)
    assert [row.name for row in rows] == ["anna", "ben"]
    assert (rows[0].answer["event_type"], rows[0].answer["captions"]) == ("protest", TEXTS)
    assert (rows[0].started_at, rows[0].submitted_at) == ("2026-11-20T10:04:29Z", "2026-11-20T10:05:00Z")


def test_answers_that_came_in_a_file_are_no_haste(workspace: Workspace, write: Write) -> None:
    timeless = {"created_at": None, "updated_at": None}
    import_export(workspace, write([task(number, annotation(number, **timeless)) for number in range(3)]), NAMES)
    [line] = overview(workspace).annotators
    assert (line.name, line.answers, line.most_a_minute) == ("anna", 3, 0)


def test_the_minimal_form_is_read_too(workspace: Workspace, write: Write) -> None:
    entry = {"picture": "s3://bucket/a/2.jpg", "id": 1, "kind": "Protest", "says": TEXTS, "annotator": 7}
    entry |= {"annotation_id": 5, "updated_at": "2026-11-20T10:05:00Z", "lead_time": 3}
    done = import_export(workspace, write([entry]), NAMES)
    assert (done.stored, done.findings) == (1, [])
    assert stored(workspace)[0].answer["event_type"] == "protest"


def test_several_fields_may_hold_a_caption_each(workspace: Workspace, write: Write) -> None:
    entry = {"picture": "0.jpg", "kind": "protest", "annotator": 7, "annotation_id": 5}
    entry |= {f"c{number}": said for number, said in enumerate(TEXTS)}
    names = Names({**NAMES.fields, "captions": tuple(f"c{number}" for number in range(5))})
    assert import_export(workspace, write([entry]), names).stored == 1
    assert stored(workspace)[0].answer["captions"] == TEXTS


def test_a_skipped_annotation_is_left_out(workspace: Workspace, write: Write) -> None:
    path = write([task(0, annotation(1), annotation(2, was_cancelled=True, completed_by=8))])
    assert import_export(workspace, path, NAMES).annotations == 1


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (task(9, annotation(1)), "no image in the catalog is called '9.jpg'"),
        (task(0, annotation(1, "Picnic")), "there is no event type"),
        (task(0, annotation(1, captions=TEXTS[:4])), "4 captions instead of 5"),
        (task(0, annotation(1, captions=["x" * 3000, *TEXTS[1:]])), "too long"),
        (task(0, annotation(1, completed_by="\n")), "cannot name an annotator"),
    ],
)
def test_what_cannot_be_used_is_a_finding(workspace: Workspace, write: Write, entry: Any, why: str) -> None:
    done = import_export(workspace, write([entry, task(1, annotation(2))]), NAMES)
    assert why in "; ".join(finding.message for finding in done.findings)
    assert done.stored == 1


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"images": [], "annotations": []}, "is no list of tasks"),
        ([], "is no list of tasks"),
        ([1], "is no list of tasks"),
        ([{"image": "0.jpg", "caption": "a"}], "is not an export of Label Studio: entry 1"),
        ([task(0, annotation(1)), {"file_name": "0.jpg"}], "is not an export of Label Studio: entry 2"),
        ([task(0, {**annotation(1), "result": []})], "has the field 'kind'"),
        ([{"id": 1, "data": {"image": "0.jpg"}, "annotations": [annotation(1)]}], "has an image under 'picture'"),
    ],
)
def test_what_is_no_such_export_is_refused_whole(workspace: Workspace, write: Write, document: Any, why: str) -> None:
    with pytest.raises(InputError, match=why):
        import_export(workspace, write(document), NAMES)
    assert stored(workspace) == []


def test_a_file_that_is_not_json_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b"\xff\xfe no")
    with pytest.raises(InputError, match="is not JSON"):
        import_export(workspace, tmp_path / "x.json", NAMES)
    with pytest.raises(InputError, match="cannot be read"):
        import_export(workspace, tmp_path / "y.json", NAMES)
