"""GS4xx: the event type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gatherset.dataset.records import Record
from gatherset.dataset.rules.rule import Context, Rule, golden, numbered, register


@register
class KnownType(Rule):
    id = "GS401"
    level = "error"
    title = "The event type stands in the taxonomy."
    next_step = "Choose a type of the taxonomy, or add this one to event_types.json"

    def check(self, record: Record) -> Iterator[str]:
        names = self.context.taxonomy.names
        for name in (record["event"]["type"], *record["event"]["votes"]):
            if name not in names:
                yield f"the event type '{name}' is not in the taxonomy"
                return

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [[golden(lambda record: record.update(event={"type": "picnic", "votes": {"picnic": 2}}))]]


@register
class VotesSupportType(Rule):
    id = "GS402"
    level = "error"
    title = "No other type has as many votes as the record's."
    next_step = "Send it to review"

    def check(self, record: Record) -> Iterator[str]:
        event = record["event"]
        own = event["votes"].get(event["type"], 0)
        if any(count >= own for name, count in event["votes"].items() if name != event["type"]):
            yield f"the votes {dict(event['votes'])} do not support '{event['type']}'"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [[golden(lambda record: record["event"].update(votes={"protest": 1, "political_rally": 1}))]]


@register
class TypeNotThin(Rule):
    id = "GS403"
    level = "warning"
    title = "An event type that is used has at least rules.min_records_per_type records."
    next_step = "Collect more of them, or say so where figures per type are shown"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._counts: Counter[str] = Counter()

    def check(self, record: Record) -> Iterator[str]:
        self._counts[record["event"]["type"]] += 1
        yield from ()

    def close(self) -> Iterator[tuple[str, str]]:
        for name, count in sorted(self._counts.items()):
            if count < self.settings.min_records_per_type:
                yield (
                    "the dataset",
                    f"'{name}' has only {count} records, the least is {self.settings.min_records_per_type}",
                )

    @classmethod
    def golden(cls) -> list[Record]:
        return [numbered(number) for number in range(10)]

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [[golden()]]
