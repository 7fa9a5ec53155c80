from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatherset.baselines.recall import RANKS, Hits, TypeRecall, chance, difference, evaluate, hits, in_folds
from gatherset.dataset.errors import InputError


def five_each(images: int) -> np.ndarray:
    return np.repeat(np.arange(images), 5)


def slow_hit(scores: np.ndarray, right: set[int], k: int) -> float:
    """The probability that one of `right` is among the first k when tied items come in random order: all orders."""
    orders = list(permutations(range(len(scores))))
    hits = 0
    for order in orders:
        ranked = sorted(order, key=lambda item: -scores[item])  # stable: tied items keep the order's order
        hits += bool(right & set(ranked[:k]))
    return hits / len(orders)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_recall_equals_the_mean_over_all_tie_orders(data: st.DataObject) -> None:
    compare_with_all_tie_orders(data)


@pytest.mark.slow
@settings(max_examples=3000, deadline=None)
@given(st.data())
def test_every_recall_of_thousands_of_matrices_equals_the_mean_over_all_tie_orders(data: st.DataObject) -> None:
    compare_with_all_tie_orders(data)


def compare_with_all_tie_orders(data: st.DataObject) -> None:
    images = data.draw(st.integers(1, 3))
    owner = np.sort(np.array([*range(images), *data.draw(st.lists(st.integers(0, images - 1), max_size=3))]))
    cells = st.integers(0, 2).map(float)
    scores = np.array(data.draw(st.lists(cells, min_size=images * len(owner), max_size=images * len(owner))))
    scores = scores.reshape(images, len(owner))
    result = evaluate(scores, owner)
    for position, k in enumerate(RANKS):
        i2t = [slow_hit(scores[i], set(np.flatnonzero(owner == i).tolist()), k) for i in range(images)]
        t2i = [slow_hit(scores[:, c], {int(owner[c])}, k) for c in range(len(owner))]
        assert result.image_to_text[position] == pytest.approx(100 * np.mean(i2t))
        assert result.text_to_image[position] == pytest.approx(100 * np.mean(t2i))


def test_distinct_scores_are_ranked_plainly() -> None:
    scores = np.random.default_rng(0).random((30, 150))
    owner = five_each(30)
    result = evaluate(scores, owner)
    ranks = [min(np.flatnonzero(owner[np.argsort(-row)] == i)) + 1 for i, row in enumerate(scores)]
    assert result.image_to_text[1] == pytest.approx(100 * np.mean(np.array(ranks) <= 5))
    assert result.image_to_text_median_rank == np.median(ranks)
    ranks = [int(np.flatnonzero(np.argsort(-scores[:, c]) == owner[c])[0]) + 1 for c in range(150)]
    assert result.text_to_image[2] == pytest.approx(100 * np.mean(np.array(ranks) <= 10))
    assert result.text_to_image_median_rank == np.median(ranks)


def test_constant_scores_reach_what_guessing_reaches() -> None:
    result = evaluate(np.zeros((100, 500)), five_each(100))
    assert result.image_to_text[0] == pytest.approx(1.0)
    assert result.text_to_image[0] == pytest.approx(1.0)


def test_perfect_scores_reach_600() -> None:
    result = evaluate(np.eye(20).repeat(5, axis=1), five_each(20))
    assert result.rsum == pytest.approx(600)
    assert result.rsum_interval == pytest.approx((600, 600))


def test_two_directions_may_have_scores_of_their_own() -> None:
    perfect = np.eye(20).repeat(5, axis=1)
    result = evaluate(perfect, five_each(20), np.zeros((20, 100)))
    assert result.image_to_text[0] == pytest.approx(100)
    assert result.text_to_image[0] == pytest.approx(5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_refused(value: float) -> None:
    scores = np.eye(4).repeat(5, axis=1)
    scores[0, 0] = value
    with pytest.raises(InputError, match="not finite"):
        evaluate(scores, five_each(4))


def test_what_is_not_finite_finds_nothing() -> None:
    scores = np.full((4, 20), np.nan)
    with pytest.raises(InputError, match="80 of 80 scores are not finite"):
        hits(scores, five_each(4), scores)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="columns"):
        evaluate(np.zeros((4, 20)), five_each(3))
    with pytest.raises(InputError, match="exactly the 5 images"):
        evaluate(np.zeros((5, 20)), five_each(4))


def test_the_interval_is_seeded_and_holds_the_value() -> None:
    scores = np.random.default_rng(0).random((50, 250)) + np.eye(50).repeat(5, axis=1) * 0.5
    first, second = evaluate(scores, five_each(50), seed=1), evaluate(scores, five_each(50), seed=1)
    assert first == second
    assert first.rsum_interval[0] < first.rsum < first.rsum_interval[1]


def test_one_per_cent_is_the_first_hundredth_rounded_up() -> None:
    scores = np.random.default_rng(0).random((250, 1250))
    owner = five_each(250)
    result = evaluate(scores, owner)
    ranks = np.array([min(np.flatnonzero(owner[np.argsort(-row)] == i)) + 1 for i, row in enumerate(scores)])
    assert result.one_per_cent[0] == pytest.approx(100 * np.mean(ranks <= 13))
    ranks = np.array([np.flatnonzero(np.argsort(-scores[:, c]) == owner[c])[0] + 1 for c in range(1250)])
    assert result.one_per_cent[1] == pytest.approx(100 * np.mean(ranks <= 3))


def noisy(signal: float, seed: int) -> Hits:
    scores = np.random.default_rng(seed).random((60, 300)) + np.eye(60).repeat(5, axis=1) * signal
    return hits(scores, five_each(60), scores)


def test_a_difference_of_the_same_images_has_a_narrower_interval() -> None:
    value, (low, high) = difference(noisy(0.6, 0), noisy(0.3, 0))
    assert value == pytest.approx(noisy(0.6, 0).rsum - noisy(0.3, 0).rsum)
    assert 0 < low < value < high
    assert difference(noisy(0.6, 0), noisy(0.6, 0)) == (0, (0, 0))


def test_the_mean_of_several_trainings_has_the_mean_rsum() -> None:
    several = [noisy(0.5, seed) for seed in range(3)]
    assert Hits.mean(several).rsum == pytest.approx(np.mean([one.rsum for one in several]))


def test_types_together_have_the_recall_of_all() -> None:
    found = noisy(0.4, 0)
    kinds = np.arange(60) % 3
    parts = [TypeRecall.of(found, kinds == kind, kinds.repeat(5) == kind) for kind in range(3)]
    assert np.mean([part.image_to_text for part in parts], 0) == pytest.approx(100 * found.by_image.mean(0))
    assert sum(part.captions for part in parts) == 300


def test_a_split_with_one_image_is_evaluated() -> None:
    result = evaluate(np.zeros((1, 5)), five_each(1))
    assert result.rsum == pytest.approx(600)
    assert result.rsum_interval == pytest.approx((600, 600))


def test_folds_of_a_thousand_are_ranked_each_by_itself() -> None:
    scores = np.zeros((2500, 2500), np.float32)
    owner = np.arange(2500)
    assert in_folds(scores[:1000, :1000], owner[:1000], scores[:1000, :1000]) == {}
    scores[owner[:1000], owner[:1000]] = 1  # the first fold is all right, the second is guessed, the rest left out
    found = in_folds(scores, owner, scores)
    assert found["folds"] == 2
    assert found["image_to_text"] == pytest.approx([50.05, 50.25, 50.5])
    assert found["rsum"] == pytest.approx(2 * (50.05 + 50.25 + 50.5))


def random_hits(seed: int, better: float = 0.0) -> Hits:
    generator = np.random.default_rng(seed)
    by_image, by_caption = generator.random((40, 3)) < 0.4 + better, generator.random((200, 3)) < 0.4 + better
    return Hits(by_image.astype(float), by_caption.astype(float), np.repeat(np.arange(40), 5))


def test_two_models_that_found_the_same_differ_by_chance() -> None:
    assert chance(random_hits(0), random_hits(0)) == 1


def test_a_model_that_is_better_everywhere_is_not_so_by_chance() -> None:
    assert chance(random_hits(1, better=0.4), random_hits(2)) < 0.001


def test_chance_is_spread_evenly_where_there_is_no_difference() -> None:
    values = [chance(random_hits(2 * seed), random_hits(2 * seed + 1)) for seed in range(30)]
    assert 0.3 < np.mean(values) < 0.7
