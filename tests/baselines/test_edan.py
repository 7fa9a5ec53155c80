"""The model against its equations, written out as loops in float64."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from gatherset.baselines.edan import (
    Edan,
    EdanConfig,
    Rows,
    attended_similarities,
    clipped_similarities,
    pool,
    some_regions,
)

SMALL = EdanConfig(d=16, layers=1, heads=2, word_dim=12, dropout=0.0)
LENGTHS = (3, 5, 1)


def model(**changes: object) -> Edan:
    torch.manual_seed(0)
    vectors = torch.randn(20, 12)
    vectors[0] = 0
    return Edan(replace(SMALL, **changes), region_dim=10, vectors=vectors).eval()  # type: ignore[arg-type]


def regions() -> Tensor:
    return torch.randn(2, 4, 10, generator=torch.Generator().manual_seed(1))


def captions() -> tuple[Tensor, Tensor]:
    """Words [3, 5] with padding, events [3]."""
    words = torch.randint(3, 20, (3, 5), generator=torch.Generator().manual_seed(2))
    for row, length in enumerate(LENGTHS):
        words[row, length:] = 0
    return words, torch.tensor([1, 2, 1])


def similarities(edan: Edan) -> dict[str, Tensor]:
    with torch.inference_mode():
        v_glo, V = edan.image_vectors(regions())
        t_glo, T, _ = edan.caption_vectors(*captions())
        S_TI, S_IT = edan.local_similarity(Rows.of(V), Rows.of(T))
        return {"sim": edan.global_similarity(v_glo, t_glo), "S_TI": S_TI, "S_IT": S_IT}


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def literal_attended(query: np.ndarray, others: np.ndarray, sharpness: float) -> float:
    """Eq. 10 and 11 for one query: its cosine with the weighted sum of the others."""
    weights = np.exp([sharpness * cosine(query, other) for other in others])
    weights /= weights.sum()
    return cosine(query, sum(weight * other for weight, other in zip(weights, others, strict=True)))


def literal_pool(values: list[float]) -> float:
    """Eq. 12 and 13."""
    n = len(values)
    return float(np.log(np.sum(np.exp(n * np.array(values)))) / n)


@pytest.mark.parametrize("sharpness", [9.0, 40.0])
def test_local_similarity_equals_the_equations(sharpness: float) -> None:
    generator = torch.Generator().manual_seed(5)
    V = torch.randn(3, 6, 8, generator=generator) * torch.rand(3, 6, 1, generator=generator) * 3
    T = torch.randn(3, 5, 8, generator=generator)
    mask = torch.arange(5) < torch.tensor(LENGTHS)[:, None]
    s_words, s_regions = attended_similarities(Rows.of(V), Rows.of(T * mask[..., None]), sharpness)
    S_TI = pool(s_words, mask[None], "printed").numpy()
    S_IT = pool(s_regions, torch.ones(1, 1, 6, dtype=torch.bool), "printed").numpy()
    for b, image in enumerate(V.double().numpy()):
        for c, length in enumerate(LENGTHS):
            words = T[c, :length].double().numpy()
            expected = literal_pool([literal_attended(word, image, sharpness) for word in words])
            assert S_TI[b, c] == pytest.approx(expected, abs=1e-5)
            expected = literal_pool([literal_attended(region, words, sharpness) for region in image])
            assert S_IT[b, c] == pytest.approx(expected, abs=1e-5)


def test_a_caption_and_hundreds_of_images_have_the_scores_of_image_by_image() -> None:
    V, T = torch.randn(300, 6, 8), Rows.of(torch.randn(1, 4, 8))
    together = attended_similarities(Rows.of(V), T, 9.0)
    for b in (0, 299):
        for found, alone in zip(together, attended_similarities(Rows.of(V[b : b + 1]), T, 9.0), strict=True):
            torch.testing.assert_close(found[b], alone[0])


@pytest.mark.parametrize("output", ["weighted", "residual"])
def test_event_driven_attention_equals_the_equations(output: str) -> None:
    edan = model(output=output).double()
    words, events = captions()
    with torch.inference_mode():
        t_glo, T, _ = edan.caption_vectors(words, events)
        attention = edan.attention
        for c, n in enumerate(LENGTHS):
            L = edan.fc_word(edan.word2vec(words[c, :n]))
            l_0 = edan.fc_word(edan.word2vec(events[c]))
            Q = attention.W_Q(attention.norm_event(l_0))
            K, V = attention.W_K(attention.norm_words(L)), attention.W_V(attention.norm_words(L))
            a = torch.softmax(K @ Q / 16**0.5, 0)  # Eq. 3
            F = a @ V  # Eq. 4
            expected = F if output == "weighted" else F + L.mean(0)
            torch.testing.assert_close(t_glo[c], expected)
            torch.testing.assert_close(T[c, :n].mean(0), expected)


def test_sgraf_similarity_equals_equation_6() -> None:
    edan = model(similarity="sgraf256").double()
    generator = torch.Generator().manual_seed(3)
    v, t = (torch.randn(n, 16, generator=generator, dtype=torch.float64) for n in (2, 3))
    fast = edan.global_similarity(v, t)
    for b in range(2):
        for c in range(3):
            difference = edan.W_s((v[b] / v[b].norm() - t[c] / t[c].norm()) ** 2)
            expected = torch.sigmoid(edan.to_score(difference / difference.norm()))
            torch.testing.assert_close(fast[b, c], expected[0])


def test_weighted_output_makes_text_to_image_blind_for_the_label() -> None:
    """A cosine ignores a positive factor, and with `weighted` the label is only that (decision 1)."""
    edan = model(output="weighted")
    words, events = captions()
    with torch.inference_mode():
        _, V = edan.image_vectors(regions())
        scores = []
        for label in (events, events + 3):
            _, T, _ = edan.caption_vectors(words, label)
            scores.append(edan.local_similarity(Rows.of(V), Rows.of(T)))
    torch.testing.assert_close(scores[0][0], scores[1][0], atol=1e-5, rtol=0)
    assert not torch.allclose(scores[0][1], scores[1][1], atol=1e-4)


def test_residual_output_lets_the_label_count() -> None:
    edan = model(output="residual")
    words, events = captions()
    with torch.inference_mode():
        _, V = edan.image_vectors(regions())
        one, two = (
            edan.local_similarity(Rows.of(V), Rows.of(edan.caption_vectors(words, label)[1]))[0]
            for label in (events, events + 3)
        )
    assert not torch.allclose(one, two, atol=1e-4)


@pytest.mark.parametrize("attention", ["event", "self", "none"])
@pytest.mark.parametrize("label", [True, False])
@pytest.mark.parametrize("pooling", ["printed", "log_mean_exp", "mean"])
def test_padding_never_changes_a_score(attention: str, label: bool, pooling: str) -> None:
    edan = model(attention=attention, label=label, pooling=pooling)
    expected = similarities(edan)
    words, events = captions()
    longer = torch.nn.functional.pad(words, (0, 4))
    with torch.inference_mode():
        v_glo, V = edan.image_vectors(regions())
        t_glo, T, _ = edan.caption_vectors(longer, events)
        S_TI, S_IT = edan.local_similarity(Rows.of(V), Rows.of(T))
    torch.testing.assert_close(edan.global_similarity(v_glo, t_glo), expected["sim"], atol=1e-5, rtol=0)
    torch.testing.assert_close(S_TI, expected["S_TI"], atol=1e-5, rtol=0)
    torch.testing.assert_close(S_IT, expected["S_IT"], atol=1e-5, rtol=0)


def test_without_a_label_the_event_does_not_matter() -> None:
    edan = model(label=False)
    words, events = captions()
    with torch.inference_mode():
        torch.testing.assert_close(edan.caption_vectors(words, events)[0], edan.encode_captions(words, events + 3)[0])


def test_label_counts_as_a_word_where_it_is_one() -> None:
    words, events = captions()
    _, T, mask = model(attention="self").caption_vectors(words, events)
    assert T.shape[1] == 6
    assert mask.sum(1).tolist() == [n + 1 for n in LENGTHS]


def test_a_zero_region_gives_finite_scores_and_gradients() -> None:
    V = torch.randn(2, 4, 8)
    V[0] = 0
    V.requires_grad_()
    T = torch.randn(3, 5, 8, requires_grad=True)
    mask = torch.arange(5) < torch.tensor(LENGTHS)[:, None]
    s_words, s_regions = attended_similarities(Rows.of(V), Rows.of(T * mask[..., None]), 9.0)
    total = (
        pool(s_words, mask[None], "printed").sum()
        + pool(s_regions, torch.ones(1, 1, 4, dtype=torch.bool), "printed").sum()
    )
    total.backward()
    assert torch.isfinite(total)
    assert torch.isfinite(V.grad).all()
    assert torch.isfinite(T.grad).all()


def test_a_padded_region_never_changes_a_score() -> None:
    edan = model()
    words, events = captions()
    with torch.inference_mode():
        t_glo, T, _ = edan.caption_vectors(words, events)
        scores = []
        for shown in (regions(), torch.nn.functional.pad(regions(), (0, 0, 0, 3))):
            v_glo, V = edan.image_vectors(shown)
            scores.append((edan.global_similarity(v_glo, t_glo), *edan.local_similarity(Rows.of(V), Rows.of(T))))
    for one, other in zip(*scores, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


def test_an_image_of_zeros_gives_finite_scores() -> None:
    edan = model()
    v_glo, V = edan.image_vectors(torch.zeros(1, 4, 10))
    assert torch.isfinite(v_glo).all()
    assert torch.isfinite(V).all()


def test_log_mean_exp_of_equal_similarities_is_that_similarity() -> None:
    mask = torch.arange(5) < torch.tensor(LENGTHS)[:, None]
    pooled = pool(torch.full((3, 5), 0.3), mask, "log_mean_exp")
    torch.testing.assert_close(pooled, torch.full((3,), 0.3))


def test_pooling_as_printed_favours_short_captions() -> None:
    mask = torch.arange(5) < torch.tensor(LENGTHS)[:, None]
    pooled = pool(torch.full((3, 5), 0.3), mask, "printed")
    expected = [0.3 + np.log(n) / n for n in LENGTHS]
    np.testing.assert_allclose(pooled.numpy(), expected, atol=1e-6)


def test_pooling_long_captions_does_not_overflow() -> None:
    assert torch.isfinite(pool(torch.ones(1, 200), torch.ones(1, 200, dtype=torch.bool), "printed")).all()


def literal_clipped(queries: np.ndarray, others: np.ndarray, sharpness: float) -> list[float]:
    """SCAN's Eq. 1 to 3, then Eq. 11: the cosine of each query with what it attends to."""
    s = np.array([[max(cosine(query, other), 0) for other in others] for query in queries])
    s /= np.sqrt((s**2).sum(0, keepdims=True)).clip(min=1e-12)  # over those who ask
    weights = np.exp(sharpness * s)
    weights /= weights.sum(1, keepdims=True)
    return [cosine(query, row @ others) for query, row in zip(queries, weights, strict=True)]


def test_clipped_weights_equal_those_of_scan() -> None:
    generator = torch.Generator().manual_seed(6)
    V, T = torch.randn(3, 6, 8, generator=generator), torch.randn(2, 5, 8, generator=generator)
    s_words, s_regions = clipped_similarities(Rows.of(V), Rows.of(T), 9.0)
    for b, image in enumerate(V.double().numpy()):
        for c, words in enumerate(T.double().numpy()):
            np.testing.assert_allclose(s_words[b, c].numpy(), literal_clipped(words, image, 9.0), atol=1e-5)
            np.testing.assert_allclose(s_regions[b, c].numpy(), literal_clipped(image, words, 9.0), atol=1e-5)


def test_padding_never_changes_a_clipped_score() -> None:
    edan = model(weights="scan")
    expected = similarities(edan)
    words, events = captions()
    with torch.inference_mode():
        _, V = edan.image_vectors(torch.nn.functional.pad(regions(), (0, 0, 0, 3)))
        _, T, _ = edan.caption_vectors(torch.nn.functional.pad(words, (0, 4)), events)
        S_TI, S_IT = edan.local_similarity(Rows.of(V), Rows.of(T))
    torch.testing.assert_close(S_TI, expected["S_TI"], atol=1e-5, rtol=0)
    torch.testing.assert_close(S_IT, expected["S_IT"], atol=1e-5, rtol=0)


def test_region_dropout_leaves_a_share_of_the_regions_that_are_there() -> None:
    torch.manual_seed(0)
    regions = torch.zeros(200, 36, 5)
    regions[:100, :3] = 1
    regions[100:] = 1
    left = (some_regions(regions, 0.5) != 0).any(-1).sum(1)
    assert set(left[:100].tolist()) == {2}
    assert set(left[100:].tolist()) == {18}
    assert set((some_regions(regions[:100], 0.01) != 0).any(-1).sum(1).tolist()) == {1}
