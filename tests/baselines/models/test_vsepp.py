import torch
from torch import Tensor

from gatherset.baselines.models.vsepp import VsePlusPlus, VsePlusPlusConfig
from tests.baselines.models.conftest import Material
from tests.baselines.models.plain import rooted, unit


def slow(model: VsePlusPlus, regions: Tensor, words: Tensor) -> float:
    v = unit(model.fc(rooted(regions.mean(0))))
    h = model.text.gru(model.text.word2vec(words)[None])[0][0][-1]
    return float(v @ unit(h))


def test_scores_are_those_of_the_equations(material: Material) -> None:
    model = material.model(VsePlusPlusConfig(d=6, word_dim=8))
    found = material.scores(model)
    torch.testing.assert_close(found, material.pairs(model, slow), atol=1e-4, rtol=0)
