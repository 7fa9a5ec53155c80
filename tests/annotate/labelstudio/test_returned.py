from gatherset.annotate.labelstudio.returned import count_returned, returned_annotations
from gatherset.dataset.workspace import Workspace
from tests.labelstudio_workspace import fill, give_back


def test_what_came_back_says_why_and_where_it_stands(workspace: Workspace) -> None:
    fill(workspace, 3)
    give_back(workspace, 1, "anna", ["4 captions instead of 5", "no event type is chosen"], sent_back_at="2026-11-21")
    give_back(workspace, 2, "ben", [], state="surplus")
    give_back(workspace, 2, "ben", ["caption 3 is empty"], deleted_at="2026-11-21")
    give_back(workspace, 3, "cleo", [], state="mended")
    found = [(one.author, one.standing, one.why) for one in returned_annotations(workspace)]
    assert found == [
        ("ben", "deleted there", "caption 3 is empty"),
        ("ben", "surplus", "the image had all its answers"),
        ("anna", "sent back", "4 captions instead of 5; no event type is chosen"),
    ]
    assert count_returned(workspace) == 3
    assert [one.url for one in returned_annotations(workspace, most=1)] == [
        "http://localhost:8080/projects/7/data?task=102"
    ]
