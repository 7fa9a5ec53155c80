"""An answer: what an annotator says to one task, checked by its schema and by the rules for captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import jsonschema

from gatherset import schemas
from gatherset.dataset.findings import Finding
from gatherset.dataset.records import caption
from gatherset.dataset.rules import RULES
from gatherset.dataset.rules.rule import GOLDEN, Context
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
    document = answer.document()
    validator = jsonschema.Draft202012Validator(schemas.read("submission.schema.json"))
    findings = [
        Finding("GS101", "error", f"the {answer.kind} answer", _in_words(error), "Complete the answer")
        for error in validator.iter_errors(document)
    ]
    if answer.event_type is not None and answer.event_type not in workspace.taxonomy.names:
        message = f"there is no event type '{answer.event_type}'"
        known = ", ".join(workspace.taxonomy.names)
        findings.append(Finding("GS401", "error", f"the {answer.kind} answer", message, f"Choose one of {known}"))
    if not findings and answer.captions and answer.is_gathering is not False:
        findings += caption_findings(workspace, answer.captions)
    return findings


def caption_findings(workspace: Workspace, texts: Sequence[str]) -> list[Finding]:
    """The caption rules (GS102, GS3xx) on these texts: the same code that validates records."""
    context = Context(workspace.settings, workspace.taxonomy)
    entries = [caption(text, origin="human", author=None, verified=True) for text in texts]
    record = {**GOLDEN, "captions": entries}
    findings = []
    for rule_id, cls in sorted(RULES.items()):
        if (rule_id == "GS102" or rule_id.startswith("GS3")) and rule_id not in workspace.settings.rules.ignore:
            level = workspace.settings.rules.levels.get(rule_id, cls.level)
            rule = cls(context)
            findings += [Finding(rule_id, level, "your answer", text, cls.next_step) for text in rule.check(record)]
    return findings


def _in_words(error: jsonschema.ValidationError) -> str:
    """The schema's complaint as a person would put it, for what a person can leave out."""
    field = error.json_path.removeprefix("$.")
    missing = {
        "is_gathering": "it does not say whether this is a gathering",
        "event_type": "no event type is chosen",
        "captions": "it has no captions",
    }
    return missing.get(field, f"{field}: {error.message}")
