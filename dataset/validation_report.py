"""The report of a validation: what was found, counted by rule; shown as text, JSON, or GitHub's annotations."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gatherset.dataset.errors import one_line
from gatherset.dataset.findings import Finding, as_json

SHOWN = 1000  # findings of each rule that are kept in full; the others are counted
_FILE_AND_LINE = re.compile(r"(?P<file>.+):(?P<line>\d+)(?: \S+)?")


@dataclass
class Report:
    rules: dict[str, str] = field(default_factory=dict)  # those that ran, with their level
    shown: int | None = SHOWN  # None: every finding is kept
    checked: int = 0  # records that the rules have seen; zero is never a pass
    findings: list[Finding] = field(default_factory=list)  # the first of each rule
    counts: Counter[str] = field(default_factory=Counter)  # all of them, by rule
    levels: Counter[str] = field(default_factory=Counter)  # all of them, by level
    waived: Counter[str] = field(default_factory=Counter)  # how often a waiver excused a record, by rule

    @property
    def errors(self) -> int:
        return self.levels["error"]

    @property
    def warnings(self) -> int:
        return self.levels["warning"]

    def add(self, finding: Finding) -> None:
        self.counts[finding.rule] += 1
        self.levels[finding.level] += 1
        if self.shown is None or self.counts[finding.rule] <= self.shown:
            self.findings.append(finding)

    def merge(self, later: Report) -> None:
        """Add what another report, on later records, has found."""
        for finding in later.findings:
            if self.shown is None or self.counts[finding.rule] < self.shown:
                self.findings.append(finding)
                self.counts[finding.rule] += 1
                later.counts[finding.rule] -= 1
        self.checked += later.checked
        self.counts += later.counts
        self.levels += later.levels
        self.waived += later.waived

    def per_rule(self) -> list[dict[str, Any]]:
        """What the manifest keeps: the rules that ran, in order, and how often each spoke."""
        return [{"id": rule, "level": self.rules[rule], "findings": self.counts[rule]} for rule in sorted(self.rules)]

    def document(self) -> dict[str, Any]:
        """The report in the shape of schemas/validation_report.schema.json."""
        return {
            "schema_version": "1.0",
            "checked": self.checked,
            "errors": self.errors,
            "warnings": self.warnings,
            "waived": dict(sorted(self.waived.items())),
            "rules": self.per_rule(),
            "not_shown": self._not_shown(),
            "findings": as_json(self.findings),
        }

    def _not_shown(self) -> dict[str, int]:
        kept = Counter(finding.rule for finding in self.findings)
        return {rule: count - kept[rule] for rule, count in sorted(self.counts.items()) if count > kept[rule]}

    def lines(self) -> Iterator[str]:
        """The findings as text, a line each."""
        yield from map(str, self.findings)
        for rule, count in self._not_shown().items():
            yield f"… and {count} more of {rule} (--all shows every one)"

    def statistics(self, titles: Mapping[str, str]) -> Iterator[str]:
        """A line for each rule that spoke or was waived, those that spoke most first."""
        width = max((len(f"{count}") for count in self.counts.values()), default=1)
        level = {finding.rule: finding.level for finding in self.findings} | self.rules
        for rule, count in sorted(self.counts.items(), key=lambda item: (-item[1], item[0])):
            if count:
                yield f"{rule}  {level[rule]:<8}{count:>{width + 2}}  {titles.get(rule, '')}".rstrip()
        for rule, count in sorted(self.waived.items()):
            yield f"{rule}  waived  {count:>{width + 2}}"

    def summary(self) -> str:
        """One line: how many records were checked, and what came of it."""
        waived = f", {self.waived.total()} waived" if self.waived else ""
        return (
            f"{self.checked} records checked by {len(self.rules)} rules: "
            f"{self.errors} errors, {self.warnings} warnings{waived}."
        )

    def annotations(self) -> Iterator[str]:
        """The findings as GitHub's workflow commands, which it shows beside the lines of a pull request."""
        for finding in self.findings:
            match = _FILE_AND_LINE.fullmatch(finding.where)
            place = f"file={_property(match['file'])},line={match['line']}," if match else ""
            about = "" if match else f"{finding.where}: "
            text = one_line(f"{about}{finding.message}. {finding.next_step}")
            yield f"::{finding.level} {place}title={finding.rule}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
