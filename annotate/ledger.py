"""The ledger: every submission of a workspace as columns, read once, from which the team's figures are taken."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy import Connection

from gatherset.annotate.submissions import IMPORTED
from gatherset.dataset.agreement import Agreement
from gatherset.dataset.catalog.tables import annotators, submissions, tasks

YES, NO = "yes", "no"  # is it a gathering
UNSAID = ""
_COLUMNS = sa.select(
    submissions.c.task_id,
    submissions.c.annotator_id,
    submissions.c.answer["is_gathering"].as_boolean().label("gathering"),
    submissions.c.answer["event_type"].as_string().label("event"),
    submissions.c.started_at,
    submissions.c.submitted_at,
    submissions.c.key.startswith(IMPORTED).label("imported"),
).order_by(submissions.c.id)


@dataclass(frozen=True)
class Ledger:
    """One row a submission, oldest first; [n] arrays."""

    image: NDArray[np.object_]  # id
    kind: NDArray[np.object_]  # of the task
    screened: NDArray[np.bool_]  # whether the image has a task that asks for its screening
    annotator: NDArray[np.object_]  # name
    retired: NDArray[np.bool_]  # whether the annotator's answers count no more
    gathering: NDArray[np.object_]  # YES, NO or UNSAID
    event: NDArray[np.object_]  # type, or UNSAID
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
        said = np.where(chose, YES, self.gathering)
        return self._agreement(self.current & ~self.retired & (said != UNSAID), said)

    @cached_property
    def type_votes(self) -> Agreement:
        """The event type of each image: one vote an annotator, the latest in an answer that does not say no."""
        voted = self.current & ~self.retired & (self.event != UNSAID) & (self.gathering != NO)
        return self._agreement(voted, self.event)

    def _agreement(self, voted: NDArray[np.bool_], values: NDArray[Any]) -> Agreement:
        # Rows are in the order of time, so that a later answer of the annotator to the image replaces an earlier one.
        keys = zip(self.image[voted].tolist(), self.annotator[voted].tolist(), strict=True)
        last = dict(zip(keys, values[voted].tolist(), strict=True))
        return Agreement.of_columns([unit for unit, _ in last], [name for _, name in last], list(last.values()))


def read_ledger(connection: Connection) -> Ledger:
    rows = connection.execute(_COLUMNS).all()
    task, person, gathering, event, started, submitted, imported = zip(*rows, strict=True) if rows else ([],) * 7
    known = connection.execute(sa.select(tasks.c.id, tasks.c.image_id, tasks.c.kind).order_by(tasks.c.id)).all()
    ids, images, kinds = zip(*known, strict=True) if known else ([], [], [])
    has_screen = {image for image, kind in zip(images, kinds, strict=True) if kind == "screen"}
    place = np.searchsorted(np.array(ids, dtype=np.int64), np.array(task, dtype=np.int64))
    people = {row.id: row for row in connection.execute(sa.select(annotators))}
    image = _objects(images)[place]
    at = _times(submitted)
    return Ledger(
        image=image,
        kind=_objects(kinds)[place],
        screened=np.fromiter((one in has_screen for one in image), dtype=bool, count=len(rows)),
        annotator=_objects([people[number].name for number in person]),
        retired=np.fromiter((people[number].retired is not None for number in person), dtype=bool, count=len(rows)),
        gathering=_objects([UNSAID if said is None else YES if said else NO for said in gathering]),
        event=_objects([name or UNSAID for name in event]),
        current=_last_of_each(np.array(task, dtype=np.int64), np.array(person, dtype=np.int64)),
        seconds=_seconds(_times(started), at),
        submitted=at,
        imported=np.array(imported, dtype=bool),
    )


def _objects(values: Any) -> NDArray[np.object_]:
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made


def _times(texts: Any) -> NDArray[np.datetime64]:
    return np.array([text[:19] if text else "NaT" for text in texts], dtype="datetime64[s]")


def _seconds(started: NDArray[np.datetime64], submitted: NDArray[np.datetime64]) -> NDArray[np.float64]:
    taken = (submitted - started).astype(np.float64)
    return np.where(np.isnat(started) | (taken < 0), np.nan, taken)


def _last_of_each(task: NDArray[np.int64], person: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which rows are the last of their task and person."""
    current = np.zeros(len(task), dtype=bool)
    if len(task):
        pair = task * (person.max() + 1) + person
        current[len(task) - 1 - np.unique(pair[::-1], return_index=True)[1]] = True
    return current
