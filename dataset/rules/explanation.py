"""What a rule asks for, in words: for `gatherset validate --explain`."""

from __future__ import annotations

import inspect
from difflib import get_close_matches

from gatherset.dataset.errors import InputError
from gatherset.dataset.rules import RULES, DatasetRule, Rule
from gatherset.dataset.rules.rule import Context
from gatherset.dataset.settings import FORMAT, Settings
from gatherset.dataset.taxonomy import load_taxonomy


def explanation(rule_id: str) -> str:
    """Title, reason, next step, and what it says of each counter-example. Raises InputError for an unknown id."""
    rule = RULES.get(rule_id)
    if rule is None:
        near = get_close_matches(rule_id, RULES, 3) or ["GS301"]
        raise InputError(f"there is no rule {rule_id}", f"Try {', '.join(near)}; docs/rules.md names them all")
    parts = [f"{rule_id} ({rule.level}): {rule.title}"]
    if reason := own_reason(rule):
        parts.append(reason)
    parts.append(f"If not: {rule.next_step}.")
    parts += [f"For example: {message}." for message in _examples(rule)]
    if not rule.waivable():
        parts.append("It cannot be waived.")
    return "\n".join(parts)


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
