"""An answer: what an annotator says to one task, checked by its schema and by the rules for captions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import sqlalchemy as sa

from gatherset.dataset import submission
from gatherset.dataset.catalog.tables import submissions
from gatherset.dataset.errors import InputError
from gatherset.dataset.findings import Finding
from gatherset.dataset.rules.rule import Context
from gatherset.dataset.workspace import Workspace

MAX_CAPTIONS = 20
MAX_TEXT = 2000  # characters of one text; nobody types more, and a draft is sent at every change
_LISTS = ("captions", "flags", "suggested", "overruled")
_NUMBERED = re.compile(r"\bcaption (\d+)")
_newer = submissions.alias()
# Of a row of `submissions`: it is what its annotator says to that task now, not a version that they have replaced.
IS_CURRENT = ~sa.exists().where(
    _newer.c.task_id == submissions.c.task_id,
    _newer.c.annotator_id == submissions.c.annotator_id,
    _newer.c.version > submissions.c.version,
)


@dataclass(frozen=True)
class Overruled:
    """A warning that the annotator has set aside, and why."""

    rule: str
    caption: int | None  # counted from 1; None: it is about all of them
    reason: str


@dataclass(frozen=True)
class Answer:
    """schemas/submission.schema.json as an object. None: not asked, or not said."""

    kind: str
    is_gathering: bool | None = None
    event_type: str | None = None
    captions: tuple[str, ...] = ()
    confidence: int | None = None  # 3 sure, 2 fairly sure, 1 a guess
    flags: tuple[str, ...] = ()
    note: str = ""
    suggested: tuple[int | None, ...] = ()  # for each caption, the suggestion that was taken over unchanged
    overruled: tuple[Overruled, ...] = ()

    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = {"schema_version": "1.0", **asdict(self)}
        document |= {"captions": list(self.captions), "flags": sorted(self.flags)}
        for name in ("suggested", "overruled"):  # left out where nothing was: most answers say nothing here
            given = list(document.pop(name))
            if any(given):
                document[name] = given
        return document

    @property
    def says_no(self) -> bool:
        return self.is_gathering is False


def read_answer(document: Any) -> Answer:
    """The answer, or the draft of one, that a browser sent. Raises InputError for anything that is none."""
    try:
        return _read(document)
    except (TypeError, ValueError, KeyError) as error:
        raise InputError("what the page sent is not an answer", "Reload the page") from error


def _read(given: Any) -> Answer:
    if type(given) is not dict or any(type(given.get(name, [])) is not list for name in _LISTS):
        raise TypeError("not an answer")
    captions = tuple(read_text(text) for text in given.get("captions", ()))
    suggested = tuple(given.get("suggested", ()))
    overruled = tuple(
        Overruled(read_text(entry["rule"]), entry["caption"], read_text(entry["reason"]))
        for entry in given.get("overruled", ())
    )
    numbers = (*suggested, *(entry.caption for entry in overruled), given.get("confidence"))
    if len(captions) > MAX_CAPTIONS or len(suggested) > len(captions) or len(overruled) > 10 * MAX_CAPTIONS:
        raise ValueError("too many")
    if any(number is not None and type(number) is not int for number in numbers):
        raise TypeError("not a number")
    if any(number is not None and not 0 <= number < 2**63 for number in numbers):
        raise ValueError("no number that can be stored")
    said = given.get("is_gathering")
    if said is not None and type(said) is not bool:
        raise TypeError("not yes or no")
    return Answer(
        kind=read_text(given["kind"]),
        is_gathering=said,
        event_type=None if given.get("event_type") is None else read_text(given["event_type"]),
        captions=captions,
        confidence=given.get("confidence"),
        flags=tuple(sorted({read_text(flag) for flag in given.get("flags", ())})),
        note=read_text(given.get("note", "")),
        suggested=suggested,
        overruled=overruled,
    )


def read_text(value: Any) -> str:
    """A text that a browser sent. Raises TypeError or ValueError for what is none, is too long or cannot be stored."""
    if type(value) is not str or len(value) > MAX_TEXT:
        raise TypeError("not a text")
    value.encode()  # half a surrogate pair cannot be stored; the UnicodeEncodeError is a ValueError
    return value


def check_answer(workspace: Workspace, answer: Answer) -> list[Finding]:
    """What is wrong with an answer, for the person who wrote it: errors keep it from being stored, warnings do not."""
    return submission.submission_findings(answer.document(), _context(workspace), f"the {answer.kind} answer")


def findings_so_far(workspace: Workspace, texts: Sequence[str]) -> list[Finding]:
    """What the rules say about those of the texts that are begun: an empty box is not wrong yet."""
    begun = [number for number, text in enumerate(texts, 1) if text.strip()]
    if not begun:
        return []
    given = [texts[number - 1] for number in begun]
    found = submission.caption_findings(given, _context(workspace), "your answer", wanted=len(begun))

    def own_number(match: re.Match[str]) -> str:
        number = int(match[1])
        return f"caption {begun[number - 1]}" if 0 < number <= len(begun) else match[0]

    return [replace(finding, message=_NUMBERED.sub(own_number, finding.message)) for finding in found]


def box_of(finding: Finding) -> int | None:
    """The number of the caption that a finding is about; None where it is about all of them."""
    match = _NUMBERED.search(finding.message)
    return int(match[1]) if match else None


def not_overruled(answer: Answer, findings: Sequence[Finding]) -> Iterator[Finding]:
    """The findings that stand: all errors, and the warnings for which the annotator has given no reason."""
    given = {(entry.rule, entry.caption) for entry in answer.overruled if entry.reason.strip()}
    return (f for f in findings if f.level == "error" or (f.rule, box_of(f)) not in given)


def _context(workspace: Workspace) -> Context:
    return Context(workspace.settings, workspace.taxonomy)
