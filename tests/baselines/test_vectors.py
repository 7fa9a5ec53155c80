from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors

from gatherset.baselines.vectors import given_vectors
from gatherset.baselines.words import Vocabulary
from gatherset.dataset.errors import InputError

WORDS = ["crowd", "holiday", "party"]
TABLE = np.arange(12, dtype=np.float32).reshape(3, 4)
VOCABULARY = Vocabulary(("<padding>", "<unknown>", "holiday_party", "crowd", "banner"))


def write(path: Path) -> Path:
    vectors = KeyedVectors(4)
    vectors.add_vectors(WORDS, TABLE)
    if path.suffix == ".kv":
        vectors.save(str(path))
    elif path.suffix == ".npz":
        np.savez(path, words=np.frombuffer("\n".join(WORDS).encode(), np.uint8), vectors=TABLE.astype(np.float16))
    else:
        vectors.save_word2vec_format(str(path), binary=path.suffix == ".bin", write_header=path.name != "glove.txt")
    return path


@pytest.mark.parametrize("name", ["v.bin", "v.kv", "v.txt", "glove.txt", "v.npz"])
def test_every_kind_of_file_gives_the_same_vectors(name: str, tmp_path: Path) -> None:
    vectors, _ = given_vectors(write(tmp_path / name), VOCABULARY, seed=0)
    np.testing.assert_array_equal(vectors[3], TABLE[0])
    assert not vectors[0].any()


def test_an_event_type_is_the_mean_of_its_words(tmp_path: Path) -> None:
    vectors, _ = given_vectors(write(tmp_path / "v.kv"), VOCABULARY, seed=0)
    np.testing.assert_array_equal(vectors[2], TABLE[1:].mean(0))


def test_the_share_of_missing_words_is_told(tmp_path: Path) -> None:
    assert given_vectors(write(tmp_path / "v.kv"), VOCABULARY, seed=0)[1] == pytest.approx(1 / 3)


@pytest.mark.parametrize("name", ["v.bin", "v.kv", "v.txt", "v.npz", "v.csv"])
def test_a_file_that_holds_none_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"not vectors")
    with pytest.raises(InputError, match=name):
        given_vectors(path, VOCABULARY, seed=0)
