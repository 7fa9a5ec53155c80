import torch
from torch import Tensor, nn

from gatherset.baselines.models.saf import AttentionToMean, Saf, SafConfig
from tests.baselines.models.conftest import Material
from tests.baselines.models.plain import both_ways, rooted, softmax, total, unit


def similarity(x: Tensor, y: Tensor, W: nn.Linear) -> Tensor:
    return unit(W((x - y) ** 2))


def summed(attention: AttentionToMean, rows: list[Tensor]) -> Tensor:
    mean = attention.B(total(rows) / len(rows)).tanh()
    share = softmax([attention.w(attention.A(row).tanh() * mean)[0] for row in rows])
    return unit(total([s * row for s, row in zip(share, rows, strict=True)]))


def slow(model: Saf, regions: Tensor, words: Tensor) -> float:
    """The equations of the model's docstring, word by word."""
    v = [unit(model.fc(rooted(region))) for region in regions]
    t = [unit(state) for state in both_ways(model.text.gru, model.text.word2vec(words))]
    positive = [[s if (s := a @ b) > 0 else 0.1 * s for b in v] for a in t]
    length = [sum(row[i] ** 2 for row in positive) ** 0.5 for i in range(len(v))]
    vectors = [similarity(summed(model.to_v, v), summed(model.to_t, t), model.W_g)]
    for word, row in zip(t, positive, strict=True):
        alpha = softmax([model.config.sharpness * s / n for s, n in zip(row, length, strict=True)])
        attended = unit(total([share * region for share, region in zip(alpha, v, strict=True)]))
        vectors.append(similarity(attended, word, model.W_l))
    beta = [torch.sigmoid(model.w(s)) for s in vectors]
    kept = unit(total([b / sum(beta) * s for b, s in zip(beta, vectors, strict=True)]))
    return float(torch.sigmoid(model.to_score(kept)))


def test_scores_are_those_of_the_equations(material: Material) -> None:
    model = material.model(SafConfig(d=6, similarity_dim=5, word_dim=8))
    found = material.scores(model)
    torch.testing.assert_close(found, material.pairs(model, slow), atol=1e-4, rtol=0)
