"""GS6xx: where an image came from, and under which licence."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gatherset.dataset.records import Record
from gatherset.dataset.rules.rule import Rule, golden, register

# The form of an SPDX id; whether it is on SPDX's list is a question for a person until the list is bundled.
LICENSE = re.compile(r"LicenseRef-[A-Za-z0-9.-]+|[A-Za-z0-9][A-Za-z0-9.+-]*")


@register
class LicenseNamed(Rule):
    id = "GS601"
    level = "error"
    title = "The licence of the image is named."
    next_step = "Ingest with --license, or name it in captions.jsonl"

    def check(self, record: Record) -> Iterator[str]:
        if not record["source"]["license"]:
            yield "source.license is missing"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [[golden(lambda record: record["source"].update(license=None))]]


@register
class LicenseForm(Rule):
    id = "GS602"
    level = "error"
    title = "The licence is an SPDX id or LicenseRef-…, and one that the workspace allows."
    next_step = "Write it as an SPDX id (CC-BY-4.0) or as LicenseRef-own-name"

    def check(self, record: Record) -> Iterator[str]:
        license = record["source"]["license"]
        if not license:
            return  # GS601 says so
        if not LICENSE.fullmatch(license):
            yield f"'{license}' is neither an SPDX id nor LicenseRef-…"
        elif self.settings.licenses and license not in self.settings.licenses:
            yield f"'{license}' is not among the allowed ones: {', '.join(self.settings.licenses)}"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [[golden(lambda record: record["source"].update(license="free to use, I think"))]]


@register
class WebSource(Rule):
    id = "GS603"
    level = "error"
    title = "An image of the web part names its URL and when it was retrieved."
    next_step = "Add url and retrieved to its line in captions.jsonl"

    def check(self, record: Record) -> Iterator[str]:
        source = record["source"]
        if source["part"] == "web" and not (source["url"] and source["retrieved"]):
            yield f"part is 'web', but url is {source['url']!r} and retrieved {source['retrieved']!r}"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [[golden(lambda record: record["source"].update(part="web"))]]
