"""GS3xx: each caption on its own. The same rules answer an annotator and a maintainer."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from ftfy.badness import badness

from gatherset.dataset.records import Record
from gatherset.dataset.rules.reading import Reading
from gatherset.dataset.rules.rule import CaptionRule, Context, Rule, golden, quoted, register
from gatherset.dataset.taxonomy import Taxonomy
from gatherset.dataset.tokens import normalised

_DATE = re.compile(
    r"\b\d{4}[./-]\d{1,2}[./-]\d{1,2}\b|\b\d{1,2}[./-]\d{1,2}[./-]\d{4}\b"
    # Three pairs of figures are a date, and six are two; five are a telephone number.
    r"|(?<!\d[./-])\b\d{1,2}(?:[./-]\d{1,2}){2}(?:(?:[./-]\d{1,2}){3})?\b(?![./-]\d)"
    r"|\b\d{1,2}:\d{2}\b"
)


def with_caption(number: int, text: str) -> list[Record]:
    """The golden record with another text as caption `number`: a counter-example."""
    return [golden(lambda record: record["captions"][number - 1].update(text=text))]


@register
class CaptionNotEmpty(CaptionRule):
    id = "GS301"
    level = "error"
    title = "No caption is empty."
    next_step = "Write the caption"

    def read(self, reading: Reading, record: Record) -> Iterable[str]:
        return [f"caption {number} is empty" for number, form in enumerate(reading.forms, 1) if not form]

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [with_caption(2, ""), with_caption(5, "  \n"), with_caption(1, "…")]


def _words(count: int) -> str:
    return "1 word" if count == 1 else f"{count} words"


@register
class CaptionNotShort(CaptionRule):
    """In scripts without spaces between words, a letter counts as a word."""

    id = "GS302"
    level = "warning"
    title = "A caption has at least rules.min_words words."
    next_step = "Say what can be seen"

    def read(self, reading: Reading, record: Record) -> Iterable[str]:
        least = self.settings.min_words
        if min(reading.lengths, default=least) >= least:
            return
        for number, (text, count) in enumerate(zip(reading.texts, reading.lengths, strict=True), 1):
            if 0 < count < least:
                yield f"caption {number} has {_words(count)}; write at least {least}: {quoted(text)}"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [with_caption(3, "A crowd.")]


@register
class CaptionNotLong(CaptionRule):
    id = "GS303"
    level = "warning"
    title = "A caption has at most rules.max_words words."
    next_step = "Keep to one sentence"

    def read(self, reading: Reading, record: Record) -> Iterable[str]:
        most = self.settings.max_words
        if max(reading.lengths, default=most) <= most:
            return
        for number, (text, count) in enumerate(zip(reading.texts, reading.lengths, strict=True), 1):
            if count > most:
                yield f"caption {number} has {_words(count)}; write at most {most}: {quoted(text)}"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [with_caption(1, "people " * 61), with_caption(1, "人" * 61)]


@register
class CaptionIsText(CaptionRule):
    """Control characters break tables and terminals; invisible ones and turned directions let a text look like another.

    The joiners that Persian, Hindi and emoji need are not among them.
    """

    id = "GS305"
    level = "error"
    title = "A caption has no control characters, invisible characters, or directions of its own."
    next_step = "Type the caption anew"
    only_odd = True
    _INVISIBLE = frozenset("\u200b\u2060\ufeff\u00ad\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

    def read(self, reading: Reading, record: Record) -> Iterable[str]:
        for number, text in reading.odd:
            if text.isprintable():
                continue
            bad = sorted(
                {
                    f"U+{ord(c):04X}"
                    for c in text
                    if c in self._INVISIBLE or unicodedata.category(c) in ("Cc", "Cs", "Co", "Zl", "Zp")
                }
            )
            if bad:
                yield f"caption {number} holds {', '.join(bad)}"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        odd = (
            "A crowd\x00 on a square.",
            "Two lines\nof text here.",
            "A crowd\u202e on a square.",
            "A cro\u200bwd here.",
        )
        return [with_caption(1, text) for text in odd]


@register
class NoMarkup(CaptionRule):
    id = "GS308"
    level = "error"
    title = "A caption is plain text: no HTML, no entities, no Markdown."
    next_step = "Leave the markup out"
    only_odd = True
    _MARKUP = re.compile(
        r"</?[a-zA-Z][^<>]*>|<!--|&(?:[a-zA-Z]{2,8}|#\d{1,6}|#[xX][0-9a-fA-F]{1,6});"
        r"|!?\[[^\]]*\]\([^)]*\)|\*\*\S|(?<!\w)__\S|(?<!`)`[^`\s][^`]*`(?!`)|^\s*(?:#{1,6}|[*+])\s"
    )

    def read(self, reading: Reading, record: Record) -> Iterable[str]:
        for number, text in reading.odd:
            if match := self._MARKUP.search(text):
                yield f"caption {number} holds markup: {quoted(match[0])}"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        odd = (
            "A crowd <b>in</b> a street.",
            "Black &amp; white flags on a square.",
            "A **huge** crowd in a street.",
            "A [crowd](x) in a street.",
            "# A crowd in a street",
        )
        return [with_caption(4, text) for text in odd]


@register
class NoContact(CaptionRule):
    """Such text leads out of the dataset, and often to a person. The name of a site alone may stand on a sign."""

    id = "GS309"
    level = "error"
    title = "A caption holds no URL, e-mail address, account name or telephone number."
    next_step = "Say what can be seen instead"
    only_odd = True
    _CONTACT = re.compile(
        r"(?:https?://|www\.)\S+"
        r"|[\w.+-]+@[\w-]+\.\w+"
        r"|(?<!\w)@\w{2,}"
        r"|(?<![\w.,-])\d{3}-\d{4}(?![\w-])",  # 555-0123, as it stands on shop signs
        re.IGNORECASE,
    )
    _NUMBER = re.compile(r"(?<![\w.,])[+(]?\d[\d ()./-]{7,}\d(?!\w)")
    _DIALLED = re.compile(r"[+(0]|\d{3}[ .-]\d{3}[ .-]\d{4}$|.*\d{5}")  # dates, years, amounts are not
    _LEAST_DIGITS = 9

    def read(self, reading: Reading, record: Record) -> Iterable[str]:
        for number, text in reading.odd:
            if found := self._contact(text):
                yield f"caption {number} holds contact data: {quoted(found)}"

    def _contact(self, text: str) -> str | None:
        if match := self._CONTACT.search(text):
            return match[0]
        for match in self._NUMBER.finditer(_DATE.sub(" date ", text)):
            if sum(map(str.isdigit, match[0])) >= self._LEAST_DIGITS and self._DIALLED.match(match[0]):
                return match[0]
        return None

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        odd = (
            "A crowd, see https://example.org/a.",
            "Write to crowd@example.org for the photograph.",
            "Photograph by @crowdwatcher of a march.",
            "See www.example.org for more of this crowd.",
            "A banner with the number +49 (30) 1234-5678.",
            "A van with 555-0123 on its side.",
        )
        return [with_caption(2, text) for text in odd]


@register
class NoMojibake(CaptionRule):
    """Found by ftfy's heuristic for sequences that only a wrong decoding makes."""

    id = "GS310"
    level = "error"
    title = "A caption was decoded rightly: no 'Ã©' for 'é', no replacement characters."
    next_step = "Read the source again as UTF-8, or type the caption anew"
    only_odd = True

    def read(self, reading: Reading, record: Record) -> Iterable[str]:
        for number, text in reading.odd:
            if not text.isascii() and ("\ufffd" in text or badness(text) > 0):
                yield f"caption {number} looks wrongly decoded: {quoted(text)}"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [
            with_caption(1, "A crowd at a cafÃ© on the corner."),
            with_caption(3, "A crowd at a caf\ufffd outside."),
        ]


@register
class OneSentence(CaptionRule):
    id = "GS311"
    level = "warning"
    title = "A caption is one sentence."
    next_step = "Say it in one sentence, or spread it over the five"
    _END = re.compile(
        r"([^\W_][^\s.!?…]*)\s*[.!?…]+(?:\s+(?=[\"'“‘(]*\w)|[\"'”’)\]]+\s+(?=[\"'“‘(]*[A-Z]))|[。！？](?=\w)"
    )
    _INSIDE = re.compile(r"[.!?…。！？].*\w")  # most captions have one such sign, at the end
    _ABBREVIATIONS = frozenset(
        re.findall(
            r"\S+",
            "mr mrs ms dr st ft jr sr vs no prof rev gen col capt lt sgt sen gov rep pres hon mt ave blvd rd dept etc "
            "approx jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun bros inc co ltd corp",
        )
    )

    def read(self, reading: Reading, record: Record) -> Iterable[str]:
        if reading.ordinary and ". " not in reading.whole and ".'" not in reading.whole:
            return  # the one sign that an ordinary caption can have stands at its end
        for number, text in enumerate(reading.texts, 1):
            if self._INSIDE.search(text) and (count := 1 + sum(map(self._ends, self._END.finditer(text)))) > 1:
                yield f"caption {number} has {count} sentences: {quoted(text)}"

    def _ends(self, match: re.Match[str]) -> bool:
        word = match[1]
        if word is None:
            return True  # 。！？
        trails_off = "..." in match[0] or "…" in match[0]
        goes_on = match.string[match.end() : match.end() + 1].islower()
        return len(word) > 1 and word.lower() not in self._ABBREVIATIONS and not (trails_off and goes_on)

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [
            with_caption(1, "A crowd fills the street. Many hold signs."),
            with_caption(2, "A crowd fills the street . many hold signs ."),
            with_caption(3, "人们在街上游行。很多人举着标语。"),
        ]


@lru_cache(maxsize=4)
def _labels(taxonomy: Taxonomy) -> frozenset[str]:
    return frozenset(normalised(name) for kind in taxonomy.types for name in (kind.name, kind.title))


@register
class NotTheLabel(CaptionRule):
    """A model would read the answer: the event type is annotated apart from the captions."""

    id = "GS312"
    level = "error"
    title = "No caption is just the event type."
    next_step = "Describe the picture in a sentence"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._labels = _labels(context.taxonomy)

    def read(self, reading: Reading, record: Record) -> Iterable[str]:
        if self._labels.isdisjoint(reading.forms):
            return
        for number, text in enumerate(reading.texts, 1):
            if reading.forms[number - 1] in self._labels:
                yield f"caption {number} is only the name of an event type: {quoted(text)}"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [with_caption(1, "Holiday party."), with_caption(5, "political_rally")]


@register
class NoExactCrowd(CaptionRule):
    """Nobody can count a crowd in a photograph: such a number comes from elsewhere. 'About 5,000' says so itself."""

    id = "GS313"
    level = "warning"
    title = "A caption claims no exact number of people above rules.max_counted."
    next_step = "Write 'a large crowd', or 'about' before the number"
    _FIGURES = re.compile(r"\d[\dkK]")
    _POWERS = frozenset({"hundred", "thousand", "million"})
    _CLAIM = re.compile(
        r"""
        (?P<hedge>(?:about|around|over|some|nearly|almost|approximately|roughly|than|to|estimated|least|as|circa|perhaps)\s+)?
        (?<![\w.,])
        (?P<number>\d{1,3}(?:[ ,.]\d{3})+|\d+k?
          |(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|forty|fifty|sixty|eighty|ninety)
          (?=\s+(?:hundred|thousand|million)))
        (?P<power>\s+(?:hundred|thousand|million))?
        \s+(?:[a-z-]+\s+)??
        (?:people|persons|men|women|children|kids|protest[eo]rs|demonstrators|marchers|fans|spectators|visitors|participants
          |attendees|worshippers|pilgrims|believers|soldiers|policemen|officers|supporters|students|workers|runners|guests)\b
        """,
        re.IGNORECASE | re.VERBOSE,
    )

    def read(self, reading: Reading, record: Record) -> Iterable[str]:
        powers = not self._POWERS.isdisjoint(reading.vocabulary)
        if reading.ordinary and not powers:
            return
        for number, text in enumerate(reading.texts, 1) if powers else reading.odd:
            for match in self._CLAIM.finditer(text) if powers or self._FIGURES.search(text) else ():
                if not match["hedge"] and (match["power"] or self._count(match["number"]) > self.settings.max_counted):
                    yield f"caption {number} claims an exact number of people: {quoted(match[0])}"

    def _count(self, number: str) -> int:
        if re.fullmatch(r"(?:19|20)\d\d", number):
            return 0  # a year
        return int(re.sub(r"\D", "", number)[:18]) * (1000 if number.endswith(("k", "K")) else 1)

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        odd = (
            "A march of 12,000 people.",
            "There are 250 young protesters.",
            "Forty thousand fans sing.",
            "12k people march.",
        )
        return [with_caption(1, text) for text in odd]


@register
class MachineTextVerified(Rule):
    """A caption that a model wrote counts only when a person has read it beside the picture and accepted it."""

    id = "GS315"
    level = "error"
    title = "A caption that a machine wrote was verified by a person."
    next_step = "Have an annotator accept or correct it"

    def check(self, record: Record) -> Iterable[str]:
        return [
            f"caption {number} ({entry['origin']}) was verified by nobody: {quoted(entry['text'])}"
            for number, entry in enumerate(record["captions"], 1)
            if not entry["verified"] and entry["origin"] in ("model", "llm")
        ]

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [
            [golden(lambda record, origin=origin: record["captions"][0].update(origin=origin, verified=False))]  # type: ignore[misc]
            for origin in ("model", "llm")
        ]
