"""Waivers: a record is excused from one rule, with a reason that stands in the record for others to judge."""

from __future__ import annotations

from gatherset.dataset.errors import InputError
from gatherset.dataset.records import Record, add_revision, current_record
from gatherset.dataset.rules import RULES
from gatherset.dataset.workspace import Workspace


def waive(workspace: Workspace, identity: str, rule: str, reason: str, decided_by: str) -> Record:
    """Write a new revision of the record that carries the waiver; an earlier one of the same rule is replaced.

    Raises InputError for an unknown record or rule, a rule that cannot be waived, and an empty reason.
    """
    if rule not in RULES:
        raise InputError(f"there is no rule {rule}", "docs/rules.md names them all")
    if not RULES[rule].waivable():
        raise InputError(f"{rule} cannot be waived: the other rules rely on it", "Mend the record")
    if not reason.strip():
        raise InputError("a waiver needs a reason", "Say why this record may break the rule: --reason")
    with workspace.catalog.write() as connection:
        record = current_record(connection, identity)
        if record is None:
            raise InputError(f"there is no record {identity}", "gatherset validate names the records it speaks of")
        others = [waiver for waiver in record.get("waivers", ()) if waiver["rule"] != rule]
        waivers = sorted([*others, {"rule": rule, "reason": reason.strip()}], key=lambda waiver: str(waiver["rule"]))
        record = {**record, "waivers": waivers}
        why = f"waiver of {rule}: {reason.strip()}"
        add_revision(connection, record, submissions=[], reason=why, decided_by=decided_by)
    return record
