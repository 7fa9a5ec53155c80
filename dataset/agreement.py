"""Agreement: how far annotators say the same of the same images, beyond what chance would give.

Krippendorff's alpha for nominal values, with missing answers (Krippendorff 2011, "Computing Krippendorff's
Alpha-Reliability", section C), the share of agreeing pairs beside it, and Dawid and Skene's estimate of the truth
(1979, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm") as a second opinion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
BLOCK = 10_000_000  # numbers in memory at once while resampling
Counts = NDArray[np.float64]
Column = NDArray[np.int64]  # [answers] numbers
Names = Sequence[str]


@dataclass(frozen=True)
class Answer:
    """One annotator's value for one unit."""

    unit: str
    annotator: str
    value: str


@dataclass(frozen=True)
class Pair:
    """How two annotators agree on the units that both answered."""

    first: str
    second: str
    units: int
    agreed: float  # share of them
    alpha: float | None


@dataclass(frozen=True)
class Annotator:
    name: str
    units: int  # answered
    shared: int  # of them, answered by others too
    agreed: float | None  # mean share of the others' values that are the same
    alpha_without: float | None  # of all the others, on what they share: higher than alpha where this one errs


class Agreement:
    """What can be said of a set of answers. A unit that one annotator answered twice counts their last answer."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        last = {(answer.unit, answer.annotator): answer.value for answer in answers}
        given = list(last.values())
        self._fill([unit for unit, _ in last], [annotator for _, annotator in last], given)

    @classmethod
    def of_codes(
        cls, units: Column, unit_names: Names, annotators: Column, names: Names, values: Column, value_names: Names
    ) -> Agreement:
        """The same of answers in columns of numbers, each the place in the names behind it.

        No two of them are one annotator's to one unit.
        """
        made = cls.__new__(cls)
        made.units, made._unit = _used(units, unit_names)
        made.annotators, made._annotator = _used(annotators, names)
        made.values, made._value = _used(values, value_names)
        return made

    def _fill(self, units: Sequence[str], annotators: Sequence[str], values: Sequence[str]) -> None:
        self.units, self._unit = _numbered(units)
        self.annotators, self._annotator = _numbered(annotators)
        self.values, self._value = _numbered(values)

    @cached_property
    def _table(self) -> NDArray[np.int32]:
        """[units, annotators] the number of the value, -1 where there is none."""
        table = np.full((len(self.units), len(self.annotators)), -1, dtype=np.int32)
        table[self._unit, self._annotator] = self._value
        return table

    @cached_property
    def _everybody(self) -> Counts:
        """[units, values] how many annotators gave each value."""
        cells = np.bincount(self._unit * len(self.values) + self._value, minlength=len(self.units) * len(self.values))
        return cells.reshape(len(self.units), len(self.values)).astype(np.float64)

    @cached_property
    def _counts(self) -> Counts:
        """The same of the units that two annotators or more have answered."""
        return _pairable(self._everybody)

    @property
    def answers(self) -> int:
        """How many there are."""
        return len(self._unit)

    @property
    def compared(self) -> int:
        """The units that two annotators or more have answered."""
        return len(self._counts)

    def ballots(self, units: Iterable[int] | None = None) -> dict[str, Counter[str]]:
        """{unit: how many annotators gave each value}: of all units, or of these numbers, in their order."""
        chosen = np.arange(len(self.units)) if units is None else np.fromiter(units, dtype=np.int64)
        found: dict[str, Counter[str]] = {self.units[unit]: Counter() for unit in chosen}
        counts = self._everybody[chosen]
        for row, value in zip(*counts.nonzero(), strict=True):
            found[self.units[chosen[row]]][self.values[value]] = int(counts[row, value])
        return found

    def most_disputed(self, most: int) -> dict[str, Counter[str]]:
        """The ballots of the units on which the annotators disagree most, by the entropy of the votes."""
        total = self._everybody.sum(1)
        shares = self._everybody / total[:, None]
        entropy = -(shares * np.log2(np.where(shares > 0, shares, 1))).sum(1).round(9)
        order = np.lexsort((np.arange(len(total)), -total, -entropy))[:most]
        return self.ballots(order[entropy[order] > 0])

    def with_others(self) -> dict[str, float]:
        """{annotator: the mean share of the others' values that are the same}, of who shares a unit with another."""
        others = self._everybody.sum(1)[self._unit] - 1
        same = self._everybody[self._unit, self._value] - 1
        shared = others > 0
        sizes = len(self.annotators)
        number = np.bincount(self._annotator[shared], minlength=sizes)
        shares = np.bincount(self._annotator[shared], same[shared] / others[shared], minlength=sizes)
        return {name: float(shares[n] / number[n]) for n, name in enumerate(self.annotators) if number[n]}

    @property
    def alpha(self) -> float | None:
        """Krippendorff's alpha; None where it is undefined: nothing can be paired, or all values are the same."""
        return _alpha(self._counts)

    @property
    def agreed(self) -> float | None:
        """The share of agreeing pairs of all pairs of answers to one unit; None where nothing can be paired."""
        return _agreed(self._counts, np.ones(len(self._counts))) if len(self._counts) else None

    def interval(self, level: float = 0.95, seed: int = 0) -> tuple[float, float] | None:
        """Percentile bootstrap interval of alpha over units; None where alpha is undefined.

        Resamples in which all values are the same have no alpha and are left out.
        """
        if self.alpha is None:
            return None
        random = np.random.default_rng(seed)
        # Units with the same counts are one kind: to draw kinds by how many there are of each is to draw units.
        kinds, times = np.unique(self._counts, axis=0, return_counts=True)
        units, shares = len(self._counts), times / len(self._counts)
        at_once = max(1, BLOCK // len(kinds))
        found: list[float] = []
        for start in range(0, RESAMPLES, at_once):
            weights = random.multinomial(units, shares, size=min(at_once, RESAMPLES - start)).astype(float)
            found += _alphas(kinds, weights).tolist()
        defined = np.array([value for value in found if np.isfinite(value)])
        low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def per_value(self) -> dict[str, float | None]:
        """Alpha of each value against all others: which of them annotators tell apart."""
        found = {}
        for number, value in enumerate(self.values):
            own = self._counts[:, number]
            found[value] = _alpha(np.stack([own, self._counts.sum(1) - own], axis=1))
        return found

    def pairs(self) -> list[Pair]:
        """Every two annotators that share a unit."""
        found = []
        for first, second in combinations(range(len(self.annotators)), 2):
            two = self._table[:, [first, second]]
            two = two[(two >= 0).all(1)]
            if len(two):
                agreed = float((two[:, 0] == two[:, 1]).mean())
                alpha = _alpha(_count(two, len(self.values)))
                found.append(Pair(self.annotators[first], self.annotators[second], len(two), agreed, alpha))
        return found

    def per_annotator(self) -> list[Annotator]:
        agreed, found = self.with_others(), []
        for number, name in enumerate(self.annotators):
            own = self._annotator == number
            others = self._everybody.copy()
            others[self._unit[own], self._value[own]] -= 1
            shared = int((others[self._unit[own]].sum(1) > 0).sum())
            without = _alpha(_pairable(others))
            found.append(Annotator(name, int(own.sum()), shared, agreed.get(name), without))
        return found

    def confusion(self) -> Counts:
        """[values, values] the coincidence matrix: how often each value met each other in one unit, symmetric.

        A unit with m answers counts each ordered pair of them by 1/(m - 1), so that the sum is the number of answers.
        """
        total = self._counts.sum(1)
        weighted = self._counts / (total - 1)[:, None]
        matrix: Counts = weighted.T @ self._counts - np.diag(weighted.sum(0))
        return matrix

    def dawid_skene(self, rounds: int = 100, tolerance: float = 1e-6) -> DawidSkene:
        """The truth and the annotators' errors that make these answers most likely, by expectation maximisation.

        Starts from the share of the votes. One answer is spread over every row of a confusion matrix, so that an
        annotator with few answers is not taken to be perfect. Raises ValueError where there are no answers.
        """
        if not self.units:
            raise ValueError("there are no answers")
        annotators, values = len(self.annotators), len(self.values)
        # Answers in two orders, so that what belongs together is added up in one stroke.
        by_unit = np.argsort(self._unit, kind="stable")
        units_begin = np.searchsorted(self._unit[by_unit], np.arange(len(self.units)))
        given = self._annotator * values + self._value  # which annotator gave which value
        by_given = np.argsort(given, kind="stable")
        seen, given_begin = np.unique(given[by_given], return_index=True)
        truth = self._everybody / self._everybody.sum(1, keepdims=True)  # [units, values]
        for _ in range(rounds):
            prior = truth.mean(0)
            counted = np.full((annotators * values, values), 1 / values)  # [annotators and given values, true values]
            counted[seen] += np.add.reduceat(truth[self._unit[by_given]], given_begin)
            errors = counted.reshape(annotators, values, values).swapaxes(1, 2)  # [annotators, true, given]
            errors = errors / errors.sum(2, keepdims=True)
            likely = np.log(errors).swapaxes(1, 2).reshape(annotators * values, values)
            logs = np.add.reduceat(likely[given[by_unit]], units_begin) + np.log(np.maximum(prior, 1e-300))
            now = np.exp(logs - logs.max(1, keepdims=True))
            now /= now.sum(1, keepdims=True)
            moved = np.abs(now - truth).max()
            truth = now
            if moved < tolerance:
                break
        chosen = truth.argmax(1)
        return DawidSkene(
            {unit: self.values[value] for unit, value in zip(self.units, chosen, strict=True)},
            dict(zip(self.units, truth.max(1).tolist(), strict=True)),
            {name: float(prior @ errors[number].diagonal()) for number, name in enumerate(self.annotators)},
        )


@dataclass(frozen=True)
class DawidSkene:
    truth: dict[str, str]  # the most likely value of each unit
    probability: dict[str, float]  # of that value
    accuracy: dict[str, float]  # of each annotator: how often they would give the true value


@dataclass(frozen=True)
class VoteAgreement:
    """How far the votes on the event type of the same image agree, where only their numbers are known."""

    images: int  # with two votes or more
    votes: int
    agreed: float  # of all pairs of votes on one image, the share that name the same type
    alpha: float | None  # Krippendorff's; None where all votes name one type

    @property
    def alpha_text(self) -> str:
        return "undefined, since all votes name one type" if self.alpha is None else f"{self.alpha:.3f}"


def vote_agreement(ballots: Mapping[tuple[tuple[str, int], ...], int]) -> VoteAgreement | None:
    """Of ballots ((type, votes), …), each with how often it occurs; None where none holds two votes."""
    paired = {ballot: times for ballot, times in ballots.items() if sum(count for _, count in ballot) >= 2}
    if not paired:
        return None
    place = {name: number for number, name in enumerate(sorted({name for ballot in paired for name, _ in ballot}))}
    counts = np.zeros((len(paired), len(place)))
    for row, ballot in enumerate(paired):
        for name, count in ballot:
            counts[row, place[name]] = count
    times = np.array(list(paired.values()), dtype=float)
    total = counts.sum(1)
    [alpha] = _alphas(counts, times[None])
    return VoteAgreement(
        int(times.sum()),
        int((times * total).sum()),
        _agreed(counts, times),
        float(alpha) if np.isfinite(alpha) else None,
    )


def _numbered(names: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """The different names in order, and for each name its number among them."""
    different = sorted(set(names))
    number_of = {name: number for number, name in enumerate(different)}
    return different, np.fromiter((number_of[name] for name in names), dtype=np.int64, count=len(names))


def _used(codes: Column, names: Names) -> tuple[list[str], Column]:
    """The names that are used, in order, and for each code its place among them."""
    used = np.unique(codes)
    known = [names[code] for code in used.tolist()]
    order = sorted(range(len(known)), key=known.__getitem__)
    place_of = np.empty(len(used), dtype=np.int64)
    place_of[order] = np.arange(len(used))
    return [known[place] for place in order], place_of[np.searchsorted(used, codes)]


def _count(table: NDArray[np.int32], values: int) -> Counts:
    counts = np.zeros((len(table), values))
    for value in range(values):
        counts[:, value] = (table == value).sum(1)
    return counts


def _agreed(counts: Counts, times: Counts) -> float:
    """Of all pairs of answers to one unit, the share that are the same; each row of `counts` is there `times` times."""
    total = counts.sum(1)
    same, pairs = (counts * (counts - 1)).sum(1), total * (total - 1)
    return float((times * same).sum() / (times * pairs).sum())


def _pairable(counts: Counts) -> Counts:
    answered: Counts = counts[counts.sum(1) >= 2]
    return answered


def _alpha(counts: Counts) -> float | None:
    if not len(counts):
        return None
    [alpha] = _alphas(counts, np.ones((1, len(counts))))
    return float(alpha) if np.isfinite(alpha) else None


def _alphas(counts: Counts, weights: Counts) -> Counts:
    """[resamples] alpha of units [units, values] taken `weights` [resamples, units] times; nan where undefined."""
    total = counts.sum(1)
    differing = (total**2 - (counts**2).sum(1)) / (total - 1)  # ordered pairs of unequal values, by 1/(m - 1)
    answers = weights @ total
    by_value = weights @ counts
    expected = (answers**2 - (by_value**2).sum(1)) / (answers - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        alphas: Counts = np.where(expected > 0, 1 - (weights @ differing) / expected, np.nan)
    return alphas
