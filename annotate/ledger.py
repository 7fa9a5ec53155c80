"""The ledger: every submission of a workspace as columns, read once, from which the team's figures are taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy import Connection

from gatherset.annotate.leases import ANNOTATED
from gatherset.annotate.submissions import IMPORTED
from gatherset.dataset.agreement import Agreement
from gatherset.dataset.catalog.tables import annotators, submissions, tasks
from gatherset.dataset.timestamps import is_time
from gatherset.dataset.workspace import Workspace

UNSAID, NO, YES = -1, 0, 1  # is it a gathering; UNSAID stands for no event type too
GATHERING = ("no", "yes")
TRUE = (1, "1", "true")  # of JSON, as SQLite and as PostgreSQL give it
Column = NDArray[np.int64]
_COLUMNS = sa.select(
    submissions.c.task_id,
    submissions.c.annotator_id,
    submissions.c.answer["is_gathering"].as_string().label("gathering"),
    submissions.c.answer["event_type"].as_string().label("event"),
    submissions.c.started_at,
    submissions.c.submitted_at,
    submissions.c.key.startswith(IMPORTED).label("imported"),
).order_by(submissions.c.id)
_TASKS = sa.select(tasks.c.id, tasks.c.image_id, tasks.c.kind).where(tasks.c.kind.in_(ANNOTATED)).order_by(tasks.c.id)
_STAMP = (  # what changes whenever a row of the ledger does
    sa.select(sa.func.max(submissions.c.id)).scalar_subquery(),
    sa.select(sa.func.max(tasks.c.id)).scalar_subquery(),
    sa.select(sa.func.count()).where(annotators.c.retired.is_not(None)).scalar_subquery(),
    sa.select(sa.func.sum(annotators.c.id)).where(annotators.c.retired.is_not(None)).scalar_subquery(),
    sa.select(sa.func.max(annotators.c.changed_at)).scalar_subquery(),
    sa.select(sa.func.count()).where(annotators.c.name == annotators.c.pseudonym).scalar_subquery(),  # were erased
)


@dataclass(frozen=True)
class Ledger:
    """One row a submission, oldest first: [n] arrays, of which names are the places in the tuples."""

    images: Sequence[str]  # ids
    names: Sequence[str]  # of annotators
    types: Sequence[str]  # that were chosen
    image: Column
    kind: Column  # of the task, in ANNOTATED
    screened: NDArray[np.bool_]  # whether the image has a task that asks for its screening
    annotator: Column
    retired: NDArray[np.bool_]  # whether the annotator's answers count no more
    gathering: Column  # YES, NO or UNSAID
    event: Column  # in `types`, or UNSAID
    current: NDArray[np.bool_]  # not superseded by a later submission of the same annotator
    seconds: NDArray[np.float64]  # from the image on the screen to the answer; nan where nobody knows
    submitted: NDArray[np.datetime64]  # UTC, to the second
    imported: NDArray[np.bool_]  # it came in a file

    def __len__(self) -> int:
        return len(self.image)

    @cached_property
    def gathering_votes(self) -> Agreement:
        """Whether each image is a gathering: one vote an annotator, the latest; by the rule of consensus.

        Where nobody screens, choosing a type says that it is a gathering.
        """
        chose = (self.gathering == UNSAID) & ~self.screened & (self.event != UNSAID)
        return self._agreement(np.where(chose, YES, self.gathering), GATHERING)

    @cached_property
    def type_votes(self) -> Agreement:
        """The event type of each image: one vote an annotator, the latest in an answer that does not say no."""
        return self._agreement(np.where(self.gathering == NO, UNSAID, self.event), self.types)

    def _agreement(self, said: Column, names: Sequence[str]) -> Agreement:
        [rows] = np.nonzero(self.current & ~self.retired & (said != UNSAID))
        # An annotator may have said it in two tasks of one image: the later counts.
        rows = rows[_last_of_each(self.image[rows], self.annotator[rows])]
        return Agreement.of_codes(self.image[rows], self.images, self.annotator[rows], self.names, said[rows], names)


def current_ledger(workspace: Workspace, connection: Connection) -> Ledger:
    """The ledger as it is now; the one that was read last, where nobody has submitted since."""
    stamp = tuple(connection.execute(sa.select(*_STAMP)).one())
    known = kept.get(workspace.root)
    if known is None or known[0] != stamp:
        known = kept[workspace.root] = stamp, read_ledger(connection)
    return known[1]


# Of each workspace the ledger that was read last, with the stamp that it had.
kept: dict[Path, tuple[tuple[Any, ...], Ledger]] = {}


def read_ledger(connection: Connection) -> Ledger:
    rows = connection.execute(_COLUMNS).all()
    task, person, gathering, event, started, submitted, imported = zip(*rows, strict=True) if rows else ([],) * 7
    known = connection.execute(_TASKS).all()
    ids, own_images, kinds = zip(*known, strict=True) if known else ([], [], [])
    images, image_of = _coded(own_images)
    _, kind_of = _coded(kinds, ANNOTATED)
    place = np.searchsorted(_numbers(ids), _numbers(task))
    screened = np.zeros(len(images), dtype=bool)
    screened[image_of[kind_of == ANNOTATED.index("screen")]] = True
    people = connection.execute(sa.select(annotators).order_by(annotators.c.id)).all()
    annotator = np.searchsorted(_numbers([row.id for row in people]), _numbers(person))
    types, chosen = _coded([name or "" for name in event])
    at = _times(submitted)
    return Ledger(
        images=images,
        names=[row.name for row in people],
        types=types,
        image=image_of[place],
        kind=kind_of[place],
        screened=screened[image_of[place]],
        annotator=annotator,
        retired=np.array([row.retired is not None for row in people], dtype=bool)[annotator],
        gathering=_numbers([UNSAID if said is None else int(said in TRUE) for said in gathering]),
        event=np.where(np.array([bool(name) for name in types], dtype=bool)[chosen], chosen, UNSAID),
        current=_last_of_each(_numbers(task), annotator),
        seconds=_seconds(_times([text or "NaT" for text in started]), at),
        submitted=at,
        imported=np.array(imported, dtype=bool),
    )


def _coded(names: Sequence[str], known: Sequence[str] = ()) -> tuple[list[str], Column]:
    """The different names, those `known` first, and for each name its place among them."""
    place_of = {name: place for place, name in enumerate(dict.fromkeys((*known, *names)))}
    return list(place_of), _numbers([place_of[name] for name in names])


def _numbers(values: Sequence[int]) -> Column:
    return np.array(values, dtype=np.int64)


def _times(texts: Sequence[str]) -> NDArray[np.datetime64]:
    try:
        return np.array(texts, dtype="U19").astype("datetime64[s]")  # without the Z, which numpy does not read
    except ValueError:  # older versions stored what a browser sent
        return _times([text if is_time(text) else "NaT" for text in texts])


def _seconds(started: NDArray[np.datetime64], submitted: NDArray[np.datetime64]) -> NDArray[np.float64]:
    taken = (submitted - started).astype(np.float64)
    return np.where(np.isnat(started) | (taken < 0), np.nan, taken)


def _last_of_each(first: Column, second: Column) -> NDArray[np.bool_]:
    """Which rows are the last with their pair of numbers."""
    last = np.zeros(len(first), dtype=bool)
    if len(first):
        pair = first * (second.max() + 1) + second
        last[len(first) - 1 - np.unique(pair[::-1], return_index=True)[1]] = True
    return last
