from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gatherset.baselines import scoring
from gatherset.baselines.edan import Edan, EdanConfig
from gatherset.baselines.interface import Encoded, Model
from gatherset.baselines.loader import flat_captions, flat_events, number_captions
from gatherset.baselines.models.vsepp import VsePlusPlus, VsePlusPlusConfig
from gatherset.baselines.words import Vocabulary
from gatherset.dataset.errors import ModelError
from gatherset.dataset.features import FeatureFile
from tests.baselines.conftest import DIM, TinyRelease


def test_blocks_give_the_same_scores_as_one_product(release: TinyRelease, features: FeatureFile) -> None:
    split = release["test"]
    vocabulary = Vocabulary.of(flat_captions(split), release.event_types)
    captions = number_captions(split, vocabulary, flat_events(split))
    torch.manual_seed(0)
    config = EdanConfig(d=16, layers=1, heads=2, word_dim=8)
    model = Edan(config, DIM, torch.randn(len(vocabulary), 8)).eval()
    whole = scoring.all_similarities(model, features, split.ids, captions)
    with patch.object(scoring, "IMAGES_AT_ONCE", 7), patch.object(scoring, "WORDS_AT_ONCE", 40):
        blocks = scoring.all_similarities(model, features, split.ids, captions)
    for one, other in zip(whole.final(0.3), blocks.final(0.3), strict=True):
        assert one.shape == (20, 100)
        torch.testing.assert_close(torch.from_numpy(one), torch.from_numpy(other), atol=1e-5, rtol=0)


def test_theta_mixes_the_two_similarities() -> None:
    sim, S_TI, S_IT = (torch.full((1, 1), value) for value in (1.0, 2.0, 3.0))
    i2t, t2i = scoring.Similarities(sim, S_TI, S_IT).final(0.25)
    assert (i2t.item(), t2i.item()) == (1.5, 1.25)


def test_scores_for_a_known_theta_need_no_three_matrices(release: TinyRelease, features: FeatureFile) -> None:
    split = release["test"]
    vocabulary = Vocabulary.of(flat_captions(split), release.event_types)
    captions = number_captions(split, vocabulary, flat_events(split))
    model = Edan(EdanConfig(d=16, layers=1, heads=2, word_dim=8), DIM, torch.randn(len(vocabulary), 8))
    expected = scoring.all_similarities(model, features, split.ids, captions).final(0.3)
    model.theta.fill_(0.3)
    for one, other in zip(scoring.all_scores(model, features, split.ids, captions), expected, strict=True):
        torch.testing.assert_close(torch.from_numpy(one), torch.from_numpy(other))
    assert model.training


def test_too_little_memory_halves_the_block_and_says_so(
    release: TinyRelease, features: FeatureFile, capsys: pytest.CaptureFixture[str]
) -> None:
    split = release["test"]
    vocabulary = Vocabulary.of(flat_captions(split), release.event_types)
    captions = number_captions(split, vocabulary, flat_events(split))
    model = Edan(EdanConfig(d=16, layers=1, heads=2, word_dim=8), DIM, torch.randn(len(vocabulary), 8))
    expected, score = scoring.all_scores(model, features, split.ids, captions), Edan.score

    def tight(self, images, captions):  # type: ignore[no-untyped-def]
        if len(images[0]) > 5:
            raise MemoryError
        return score(self, images, captions)

    with patch.object(Edan, "score", tight):
        found = scoring.all_scores(model, features, split.ids, captions)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(torch.from_numpy(one), torch.from_numpy(other), atol=1e-5, rtol=0)
    assert "out of memory: 4 images scored at once instead of 8" in capsys.readouterr().err


@given(st.integers(1, 40), st.lists(st.integers(1, 9), max_size=9))
def test_joined_blocks_hold_what_the_blocks_held(n: int, sizes: list[int]) -> None:
    every = torch.randperm(sum(sizes))
    blocks = [(own, (own + 0.5, -own)) for own in every.split(sizes)]
    found = list(scoring.at_least(n, iter(blocks)))
    assert torch.equal(torch.cat([every[:0], *(columns for columns, _ in found)]), every)
    assert all(torch.equal(one, columns + 0.5) and torch.equal(other, -columns) for columns, (one, other) in found)
    assert all(len(columns) >= n for columns, _ in found[:-1])
    assert all(len(columns) < n + max(sizes) for columns, _ in found)


def test_vectors_are_scored_in_joined_blocks(release: TinyRelease, features: FeatureFile) -> None:
    split = release["test"]
    vocabulary = Vocabulary.of(flat_captions(split), release.event_types)
    captions = number_captions(split, vocabulary, flat_events(split))
    torch.manual_seed(0)
    model = VsePlusPlus(VsePlusPlusConfig(d=16, word_dim=8), DIM, torch.randn(len(vocabulary), 8)).eval()
    with torch.inference_mode():
        v, t = model.encode_images(torch.from_numpy(features.regions(split.ids)))[0], torch.empty(100, 16)
        for columns, (encoded,) in scoring.encode_captions(model, captions):
            t[columns] = encoded
    score, sizes = VsePlusPlus.score, []

    def counted(self, images, captions):  # type: ignore[no-untyped-def]
        sizes.append((len(images[0]), len(captions[0])))
        return score(self, images, captions)

    with (
        patch.object(VsePlusPlus, "images_at_once", 7),
        patch.object(VsePlusPlus, "captions_at_once", 60),
        patch.object(VsePlusPlus, "score", counted),
    ):
        to_text, to_image = scoring.all_scores(model, features, split.ids, captions)
    torch.testing.assert_close(torch.from_numpy(to_text), v @ t.T, atol=1e-5, rtol=0)
    assert to_image is to_text or np.shares_memory(to_image, to_text)
    assert {images for images, _ in sizes} == {7, 6}
    assert min(own for _, own in sizes[:3]) >= 60


def test_directions_that_differ_in_some_blocks_alone_are_kept_apart() -> None:
    class Mixed(Model):
        def score(self, images: Encoded, captions: Encoded) -> tuple[torch.Tensor, torch.Tensor]:
            s = images[0] @ captions[0].T
            return (s, s + 1) if len(captions[0]) > 2 else (s, s)

    v, t = torch.randn(4, 3), torch.randn(9, 3)
    blocks = [(columns, (t[columns],)) for columns in torch.split(torch.arange(9), [2, 3, 2, 2])]
    to_text, to_image = scoring.score_all(Mixed(), (v,), iter(blocks), 9)
    expected = (v @ t.T).numpy()
    np.testing.assert_allclose(to_text, expected, atol=1e-6)
    np.testing.assert_allclose(to_image - expected, np.isin(np.arange(9), (2, 3, 4))[None].repeat(4, 0), atol=1e-6)


def test_where_not_even_one_image_fits_it_says_so() -> None:
    with pytest.raises(ModelError, match="memory does not suffice for 1"):
        scoring.halved(1, MemoryError(), "images scored at once")


def test_another_error_is_not_taken_for_a_lack_of_memory() -> None:
    with pytest.raises(RuntimeError, match="shapes differ"):
        scoring.halved(8, RuntimeError("shapes differ"), "images scored at once")
