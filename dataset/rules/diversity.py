"""GS3xx: the captions among each other, of one image and of all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from rapidfuzz.distance import Indel

from gatherset.dataset.keys import Keys, key_of
from gatherset.dataset.records import Record, numeric_id, record_id, some_ids
from gatherset.dataset.rules.captions import with_caption
from gatherset.dataset.rules.reading import Reading
from gatherset.dataset.rules.rule import CaptionRule, Context, DatasetRule, Subject, golden, numbered, quoted, register


@register
class CaptionsDiffer(CaptionRule):
    """Compared in their normalised form, by the share of letters that need not be inserted or deleted (Indel)."""

    id = "GS304"
    level = "warning"
    title = "No two captions of an image are equal, or nearly (alike by rules.max_caption_likeness or more)."
    next_step = "Say something else about the picture in one of them"

    def read(self, reading: Reading, record: Record) -> Iterable[str]:
        forms, least = reading.forms, self.settings.max_caption_likeness
        lengths = [len(form) for form in forms]
        for later, form in enumerate(forms):
            for first in range(later):
                # So many letters must be inserted or deleted at least: quicker than asking.
                if abs(lengths[first] - lengths[later]) > (1 - least) * (lengths[first] + lengths[later]) + 1e-6:
                    continue
                if form and Indel.normalized_similarity(forms[first], form, score_cutoff=least):
                    how = "says the same as" if forms[first] == form else "says nearly the same as"
                    yield f"caption {later + 1} {how} caption {first + 1}: {quoted(reading.texts[later])}"
                    break

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        return [
            with_caption(4, "a crowd with hand-painted signs fills the avenue"),
            with_caption(4, "A crowd with hand-painted signs fill the avenue."),
        ]


@register
class CaptionOfItsOwn(DatasetRule):
    """A caption that fits many pictures describes none of them, and no model can retrieve any by it."""

    id = "GS306"
    level = "warning"
    title = "No caption is used for more than rules.max_caption_uses images."
    next_step = "Describe what is special in each picture"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._keys = Keys()

    def remember(self, subjects: Sequence[Subject]) -> None:
        for subject in subjects:
            keys = dict.fromkeys(subject.reading.keys)  # each once
            if "" in subject.reading.forms:
                del keys[key_of("")]
            self._keys.add_all(keys, numeric_id(subject.record["id"]))

    def merge(self, later: CaptionOfItsOwn) -> None:
        self._keys.extend(later._keys)

    def close(self) -> Iterator[tuple[str, str]]:
        for first, *others in self._keys.shared(self.settings.max_caption_uses + 1):
            yield record_id(first), f"a caption of it is that of {len(others)} other images too: {some_ids(others)}"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        text = "A crowd of people in a street."
        return [[numbered(n, lambda record: record["captions"][0].update(text=text)) for n in range(6)]]


@register
class CaptionsDiverse(CaptionRule):
    """distinct-2 is the share of different pairs of words among all pairs (Li et al. 2016, arXiv:1510.03055)."""

    id = "GS314"
    level = "warning"
    title = "The captions of an image together have a distinct-2 of at least rules.min_distinct."
    next_step = "Vary what the captions are about: the people, the place, what they do"

    def read(self, reading: Reading, record: Record) -> Iterable[str]:
        least = self.settings.min_distinct
        total = sum([length - 1 for length in reading.lengths if length])
        firsts = {found[0] for found in reading.words if found}
        # Each word but a first one ends a pair, so there are at least so many different ones; mostly that is enough.
        if len(reading.texts) < 2 or len(reading.vocabulary) - len(firsts) >= least * total:
            return
        distinct = len(set().union(*map(pairwise, reading.words)))
        if total and distinct / total < least:
            yield f"of {total} pairs of words in the captions only {distinct} differ ({distinct / total:.2f})"

    @classmethod
    def counterexamples(cls) -> list[list[Record]]:
        places = ("street", "road", "square", "park", "city")

        def same(record: Record) -> None:
            for entry, place in zip(record["captions"], places, strict=True):
                entry["text"] = f"A large crowd of people is walking down the {place}."

        return [[golden(same)]]
