import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gatherset import schemas
from gatherset.dataset.errors import InputError
from gatherset.dataset.taxonomy import load_taxonomy
from gatherset.dataset.workspace import Workspace

Document = dict[str, Any]


def own(path: Path, change: Callable[[Document], object] = lambda document: None) -> Path:
    document = copy.deepcopy(schemas.read("event_types.json"))
    change(document)
    path.write_text(json.dumps(document))
    return path


def test_there_are_ten_types_in_six_groups_each_with_a_definition() -> None:
    taxonomy = load_taxonomy()
    assert (len(taxonomy.types), len(taxonomy.groups)) == (10, 6)
    assert {kind.group for kind in taxonomy.types} == {name for name, _ in taxonomy.groups}
    assert all(kind.definition and kind.includes and kind.excludes and kind.keywords for kind in taxonomy.types)
    assert taxonomy["holiday_party"].title


def test_a_workspace_may_bring_its_own(workspace: Workspace) -> None:
    own(workspace.root / "event_types.json", lambda document: document["types"].pop())
    assert len(workspace.taxonomy.names) == 9


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda document: document["types"][0].pop("title"), "'title' is a required property"),
        (lambda document: document["types"][0].update(name="Protest March"), "does not match"),
        (lambda document: document.update(version="2.0"), "was expected"),
        (lambda document: document["types"].append(document["types"][0]), "names an event type twice"),
    ],
)
def test_a_taxonomy_that_cannot_be_says_why(
    tmp_path: Path, change: Callable[[Document], object], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        load_taxonomy(own(tmp_path / "event_types.json", change))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_a_file_that_is_no_taxonomy_says_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "event_types.json").write_bytes(content)
    with pytest.raises(InputError, match=r"event_types\.json is not a taxonomy"):
        load_taxonomy(tmp_path / "event_types.json")
