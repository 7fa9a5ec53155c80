"""Pseudonyms: under what name an author is known in the workspace, and in the releases that bear a name.

In the workspace it is drawn by lot, so that nothing leads from it to the person once the name is erased. (Of those who
came before schema 0007 it was made from the name and the workspace's secret: who has that can test names.) A release
shows another one, which follows from it, from the workspace's secret and from the release's name: the same in all
versions, and without the secret nobody can tell that authors of two datasets are one person.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from gatherset.dataset.records import Record

DIGITS = 8  # schemas/record.schema.json


def new_pseudonym() -> str:
    return f"a-{secrets.token_hex(DIGITS // 2)}"


def released_pseudonym(secret: str, release: str, pseudonym: str) -> str:
    """Under which the author `pseudonym` of the workspace appears in all releases called `release`."""
    said = f"{release}\0{pseudonym}".encode()
    return f"a-{hmac.new(secret.encode(), said, hashlib.sha256).hexdigest()[:DIGITS]}"


class ReleasedAuthors:
    """What the records of the releases called `release` show instead of the workspace's pseudonyms."""

    def __init__(self, secret: str, release: str) -> None:
        self._secret, self._release = secret, release
        self._known: dict[str, str] = {}

    def shown(self, record: Record) -> Record:
        """`record` with its authors as they are released."""
        captions = [{**entry, "author": entry["author"] and self._of(entry["author"])} for entry in record["captions"]]
        return {**record, "captions": captions}

    def _of(self, pseudonym: str) -> str:
        if pseudonym not in self._known:
            self._known[pseudonym] = released_pseudonym(self._secret, self._release, pseudonym)
        return self._known[pseudonym]
