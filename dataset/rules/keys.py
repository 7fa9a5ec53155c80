"""What rules remember of records they have seen: 64-bit keys, so that memory does not grow with the text."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from hashlib import blake2b

import numpy as np

from gatherset.dataset.records import numeric_id, record_id


class Keys:
    """Which records share a key. 16 bytes a key, whatever it stands for.

    A key is 64 bits of a text's hash: among 5,000,000 different captions two meet with a probability of 1e-6.
    """

    def __init__(self) -> None:
        self._keys = array("Q")
        self._owners = array("Q")

    def add(self, text: str, identity: str) -> None:
        self._keys.append(int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()))
        self._owners.append(numeric_id(identity))

    def extend(self, later: Keys) -> None:
        """Add all keys of `later`."""
        self._keys.extend(later._keys)
        self._owners.extend(later._owners)

    def shared(self, least: int = 2) -> Iterator[list[str]]:
        """The ids that gave one key `least` times or more, in the order in which they came, group by group."""
        if not self._keys:
            return
        keys, owners = np.frombuffer(self._keys, np.uint64), np.frombuffer(self._owners, np.uint64)
        order = np.argsort(keys, kind="stable")
        changes = np.flatnonzero(np.diff(keys[order])) + 1
        starts, ends = np.append(0, changes), np.append(changes, len(order))
        large = ends - starts >= least
        starts, ends = starts[large], ends[large]
        for number in np.argsort(order[starts]):
            yield [record_id(int(owner)) for owner in owners[order[starts[number] : ends[number]]]]
