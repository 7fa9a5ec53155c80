"""Suggested event types (EDAN section 4.4): by key words, and by a classifier of captions and pictures.

Both are rows for people to verify. What each is worth is measured by cross-validation on what is labelled already.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gatherset.baselines.cca import TfIdf
from gatherset.baselines.event_classifier import Softmax
from gatherset.dataset.errors import ModelError
from gatherset.dataset.gathering_dictionary import forms_of
from gatherset.dataset.tokens import tokens

if TYPE_CHECKING:
    from gatherset.dataset.taxonomy import Taxonomy

KEYWORDS = "key words"
FOLDS = 5
THIN = 5  # labelled images of a type; fewer are too few to learn it from
BOOTSTRAPS = 2000  # samples of the images, for an interval
DECAY = 3e-5  # of the squared weights, chosen by cross-validation on gatherings
SECONDS_TO_CHOOSE, SECONDS_TO_CONFIRM = 6.0, 2.5  # of a person for a type: among ten, and yes to the right one

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Labelled:
    """Images as a classifier sees them: captions, pictures or both; and their types where they are known."""

    ids: list[str]
    captions: list[list[str]]
    types: list[str]  # empty where they are to be suggested
    pictures: NDArray[np.float32] | None = None  # [n, D] the mean region of each

    def __getitem__(self, rows: Sequence[int] | NDArray[np.integer]) -> Labelled:
        chosen = [int(row) for row in rows]
        return Labelled(
            [self.ids[row] for row in chosen],
            [self.captions[row] for row in chosen],
            [self.types[row] for row in chosen] if self.types else [],
            None if self.pictures is None else self.pictures[chosen],
        )


@dataclass(frozen=True)
class Guess:
    type: str | None  # None: nothing speaks for any type
    score: float  # 0 to 1


class KeyWords:
    """The type whose key words an image's captions hold most; a word that many types share counts less."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.types = taxonomy.names
        phrases: dict[tuple[frozenset[str], ...], set[str]] = {}
        for kind in taxonomy.types:
            for word in kind.keywords:
                phrases.setdefault(tuple(forms_of(part) for part in tokens(word)), set()).add(kind.name)
        self._by_first: dict[str, list[tuple[tuple[frozenset[str], ...], set[str]]]] = {}
        for forms, names in phrases.items():
            for first in forms[0] if forms else ():
                self._by_first.setdefault(first, []).append((forms[1:], names))

    def guess(self, images: Labelled) -> list[Guess]:
        """Of each image, the type with the most votes of its captions, and their share of all votes."""
        return [self._of(captions) for captions in images.captions]

    def _of(self, captions: Sequence[str]) -> Guess:
        votes = dict.fromkeys(self.types, 0.0)
        for caption in captions:
            words = tokens(caption)
            found = [
                names
                for place, word in enumerate(words)
                for others, names in self._by_first.get(word, ())
                if len(rest := words[place + 1 : place + 1 + len(others)]) == len(others)
                and all(w in forms for w, forms in zip(rest, others, strict=True))
            ]
            for names in found:
                for name in names:
                    votes[name] += 1 / len(names)
        best = max(votes, key=lambda name: votes[name], default=None)
        total = sum(votes.values())
        return Guess(best, votes[best] / total) if best and total else Guess(None, 0.0)


class Classifier:
    """Softmax regression on the captions, on the pictures, or the mean of both log probabilities."""

    def __init__(self, train: Labelled, *, captions: bool = True, pictures: bool = True) -> None:
        self.types = sorted(set(train.types))
        labels = np.array([self.types.index(kind) for kind in train.types])
        self._words = self._tfidf = self._seen = None
        if captions and any(train.captions):
            self._tfidf = TfIdf.of([" ".join(texts) for texts in train.captions])
            self._words = Softmax(self._documents(train), labels, len(self.types), decay=DECAY)
        if pictures and train.pictures is not None:
            self._mean = train.pictures.mean(0)
            self._seen = Softmax(20 * (train.pictures - self._mean), labels, len(self.types), decay=DECAY)
        if self._words is None and self._seen is None:
            raise ModelError("there is nothing to learn from: neither captions nor features", "gatherset features")

    def guess(self, images: Labelled) -> list[Guess]:
        """Of each image, the likeliest type and its probability."""
        if not images.ids:
            return []
        logs: list[Floats] = []
        if self._words is not None and any(images.captions):
            logs.append(self._words.log_probabilities(self._documents(images)))
        if self._seen is not None and images.pictures is not None:
            logs.append(self._seen.log_probabilities(20 * (images.pictures - self._mean)))
        mean = np.mean(logs, axis=0)
        probabilities = np.exp(mean - mean.max(1, keepdims=True))
        probabilities /= probabilities.sum(1, keepdims=True)
        best = probabilities.argmax(1)
        return [Guess(self.types[kind], float(row[kind])) for kind, row in zip(best, probabilities, strict=True)]

    def _documents(self, images: Labelled) -> NDArray[np.float32]:
        assert self._tfidf is not None
        return self._tfidf.vectors([" ".join(texts) for texts in images.captions])


@dataclass(frozen=True)
class Figures:
    """How often the guesses are right; `per_type` has recall, precision and number of each type."""

    images: int
    silent: int  # for which there was no guess
    accuracy: tuple[float, float, float]  # with its 95 % interval over images
    macro_f1: tuple[float, float, float]
    per_type: dict[str, dict[str, float]]

    def seconds_saved(self) -> float:
        """An estimate, per image: a right guess is confirmed instead of chosen; a wrong one costs a look."""
        right, said = self.accuracy[0], 1 - self.silent / max(self.images, 1)
        return right * (SECONDS_TO_CHOOSE - SECONDS_TO_CONFIRM) - (said - right) * SECONDS_TO_CONFIRM / 2


Guesser = Callable[[Labelled, Labelled], list[Guess]]  # from what is labelled, and what is to be guessed


def cross_validated(images: Labelled, guesser: Guesser, *, folds: int = FOLDS) -> list[Guess]:
    """The guess for each image by what was learnt from the other folds alone; folds follow from the ids."""
    place = np.array([int(hashlib.sha256(one.encode()).hexdigest()[:8], 16) % folds for one in images.ids])
    guesses: list[Guess] = [Guess(None, 0.0)] * len(images.ids)
    for fold in range(folds):
        held, rest = np.flatnonzero(place == fold), np.flatnonzero(place != fold)
        if len(held) and len(rest):
            for row, guess in zip(held.tolist(), guesser(images[rest], images[held]), strict=True):
                guesses[row] = guess
    return guesses


def figures(images: Labelled, guesses: Sequence[Guess], *, seed: int = 0) -> Figures:
    """Accuracy and macro F1 over the types that occur, with intervals from samples of the images."""
    names = sorted({*images.types, *(guess.type for guess in guesses if guess.type)})
    truth = np.array([names.index(kind) for kind in images.types])
    guessed = np.array([names.index(guess.type) if guess.type else -1 for guess in guesses])
    present = sorted(set(truth.tolist()))

    def measured(weight: Floats) -> tuple[float, float]:
        f1 = []
        for kind in present:
            hit = weight[(truth == kind) & (guessed == kind)].sum()
            of_both = weight[truth == kind].sum() + weight[guessed == kind].sum()
            if weight[truth == kind].sum():
                f1.append(2 * hit / of_both)
        return float(weight[truth == guessed].sum() / weight.sum()), float(np.mean(f1))

    even = np.ones(len(truth))
    samples = np.random.default_rng(seed).multinomial(len(truth), even / len(truth), BOOTSTRAPS).astype(float)
    drawn = np.array([measured(sample) for sample in samples])
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    accuracy, macro = measured(even)
    return Figures(
        len(truth),
        int((guessed < 0).sum()),
        (accuracy, float(low[0]), float(high[0])),
        (macro, float(low[1]), float(high[1])),
        {names[kind]: _of_type(truth == kind, guessed == kind) for kind in present},
    )


def _of_type(true: NDArray[np.bool_], said: NDArray[np.bool_]) -> dict[str, float]:
    right = float((true & said).sum())
    return {"images": float(true.sum()), "recall": right / true.sum(), "precision": right / max(float(said.sum()), 1)}


def learnable(images: Labelled) -> Labelled:
    """Without the types of which there are too few images to learn from. Raises ModelError where under two are left."""
    counts: Mapping[str, int] = {kind: images.types.count(kind) for kind in set(images.types)}
    rows = [row for row, kind in enumerate(images.types) if counts[kind] >= THIN]
    kept = images[rows]
    if len(set(kept.types)) < 2:
        raise ModelError(
            f"fewer than two types have {THIN} labelled images", "Label some more, or suggest by key words alone"
        )
    return kept


def methods(taxonomy: Taxonomy, images: Labelled) -> dict[str, Guesser]:
    """The ways to guess that these images allow, by their names."""
    words = KeyWords(taxonomy)
    found: dict[str, Guesser] = {}
    written, seen = any(images.captions), images.pictures is not None
    if written:
        found[KEYWORDS] = lambda _, test: words.guess(test)
        found["captions"] = _classifier(captions=True, pictures=False)
    if seen:
        found["pictures"] = _classifier(captions=False, pictures=True)
    if written and seen:
        found["captions and pictures"] = _classifier(captions=True, pictures=True)
    return found


def _classifier(**which: bool) -> Guesser:
    def guess(train: Labelled, test: Labelled) -> list[Guess]:
        return Classifier(learnable(train), **which).guess(test)

    return guess


def as_document(figures: Figures) -> dict[str, Any]:
    """The figures as JSON has them."""
    shown = {"accuracy": figures.accuracy, "macro_f1": figures.macro_f1}
    intervals = {name: dict(zip(("value", "low", "high"), values, strict=True)) for name, values in shown.items()}
    saved = {"seconds_saved_an_image_estimated": round(figures.seconds_saved(), 2)}
    return {"images": figures.images, "silent": figures.silent, **intervals, "per_type": figures.per_type, **saved}
