from pathlib import Path

import numpy as np
import pytest

from gatherset.baselines.words import (
    PADDING,
    UNKNOWN,
    Vocabulary,
    load_words,
    save_words,
    train_word2vec,
)
from gatherset.dataset.errors import ModelError

CAPTIONS = ["A crowd waits.", "A crowd cheers loudly.", "The crowd waits in a street.", "the street"] * 5


def test_rare_words_are_unknown() -> None:
    vocabulary = Vocabulary.of(["a crowd", "a zebra", "a crowd"])
    assert vocabulary.encode("a zebra") == [vocabulary.number("a"), UNKNOWN]


def test_a_caption_without_words_is_one_unknown_word() -> None:
    assert Vocabulary.of(CAPTIONS).encode("…!") == [UNKNOWN]


def test_event_types_are_always_known() -> None:
    vocabulary = Vocabulary.of(CAPTIONS, ["holiday_party"])
    assert vocabulary.number("holiday_party") > UNKNOWN


def test_the_share_of_unknown_words_is_counted() -> None:
    assert Vocabulary.of(CAPTIONS).unknown_share(["a crowd", "a zebra"]) == 0.25


def test_word2vec_is_the_same_for_the_same_seed() -> None:
    vocabulary = Vocabulary.of(CAPTIONS, ["protest"])
    events: list[str | None] = ["protest"] * len(CAPTIONS)
    first, second = (train_word2vec(CAPTIONS, events, vocabulary, dim=8, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (len(vocabulary), 8)
    assert not first[PADDING].any()
    assert first[UNKNOWN].any()


def test_words_are_read_as_they_were_saved(tmp_path: Path) -> None:
    vocabulary = Vocabulary.of(CAPTIONS)
    vectors = np.random.default_rng(0).normal(size=(len(vocabulary), 4)).astype(np.float32)
    save_words(tmp_path, vocabulary, vectors)
    loaded, loaded_vectors = load_words(tmp_path)
    assert loaded == vocabulary
    np.testing.assert_array_equal(loaded_vectors, vectors)


def test_missing_words_are_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="word vectors"):
        load_words(tmp_path)
