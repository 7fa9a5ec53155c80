"""Who is in which split: 9 bytes a record, so that a million of them cost nothing to remember."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from gatherset.dataset.records import SPLITS, Record

CODES: dict[str | None, int] = {None: 0, **{split: code for code, split in enumerate(SPLITS, 1)}}
NAMES = {code: split for split, code in CODES.items()}
SHOWN = 10  # members of a group that a message names


class Membership:
    """Records by their number in the order they were added; their ids are 64 bits, as their text says."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._ids = array("Q")
        self._codes = bytearray()
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        self._ids.append(int(record["id"][3:], 16))
        self._codes.append(CODES[record["split"]])

    def add_all(self, records: Sequence[Record]) -> None:
        """The same for several at once, which is twice as quick."""
        self._ids.extend([int(record["id"][3:], 16) for record in records])
        self._codes.extend([CODES[record["split"]] for record in records])

    def extend(self, later: Membership) -> None:
        """Add all records of `later`; their numbers go up by the length until now."""
        self._ids.extend(later._ids)
        self._codes.extend(later._codes)

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def ids(self) -> NDArray[np.uint64]:
        """[n] a copy, for an array that is looked into cannot grow."""
        return np.array(self._ids, dtype=np.uint64)

    @property
    def codes(self) -> NDArray[np.uint8]:
        """[n] 0 for no split, 1 train, 2 val, 3 test; a copy."""
        return np.frombuffer(bytes(self._codes), dtype=np.uint8)

    def id(self, number: int) -> str:
        return f"gs-{self._ids[number]:016x}"

    def named(self, numbers: Sequence[int]) -> str:
        """ "gs-… (train), gs-… (test)": the first of them, and how many more there are."""
        shown = [f"{self.id(number)} ({NAMES[self._codes[number]] or 'no split'})" for number in numbers[:SHOWN]]
        more = [f"{len(numbers) - SHOWN} more"] if len(numbers) > SHOWN else []
        return ", ".join(shown + more)
