import pytest
import torch
from torch.nn import functional as F

from gatherset.baselines.losses import ContrastiveLoss, triplet_losses

SCORES = torch.randn(5, 5, generator=torch.Generator().manual_seed(0))
OWN = torch.arange(5)


def test_infonce_is_the_mean_of_both_cross_entropies() -> None:
    loss = ContrastiveLoss(0.1)(SCORES, OWN)
    expected = (F.cross_entropy(SCORES / 0.1, OWN) + F.cross_entropy(SCORES.T / 0.1, OWN)) / 2
    torch.testing.assert_close(loss, expected)


def test_infonce_leaves_out_other_captions_of_the_same_image() -> None:
    image = torch.tensor([0, 0, 1, 2, 3])
    changed = SCORES.clone()
    changed[0, 1] = changed[1, 0] = 5.0
    loss = ContrastiveLoss()
    torch.testing.assert_close(loss(SCORES, image), loss(changed, image))


def test_tau_is_learned_and_stays_in_its_range() -> None:
    loss = ContrastiveLoss()
    loss(SCORES, OWN).backward()
    assert loss.log_tau.grad
    for beyond, bound in ((-20.0, 0.01), (20.0, 0.5)):
        loss.log_tau.data.fill_(beyond)
        loss.zero_grad()
        loss(SCORES, OWN).backward()
        assert loss.tau.item() == pytest.approx(bound)
        assert loss.log_tau.grad, "no way back into the range"


@pytest.mark.parametrize("hardest", [True, False])
def test_triplet_loss_equals_the_loops(hardest: bool) -> None:
    expected = 0.0
    for i in range(5):
        captions = [max(0.0, float(0.2 + SCORES[i, j] - SCORES[i, i])) for j in range(5) if j != i]
        images = [max(0.0, float(0.2 + SCORES[j, i] - SCORES[i, i])) for j in range(5) if j != i]
        expected += max(captions) + max(images) if hardest else sum(captions) + sum(images)
    assert triplet_losses(SCORES, OWN, 0.2)[hardest].item() == pytest.approx(expected, abs=1e-4)


def test_captions_of_the_same_image_are_never_negatives() -> None:
    image = torch.tensor([0, 0, 1, 2, 3])
    changed = SCORES.clone()
    changed[0, 1] = changed[1, 0] = 5.0
    torch.testing.assert_close(triplet_losses(SCORES, image, 0.2), triplet_losses(changed, image, 0.2))
