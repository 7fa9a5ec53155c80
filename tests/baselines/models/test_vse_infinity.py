import math

import torch
from torch import Tensor

from gatherset.baselines.models.vse_infinity import GeneralisedPooling, VseInfinity, VseInfinityConfig
from tests.baselines.models.conftest import Material
from tests.baselines.models.plain import both_ways, rooted, softmax, unit


def slow_pool(pool: GeneralisedPooling, rows: Tensor) -> Tensor:
    """Generalised pooling, number by number."""
    n, dim = len(rows), pool.place_dim
    places = torch.zeros(n, dim, dtype=torch.float64)
    for k in range(n):
        for i in range(0, dim, 2):
            places[k, i], places[k, i + 1] = math.sin(k / 10000 ** (i / dim)), math.cos(k / 10000 ** (i / dim))
    theta = softmax([pool.w(state)[0] / 0.1 for state in both_ways(pool.gru, places)])
    columns = [sorted(rows[:, i].tolist(), reverse=True) for i in range(rows.shape[1])]
    return torch.stack([sum(t * x for t, x in zip(theta, column, strict=True)) for column in columns])


def slow(model: VseInfinity, regions: Tensor, words: Tensor) -> float:
    r = torch.stack([rooted(region) for region in regions])
    v = slow_pool(model.pool_regions, torch.stack([model.fc(x) + model.mlp(x) for x in r]))
    t = slow_pool(model.pool_words, both_ways(model.text.gru, model.text.word2vec(words)))
    return float(unit(v) @ unit(t))


def test_scores_are_those_of_the_equations(material: Material) -> None:
    model = material.model(VseInfinityConfig(d=6, word_dim=8, place_dim=4))
    found = material.scores(model)
    torch.testing.assert_close(found, material.pairs(model, slow), atol=1e-4, rtol=0)


def test_training_leaves_out_regions_and_words(material: Material) -> None:
    model = material.model(
        VseInfinityConfig(d=6, word_dim=8, place_dim=4, region_dropout=0.5, word_dropout=0.9)
    ).train()
    assert not torch.equal(model.encode_images(material.regions)[0], model.encode_images(material.regions)[0])
    events = torch.zeros(4, dtype=torch.long)
    shown = model.encode_captions(material.words, events)[0]
    assert not torch.equal(shown, model.eval().encode_captions(material.words, events)[0])
