"""Findings: what a check has to say about one thing, collected and reported once instead of raised one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gatherset.dataset.errors import one_line

SHOWN_PER_RULE = 20


@dataclass(frozen=True)
class Finding:
    rule: str  # "GS301"
    level: str  # "error" or "warning"
    where: str  # the record, file or line it is about
    message: str  # what is the matter, with the offending value
    next_step: str

    def __str__(self) -> str:
        return one_line(f"{self.where}: {self.rule} {self.level}: {self.message}. {self.next_step}")


def errors(findings: Sequence[Finding]) -> int:
    """How many of the findings are errors (the others are warnings)."""
    return sum(finding.level == "error" for finding in findings)


def lines(findings: Sequence[Finding]) -> Iterator[str]:
    """The findings as text: the first of each rule in full, the rest counted."""
    shown: Counter[str] = Counter()
    for finding in findings:
        shown[finding.rule] += 1
        if shown[finding.rule] <= SHOWN_PER_RULE:
            yield str(finding)
    for rule, count in sorted(shown.items()):
        if count > SHOWN_PER_RULE:
            yield f"… and {count - SHOWN_PER_RULE} more of {rule} (all of them: --json)"


def as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [asdict(finding) for finding in findings]
