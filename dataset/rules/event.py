"""GS4xx: the event type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from gatherset.dataset.records import Record
from gatherset.dataset.rules.reading import Reading
from gatherset.dataset.rules.rule import (
    CaptionRule,
    Context,
    DatasetRule,
    Rule,
    Subject,
    golden,
    numbered,
    quoted,
    register,
)
from gatherset.dataset.taxonomy import Taxonomy
from gatherset.dataset.tokens import normalised


@register
class KnownType(Rule):
    id = "GS401"
    level = "error"
    title = "The event type stands in the taxonomy."
    next_step = "Choose a type of the taxonomy, or add this one to event_types.json"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._names = frozenset(context.taxonomy.names)

    def check(self, record: Record) -> Iterable[str]:
        unknown = [name for name in (record["event"]["type"], *record["event"]["votes"]) if name not in self._names]
        return [f"the event type {quoted(name)} is not in the taxonomy" for name in unknown[:1]]

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [[golden(lambda record: record.update(event={"type": "picnic", "votes": {"picnic": 2}}))]]


@register
class VotesSupportType(Rule):
    """Where there are no votes, a person has decided alone."""

    id = "GS402"
    level = "error"
    title = "No other type has as many votes as the record's."
    next_step = "Send it to review"

    def check(self, record: Record) -> Iterable[str]:
        kind, votes = record["event"]["type"], record["event"]["votes"]
        own = votes.get(kind, 0)
        if not [name for name, count in votes.items() if count >= own and name != kind]:
            return ()
        return (f"the votes {quoted(str(votes))} do not support '{kind}'",)

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [[golden(lambda record: record["event"].update(votes={"protest": 1, "political_rally": 1}))]]


@register
class TypeNotThin(DatasetRule):
    id = "GS403"
    level = "warning"
    title = "An event type that is used has at least rules.min_records_per_type records."
    next_step = "Collect more of them, or say so where figures per type are shown"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._counts: Counter[str] = Counter()

    def remember(self, subjects: Sequence[Subject]) -> None:
        self._counts.update([subject.record["event"]["type"] for subject in subjects])

    def merge(self, later: TypeNotThin) -> None:
        self._counts += later._counts

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


@register
class VotesAgree(Rule):
    id = "GS404"
    level = "warning"
    title = "At least rules.min_agreement of the votes went to the record's type."
    next_step = "Send it to review, or ask one more annotator"

    def check(self, record: Record) -> Iterable[str]:
        kind, votes = record["event"]["type"], record["event"]["votes"]
        total, own = sum(votes.values()), votes.get(kind, 0)
        if not total or own >= self.settings.min_agreement * total:
            return ()
        return (f"{own} of {total} votes went to '{kind}': {quoted(str(votes))}",)

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        votes = {"protest": 2, "political_rally": 1, "riot_response": 1}
        return [[golden(lambda record: record["event"].update(votes=votes))]]


@lru_cache(maxsize=4)
def _key_words(taxonomy: Taxonomy, general: frozenset[str]) -> dict[str, str]:
    """{key word, normalised: the one type it speaks of}, with the plurals; none of the `general` groups."""
    counted = Counter(word for kind in taxonomy.types for word in set(kind.keywords))
    type_of = {
        normalised(word): kind.name
        for kind in taxonomy.types
        for word in kind.keywords
        if counted[word] == 1 and kind.group not in general
    }
    for word, name in list(type_of.items()):
        type_of.setdefault(f"{word}s", name)
        type_of.setdefault(f"{word}es", name)
    return type_of


@register
class WordsFitType(CaptionRule):
    """It speaks where three captions hold key words of another type and none holds one of the record's own.

    Key words are those of one type alone; the everyday types have none, since their words fit any crowd.
    """

    id = "GS405"
    level = "warning"
    title = "The captions do not speak with one voice of another event type."
    next_step = "Look at the picture: is the type right, or do the captions tell of something else?"
    _GENERAL = frozenset({"everyday"})  # groups of types
    _LEAST = 3  # captions that speak of the other type, while none speaks of the record's own

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._type_of = _key_words(context.taxonomy, self._GENERAL)
        self._types = frozenset(self._type_of.values())
        self._phrases = {word: word.partition(" ")[0] for word in self._type_of if " " in word}
        self._single = self._type_of.keys() - self._phrases.keys()
        self._signs = self._single | set(self._phrases.values())  # without one of these words there is no key word

    def read(self, reading: Reading, record: Record) -> Iterable[str]:
        own = record["event"]["type"]
        if own not in self._types or not (signs := self._signs & reading.vocabulary):
            return
        phrases = [phrase for phrase, first in self._phrases.items() if first in signs]
        if not phrases and all(self._type_of[word] == own for word in signs):
            return
        spoken: Counter[str] = Counter()
        for form, found in zip(reading.forms, reading.words, strict=True):
            keywords = signs.intersection(found) & self._single
            keywords.update(phrase for phrase in phrases if f" {phrase} " in f" {form} ")
            spoken.update({self._type_of[word] for word in keywords})
        if spoken and not spoken[own]:
            other, count = min(spoken.items(), key=lambda item: (-item[1], item[0]))
            if count >= self._LEAST:
                yield f"{count} captions have key words of '{other}', none of '{own}'"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        def wedding(record: Record) -> None:
            for entry in record["captions"][:3]:
                entry["text"] = f"A wedding with a large cake: {entry['text'].split()[0].lower()} guests."
            for entry in record["captions"][3:]:
                entry["text"] = "Many guests sit at long tables in a garden."

        return [[golden(wedding)]]
