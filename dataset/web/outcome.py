"""What came of asking for a URL, in the categories of Lakić, Rossetto and Bernstein (MMM 2023), Table 3."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

THERE, INVALID, NO_CONNECTION = "there", "invalid", "no-connection"
CLIENT, SERVER, OTHER = "4xx", "5xx", "other"
NOT_ASKED = "not-asked"  # not of the paper: robots.txt or the page's owner say no, or the address may not be reached
FAILED = (INVALID, NO_CONNECTION, CLIENT, SERVER, OTHER)  # what the paper calls unavailable
CATEGORIES = (THERE, *FAILED, NOT_ASKED)
# Answers after which the same question may get another one: the server is busy, or its line was cut.
PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
PASSING_KINDS = frozenset({"timeout", "refused", "reset", "unreachable", "name server", "protocol", "incomplete"})
# The columns of Table 3, and the statuses that have one of their own.
_OWN_COLUMN = ("400", "401", "403", "404", "410", "500", "502", "503", "504")
COLUMNS = (INVALID, NO_CONNECTION, *_OWN_COLUMN[:5], "other 4xx", *_OWN_COLUMN[5:], "other 5xx", OTHER)


@dataclass(frozen=True)
class Found:
    """The image that was there, as received."""

    sha256: str
    bytes: int
    file: str = ""  # where it was kept
    phash: str = ""  # where it was wanted


@dataclass(frozen=True)
class Outcome:
    category: str  # one of CATEGORIES
    kind: str  # a status ("404"), the kind of connection error ("timeout"), what the content is ("no image")
    detail: str = ""  # in words, for a person
    found: Found | None = None
    wait: float = 0.0  # seconds for which the host asks to be left alone
    final: bool = False  # asking again in this run cannot help, whatever the kind

    @property
    def may_pass(self) -> bool:
        """Whether a retry can help."""
        if self.final or self.category in (THERE, NOT_ASKED, OTHER):
            return False
        if self.category in (CLIENT, SERVER):
            return int(self.kind) in PASSING_STATUSES
        return self.kind in PASSING_KINDS

    @property
    def column(self) -> str:
        """Where it stands in Table 3; there and not-asked stand in none and are given as they are."""
        if self.kind in _OWN_COLUMN:
            return self.kind
        return f"other {self.category}" if self.category in (CLIENT, SERVER) else self.category

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}" if self.detail else self.kind


def of_status(status: int, detail: str = "", *, wait: float = 0.0) -> Outcome:
    """The outcome of an answer that is no image, by its status."""
    category = CLIENT if 400 <= status < 500 else SERVER if 500 <= status < 600 else OTHER
    return Outcome(category, str(status), detail, wait=wait)


def reasons(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """A row of Table 3: how many of the outcomes stand in each of its columns."""
    counts = Counter(outcome.column for outcome in outcomes)
    return {column: counts[column] for column in COLUMNS}
