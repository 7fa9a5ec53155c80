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
        url = entry.pop("url")
        self.times[url], self.rows[url] = entry.pop("at"), entry.pop("row")
        found = entry.pop("found")
        self.outcomes[url] = Outcome(**entry, found=Found(**found) if found else None)
        self.again.discard(url)

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

    def add(self, url: str, outcome: Outcome, at: str, row: Mapping[str, str]) -> None:
        self.outcomes[url], self.times[url], self.rows[url] = outcome, at, row
        self.again.discard(url)
        said = {key: value for key, value in asdict(outcome).items() if key not in ("wait", "final")}
        self._write({"url": url, "at": at, **said, "row": dict(row)})

    def _write(self, entry: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(entry, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")
        self._file.flush()
