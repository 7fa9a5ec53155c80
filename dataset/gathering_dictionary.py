"""The gathering dictionary: which captions may describe a mass gathering (EDAN section 4.1, dictionary construction).

It is data: Gatherset brings one, and a workspace may bring its own `gathering_dictionary.json`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema

from gatherset import schemas
from gatherset.dataset.errors import InputError
from gatherset.dataset.records import canonical_bytes
from gatherset.dataset.tokens import tokens

FILE = "gathering_dictionary.json"
_VOWELS = "aeiou"
Span = tuple[int, int]  # of characters, in the words of a caption joined by spaces


@dataclass(frozen=True)
class Judgement:
    """What the dictionary says of an image by its captions."""

    matches: bool
    captions: int  # that match
    terms: tuple[str, ...]  # found in these, the most frequent first


class GatheringDictionary:
    """Terms with weights, compiled; `judge` says which images are for the preliminary set."""

    def __init__(self, document: dict[str, Any], where: str) -> None:
        self.least_captions: int = document["least_captions"]
        self.least_weight: float = document["least_weight"]
        self.least_total: float = document["least_total"]
        self.digest = hashlib.sha256(canonical_bytes(document)).hexdigest()
        self._weights: dict[str, float] = {}
        self._terms, self._negative = _Phrases(), _Phrases()
        for number, term in enumerate(document["terms"], 1):
            name = term.get("words") or term["pattern"]
            if name in self._weights:
                raise InputError(f"{where}: the term '{name}' stands there twice", "Keep one of them")
            self._weights[name] = term["weight"]
            add = self._terms.add_pattern if "pattern" in term else self._terms.add
            add(name, f"{where}, term {number}")
        for number, phrase in enumerate(document["negative"], 1):
            self._negative.add(phrase, f"{where}, negative phrase {number}")

    def terms_in(self, caption: str) -> dict[str, float]:
        """The terms of a caption with their weights; those within a negative phrase do not count."""
        words = [word.removesuffix("'s") for word in tokens(caption)]
        found = list(self._terms.find(words))
        if not found:
            return {}
        excluded = [span for _, span in self._negative.find(words)]
        return {
            name: self._weights[name]
            for name, (start, end) in found
            if not any(first < end and start < last for first, last in excluded)
        }

    def judge(self, captions: Iterable[str]) -> Judgement:
        """Whether enough of an image's captions hold terms of enough weight, each and together.

        A caption whose terms weigh less than nothing ("three men") speaks against what the others say.
        """
        count, total, seen = 0, 0.0, defaultdict[str, int](int)
        for caption in captions:
            terms = self.terms_in(caption)
            weight = sum(terms.values())
            total += min(weight, 0.0)
            if weight >= self.least_weight:
                count, total = count + 1, total + weight
                for name, weight in terms.items():
                    seen[name] += weight > 0
        order = sorted((name for name in seen if seen[name]), key=lambda name: (-seen[name], name))
        return Judgement(count >= self.least_captions and total >= self.least_total, count, tuple(order))


class _Phrases:
    """Phrases of lemmas, each in all its forms, found in one pass over the words of a caption; patterns beside them."""

    def __init__(self) -> None:
        self._by_first: defaultdict[str, list[tuple[str, list[frozenset[str]]]]] = defaultdict(list)
        self._patterns: list[tuple[str, re.Pattern[str]]] = []

    def add(self, phrase: str, where: str) -> None:
        forms = [forms_of(word) for word in tokens(phrase)]
        if not forms:
            raise InputError(f"{where}: there is no word in '{phrase}', so it finds nothing", "Mend it or remove it")
        for first in forms[0]:
            self._by_first[first].append((phrase, forms[1:]))

    def add_pattern(self, pattern: str, where: str) -> None:
        try:
            compiled = re.compile(rf"(?<!\S)(?:{pattern})(?!\S)")
        except re.error as error:
            step = "Mend it; for words and phrases use 'words' instead"
            raise InputError(f"{where}: '{pattern}' is no regular expression: {error}", step) from error
        self._patterns.append((pattern, compiled))

    def find(self, words: Sequence[str]) -> Iterator[tuple[str, Span]]:
        start = 0
        for place, word in enumerate(words):
            for name, others in self._by_first.get(word, ()):
                following = words[place + 1 : place + 1 + len(others)]
                if len(following) == len(others) and all(w in f for w, f in zip(following, others, strict=True)):
                    yield name, (start, start + len(word) + sum(len(w) + 1 for w in following))
            start += len(word) + 1
        text = " ".join(words) if self._patterns else ""
        for name, pattern in self._patterns:
            for match in pattern.finditer(text):
                yield name, match.span()


def forms_of(lemma: str) -> frozenset[str]:
    """An English lemma with the endings that a noun or a verb takes: march, marches, marched, marching.

    Irregular forms ("men", "sang") are terms of their own. A form that does not exist finds nothing.
    """
    forms = {lemma}
    if len(lemma) < 3:
        return frozenset(forms)
    stem, last, before = lemma[:-1], lemma[-1], lemma[-2]
    if last == "y" and before not in _VOWELS:
        forms |= {f"{stem}ies", f"{stem}ied", f"{lemma}ing"}
    elif lemma.endswith(("s", "x", "z", "ch", "sh")):
        forms |= {f"{lemma}es", f"{lemma}ed", f"{lemma}ing"}
    elif last == "e":
        forms |= {f"{lemma}s", f"{lemma}d", f"{stem}ing", f"{lemma}ing"}
    else:
        forms |= {f"{lemma}s", f"{lemma}ed", f"{lemma}ing"}
        if last not in f"{_VOWELS}wxy" and before in _VOWELS and lemma[-3] not in _VOWELS:
            forms |= {f"{lemma}{last}ed", f"{lemma}{last}ing"}  # running, shopped
    return frozenset(forms)


def load_dictionary(path: Path | None = None) -> GatheringDictionary:
    """The dictionary in the file `path`, or the one that Gatherset brings. Raises InputError where it is none."""
    if path is None:
        return GatheringDictionary(schemas.read(FILE), FILE)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        schema = schemas.read("gathering_dictionary.schema.json")
        jsonschema.validate(document, schema, jsonschema.Draft202012Validator)
    except (OSError, ValueError, RecursionError, jsonschema.ValidationError) as error:
        reason = f"{error.json_path}: {error.message}" if isinstance(error, jsonschema.ValidationError) else error
        raise InputError(
            f"{path} is not a gathering dictionary: {reason}",
            "Compare it with schemas/gathering_dictionary.json, or remove it to use the one that Gatherset brings",
        ) from error
    return GatheringDictionary(document, str(path))
