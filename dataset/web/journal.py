"""The journal of a fetch or a link check: a line for each URL that was asked for, so that none is asked for twice."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from gatherset.dataset.errors import InputError
from gatherset.dataset.web.outcome import FAILED, NOT_ASKED, Found, Outcome


class Journal:
    """The file `path`, held by this process alone; what was being written when another was killed is cut off."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise InputError(f"{path} is in use: it is being worked on already", "Wait until that has ended") from error
        self.outcomes: dict[str, Outcome] = {}  # the newest of each URL
        self.rows: dict[str, Mapping[str, str]] = {}  # what the list said of each
        self.times: dict[str, str] = {}  # when each was asked
        self.again: set[str] = set()  # URLs that are to be asked once more, and were not yet
        self.later: set[str] = set()  # URLs whose hosts asked to be left alone for longer than the run had
        self.judging: dict[str, str] = {}  # {URL: id of its image} of those that a kill found being judged
        try:
            self._read()
        except InputError:
            self._file.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def _read(self) -> None:
        whole = 0
        for line in self._lines():
            whole += len(line)
            try:
                entry = json.loads(line)
                self._take(entry)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise InputError(
                    f"{self.path} is damaged: {line[:80]!r}", "Remove that line; its URL is asked for again"
                ) from error
        self._file.truncate(whole)
        self._file.seek(0, 2)

    def _lines(self) -> Iterator[bytes]:
        """The whole lines; a kill can leave half a one at the end."""
        self._file.seek(0)
        return (line for line in self._file if line.endswith(b"\n"))

    def _take(self, entry: dict[str, Any]) -> None:
        if "again" in entry:
            self.again |= set(entry["again"])
            return
        if "judging" in entry:
            self.judging[entry["judging"]] = entry["id"]
            return
        url, later = entry.pop("url"), entry.pop("later", False)
        at, row, found = entry.pop("at"), entry.pop("row"), entry.pop("found")
        self._know(url, Outcome(**entry, found=Found(**found) if found else None), at, row, later=later)
        self.judging.pop(url, None)

    def _know(self, url: str, outcome: Outcome, at: str, row: Mapping[str, str], *, later: bool) -> None:
        self.outcomes[url], self.times[url], self.rows[url] = outcome, at, row
        self.again.discard(url)
        (self.later.add if later else self.later.discard)(url)

    def open_questions(self, urls: Iterable[str]) -> list[str]:
        """Those of the `urls` that were not asked for yet, or are to be asked for again."""
        return [url for url in urls if url not in self.outcomes or url in self.again or url in self.later]

    def ask_again(self, what: str, urls: Iterable[str]) -> int:
        """Begin to ask once more for those of the `urls` in a category, or all that "failed"; how many there are.

        What an earlier such call has left over goes on first: then nothing new is begun.
        """
        wanted = (*FAILED, NOT_ASKED) if what == "failed" else (what,)
        asked = [url for url in urls if url in self.outcomes]
        if left := self.again.intersection(asked):
            return len(left)
        chosen = [url for url in asked if self.outcomes[url].category in wanted]
        self._write({"again": chosen})
        self.again.update(chosen)
        return len(chosen)

    def begin_judging(self, url: str, image_id: str) -> None:
        """Say so before the image may be kept: what a kill leaves of it is removed. Any thread."""
        self._write({"judging": url, "id": image_id})

    def add(self, url: str, outcome: Outcome, at: str, row: Mapping[str, str], *, later: bool = False) -> None:
        """What came of a URL; where `later`, it is asked for again by the next run."""
        self._know(url, outcome, at, row, later=later)
        said = {key: value for key, value in asdict(outcome).items() if key not in ("wait", "final")}
        self._write({"url": url, "at": at, "later": later, **said, "row": dict(row)})

    def _write(self, entry: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(entry, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")
        self._file.flush()
