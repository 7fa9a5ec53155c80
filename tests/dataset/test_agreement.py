import csv
from collections import Counter
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatherset.dataset.agreement import Agreement, Answer

# Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", sections A to C; "." is missing.
PUBLISHED = [
    pytest.param(["0100000010", "1110010000"], 0.095, id="binary, two observers"),
    pytest.param(["aabbdcccedda", "babbbccceddd"], 0.692, id="nominal, two observers"),
    pytest.param(["123321412...", "1233224125.3", ".3332342251.", "12332441251."], 0.743, id="four observers, missing"),
]


def answers(*rows: str) -> list[Answer]:
    """A row an annotator, a letter a unit."""
    return [
        Answer(f"u{unit}", f"a{annotator}", value)
        for annotator, row in enumerate(rows)
        for unit, value in enumerate(row)
        if value != "."
    ]


def plain_alpha(given: list[Answer]) -> float | None:
    """Straight from the definition: every ordered pair of answers within a unit, and all of them together."""
    units: dict[str, list[str]] = {}
    for answer in given:
        units.setdefault(answer.unit, []).append(answer.value)
    values = [value for group in units.values() if len(group) > 1 for value in group]
    observed = sum(
        sum(a != b for a, b in permutations(group, 2)) / (len(group) - 1) for group in units.values() if len(group) > 1
    )
    if len(set(values)) < 2:
        return None
    expected = sum(a != b for a, b in permutations(values, 2)) / (len(values) - 1)
    return 1 - observed / expected


@pytest.mark.parametrize(("rows", "alpha"), PUBLISHED)
def test_alpha_equals_the_published_examples(rows: list[str], alpha: float) -> None:
    assert Agreement(answers(*rows)).alpha == pytest.approx(alpha, abs=5e-4)


@given(st.lists(st.text("abc.", min_size=6, max_size=6), min_size=2, max_size=4))
def test_alpha_equals_its_definition(rows: list[str]) -> None:
    found, plain = Agreement(answers(*rows)).alpha, plain_alpha(answers(*rows))
    assert found == (None if plain is None else pytest.approx(plain))


@pytest.mark.parametrize("rows", [["abc", "..."], ["aaa", "aaa"], ["a..", ".b."], []])
def test_alpha_is_undefined_where_nothing_can_be_compared(rows: list[str]) -> None:
    agreement = Agreement(answers(*rows))
    assert agreement.alpha is None
    assert agreement.interval() is None


def test_full_agreement_is_1_and_constant_disagreement_is_below_0() -> None:
    assert Agreement(answers("abab", "abab")).alpha == 1
    assert Agreement(answers("abab", "baba")).alpha < 0


def test_the_share_of_agreeing_pairs_and_alpha_can_tell_different_stories() -> None:
    """Nearly always the same value: the share is high, but chance alone would give it."""
    agreement = Agreement(answers("a" * 98 + "ab", "a" * 98 + "ba"))
    assert agreement.agreed == pytest.approx(0.98)
    assert agreement.alpha < 0


def test_the_interval_holds_alpha_and_is_repeatable() -> None:
    agreement = Agreement(answers("abcabcabcabd" * 10, "abcabcabdabd" * 10, "abcaccabcabd" * 10))
    low, high = agreement.interval()
    assert low < agreement.alpha < high
    assert agreement.interval() == (low, high)


def test_more_units_make_a_narrower_interval() -> None:
    def width(times: int) -> float:
        low, high = Agreement(answers("abcaabcb" * times, "abcbabca" * times)).interval()
        return high - low

    assert width(40) < width(4)


def test_each_pair_of_annotators_is_compared_on_what_they_share() -> None:
    [first, second] = Agreement(answers("ab..", "ab..", "aaab")).pairs()[:2]
    assert (first.first, first.second, first.units, first.agreed, first.alpha) == ("a0", "a1", 2, 1.0, 1.0)
    assert (second.second, second.units, second.agreed) == ("a2", 2, 0.5)


def test_leaving_out_the_one_who_guesses_raises_alpha() -> None:
    agreement = Agreement(answers("abcabcabc", "abcabcabc", "cabbcaaab"))
    *careful, guesser = agreement.per_annotator()
    assert guesser.alpha_without == 1 > agreement.alpha
    assert guesser.agreed < careful[0].agreed


def test_a_value_that_nobody_tells_apart_has_the_lowest_alpha() -> None:
    per_value = Agreement(answers("aabbccxy", "aabbccyx")).per_value()
    assert per_value["a"] == 1
    assert per_value["x"] < 0


def test_the_confusion_matrix_counts_each_answer_once() -> None:
    agreement = Agreement(answers("aab", "abb", "aa."))
    matrix = agreement.confusion()
    assert matrix.sum() == pytest.approx(8)
    assert np.array_equal(matrix, matrix.T)
    assert matrix[0, 1] == pytest.approx(1)  # in the second unit, of three: two ordered pairs by 1/2


def test_the_last_of_two_answers_counts() -> None:
    assert Agreement([*answers("ab", "ab"), Answer("u0", "a0", "c")]).agreed == 0.5


def simulated(accuracies: list[float], units: int = 300, values: int = 10) -> tuple[list[Answer], dict[str, str]]:
    """Annotators who each see half the units, are right with their accuracy, and else guess."""
    random = np.random.default_rng(0)
    truth = {f"u{unit}": str(random.integers(values)) for unit in range(units)}
    found = [
        Answer(unit, f"a{number}", value if random.random() < accuracy else str(random.integers(values)))
        for number, accuracy in enumerate(accuracies)
        for unit, value in truth.items()
        if random.random() < 0.5
    ]
    return found, truth


def clear_majority(votes: list[str]) -> str | None:
    (first, most), *others = Counter(votes).most_common(2)
    return None if others and others[0][1] == most else first


def test_dawid_skene_gets_more_right_than_a_clear_majority_does() -> None:
    given, truth = simulated([0.95, 0.9, 0.9, 0.8, 0.7, 0.6, 0.5, 0.3, 0.2, 0.2])
    found = Agreement(given).dawid_skene()
    votes: dict[str, list[str]] = {}
    for answer in given:
        votes.setdefault(answer.unit, []).append(answer.value)
    by_model = sum(found.truth[unit] == truth[unit] for unit in votes)
    by_votes = sum(clear_majority(values) == truth[unit] for unit, values in votes.items())
    assert by_model > by_votes


def test_dawid_skene_tells_the_careful_from_the_careless() -> None:
    given, _ = simulated([0.95, 0.9, 0.9, 0.4, 0.2])
    accuracy = Agreement(given).dawid_skene().accuracy
    assert min(accuracy[name] for name in ("a0", "a1", "a2")) > accuracy["a3"] > accuracy["a4"]


def test_dawid_skene_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no answers"):
        Agreement([]).dawid_skene()


def test_two_real_annotators_equal_the_plain_definition(gatherings: Path) -> None:
    given = []
    for name in ("a", "b"):
        with (gatherings / f"annotator_{name}.csv").open(newline="") as file:
            given += [Answer(row["image"], name, row["event_type"] or "none") for row in csv.DictReader(file)]
    agreement = Agreement(given)
    assert agreement.alpha == pytest.approx(plain_alpha(given))
    same = Counter(answer.unit for answer in set(map(lambda a: Answer(a.unit, "", a.value), given)))
    assert agreement.agreed == pytest.approx(sum(count == 1 for count in same.values()) / 893)
