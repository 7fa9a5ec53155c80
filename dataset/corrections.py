"""What a maintainer decides about one record: that it may break a rule, or that it leaves the dataset."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Connection

from gatherset.dataset.catalog.tables import records
from gatherset.dataset.errors import InputError
from gatherset.dataset.records import Record, add_revision, current_record
from gatherset.dataset.rules import RULES
from gatherset.dataset.timestamps import now
from gatherset.dataset.workspace import Workspace


def waive(workspace: Workspace, identity: str, rule: str, reason: str, decided_by: str) -> Record:
    """Excuse the record from one rule, in a new revision; an earlier waiver of the same rule is replaced.

    Raises InputError for an unknown record or rule, a rule that cannot be waived, and an empty reason.
    """
    if rule not in RULES:
        raise InputError(f"there is no rule {rule}", "docs/rules.md names them all")
    if not RULES[rule].waivable():
        raise InputError(f"{rule} cannot be waived: the other rules rely on it", "Mend the record")
    reason = _said(reason)
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
    values = {"withdrawn": _said(reason), "withdrawn_by": decided_by, "withdrawn_at": now()}
    with workspace.catalog.write() as connection:
        if current_record(connection, identity) is None:
            raise _no_record(connection, identity)
        connection.execute(sa.update(records).where(records.c.id == identity).values(values))


def restore(workspace: Workspace, identity: str) -> None:
    """Take a withdrawal back. Raises InputError for a record that was not withdrawn."""
    values = {"withdrawn": None, "withdrawn_by": None, "withdrawn_at": None}
    with workspace.catalog.write() as connection:
        if _withdrawn(connection, identity) is None:
            raise InputError(f"the record {identity} was not withdrawn", "Nothing to do")
        connection.execute(sa.update(records).where(records.c.id == identity).values(values))


def _withdrawn(connection: Connection, identity: str) -> str | None:
    return connection.execute(sa.select(records.c.withdrawn).where(records.c.id == identity)).scalar()


def _no_record(connection: Connection, identity: str) -> InputError:
    if (reason := _withdrawn(connection, identity)) is not None:
        return InputError(f"the record {identity} was withdrawn: {reason}", "To take it back: gatherset record restore")
    return InputError(f"there is no record {identity}", "gatherset validate names the records it speaks of")


def _said(reason: str) -> str:
    if not (reason := reason.strip()):
        raise InputError("this needs a reason, for those who come later", "Say why: --reason")
    return reason
