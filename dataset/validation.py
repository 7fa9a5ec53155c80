"""Validation: records through all rules, once, with everything that was found collected in a report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from gatherset.dataset.errors import InputError
from gatherset.dataset.findings import Finding
from gatherset.dataset.processes import Workers
from gatherset.dataset.progress import progress
from gatherset.dataset.records import Record
from gatherset.dataset.records_file import Part, parts, read_part
from gatherset.dataset.rules import RULES, DatasetRule, Rule
from gatherset.dataset.rules.explanation import OTHERS
from gatherset.dataset.rules.image import PixelRule
from gatherset.dataset.rules.rule import Context, Subject
from gatherset.dataset.settings import RuleSettings
from gatherset.dataset.validation_report import SHOWN, Report

SHAPE = "GS101"  # runs first and cannot be ignored: every other rule relies on it
BATCH = 32  # records that one rule looks at before the next one does
_NOTHING: frozenset[str] = frozenset()


class Run:
    """Rules at work on records. Two runs on parts of a file can be merged into one."""

    def __init__(self, context: Context, ids: Sequence[str] | None = None, shown: int | None = SHOWN) -> None:
        settings = context.settings.rules
        ids = [rule_id for rule_id in (rule_ids(settings) if ids is None else ids) if RULES[rule_id].applies(context)]
        self.rules: list[Rule] = [RULES[rule_id](context) for rule_id in ids]
        self._shape = [rule for rule in self.rules if rule.id == SHAPE]
        # Of a picture, which is read and decoded for all of its rules, while the record is the last that was taken.
        self._at_once: list[Rule] = [rule for rule in self.rules if isinstance(rule, PixelRule)]
        self._others = [rule for rule in self.rules if rule.id != SHAPE and not isinstance(rule, PixelRule)]
        self.report = Report({rule_id: settings.levels.get(rule_id, RULES[rule_id].level) for rule_id in ids}, shown)

    def feed(self, items: Iterable[tuple[str, Record | Finding]]) -> None:
        """Check `items`: (where it stands, a record, or the finding that kept it from being read)."""
        remaining = iter(items)
        while self._check(islice(remaining, BATCH)):
            pass

    def _check(self, batch: Iterable[tuple[str, Record | Finding]]) -> bool:
        """One rule after the other over a few records: half again as quick as all rules over one record at a time.

        False where the batch is empty.
        """
        found: list[tuple[int, Finding]] = []  # with the place of the record in the batch
        subjects: list[Subject] = []
        place = -1
        for place, (where, record) in enumerate(batch):
            if isinstance(record, Finding):
                found.append((place, record))
                continue
            self.report.checked += 1
            if broken := [self._finding(rule, where, text) for rule in self._shape for text in rule.check(record)]:
                found += [(place, finding) for finding in broken]  # the other rules rely on the shape
                continue
            subjects.append(Subject(record, where, place, _waivers(record)))
            for rule in self._at_once:
                found += self._ask(rule, subjects[-1:], subjects[-1].waived)
        waived = _NOTHING.union(*[subject.waived for subject in subjects])
        for rule in self._others:
            found += self._ask(rule, subjects, waived)
        for _, finding in sorted(found, key=lambda one: (one[0], one[1].rule)):  # as they are read
            self.report.add(finding)
        return place >= 0

    def _ask(self, rule: Rule, subjects: Sequence[Subject], waived: frozenset[str]) -> Iterator[tuple[int, Finding]]:
        """What the rule says; `waived` are the rules from which one or another of the subjects is excused."""
        if rule.id in waived:
            subjects = self._without_waived(rule, subjects)
        for subject, message in rule.ask(subjects):
            yield subject.place, self._finding(rule, subject.where, message)

    def _without_waived(self, rule: Rule, subjects: Sequence[Subject]) -> Sequence[Subject]:
        """The subjects that are not excused from the rule; what it would say of the others is counted."""
        waived = [subject for subject in subjects if rule.id in subject.waived]
        if isinstance(rule, DatasetRule):
            self.report.waived[rule.id] += len(waived)  # it does not see them: what it says of the others stands
        else:
            self.report.waived[rule.id] += sum(1 for _ in rule.ask(waived))
        return [subject for subject in subjects if rule.id not in subject.waived]

    def close(self) -> Report:
        """Ask for what only shows when all records are known; the report is whole now."""
        for rule in self.rules:
            for where, message in rule.close() if isinstance(rule, DatasetRule) else ():
                self.report.add(self._finding(rule, where, message))
        return self.report

    def _finding(self, rule: Rule, where: str, message: str) -> Finding:
        return Finding(rule.id, self.report.rules[rule.id], where, message, rule.next_step)

    def seen(self) -> Seen:
        """What another run needs to go on from here: the rules that remember, and the report."""
        return {rule.id: rule for rule in self.rules if isinstance(rule, DatasetRule)}, self.report

    def merge(self, later: Seen) -> None:
        """Take over what a run on later records has seen."""
        rules, report = later
        for rule in self.rules:
            if isinstance(rule, DatasetRule):
                rule.merge(rules[rule.id])
        self.report.merge(report)


Seen = tuple[dict[str, DatasetRule], Report]


def validate(
    items: Iterable[tuple[str, Record | Finding]],
    context: Context,
    ids: Sequence[str] | None = None,
    shown: int | None = SHOWN,
) -> Report:
    """Run the rules `ids` (None: all that the settings leave on) over `items`; see `Run.feed`."""
    run = Run(context, ids, shown)
    run.feed(items)
    return run.close()


def validate_file(path: Path, context: Context, ids: Sequence[str] | None = None, shown: int | None = SHOWN) -> Report:
    """The same for a file of records (.jsonl), its parts side by side in processes. Raises InputError.

    Memory grows by the 64-bit keys that rules keep of a record, not by the file.
    """
    run = Run(context, ids, shown)
    pieces = parts(path)
    workers = Workers((context, ids, shown), len(pieces))
    try:
        with closing(workers.in_order(_check_part, pieces)) as results:
            for seen in progress(results, total=len(pieces), label="validate (parts of the file)"):
                run.merge(seen)
    finally:
        workers.close()
    return run.close()


def _check_part(how: tuple[Context, Sequence[str] | None, int | None], part: Part) -> Seen:
    run = Run(*how)
    run.feed(read_part(part))
    return run.seen()


def record_errors(record: Record, context: Context) -> list[Finding]:
    """The errors of one record on its own, before it is made; what only shows among many is not asked."""
    run = Run(context)
    run.feed([(str(record.get("id")), record)])
    return [finding for finding in run.report.findings if finding.level == "error"]


def rule_ids(settings: RuleSettings, select: Sequence[str] = (), ignore: Sequence[str] = ()) -> list[str]:
    """The rules to run, in order: those of the settings, narrowed to ids and beginnings of ids (GS3).

    The schema's is always among them. Raises InputError where a name fits no rule.
    """
    if unknown := ({*settings.ignore, *settings.levels} - RULES.keys()):
        raise InputError(f"there is no rule {', '.join(sorted(unknown))}", "Mend [rules] in gatherset.toml")
    for prefix in (*select, *ignore):
        if not any(rule_id.startswith(prefix) for rule_id in (*RULES, *OTHERS)):
            raise InputError(f"there is no rule {prefix}", "docs/rules.md names them all; GS3 stands for all of GS3xx")
    return [
        rule_id
        for rule_id in sorted(RULES)
        if rule_id == SHAPE
        or (
            (rule_id.startswith(tuple(select)) if select else rule_id not in settings.ignore)
            and not (ignore and rule_id.startswith(tuple(ignore)))
        )
    ]


def _waivers(record: Record) -> frozenset[str]:
    if "waivers" not in record:
        return _NOTHING
    return frozenset(
        waiver["rule"] for waiver in record["waivers"] if waiver["rule"] in RULES and RULES[waiver["rule"]].waivable()
    )
