from dataclasses import replace

import pytest
import torch
from torch import Tensor

from gatherset.baselines.models.scan import Scan, ScanConfig
from tests.baselines.models.conftest import Material
from tests.baselines.models.plain import both_ways, rooted, softmax, total, unit


def slow(model: Scan, regions: Tensor, words: Tensor) -> float:
    """The equations of the model's docstring, one who asks at a time."""
    config = model.config
    v = [unit(model.fc(rooted(region))) for region in regions]
    e = [unit(state) for state in both_ways(model.text.gru, model.text.word2vec(words))]
    asking, asked = (e, v) if config.asks == "words" else (v, e)
    positive = [[s if (s := a @ b) > 0 else 0.1 * s for b in asked] for a in asking]
    length = [sum(row[j] ** 2 for row in positive) ** 0.5 for j in range(len(asked))]
    found = []
    for a, row in zip(asking, positive, strict=True):
        alpha = softmax([config.sharpness * s / n for s, n in zip(row, length, strict=True)])
        attended = total([share * b for share, b in zip(alpha, asked, strict=True)])
        found.append(a @ attended / attended.norm())
    if config.pooling == "mean":
        return float(sum(found) / len(found))
    return float(sum((config.pool_sharpness * r).exp() for r in found).log() / config.pool_sharpness)


@pytest.mark.parametrize("asks", ["words", "regions"])
@pytest.mark.parametrize("pooling", ["lse", "mean"])
def test_scores_are_those_of_the_equations(asks: str, pooling: str, material: Material) -> None:
    model = material.model(replace(ScanConfig(d=6, word_dim=8), asks=asks, pooling=pooling))
    found = material.scores(model)
    torch.testing.assert_close(found, material.pairs(model, slow), atol=1e-4, rtol=0)


def test_gradients_are_finite_where_a_region_is_padding(material: Material) -> None:
    model = material.model(ScanConfig(d=6, word_dim=8)).train()
    captions = model.encode_captions(material.words, torch.zeros(4, dtype=torch.long))
    model.score(model.encode_images(material.regions), captions)[0].sum().backward()
    assert all(torch.isfinite(own.grad).all() for own in model.parameters() if own.grad is not None)
