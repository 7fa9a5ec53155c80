from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatherset.baselines.precision import map_at_r


def slow(scores: np.ndarray, right: np.ndarray) -> float:
    """The mean over all orders of tied items, as a plain loop."""
    wanted, values = int(right.sum()), []
    for order in permutations(range(len(scores))):
        ranked = sorted(order, key=lambda item: -scores[item])
        hits = np.array([right[item] for item in ranked[:wanted]], float)
        values.append(sum(hits[: i + 1].mean() for i in np.flatnonzero(hits)) / wanted)
    return float(np.mean(values))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_it_is_the_mean_over_all_orders_of_tied_items(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 6))
    rows = data.draw(st.integers(1, 3))
    scores = np.array(data.draw(st.lists(st.integers(0, 2), min_size=n * rows, max_size=n * rows)), float)
    scores = scores.reshape(rows, n)
    items = np.array(data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    queries = items[data.draw(st.lists(st.integers(0, n - 1), min_size=rows, max_size=rows))]
    expected = [slow(row, items == query) for row, query in zip(scores, queries, strict=True)]
    assert map_at_r(scores, queries, items) == pytest.approx(100 * np.mean(expected))


def test_perfect_scores_have_100_and_a_query_without_a_right_item_does_not_count() -> None:
    scores = np.eye(3).repeat(5, axis=1)
    assert map_at_r(scores, np.arange(3), np.repeat(np.arange(3), 5)) == pytest.approx(100)
    assert map_at_r(scores, np.array([0, 1, 9]), np.repeat(np.arange(3), 5)) == pytest.approx(100)
