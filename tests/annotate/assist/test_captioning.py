"""BLIP is its real class with small random weights, saved to a folder and loaded as a hub's model would be."""

import base64
import json
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from PIL import Image

from gatherset.annotate.assist.captioning import (
    Captioned,
    EndpointCaptioner,
    TransformersCaptioner,
    _picture,
    caption_items,
    model_name,
    suggest_captions,
)
from gatherset.annotate.assist.endpoint import Endpoint
from gatherset.annotate.assist.prompts import read_prompt
from gatherset.cli import main
from gatherset.dataset.catalog.tables import images, suggestions
from gatherset.dataset.errors import ModelError
from gatherset.dataset.workspace import Workspace
from tests.annotate.assist.conftest import images_with_a_first_caption
from tests.model_server import ModelServer

Make = Callable[..., Endpoint]


@pytest.fixture
def waiting(workspace: Workspace, tmp_path: Path) -> Workspace:
    images_with_a_first_caption(workspace, tmp_path / "photos", 3, captions=False)
    return workspace


@pytest.fixture(scope="session")
def blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_blip(tmp_path_factory.mktemp("models") / "small-blip")


def small_blip(folder: Path) -> Path:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *["a", "crowd", "of", "people", "march", "in", "the", "street", "with", "signs"],
    ]
    (folder / "words").mkdir(parents=True)
    (folder / "words" / "vocab.txt").write_text("\n".join(words))
    tokenizer = transformers.BertTokenizer(str(folder / "words" / "vocab.txt"))
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    marks = {"bos_token_id": 2, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0}
    config = transformers.BlipConfig(
        text_config={**small, **marks, "vocab_size": len(words), "encoder_hidden_size": 16, "projection_dim": 16},
        vision_config={**small, "image_size": 32, "patch_size": 16, "projection_dim": 16},
        projection_dim=16,
    )
    torch.manual_seed(0)
    model = transformers.BlipForConditionalGeneration(config)
    model.save_pretrained(folder)
    processor = transformers.BlipImageProcessor(size={"height": 32, "width": 32})
    transformers.BlipProcessor(processor, tokenizer).save_pretrained(folder)
    return folder


def values(workspace: Workspace) -> list[tuple[str, str, str, str]]:
    columns = (suggestions.c.image_id, suggestions.c.origin, suggestions.c.model, suggestions.c.value)
    with workspace.catalog.read() as connection:
        return sorted(tuple(row) for row in connection.execute(sa.select(*columns)))


def by_endpoint(workspace: Workspace, endpoint: Endpoint) -> Captioned:
    captioner = EndpointCaptioner(endpoint, read_prompt(workspace.root, "caption"), "en")
    return suggest_captions(workspace, caption_items(workspace, captioner.name), captioner)


def test_blip_describes_pictures_the_same_way_each_time(blip: Path, waiting: Workspace) -> None:
    captioner = TransformersCaptioner(str(blip))
    with waiting.catalog.read() as connection:
        rows = connection.execute(sa.select(images.c.sha256, images.c.format)).all()
    data = [waiting.store.read(*row) for row in rows]
    texts = captioner.describe(data)
    assert len(texts) == 3
    assert all(
        set(text.split())
        <= set(["a", "crowd", "of", "people", "march", "in", "the", "street", "with", "signs", "[UNK]"])
        for text in texts
    )
    assert TransformersCaptioner(str(blip)).describe(data[:1]) == texts[:1]
    assert captioner.name.startswith("small-blip-")
    assert len(captioner.made_with["weights_sha256"]) == 64


def test_what_a_captioner_says_goes_through_the_rules_before_it_is_suggested(blip: Path, waiting: Workspace) -> None:
    """Small random weights talk nonsense: it is told, or suggested, and nothing is lost."""
    captioner = TransformersCaptioner(str(blip))
    report = suggest_captions(waiting, caption_items(waiting, captioner.name), captioner)
    assert report.images == 3
    assert report.suggested + len(report.findings) == 3


class Silent:
    """Reads the pictures as the others do, and says the same of each."""

    name, at_once, batch, made_with = "silent", 1, 8, dict[str, Any]()

    def describe(self, images: Sequence[bytes]) -> list[str]:
        return ["A large crowd of people stands in a street." for data in images if _picture(data)]


def test_a_damaged_picture_is_told_and_keeps_no_other_from_its_caption(waiting: Workspace) -> None:
    items = caption_items(waiting, "silent")
    path = waiting.store.path(items[1].sha256, items[1].format)
    path.write_bytes(path.read_bytes()[:200])
    report = suggest_captions(waiting, items, Silent())
    assert report.suggested == 2
    assert [(finding.where, "damaged" in finding.message) for finding in report.findings] == [(items[1].id, True)]


def test_models_of_one_name_in_two_folders_are_two(tmp_path: Path) -> None:
    for parent in ("a", "b"):
        (tmp_path / parent / "blip").mkdir(parents=True)
        (tmp_path / parent / "blip" / "model.safetensors").write_text(parent)
    first, second = (model_name(str(tmp_path / parent / "blip")) for parent in ("a", "b"))
    assert first != second
    assert first.startswith("blip-")
    assert model_name("Salesforce/blip-image-captioning-base") == "Salesforce/blip-image-captioning-base"


def test_the_json_of_a_run_stands_alone(waiting: Workspace, models: ModelServer) -> None:
    there = ["--endpoint", models.url, "--model", "small"]
    for options in (["--dry-run"], there):
        done = CliRunner().invoke(main, ["caption", "--json", *options, "-w", str(waiting.root)])
        assert done.exit_code == 0
        assert done.stdout == "" if options == ["--dry-run"] else json.loads(done.stdout)["suggested"] == 3
    done = CliRunner().invoke(main, ["caption", "--temperature", "0", "-w", str(waiting.root)])
    assert (done.exit_code, "--temperature needs --endpoint" in done.stderr) == (2, True)


def test_what_is_no_captioner_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match="no captioner"):
        TransformersCaptioner(str(tmp_path / "model"))


def test_an_endpoint_is_sent_the_picture_and_its_caption_is_suggested(
    waiting: Workspace, asked: Make, models: ModelServer
) -> None:
    report = by_endpoint(waiting, asked())
    assert (report.images, report.suggested, report.findings) == (3, 3, [])
    assert {row[1:] for row in values(waiting)} == {
        ("model", "small-model", "A large crowd of people stands in a street.")
    }
    url = models.requests[0]["messages"][0]["content"][1]["image_url"]["url"]
    with Image.open(BytesIO(base64.b64decode(url.partition(",")[2]))) as picture:
        assert picture.format == "JPEG"


def test_a_run_that_is_repeated_looks_at_what_is_left_alone(
    waiting: Workspace, asked: Make, models: ModelServer
) -> None:
    by_endpoint(waiting, asked())
    assert by_endpoint(waiting, asked()).images == 0
    assert len(models.requests) == 3


def test_a_caption_that_breaks_a_rule_is_left_to_a_person(waiting: Workspace, asked: Make, models: ModelServer) -> None:
    models.reply = lambda body: ["", "crowd " * 500, "Mehrere Menschen stehen auf einer großen Straße."][
        len(models.requests) % 3
    ]
    report = by_endpoint(waiting, asked())
    assert report.suggested == 0
    assert [finding.rule for finding in report.findings] == ["GS614"] * 3


def test_an_endpoint_that_is_down_is_told_for_each_image(waiting: Workspace, asked: Make) -> None:
    endpoint = asked()
    endpoint.url = "http://127.0.0.1:1/v1"
    report = by_endpoint(waiting, endpoint)
    assert len(report.findings) == 3
    assert "cannot be reached" in report.closed
