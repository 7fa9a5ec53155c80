import numpy as np
import pytest

from gatherset.baselines.event_retrieval import average_precision, event_classification, neighbour_shares

OWNER = np.repeat(np.arange(6), 5)
TYPES = ["a", "b", "a", "b", "a", "b"]


def test_captions_of_the_right_type_classify_every_image() -> None:
    same = np.array([[TYPES[i] == TYPES[j] for j in OWNER] for i in range(6)], float)
    assert event_classification(same, OWNER, TYPES) == pytest.approx({"average_precision": 100, "f1": 100})


def test_an_images_own_captions_do_not_count() -> None:
    own = (OWNER[None] == np.arange(6)[:, None]).astype(float)  # finds itself, and nothing else
    shares = neighbour_shares(own, OWNER, np.array([0, 1] * 3), 2)
    np.testing.assert_allclose(shares[0], [2 / 5, 3 / 5])  # of five others, two are of its type


def test_ties_for_the_last_places_share_them() -> None:
    scores = np.zeros((3, 30))
    owner, kinds = np.repeat(np.arange(3), 10), np.array([0, 1, 1])
    scores[0, 10:15] = 1
    np.testing.assert_allclose(neighbour_shares(scores, owner, kinds, 2)[1], [0.5, 0.5])


def test_average_precision_is_the_textbooks() -> None:
    values, right = np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, True, False])
    assert average_precision(values, right) == pytest.approx((1 / 1 + 2 / 3) / 2)


def test_average_precision_of_equal_values_is_the_share_of_the_right() -> None:
    assert average_precision(np.zeros(4), np.array([True, False, False, False])) == pytest.approx(0.25)


def test_the_names_of_the_types_decide_nothing() -> None:
    generator = np.random.default_rng(0)
    kinds = (generator.random(60) < 0.4).astype(int)
    owner = np.repeat(np.arange(60), 5)
    scores = generator.random((60, 300))
    one, other = (event_classification(scores, owner, [names[k] for k in kinds]) for names in ("ab", "ba"))
    assert one == pytest.approx(other)


def test_one_type_is_no_classification() -> None:
    assert event_classification(np.zeros((6, 30)), OWNER, ["a"] * 6) == {}
