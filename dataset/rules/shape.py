"""GS1xx: the shape of a record."""

from __future__ import annotations

from collections.abc import Iterator

import jsonschema

from gatherset import schemas
from gatherset.dataset.images import image_id
from gatherset.dataset.records import Record
from gatherset.dataset.rules.rule import Context, Rule, golden, register

MAX_VALUE = 80  # characters of an offending value that are shown


@register
class Schema(Rule):
    """Runs first: a record that breaks it is not shown to the other rules."""

    id = "GS101"
    level = "error"
    title = "A record has the shape of schemas/record.schema.json."
    next_step = "Mend the field"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._validator = jsonschema.Draft202012Validator(schemas.read("record.schema.json"))

    def check(self, record: Record) -> Iterator[str]:
        for error in sorted(self._validator.iter_errors(record), key=lambda error: error.json_path):
            text = error.message
            yield f"{error.json_path}: {text if len(text) <= 2 * MAX_VALUE else text[: 2 * MAX_VALUE] + '…'}"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [
            [golden(lambda record: record.pop("language"))],
            [golden(lambda record: record.update(colour="blue"))],
            [golden(lambda record: record["image"].update(width="1024"))],
            [golden(lambda record: record.update(split="dev"))],
        ]


@register
class CaptionCount(Rule):
    id = "GS102"
    level = "error"
    title = "A record has exactly captions_per_image captions."
    next_step = "Send it back to an annotator"

    def check(self, record: Record) -> Iterator[str]:
        wanted, given = self.context.settings.captions_per_image, len(record["captions"])
        if given != wanted:
            yield f"{given} captions instead of {wanted}"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [
            [golden(lambda record: record["captions"].pop())],
            [golden(lambda record: record["captions"].append(record["captions"][0]))],
        ]


@register
class UniqueId(Rule):
    id = "GS103"
    level = "error"
    title = "No two records have the same id."
    next_step = "Keep one of them"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._seen: set[int] = set()

    def check(self, record: Record) -> Iterator[str]:
        number = int(record["id"][3:], 16)
        if number in self._seen:
            yield "there is another record with this id"
        self._seen.add(number)

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [[golden(), golden()]]


@register
class IdFollowsFromImage(Rule):
    id = "GS104"
    level = "error"
    title = "The id is 'gs-' and the first 16 hex digits of source.sha256."
    next_step = "Restore the id or the source: one of them was changed"

    def check(self, record: Record) -> Iterator[str]:
        wanted = image_id(record["source"]["sha256"])
        if record["id"] != wanted:
            yield f"the id does not follow from the image: it should be {wanted}"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [[golden(lambda record: record.update(id="gs-0000000000000000"))]]
