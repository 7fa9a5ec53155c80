"""Erasing an annotator: the name goes, everywhere in the catalog; the work stays, or is withdrawn, as is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice

import sqlalchemy as sa
from sqlalchemy import Column, Connection

from gatherset.annotate.accounts import change_account, digest_of
from gatherset.annotate.annotators import one_name, stored_name
from gatherset.annotate.team import BATCH, CHANGED, retire, take_back
from gatherset.dataset.catalog.tables import (
    accounts,
    annotators,
    decisions,
    discussions,
    drafts,
    labelstudio_annotations,
    labelstudio_projects,
    labelstudio_tasks,
    leases,
    properties,
    reasons,
    records,
    remarks,
    revisions,
    sessions,
    suspects,
    tasks,
)
from gatherset.dataset.corrections import withdraw_record
from gatherset.dataset.errors import InputError
from gatherset.dataset.workspace import Workspace

WHY = "its author was erased"
# Where a person stands as a name.
_NAMES: tuple[Column[str | None], ...] = (
    accounts.c.changed_by,
    annotators.c.changed_by,
    decisions.c.decided_by,
    discussions.c.raised_by,
    discussions.c.decided_by,
    labelstudio_annotations.c.author,
    records.c.withdrawn_by,
    remarks.c.author,
    revisions.c.decided_by,
    suspects.c.settled_by,
)
# Where it may stand in a sentence.
_SENTENCES: tuple[Column[str], ...] = (reasons.c.note, tasks.c.note, labelstudio_tasks.c.remarks, properties.c.value)


@dataclass(frozen=True)
class Erased:
    pseudonym: str  # the only name that they have from now on
    decided_anew: int  # images, where the work was withdrawn
    withdrawn: int  # records with captions of theirs, likewise


def erase(workspace: Workspace, name: str, *, withdraw: bool, by: str) -> Erased:
    """Take `name` out of the workspace for good, with e-mail, password, sessions and texts that were never submitted.

    With `withdraw` their answers count no more, and records that hold captions of theirs leave the dataset. After a
    crash, erasing again goes on. Raises InputError for an unknown name, and for the last maintainer who can come in.
    """
    with workspace.catalog.read() as connection:
        name = stored_name(connection, one_name(name))
        query = sa.select(annotators.c.id, annotators.c.pseudonym, accounts.c.annotator_id.label("account"))
        row = connection.execute(query.outerjoin(accounts).where(annotators.c.name == name)).one_or_none()
    if row is None:
        raise InputError(f"there is no annotator '{name}'", "gatherset account list names those with an account")
    if row.account is not None:
        change_account(workspace, name, by=by, disabled="erased")
    anew = withdrawn = 0
    if withdraw:
        anew = retire(workspace, name, WHY, by)
        withdrawn = _withdraw_records(workspace, row.pseudonym, by)
    with workspace.catalog.write() as connection:
        take_back(connection, workspace, row.id)
        _forget(connection, row.id)
        _rename(connection, name, row.pseudonym)
    return Erased(row.pseudonym, anew, withdrawn)


def _withdraw_records(workspace: Workspace, pseudonym: str, by: str) -> int:
    """Withdraw the records whose current revision holds a caption under `pseudonym`; how many."""
    query = (
        sa.select(records.c.id)
        .join(revisions, (records.c.id == revisions.c.record_id) & (records.c.revision == revisions.c.revision))
        .where(records.c.withdrawn.is_(None), sa.cast(revisions.c.content, sa.Text).contains(f'"{pseudonym}"'))
    )
    with workspace.catalog.read() as connection:
        touched = iter(connection.execute(query).scalars().all())
    count = 0
    while part := list(islice(touched, BATCH)):
        with workspace.catalog.write() as connection:
            for identity in part:
                withdraw_record(connection, identity, WHY, by)
        count += len(part)
    return count


def _forget(connection: Connection, person: int) -> None:
    """What is the person's own, and nobody else needs."""
    connection.execute(sa.delete(sessions).where(sessions.c.annotator_id == person))
    connection.execute(sa.delete(drafts).where(drafts.c.annotator_id == person))
    connection.execute(sa.delete(leases).where(leases.c.annotator_id == person))
    own = sa.update(accounts).where(accounts.c.annotator_id == person)
    connection.execute(own.values(email=None, password=None, subject=None, invitation=None, invited_until=None))


def _rename(connection: Connection, name: str, pseudonym: str) -> None:
    connection.execute(sa.update(annotators).where(annotators.c.name == name).values(name=pseudonym))
    for column in _NAMES:
        connection.execute(sa.update(column.table).where(column == name).values({column.key: pseudonym}))
    # In the sentences that Gatherset writes the name is a word among others.
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    for sentence in _SENTENCES:
        keys = list(sentence.table.primary_key)
        query = sa.select(*keys, sentence).where(sentence.contains(name, autoescape=True), _written(sentence))
        for row in connection.execute(query).mappings().all():
            change = sa.update(sentence.table).where(*(key == row[key] for key in keys))
            connection.execute(change.values({sentence.key: word.sub(pseudonym, row[sentence])}))
    _rename_in_label_studio(connection, name, pseudonym, word)


def _written(column: Column[str]) -> sa.ColumnElement[bool]:
    return properties.c.key == CHANGED if column is properties.c.value else sa.true()


def _rename_in_label_studio(connection: Connection, name: str, pseudonym: str, word: re.Pattern[str]) -> None:
    """Who comes from there again is who they were, under the pseudonym: of their e-mail a digest is left."""
    there = labelstudio_annotations.c
    for row in connection.execute(sa.select(labelstudio_projects.c.id, labelstudio_projects.c.people)).all():
        others = {address: here for address, here in row.people.items() if here != name}
        addresses = {address for address, here in row.people.items() if here == name}
        own = (there.project_id == row.id, there.author == pseudonym)
        if not addresses and connection.execute(sa.select(there.remote).where(*own).limit(1)).scalar() is not None:
            addresses = {name}
        people = {**others, **{digest_of(address): pseudonym for address in addresses}}
        changed = sa.update(labelstudio_projects).where(labelstudio_projects.c.id == row.id)
        connection.execute(changed.values(people=people))
    for project, remote, known in connection.execute(sa.select(there.project_id, there.remote, there.findings)).all():
        findings = [{**one, "where": word.sub(pseudonym, one["where"])} for one in known]
        if findings != known:
            mine = (there.project_id == project, there.remote == remote)
            connection.execute(sa.update(labelstudio_annotations).where(*mine).values(findings=findings))
