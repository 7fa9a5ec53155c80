import pytest
import torch

from gatherset.baselines.losses import triplet_losses
from gatherset.baselines.negatives import Negatives


@pytest.mark.parametrize("directions", [1, 2])
def test_equal_scores_are_a_collapse_after_which_all_negatives_count(directions: int) -> None:
    hardest = triplet_losses(torch.zeros(5, 5), torch.arange(5), 0.2)[1].item() / 5 * directions
    negatives = Negatives(margin=0.2, directions=directions, hardest_from=10)
    assert not negatives.after_epoch(0, 20, hardest, hardest), "not all of the epoch took the hardest"
    assert negatives.hardest(20)
    assert not negatives.after_epoch(20, 40, 0.9 * hardest, 0.9 * hardest)
    assert negatives.after_epoch(40, 60, hardest, hardest)
    assert not negatives.hardest(60)
    assert not negatives.after_epoch(60, 80, 3 * hardest, 1.2 * hardest), "the hardest alone would collapse again"
    assert not negatives.hardest(80)
    assert not negatives.after_epoch(80, 100, hardest, 0.9 * hardest)
    assert not negatives.hardest(99)
    assert negatives.hardest(100)


def test_where_no_triplet_loss_is_trained_nothing_collapses() -> None:
    assert not Negatives(margin=0.2, directions=0, hardest_from=0).after_epoch(0, 20, 0.0, 0.0)
