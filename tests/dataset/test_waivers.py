from collections.abc import Callable

import pytest

from gatherset.dataset.errors import InputError
from gatherset.dataset.records import current_records
from gatherset.dataset.waivers import waive
from gatherset.dataset.workspace import Workspace


@pytest.fixture
def identity(workspace: Workspace, fill: Callable[..., None]) -> str:
    fill(workspace, 1)
    with workspace.catalog.read() as connection:
        [record] = current_records(connection)
    return str(record["id"])


def waivers(workspace: Workspace) -> list[dict[str, str]]:
    with workspace.catalog.read() as connection:
        [record] = current_records(connection)
    return list(record["waivers"])


def test_a_waiver_stands_in_the_record_with_its_reason(workspace: Workspace, identity: str) -> None:
    waive(workspace, identity, "GS304", " Two captions of one sign ", "lea")
    assert waivers(workspace) == [{"rule": "GS304", "reason": "Two captions of one sign"}]


def test_a_second_waiver_of_a_rule_replaces_the_first(workspace: Workspace, identity: str) -> None:
    for rule, reason in (("GS304", "no"), ("GS302", "It is a sign"), ("GS304", "yes")):
        waive(workspace, identity, rule, reason, "lea")
    assert waivers(workspace) == [{"rule": "GS302", "reason": "It is a sign"}, {"rule": "GS304", "reason": "yes"}]


@pytest.mark.parametrize(
    ("record", "rule", "reason", "complaint"),
    [
        ("gs-0000000000000000", "GS304", "why", "there is no record gs-0000000000000000"),
        (None, "GS399", "why", "there is no rule GS399"),
        (None, "GS101", "why", "GS101 cannot be waived"),
        (None, "GS304", "  ", "a waiver needs a reason"),
    ],
)
def test_what_cannot_be_waived_is_refused(
    workspace: Workspace, identity: str, record: str | None, rule: str, reason: str, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        waive(workspace, record or identity, rule, reason, "lea")
