"""What a rule asks for, in words: for `gatherset validate --explain`."""

from __future__ import annotations

import inspect
from difflib import get_close_matches

from gatherset.dataset.errors import InputError
from gatherset.dataset.rules import RULES, DatasetRule, Rule
from gatherset.dataset.rules.rule import Context
from gatherset.dataset.settings import FORMAT, Settings
from gatherset.dataset.taxonomy import load_taxonomy

# Findings that no rule of the registry makes: they are about files, or about what was not done.
OTHERS = {  # id: (title, next step)
    "GS100": ("A line of a file of records can be read as JSON.", "Mend the line"),
    "GS105": ("A record was written for a shape that this version knows.", "Upgrade: pip install -U gatherset"),
    "GS505": ("A newcomer joins one split only; one that would join two is held back.", "Withdraw it"),
    "GS611": ("A line of a list of URLs is a web address, and an image is there.", "See what fetch.csv says of it"),
    "GS612": ("A picture is that of a few URLs at most; one of many says that theirs are gone.", "Look at it"),
    "GS613": ("The columns of a list of URLs are known.", "Rename the column, or leave it: it is not read"),
    "GS614": (
        "A model that helps gives captions that can be used.",
        "A person writes them: the image waits in the queue",
    ),
    "GS701": ("The files of a release have the checksums of its manifest.", "Get the release again"),
    "GS702": ("No file of a release is missing.", "Get the release again"),
    "GS703": ("No file was added to a release.", "Remove it"),
    "GS704": ("The manifest of a release points at nothing outside its folder.", "Do not trust this release"),
    "GS705": ("The records of a release are those of its content hash.", "Get the release again"),
    "GS706": ("A release has as many records of each split and type as its manifest counts.", "Get the release again"),
    "GS707": (
        "The version is as high as the changes since the parent ask for, where the parent stands beside the release.",
        "Build it again with a higher version",
    ),
}


def explanation(rule_id: str) -> str:
    """Title, reason, next step, and what it says of each counter-example. Raises InputError for an unknown id."""
    rule = RULES.get(rule_id)
    if rule_id in OTHERS:
        title, step = OTHERS[rule_id]
        return f"{rule_id} (error): {title}\nIf not: {step}.\nIt cannot be ignored or waived."
    if rule is None:
        near = get_close_matches(rule_id, RULES, 3) or ["GS301"]
        raise InputError(f"there is no rule {rule_id}", f"Try {', '.join(near)}; docs/rules.md names them all")
    parts = [f"{rule_id} ({rule.level}): {rule.title}"]
    if reason := own_reason(rule):
        parts.append(reason)
    parts.append(f"If not: {sentence(rule.next_step)}")
    parts += [f"For example: {message}." for message in _examples(rule)]
    if not rule.waivable():
        parts.append("It cannot be waived.")
    return "\n".join(parts)


def sentence(text: str) -> str:
    """`text` with a full stop, where it has no end of its own."""
    return text if text.endswith(("?", "…", ".")) else f"{text}."


def own_reason(rule: type[Rule]) -> str | None:
    """The docstring of the rule itself, on one line."""
    own = vars(rule).get("__doc__")
    return " ".join(inspect.cleandoc(own).split()) if own else None


def _examples(rule: type[Rule]) -> list[str]:
    context = Context(Settings(FORMAT, "example"), load_taxonomy())
    found = []
    for records in rule.counterexamples():
        run = rule(context)
        messages = [message for record in records for message in run.check(record)]
        if isinstance(run, DatasetRule):
            messages += [message for _, message in run.close()]
        found += messages[:1]
    return found
