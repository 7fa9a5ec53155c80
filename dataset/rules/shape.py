"""GS1xx: the shape of a record."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any

import jsonschema
import jsonschema_rs
from jsonschema.validators import extend

from gatherset import schemas
from gatherset.dataset.images import image_id
from gatherset.dataset.keys import Keys
from gatherset.dataset.records import Record, numeric_id, record_id
from gatherset.dataset.rules.rule import RULES, Context, DatasetRule, Rule, Subject, golden, register

MAX_TEXT = 160  # characters of the schema's complaint that are shown
MAX_COMPLAINTS = 20  # about one record


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[jsonschema.ValidationError]:
    # JSON Schema's patterns are ECMA-262's, where "$" is the end alone; Python's lets a line break follow it.
    if validator.is_type(instance, "string") and not re.search(_python_pattern(pattern), instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


@cache
def _python_pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"(?<!\\)\$", r"\\Z", pattern), re.ASCII)


def _unique_items(validator: Any, wanted: bool, instance: Any, schema: Any) -> Iterator[jsonschema.ValidationError]:
    # jsonschema compares every pair where kinds are mixed: of a list that is too long, maxItems has spoken.
    if wanted and validator.is_type(instance, "array") and len(instance) <= schema.get("maxItems", len(instance)):
        yield from jsonschema.Draft202012Validator.VALIDATORS["uniqueItems"](validator, wanted, instance, schema) or ()


def complaint(error: jsonschema.ValidationError) -> str:
    """What the schema has against a value, in a line: the value may be of megabytes, and its writer knows it."""
    if error.validator == "maxLength":
        return f"{len(error.instance):,} letters, where at most {error.validator_value:,} can be kept"
    text = str(error.message)
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"


StrictValidator = extend(jsonschema.Draft202012Validator, {"pattern": _pattern, "uniqueItems": _unique_items})


@cache  # compiling takes a millisecond, and rules are made for every submission
def _validators(schema_name: str) -> tuple[Callable[[Any], bool], Any]:
    schema = schemas.read(schema_name)
    return jsonschema_rs.Draft202012Validator(schema).is_valid, StrictValidator(schema)


def schema_errors(document: Any, schema_name: str) -> list[jsonschema.ValidationError]:
    """What a schema has against a document, at most MAX_COMPLAINTS, in the order of their places.

    A compiled validator passes the good ones, jsonschema words what is wrong with the others; where they disagree,
    jsonschema decides.
    """
    is_valid, words = _validators(schema_name)
    try:
        if is_valid(document):
            return []
    except ValueError:  # half a character (a lone surrogate): not every text of Python's can be handed over
        pass
    return sorted(islice(words.iter_errors(document), MAX_COMPLAINTS), key=lambda error: error.json_path)


@register
class Schema(Rule):
    """Runs first: a record that breaks it is not shown to the other rules."""

    id = "GS101"
    level = "error"
    title = "A record has the shape of schemas/record.schema.json."
    next_step = "Mend the field"

    def check(self, record: Record) -> Iterable[str]:
        found = schema_errors(record, "record.schema.json")
        return [f"{error.json_path}: {complaint(error)}" for error in found]

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [
            [golden(lambda record: record.pop("language"))],
            [golden(lambda record: record.update(colour="blue"))],
            [golden(lambda record: record["image"].update(width="1024"))],
            [golden(lambda record: record.update(split="dev"))],
            [golden(lambda record: record.update(language="en\n"))],
        ]


@register
class CaptionCount(Rule):
    id = "GS102"
    level = "error"
    title = "A record has exactly captions_per_image captions."
    next_step = "Send it back to an annotator"

    def check(self, record: Record) -> Iterable[str]:
        wanted, given = self.context.settings.captions_per_image, len(record["captions"])
        return () if given == wanted else (f"{given} captions instead of {wanted}",)

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [
            [golden(lambda record: record["captions"].pop())],
            [golden(lambda record: record["captions"].append(record["captions"][0]))],
        ]


@register
class UniqueId(DatasetRule):
    id = "GS103"
    level = "error"
    title = "No two records have the same id."
    next_step = "Keep one of the lines: one of them was copied"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._keys = Keys()

    def remember(self, subjects: Sequence[Subject]) -> None:
        numbers = [numeric_id(subject.record["id"]) for subject in subjects]
        self._keys.add_each(numbers, numbers)

    def merge(self, later: UniqueId) -> None:
        self._keys.extend(later._keys)

    def close(self) -> Iterator[tuple[str, str]]:
        for first, *others in self._keys.shared():
            yield record_id(first), f"{len(others) + 1} records have this id"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [[golden(), golden()]]


@register
class IdFollowsFromImage(Rule):
    id = "GS104"
    level = "error"
    title = "The id is 'gs-' and the first 16 hex digits of source.sha256."
    next_step = "Restore the id or the source: one of them was changed"

    def check(self, record: Record) -> Iterable[str]:
        wanted = image_id(record["source"]["sha256"])
        return () if record["id"] == wanted else (f"the id does not follow from the image: it should be {wanted}",)

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [[golden(lambda record: record.update(id="gs-0000000000000000"))]]


@register
class WaiverHolds(Rule):
    """A waiver excuses one record from one rule, with a reason that others can judge. The shape cannot be waived."""

    id = "GS106"
    level = "error"
    title = "A waiver names a rule that there is and that may be waived."
    next_step = "Mend or remove the waiver"

    def check(self, record: Record) -> Iterable[str]:
        return self._faults(record["waivers"]) if "waivers" in record else ()

    def _faults(self, waivers: Sequence[Mapping[str, str]]) -> Iterator[str]:
        for waiver in waivers:
            rule = RULES.get(waiver["rule"])
            if rule is None or not rule.waivable():
                why = "there is no such rule" if rule is None else "this rule cannot be waived"
                yield f"a waiver of {waiver['rule']}: {why}"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [
            [golden(lambda record, name=name: record.update(waivers=[{"rule": name, "reason": "It is so"}]))]  # type: ignore[misc]
            for name in ("GS399", "GS102")
        ]
