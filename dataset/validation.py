"""Validation: records through all rules, once, with everything that was found collected in a report."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatherset.dataset.errors import InputError
from gatherset.dataset.findings import Finding, errors
from gatherset.dataset.records import Record
from gatherset.dataset.rules import RULES, Rule
from gatherset.dataset.rules.rule import Context

SHAPE = "GS101"  # cannot be ignored: every other rule relies on it


@dataclass
class Report:
    checked: int = 0  # records that the rules have seen; zero is never a pass
    rules: dict[str, str] = field(default_factory=dict)  # those that ran, with their level
    findings: list[Finding] = field(default_factory=list)

    @property
    def errors(self) -> int:
        return errors(self.findings)

    @property
    def warnings(self) -> int:
        return len(self.findings) - self.errors

    def per_rule(self) -> list[dict[str, Any]]:
        """What the manifest keeps: the rules that ran, in order, and how often each spoke."""
        counts = Counter(finding.rule for finding in self.findings)
        return [{"id": rule, "level": level, "findings": counts[rule]} for rule, level in sorted(self.rules.items())]


def validate(items: Iterable[tuple[str, Record | Finding]], context: Context) -> Report:
    """Run all rules over `items`: (where it stands, a record, or the finding that kept it from being read)."""
    rules, report = _running(context)
    for where, item in items:
        if isinstance(item, Finding):
            report.findings.append(item)
        else:
            report.checked += 1
            report.findings += _check(item, where, rules, report.rules)
    for rule in rules:
        report.findings += [_finding(rule, where, message, report.rules) for where, message in rule.close()]
    return report


def record_errors(record: Record, context: Context) -> list[Finding]:
    """The errors of one record on its own, before it is made; what only shows among many is not asked."""
    rules, report = _running(context)
    found = _check(record, str(record.get("id")), rules, report.rules)
    return [finding for finding in found if finding.level == "error"]


def _running(context: Context) -> tuple[list[Rule], Report]:
    """Fresh objects of the rules that the settings leave on, the schema's first, and the report with their levels."""
    settings = context.settings.rules
    if unknown := ({*settings.ignore, *settings.levels} - RULES.keys()):
        raise InputError(f"there is no rule {', '.join(sorted(unknown))}", "Mend [rules] in gatherset.toml")
    ids = [rule_id for rule_id in sorted(RULES) if rule_id not in settings.ignore or rule_id == SHAPE]
    levels = {rule_id: settings.levels.get(rule_id, RULES[rule_id].level) for rule_id in ids}
    return [RULES[rule_id](context) for rule_id in ids], Report(rules=levels)


def _check(record: Record, where: str, rules: list[Rule], levels: dict[str, str]) -> list[Finding]:
    found: list[Finding] = []
    for rule in rules:
        found += [_finding(rule, where, message, levels) for message in rule.check(record)]
        if found and rule.id == SHAPE:
            break  # the other rules rely on the shape
    return found


def _finding(rule: Rule, where: str, message: str, levels: dict[str, str]) -> Finding:
    return Finding(rule.id, levels[rule.id], where, message, rule.next_step)


def read_records_file(path: Path) -> Iterator[tuple[str, Record | Finding]]:
    """The records of a .jsonl file, with `file:line`; a line that does not parse is a finding. Raises InputError."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _parse(f"{path}:{number}", line)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", "Check the path and its permissions") from error


def _parse(where: str, line: bytes) -> tuple[str, Record | Finding]:
    try:
        record = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        return where, Finding("GS100", "error", where, f"the line is not JSON: {error}", "Mend the line")
    if not isinstance(record, dict):
        return where, Finding("GS100", "error", where, "the line is not a JSON object", "Mend the line")
    return f"{where} {record['id']}" if isinstance(record.get("id"), str) else where, record
