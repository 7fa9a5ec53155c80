import pytest

from gatherset.baselines.edan import EdanConfig
from gatherset.baselines.switches import ABLATIONS, switched
from gatherset.baselines.train_settings import TrainConfig
from gatherset.dataset.errors import InputError


def test_a_switch_sets_the_field_of_that_name() -> None:
    edan, settings = switched(EdanConfig(), TrainConfig(), ["attention=self", "layers=2", "literal_triplet=true"])
    assert (edan.attention, edan.layers, settings.literal_triplet) == ("self", 2, True)


@pytest.mark.parametrize("switch", ["attention", "colour=red", "attention=big", "layers=two", "label=maybe"])
def test_a_switch_that_there_is_not_is_refused_with_what_there_is(switch: str) -> None:
    with pytest.raises(InputError, match=switch):
        switched(EdanConfig(), TrainConfig(), [switch])


def test_every_ablation_is_a_configuration() -> None:
    for _, changes in ABLATIONS.values():
        switched(EdanConfig(), TrainConfig(), [f"{name}={value}" for name, value in changes.items()])


@pytest.mark.parametrize(
    "switch",
    ["batch=1", "captions_an_epoch=-1", "validated=-5", "warm_up=0", "lr=nan", "averaging=1", "d=0", "dropout=1.5"],
)
def test_a_number_that_nothing_can_be_trained_with_is_refused(switch: str) -> None:
    with pytest.raises(InputError, match=switch.replace("=", " = ") + r"\S* is not possible"):
        switched(EdanConfig(), TrainConfig(), [switch])


def test_heads_share_the_dimension() -> None:
    with pytest.raises(InputError, match="d = 130 is no multiple of heads = 8"):
        switched(EdanConfig(), TrainConfig(), ["d=130"])
