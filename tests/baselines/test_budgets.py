import pytest

from gatherset.baselines.budgets import NAMES, PUBLISHED, chosen, entries
from gatherset.baselines.models import build
from gatherset.dataset.errors import InputError


def test_all_is_every_model() -> None:
    assert chosen("all") == list(NAMES)


@pytest.mark.parametrize("names", [" all", "all,edan", "edan, all "])
def test_all_may_stand_among_others(names: str) -> None:
    assert set(chosen(names)) == set(NAMES)


def test_edan_stands_once_in_the_published_budget() -> None:
    assert [entry.method for entry in entries(["edan", "edan-word2vec"], "paper", labelled=False)] == ["edan, no label"]


def test_models_are_named_once_in_the_order_given() -> None:
    assert chosen("saf, edan,saf") == ["saf", "edan"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("scan", "there is no model scan.*Did you mean scan-"),
        ("sgraf", "there is no model sgraf"),
        ("edan,vsepp", r"there is no model vsepp.*vse\+\+"),
        (",", "no model is named"),
    ],
)
def test_a_model_that_there_is_not_brings_the_nearest_names(names: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        chosen(names)


def test_the_small_budget_is_one_setting_for_all() -> None:
    settings = [entry.settings for entry in entries(NAMES, "cpu", labelled=True)]
    assert len({(own.batch, own.lr, own.epochs, own.captions_an_epoch, own.validated) for own in settings}) == 1
    assert {entry.shape.d for entry in entries(NAMES, "cpu", labelled=True)} == {128}


def test_the_published_budget_has_the_papers_sizes() -> None:
    for entry in entries(list(PUBLISHED), "paper", labelled=False):
        assert (entry.shape.d, entry.settings.batch, entry.settings.start) == (1024, 128, "random")


def test_epochs_can_be_fewer_for_all() -> None:
    assert {entry.settings.epochs for entry in entries(NAMES, "paper", labelled=False, epochs=2)} == {2}


def test_edan_is_given_event_types_only_where_there_are_several() -> None:
    assert [entry.method for entry in entries(["edan"], "cpu", labelled=True)] == ["edan", "edan, no label"]
    assert [entry.method for entry in entries(["edan"], "cpu", labelled=False)] == ["edan, no label"]


def test_every_entry_builds_a_model() -> None:
    import torch

    for entry in entries(NAMES, "cpu", labelled=True, ablations=True):
        assert build(entry.shape, 4, torch.zeros(3, entry.shape.d)).config == entry.shape
