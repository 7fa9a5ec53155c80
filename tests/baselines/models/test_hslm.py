import torch
from torch import Tensor, nn

from gatherset.baselines.models.hslm import GraphLayer, Hslm, HslmConfig
from tests.baselines.models.conftest import Material
from tests.baselines.models.plain import both_ways, rooted, softmax, total, unit


def similarity(x: Tensor, y: Tensor, W: nn.Linear) -> Tensor:
    return unit(W((x - y) ** 2))


def summed(rows: list[Tensor]) -> Tensor:
    mean = total(rows) / len(rows)
    share = softmax([mean @ row / len(row) ** 0.5 for row in rows])
    return unit(total([s * row for s, row in zip(share, rows, strict=True)]))


def graph(layer: GraphLayer, rows: list[Tensor]) -> list[Tensor]:
    """Eq. 7 to 9."""
    after = []
    for x in rows:
        relation = softmax([layer.mu(x) @ layer.nu(y) for y in rows])
        after.append(layer.W_h(total([a * layer.W_m(y) for a, y in zip(relation, rows, strict=True)])) + x)
    return after


def slow(model: Hslm, regions: Tensor, words: Tensor) -> float:
    """Eq. 1 to 22, word by word."""
    R = [model.fc(rooted(region)) for region in regions]
    for layer in model.region_graph:
        R = graph(layer, R)
    e = list(model.word2vec(words))
    M = len(e)
    E = [total([(model.W_K(x) @ model.W_Q(y)) / M * model.W_V(y) for y in e]) for x in e]
    for layer in model.word_graph:
        E = graph(layer, E)
    t = [unit(state) for state in both_ways(model.gru, torch.stack(E))]
    u = [unit(total([torch.sigmoid(word @ r) * r for r in R])) for word in t]
    s = [similarity(word, guided, model.W) for word, guided in zip(t, u, strict=True)]
    s.append(similarity(summed(t), summed(u), model.W))
    enhanced = [torch.sigmoid(model.W_S(x)) * x for x in s]
    return float(model.to_score(total(enhanced) / len(enhanced)))


def test_scores_are_those_of_the_equations(material: Material) -> None:
    model = material.model(HslmConfig(d=6, word_dim=8, layers=2, similarity_dim=5))
    for layer in (*model.region_graph, *model.word_graph):
        nn.init.normal_(layer.W_h.weight, std=0.3)  # they begin at zero, where a mistake would not show
    found = material.scores(model)
    torch.testing.assert_close(found, material.pairs(model, slow), atol=1e-4, rtol=0)


def test_large_rows_leave_graph_layers_large_and_gradients_finite(material: Material) -> None:
    model = material.model(HslmConfig(d=6, word_dim=8, similarity_dim=5))
    for layer in (*model.region_graph, *model.word_graph):
        nn.init.eye_(layer.W_h.weight)  # as if trained; they begin at zero
    with torch.no_grad():
        model.fc.weight.mul_(30)
        model.word2vec.weight.mul_(30)
    (rows,) = model.encode_images(material.regions)
    assert rows.abs().max().item() < 1000  # 13 without the layers; as printed, no number
    captions = model.encode_captions(material.words, torch.zeros(4, dtype=torch.long))
    model.score((rows,), captions)[0].sum().backward()
    assert all(torch.isfinite(own.grad).all() for own in model.parameters() if own.grad is not None)


def test_a_graph_layer_begins_as_the_identity() -> None:
    X = torch.randn(2, 3, 6)
    assert torch.equal(GraphLayer(6)(X, torch.ones(2, 3, dtype=torch.bool)), X)
