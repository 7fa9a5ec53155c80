"""An answer: what an annotator says to one task, checked by its schema and by the rules for captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gatherset.dataset import submission
from gatherset.dataset.findings import Finding
from gatherset.dataset.rules.rule import Context
from gatherset.dataset.workspace import Workspace


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

    def document(self) -> dict[str, Any]:
        return {"schema_version": "1.0", **asdict(self), "captions": list(self.captions), "flags": sorted(self.flags)}


def check_answer(workspace: Workspace, answer: Answer) -> list[Finding]:
    """What is wrong with an answer, for the person who wrote it: errors keep it from being stored, warnings do not."""
    return submission.submission_findings(answer.document(), _context(workspace), f"the {answer.kind} answer")


def caption_findings(workspace: Workspace, texts: Sequence[str]) -> list[Finding]:
    """The rules for captions on these texts, while they are being written."""
    return submission.caption_findings(texts, _context(workspace), "your answer")


def _context(workspace: Workspace) -> Context:
    return Context(workspace.settings, workspace.taxonomy)
