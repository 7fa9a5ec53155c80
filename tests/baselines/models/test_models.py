import pytest
import torch

from gatherset.baselines.edan import EdanConfig
from gatherset.baselines.models import MODELS, Config, build, nearest, read_shape, shape_settings
from gatherset.baselines.models.scan import ScanConfig
from gatherset.baselines.models.vsepp import VsePlusPlusConfig
from gatherset.dataset.errors import InputError, ModelError
from tests.baselines.models.conftest import Material

SMALL = {"d": 8, "word_dim": 8}


@pytest.mark.parametrize("name", MODELS)
def test_padding_changes_no_score(name: str, material: Material) -> None:
    extra = {"layers": 1, "heads": 2} if name == "edan" else {}
    model = material.model(read_shape(name, {**SMALL, **extra}))
    events = torch.ones(4, dtype=torch.long)
    with torch.inference_mode():
        images, wider = (model.encode_images(shown) for shown in (material.regions, padded(material.regions, 2)))
        captions = model.encode_captions(material.words, events)
        longer = model.encode_captions(torch.nn.functional.pad(material.words, (0, 3)), events)
        for one, other in zip(model.score(images, captions), model.score(wider, longer), strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


def padded(regions: torch.Tensor, more: int) -> torch.Tensor:
    return torch.nn.functional.pad(regions, (0, 0, 0, more))


def test_edan_scores_by_equation_16(material: Material) -> None:
    model = material.model(EdanConfig(d=8, layers=1, heads=2, word_dim=8))
    model.theta.fill_(0.25)
    images, captions = (
        model.encode_images(material.regions),
        model.encode_captions(material.words, torch.ones(4).long()),
    )
    sim, S_TI, S_IT = model.similarities(images, captions)
    to_text, to_image = model.score(images, captions)
    torch.testing.assert_close(to_text, 0.75 * sim + 0.25 * S_IT)
    torch.testing.assert_close(to_image, 0.75 * sim + 0.25 * S_TI)


@pytest.mark.parametrize(
    "config",
    [
        EdanConfig(d=8, layers=1, heads=2, word_dim=8),
        EdanConfig(d=8, layers=1, heads=2, word_dim=8, weights="scan"),
        ScanConfig("words", d=8, word_dim=8),
        ScanConfig("regions", d=8, word_dim=8),
    ],
    ids=["edan", "edan, scan's weights", "scan t2i", "scan i2t"],
)
def test_scores_in_bfloat16_lose_what_eight_bits_of_a_cosine_lose(config: Config, material: Material) -> None:
    model = material.model(config)
    with torch.inference_mode():
        images = model.encode_images(material.regions)
        captions = model.encode_captions(material.words, torch.ones(4, dtype=torch.long))
        for exact, half in zip(model.score(images, captions), model.score(model.halved(images), captions), strict=True):
            assert half.dtype == torch.float32
            assert 0 < (half - exact).abs().max() < 0.01


def test_a_model_without_that_product_has_no_scores_in_bfloat16(material: Material) -> None:
    assert not material.model(VsePlusPlusConfig(d=8, word_dim=8)).multiplies_regions
    assert not material.model(EdanConfig(d=8, layers=1, heads=2, alignment="global")).multiplies_regions
    assert material.model(EdanConfig(d=8, layers=1, heads=2)).multiplies_regions


@pytest.mark.parametrize("name", MODELS)
def test_settings_are_read_as_they_were_written(name: str) -> None:
    shape = read_shape(name, {})
    assert read_shape(name, shape_settings(shape)) == shape
    assert sum(own.numel() for own in build(shape, 4, torch.zeros(3, 300)).parameters()) > 0


def test_a_choice_that_there_is_not_is_refused() -> None:
    with pytest.raises(InputError, match=r"pooling = prinnted is not possible.*printed, log_mean_exp, mean"):
        read_shape("edan", {"pooling": "prinnted"})


def test_a_name_that_there_is_not_brings_the_nearest() -> None:
    with pytest.raises(ModelError, match=r"there is no model vsepp.*Did you mean vse\+\+"):
        read_shape("vsepp", {})
    assert nearest("zzzz", ["edan", "saf"]) == "Choose from: edan, saf"
