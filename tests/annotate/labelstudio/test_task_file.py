import json
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from gatherset.annotate.answer import Answer
from gatherset.annotate.gold import set_gold
from gatherset.annotate.labelstudio.client import Client
from gatherset.annotate.labelstudio.task_file import export_tasks
from gatherset.annotate.submissions import submit
from gatherset.annotate.team import retire
from gatherset.dataset.errors import InputError
from gatherset.dataset.workspace import Workspace
from tests.labelstudio_workspace import SENTENCES, Over, fill

TEXTS = tuple(sentence.format(1) for sentence in SENTENCES)
URL = "/data/local-files/?d=mg/images/"


@pytest.fixture
def answered(workspace: Workspace) -> Workspace:
    """Three tasks, one answer, and another that supersedes it."""
    fill(workspace, 3)
    for key, event_type in (("one", "protest"), ("two", "sports_event")):
        submit(workspace, 2, "anna", Answer("caption", True, event_type, TEXTS), key=key)
    return workspace


def test_the_current_answers_are_written_under_pseudonyms(answered: Workspace, tmp_path: Path) -> None:
    assert export_tasks(answered, "caption", tmp_path / "out", URL) == (3, 1)
    written = (tmp_path / "out" / "tasks.json").read_text()
    documents = json.loads(written)
    [annotation] = documents[1]["annotations"]
    said = {result["from_name"]: result["value"] for result in annotation["result"]}
    assert said["event_type"] == {"choices": ["sports_event"]}
    assert annotation["author"].startswith("a-")
    assert "anna" not in written
    assert documents[0]["data"]["image"].startswith(URL)
    assert uuid.UUID(annotation["unique_id"])


def test_an_image_of_known_answer_is_left_out(answered: Workspace, tmp_path: Path) -> None:
    set_gold(answered, 2, Answer("caption", True, "protest"), practice=False)
    assert export_tasks(answered, "caption", tmp_path / "out", URL) == (2, 0)


def test_retired_work_is_left_out(answered: Workspace, tmp_path: Path) -> None:
    retire(answered, "anna", "guessed", "lea")
    assert export_tasks(answered, "caption", tmp_path / "out", URL) == (3, 0)


def test_the_same_answers_give_the_same_bytes(answered: Workspace, tmp_path: Path) -> None:
    for name in ("a", "b"):
        export_tasks(answered, "caption", tmp_path / name, URL)
    assert (tmp_path / "a" / "tasks.json").read_bytes() == (tmp_path / "b" / "tasks.json").read_bytes()


def test_a_folder_that_is_there_is_not_touched(answered: Workspace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is there already"):
        export_tasks(answered, "caption", tmp_path, URL)


@pytest.mark.labelstudio
def test_what_is_written_can_be_imported_there(answered: Workspace, tmp_path: Path, client: Client) -> None:
    export_tasks(answered, "caption", tmp_path / "out", URL)
    config = (tmp_path / "out" / "config.xml").read_text()
    number = client.make_project(title="imported there", label_config=config)["id"]
    ids = client.add_tasks(number, json.loads((tmp_path / "out" / "tasks.json").read_text()))
    counts = [len(task["annotations"]) for task in client.whole_tasks(number, ids)]
    assert counts == [0, 1, 0]


@pytest.mark.labelstudio
def test_an_export_of_our_own_project_comes_back(over: Callable[..., Over], tmp_path: Path) -> None:
    """What Label Studio exports of a project reads as a foreign export too."""
    from gatherset.annotate.labelstudio.foreign_export import Names, import_export

    there = over(2)
    there.annotate(1)
    exported = there.client.call("GET", f"/api/projects/{there.link.project}/export", exportType="JSON")
    minimal = there.client.call("GET", f"/api/projects/{there.link.project}/export", exportType="JSON_MIN")
    captions = tuple(f"caption{number}" for number in range(1, 6))
    names = Names({"image": ("gatherset_id",), "event_type": ("event_type",), "captions": captions})
    for number, document in enumerate((exported, minimal)):
        (tmp_path / f"{number}.json").write_text(json.dumps(document))
        done = import_export(there.workspace, tmp_path / f"{number}.json", names)
        assert (done.annotations, done.findings) == (1, [])
