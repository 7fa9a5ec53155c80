"""CLIP is its real class with small random weights, saved to a folder and loaded as a hub's model would be."""

import json
from io import BytesIO
from pathlib import Path
from unittest.mock import patch

import pytest
import sqlalchemy as sa
import torch
from PIL import Image

from gatherset.baselines.zero_shot import ZeroShot, prompts, suggest_types
from gatherset.dataset.catalog.tables import suggestions
from gatherset.dataset.errors import ModelError
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.workspace import Workspace
from tests.dataset.conftest import Photos
from tests.rude_server import picture

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "small-clip"
    folder.mkdir()
    letters = "abcdefghijklmnopqrstuvwxyz.,:;()-'"
    tokens = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = transformers.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    marks = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    config = transformers.CLIPConfig(
        text_config={**small, **marks, "vocab_size": len(tokens)},
        vision_config={**small, "image_size": 32, "patch_size": 16},
        projection_dim=16,
    )
    torch.manual_seed(0)
    transformers.CLIPModel(config).save_pretrained(folder)
    images = transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    transformers.CLIPProcessor(images, tokenizer).save_pretrained(folder)
    return folder


def test_each_image_gets_the_likeliest_type_with_its_probability(
    clip: Path, workspace: Workspace, make_photos: Photos
) -> None:
    ingest(workspace, make_photos(3), Provenance())
    model = ZeroShot(str(clip), workspace.taxonomy)
    report = suggest_types(workspace, model)
    assert (report.images, report.suggested, report.findings) == (3, 3, [])
    with workspace.catalog.read() as connection:
        rows = connection.execute(sa.select(suggestions)).all()
    assert {row.kind for row in rows} == {"event"}
    assert {row.value for row in rows} <= set(workspace.taxonomy.names)
    assert all(0.1 <= row.score <= 1 for row in rows)
    assert rows[0].made_with["weights_sha256"] == model.made_with["weights_sha256"]


def test_a_repeated_run_looks_at_nothing_anew(clip: Path, workspace: Workspace, make_photos: Photos) -> None:
    ingest(workspace, make_photos(3), Provenance())
    model = ZeroShot(str(clip), workspace.taxonomy)
    assert suggest_types(workspace, model, limit=2).suggested == 2
    assert suggest_types(workspace, model).images == 1
    assert suggest_types(workspace, model).images == 0


def test_the_probabilities_of_a_picture_sum_to_one_whatever_is_beside_it(clip: Path, workspace: Workspace) -> None:
    model = ZeroShot(str(clip), workspace.taxonomy)

    found = model.probabilities([picture(1), picture(2)])
    torch.testing.assert_close(found.sum(1), torch.ones(2))
    torch.testing.assert_close(found[:1], model.probabilities([picture(1)]))


def test_what_is_found_is_what_the_whole_model_says(clip: Path, workspace: Workspace) -> None:
    model = ZeroShot(str(clip), workspace.taxonomy)
    whole = transformers.CLIPModel.from_pretrained(clip).eval()
    inputs = transformers.AutoProcessor.from_pretrained(clip)(
        text=prompts(workspace.taxonomy), images=[Image.open(BytesIO(picture(1)))], return_tensors="pt", padding=True,
        truncation=True,
    )  # fmt: skip
    with torch.inference_mode():
        expected = whole(**inputs).logits_per_image.softmax(1)
    torch.testing.assert_close(model.probabilities([picture(1)]), expected)


def test_siglip_reads_texts_filled_up_to_64_tokens(clip: Path, tmp_path: Path, workspace: Workspace) -> None:
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {**small, "vocab_size": 80, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    vision = {**small, "image_size": 32, "patch_size": 16}
    transformers.SiglipModel(transformers.SiglipConfig(text_config=text, vision_config=vision)).save_pretrained(
        tmp_path
    )
    images = transformers.SiglipImageProcessor(size={"height": 32, "width": 32})
    transformers.SiglipProcessor(images, transformers.CLIPTokenizer.from_pretrained(clip)).save_pretrained(tmp_path)
    shapes = []
    read = transformers.SiglipModel.get_text_features

    def seen(self: torch.nn.Module, **inputs: torch.Tensor) -> object:
        shapes.append(tuple(inputs["input_ids"].shape))
        return read(self, **inputs)

    with patch.object(transformers.SiglipModel, "get_text_features", seen):
        model = ZeroShot(str(tmp_path), workspace.taxonomy)
    found = model.probabilities([picture(1), picture(2)])
    assert shapes == [(len(model.types), 64)]  # once for all pictures
    torch.testing.assert_close(found.sum(1), torch.ones(2))


def test_every_type_of_the_taxonomy_is_asked_for(workspace: Workspace) -> None:
    asked = prompts(workspace.taxonomy)
    assert len(asked) == len(workspace.taxonomy.names)
    assert asked[0].startswith("A photo of a crowd: protest. People gather")


def test_what_is_no_such_model_is_refused(tmp_path: Path, workspace: Workspace) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match="zero-shot"):
        ZeroShot(str(tmp_path), workspace.taxonomy)
