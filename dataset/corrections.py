"""What is decided about one record: that it says something else, may break a rule, or leaves the dataset."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.dataset.catalog.tables import annotators, images, records
from gatherset.dataset.errors import InputError
from gatherset.dataset.findings import Finding
from gatherset.dataset.records import Record, add_revision, caption, current_record
from gatherset.dataset.rules import RULES
from gatherset.dataset.rules.rule import Context
from gatherset.dataset.timestamps import now
from gatherset.dataset.validation import record_errors
from gatherset.dataset.workspace import Workspace


class BrokenRuleError(InputError):
    """What a record should become breaks rules; `findings` says which."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        super().__init__("; ".join(finding.message for finding in findings), findings[0].next_step)


def edit(
    workspace: Workspace,
    identity: str,
    captions: Mapping[int, str],
    event_type: str | None,
    reason: str,
    decided_by: str,
) -> Record:
    """Change captions ({number from 1: text}) and the event type (None: stays) of a record, in a new revision.

    Checked before it is stored: raises BrokenRuleError where a rule finds an error that was not there before,
    InputError for an unknown record, a caption that there is not, an empty reason, and where nothing would change.
    """
    reason = said(reason)
    with workspace.catalog.write() as connection:
        before = current_record(connection, identity)
        if before is None:
            raise _no_record(connection, identity)
        entries = [dict(entry) for entry in before["captions"]]
        if wrong := sorted(number for number in captions if not 1 <= number <= len(entries)):
            raise InputError(
                f"the record {identity} has no caption {wrong[0]}", f"Its captions are 1 to {len(entries)}"
            )
        author = connection.execute(sa.select(annotators.c.pseudonym).where(annotators.c.name == decided_by)).scalar()
        for number, text in captions.items():
            if text.strip() != entries[number - 1]["text"]:
                entries[number - 1] = caption(text.strip(), origin="human", author=author, verified=True)
        record = {**before, "captions": entries}
        if event_type is not None and event_type != before["event"]["type"]:
            record["event"] = {"type": event_type, "votes": {}}  # no votes: a person has decided alone (GS402)
        if record == before:
            raise InputError(f"the record {identity} says so already", "Nothing to do")
        if found := new_errors(workspace, before, record):
            raise BrokenRuleError(found)
        add_revision(connection, record, submissions=[], reason=reason, decided_by=decided_by)
    return record


def new_errors(workspace: Workspace, before: Record | None, record: Record) -> list[Finding]:
    """The errors of `record` on its own that the revision `before` does not have."""
    context = Context(workspace.settings, workspace.taxonomy, splits_assigned=False)
    known = {(f.rule, f.message) for f in record_errors(before, context)} if before else set()
    return [finding for finding in record_errors(record, context) if (finding.rule, finding.message) not in known]


def waive(workspace: Workspace, identity: str, rule: str, reason: str, decided_by: str) -> Record:
    """Excuse the record from one rule, in a new revision; an earlier waiver of the same rule is replaced.

    Raises InputError for an unknown record or rule, a rule that cannot be waived, and an empty reason.
    """
    if rule not in RULES:
        raise InputError(f"there is no rule {rule}", "docs/rules.md names them all")
    if not RULES[rule].waivable():
        raise InputError(f"{rule} cannot be waived: the other rules rely on it", "Mend the record")
    reason = said(reason)
    with workspace.catalog.write() as connection:
        record = current_record(connection, identity)
        if record is None:
            raise _no_record(connection, identity)
        others = [waiver for waiver in record.get("waivers", ()) if waiver["rule"] != rule]
        waivers = sorted([*others, {"rule": rule, "reason": reason}], key=lambda waiver: str(waiver["rule"]))
        record = {**record, "waivers": waivers}
        why = f"waiver of {rule}: {reason}"
        add_revision(connection, record, submissions=[], reason=why, decided_by=decided_by)
    return record


def withdraw(workspace: Workspace, identity: str, reason: str, decided_by: str) -> None:
    """Keep the record out of the dataset from now on: no rule sees it, no release holds it. Its revisions stay.

    Raises InputError for a record that there is not or that was withdrawn before, and for an empty reason.
    """
    with workspace.catalog.write() as connection:
        withdraw_record(connection, identity, reason, decided_by)


def withdraw_record(connection: Connection, identity: str, reason: str, decided_by: str) -> None:
    """The part of `withdraw` that runs inside a transaction."""
    values = {"withdrawn": said(reason), "withdrawn_by": decided_by, "withdrawn_at": now()}
    if current_record(connection, identity) is None:
        raise _no_record(connection, identity)
    connection.execute(sa.update(records).where(records.c.id == identity).values(values))


def restore(workspace: Workspace, identity: str) -> None:
    """Take a withdrawal back, and that the image is no gathering, where that was why.

    Raises InputError for a record that was not withdrawn.
    """
    values = {"withdrawn": None, "withdrawn_by": None, "withdrawn_at": None}
    with workspace.catalog.write() as connection:
        if _withdrawn(connection, identity) is None:
            raise InputError(f"the record {identity} was not withdrawn", "Nothing to do")
        connection.execute(sa.update(records).where(records.c.id == identity).values(values))
        connection.execute(sa.update(images).where(images.c.id == identity).values(rejected=None))


def _withdrawn(connection: Connection, identity: str) -> str | None:
    return connection.execute(sa.select(records.c.withdrawn).where(records.c.id == identity)).scalar()


def _no_record(connection: Connection, identity: str) -> InputError:
    if (reason := _withdrawn(connection, identity)) is not None:
        return InputError(f"the record {identity} was withdrawn: {reason}", "To take it back: gatherset record restore")
    return InputError(f"there is no record {identity}", "gatherset validate names the records it speaks of")


def said(reason: str, next_step: str = "Say why: --reason") -> str:
    """`reason` without the space around it. Raises InputError where nothing is left."""
    if not (reason := reason.strip()):
        raise InputError("this needs a reason, for those who come later", next_step)
    return reason
