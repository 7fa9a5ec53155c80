"""A submission: what one annotator answered to one task, checked by its schema and by the rules for captions.

The app, the import of answers, Label Studio's pull and `gatherset validate` all ask here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import jsonschema

from gatherset.dataset.findings import Finding
from gatherset.dataset.records import caption
from gatherset.dataset.rules import RULES, DatasetRule
from gatherset.dataset.rules.rule import GOLDEN, Context, quoted
from gatherset.dataset.rules.shape import complaint, schema_errors
from gatherset.dataset.settings import Settings
from gatherset.dataset.validation import Run, rule_ids

_MISSING = {  # the schema's complaint as a person would put it, for what a person can leave out
    "is_gathering": "it does not say whether this is a gathering",
    "event_type": "no event type is chosen",
    "captions": "it has no captions",
}


def submission_findings(submission: Mapping[str, Any], context: Context, where: str) -> list[Finding]:
    """What is wrong with a submission: errors keep it from being stored, warnings do not.

    `submission` should have the shape of schemas/submission.schema.json; `where` names it to the person who wrote it.
    """
    return check_submission(submission, context, where, rule_ids(context.settings.rules))[0]


def check_submission(
    submission: Mapping[str, Any], context: Context, where: str, ids: Sequence[str]
) -> tuple[list[Finding], dict[str, str]]:
    """The findings of those rules among `ids` that look at submissions, and the rules that ran, with their levels."""
    levels = context.settings.rules.levels
    ran = {rule_id: levels.get(rule_id, RULES[rule_id].level) for rule_id in ids if _asks_of_submissions(rule_id)}
    findings = [
        Finding("GS101", "error", where, _in_words(error), "Complete the answer")
        for error in schema_errors(submission, "submission.schema.json")
    ]
    if findings:
        return findings, ran
    event_type = submission["event_type"]
    if event_type is not None and event_type not in context.taxonomy.names:
        known = ", ".join(context.taxonomy.names)
        message = f"there is no event type {quoted(event_type)}"
        findings.append(Finding("GS401", "error", where, message, f"Choose one of {known}"))
    elif submission["captions"] and submission["is_gathering"] is not False:
        wanted = captions_wanted(context.settings, submission["kind"])
        findings += caption_findings(submission["captions"], context, where, wanted=wanted, ids=ids)
    return findings, ran


def captions_wanted(settings: Settings, kind: str) -> int:
    """How many captions an answer to this kind of task holds, where it holds any."""
    return settings.captions_asked if kind == "caption" else settings.captions_per_image


def caption_findings(
    texts: Sequence[str], context: Context, where: str, *, wanted: int, ids: Sequence[str] | None = None
) -> list[Finding]:
    """The caption rules (GS102, GS3xx) on these texts, of which there should be `wanted`; `ids`: of them alone."""
    context = replace(context, settings=replace(context.settings, captions_per_image=wanted))
    ids = [rule_id for rule_id in ids or rule_ids(context.settings.rules) if _asks_about_captions(rule_id)]
    entries = [caption(text, origin="human", author=None, verified=True) for text in texts]
    run = Run(context, ids)
    run.feed([(where, {**GOLDEN, "language": context.settings.language, "captions": entries})])
    return run.report.findings


def _asks_about_captions(rule_id: str) -> bool:
    return rule_id == "GS102" or (rule_id.startswith("GS3") and not issubclass(RULES[rule_id], DatasetRule))


def _asks_of_submissions(rule_id: str) -> bool:
    return rule_id in ("GS101", "GS401") or _asks_about_captions(rule_id)


def _in_words(error: jsonschema.ValidationError) -> str:
    field = error.json_path.removeprefix("$.")
    if not error.instance and field in _MISSING:
        return _MISSING[field]
    return f"{field}: {complaint(error)}"
