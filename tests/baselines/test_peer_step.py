import json
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from safetensors.torch import load_file

from gatherset.baselines.models import build
from gatherset.baselines.models.hslm import HslmConfig
from gatherset.baselines.models.saf import SafConfig
from gatherset.baselines.models.scan import ScanConfig
from gatherset.baselines.models.vse_infinity import VseInfinityConfig
from gatherset.baselines.models.vsepp import VsePlusPlusConfig
from gatherset.baselines.peer_step import PeerStep
from gatherset.baselines.runs import load_run
from gatherset.baselines.train import _Training, train
from gatherset.baselines.train_settings import TrainConfig
from gatherset.baselines.trainable import check_settings
from gatherset.baselines.words import load_words
from gatherset.dataset.errors import ModelError
from gatherset.dataset.features import FeatureFile
from tests.baselines.conftest import DIM, TinyRelease

SETTINGS = TrainConfig(batch=20, lr=1e-2, epochs=3, warm_up=5, all_negatives=20, start="random", captions_an_epoch=2)
SHAPES = (
    VsePlusPlusConfig(d=16, word_dim=8),
    VseInfinityConfig(d=16, word_dim=8, place_dim=4),
    ScanConfig(d=16, word_dim=8),
    SafConfig(d=16, word_dim=8, similarity_dim=8, dropout=0.0),
    HslmConfig(d=16, word_dim=8, layers=1, similarity_dim=8),
)


def silent(_: str) -> None:
    pass


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: type(shape).__name__)
def test_every_peer_learns(shape: object, release: TinyRelease, features: FeatureFile, tmp_path: Path) -> None:
    epochs = 8 if isinstance(shape, (SafConfig, HslmConfig)) else 3
    settings = replace(SETTINGS, epochs=epochs, captions_an_epoch=5)
    run = train(release, features, tmp_path / "run", shape=shape, settings=settings, report=silent)
    log = run.log()
    assert max(line["rsum"] for line in log) > 200  # guessing reaches 160
    assert log[0]["theta"] is None
    assert log[0]["tau"] is None


def test_a_stopped_peer_goes_on_to_the_same_model(release: TinyRelease, features: FeatureFile, tmp_path: Path) -> None:
    def stop(line: str) -> None:
        if line.startswith("epoch 2"):
            raise KeyboardInterrupt

    whole = train(release, features, tmp_path / "whole", shape=SHAPES[2], settings=SETTINGS, report=silent)
    with pytest.raises(KeyboardInterrupt):
        train(release, features, tmp_path / "cut", shape=SHAPES[2], settings=SETTINGS, report=stop)
    again = train(release, features, tmp_path / "cut", shape=SHAPES[2], settings=SETTINGS, report=silent)
    torch.testing.assert_close(again.model.state_dict(), whole.model.state_dict(), rtol=0, atol=0)


def test_a_loss_that_is_no_number_keeps_the_best_epoch(
    release: TinyRelease, features: FeatureFile, tmp_path: Path
) -> None:
    folder = tmp_path / "run"

    def break_it(line: str) -> None:
        if line.startswith("epoch 2"):
            state = folder / "model.safetensors"
            assert state.exists()
            PeerStep.forward = lambda *_: (torch.zeros(()), torch.tensor(float("nan")))  # type: ignore[method-assign]

    forward = PeerStep.forward
    try:
        with pytest.raises(
            ModelError, match=r"the loss became nan at step \d+, in epoch 3; its best epoch, \d, is kept"
        ):
            train(release, features, folder, shape=SHAPES[0], settings=SETTINGS, report=break_it)
    finally:
        PeerStep.forward = forward  # type: ignore[method-assign]
    assert (folder / "model.safetensors").exists()
    assert len((folder / "log.jsonl").read_text().splitlines()) == 2
    run = train(release, features, folder, shape=SHAPES[0], settings=SETTINGS, report=silent)
    assert len(run.log()) == 3


def test_weights_that_are_no_numbers_are_not_kept(release: TinyRelease, features: FeatureFile, tmp_path: Path) -> None:
    def break_it(training: _Training, step: int) -> None:
        average(training, step)
        if step >= training.steps_an_epoch:
            with torch.no_grad():
                training.averaged.fc.weight.fill_(float("nan"))

    average = _Training._average
    with (
        patch.object(_Training, "_average", break_it),
        pytest.raises(ModelError, match="after epoch 2, 2000 of 2000 scores are not finite numbers; its best epoch, 1"),
    ):
        train(release, features, tmp_path / "run", shape=SHAPES[2], settings=SETTINGS, report=silent)
    kept = load_file(tmp_path / "run" / "model.safetensors")
    assert all(torch.isfinite(tensor).all() for tensor in kept.values())


def test_a_gradient_that_is_no_number_moves_no_weight(
    release: TinyRelease, features: FeatureFile, tmp_path: Path
) -> None:
    # The root is finite at zero, its slope is not.
    def steep(self: PeerStep, shown: torch.Tensor, *_: object) -> tuple[torch.Tensor, torch.Tensor]:
        return shown.new_zeros(()), (0 * self.model.encode_images(shown)[0]).sum().sqrt()

    with (
        patch.object(PeerStep, "forward", steep),
        pytest.raises(ModelError, match="the gradient became nan at step 0, in epoch 1; no epoch was finished"),
    ):
        train(release, features, tmp_path / "run", shape=SHAPES[0], settings=SETTINGS, report=silent)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"start": "cca"}, "start = cca: only EDAN can be trained so, not scan"),
        ({"precision": "bfloat16", "tau": 0.1}, "tau = 0.1, precision = bfloat16"),
        ({"local_loss": "infonce", "literal_triplet": True}, "local_loss = infonce, literal_triplet = True"),
    ],
)
def test_what_only_edan_can_do_is_refused_for_a_peer(
    given: dict[str, object], message: str, release: TinyRelease, features: FeatureFile, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=message):
        train(release, features, tmp_path, shape=SHAPES[2], settings=replace(SETTINGS, **given), report=silent)


def test_a_peer_is_trained_by_one_process() -> None:
    with (
        patch("gatherset.baselines.trainable.processes", return_value=2),
        pytest.raises(ModelError, match="scan is trained by one process"),
    ):
        check_settings(SHAPES[2], SETTINGS)


def test_a_peer_begins_by_default_with_word_vectors_of_its_own(
    release: TinyRelease, features: FeatureFile, tmp_path: Path
) -> None:
    def stop(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(release, features, tmp_path, shape=SHAPES[0], report=stop)
    assert load_words(tmp_path)[1].any(1).mean() > 0.9


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: type(shape).__name__)
def test_captions_are_encoded_at_once_and_scored_in_blocks_of_like_length(shape: object) -> None:
    torch.manual_seed(0)
    step = PeerStep(build(shape, DIM, torch.randn(9, 8)), SETTINGS).eval()
    lengths = torch.tensor([1, 2, 2, 3, 5, 6])
    words = torch.randint(1, 9, (6, 6)) * (torch.arange(6) < lengths[:, None])
    shown, events = torch.randn(6, 4, DIM), torch.zeros(6, dtype=torch.long)
    model = step.model
    expected = model.score(model.encode_images(shown), model.encode_captions(words, events))
    step.at_once = 2
    encode, score = type(model).encode_captions, type(model).score
    with (
        patch.object(type(model), "encode_captions", autospec=True, side_effect=encode) as encoded,
        patch.object(type(model), "score", autospec=True, side_effect=score) as scored,
    ):
        found = step.scores(shown, words, events)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
    assert encoded.call_count == 1
    assert [len(call.args[2][0]) for call in scored.call_args_list] == [2, 2, 2]
    blocks = [[part.shape[1] for part in call.args[2] if part.dtype == torch.bool] for call in scored.call_args_list]
    assert blocks in ([[2], [3], [6]], [[], [], []])  # the longest of each; nothing where a caption is one vector


def test_too_little_memory_halves_the_block_and_gives_the_same_gradients(capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    model = build(SHAPES[2], DIM, torch.randn(9, 8))
    words = torch.randint(1, 9, (8, 3))
    batch = (torch.randn(8, 4, DIM), words, torch.zeros(8, dtype=torch.long), torch.arange(8), False)
    PeerStep(model, SETTINGS)(*batch)[1].backward()
    expected = [own.grad.clone() for own in model.parameters()]
    model.zero_grad()
    score = type(model).score

    def tight(self, images, captions):  # type: ignore[no-untyped-def]
        if len(captions[0]) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        return score(self, images, captions)

    with patch.object(type(model), "score", tight):
        PeerStep(model, SETTINGS)(*batch)[1].backward()
    for own, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(own.grad, gradient, atol=1e-6, rtol=1e-4)
    assert "out of memory: 2 captions trained on at once instead of 4" in capsys.readouterr().err


def test_vectors_of_pairs_that_would_fill_the_memory_are_computed_again_on_the_way_back() -> None:
    torch.manual_seed(0)
    model = build(replace(SHAPES[3], dropout=0.0), DIM, torch.randn(9, 8)).eval()
    batch = (torch.randn(8, 4, DIM), torch.randint(1, 9, (8, 3)), torch.zeros(8, dtype=torch.long), torch.arange(8))

    def kept() -> tuple[int, list[torch.Tensor]]:
        sizes: list[int] = []
        model.zero_grad()
        with torch.autograd.graph.saved_tensors_hooks(lambda own: (sizes.append(own.numel()), own)[1], lambda own: own):
            loss = PeerStep(model, SETTINGS)(*batch, False)[1]
        loss.backward()
        return max(sizes), [own.grad.clone() for own in model.parameters()]

    most, expected = kept()
    assert most >= 8 * 8 * 3 * 16  # images, captions, words, d
    with patch("gatherset.baselines.peer_step.LARGEST", 100):
        less, gradients = kept()
    assert less < 8 * 8 * 3 * 16
    for one, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


def test_a_checkpoint_of_an_unknown_model_is_refused(
    release: TinyRelease, features: FeatureFile, tmp_path: Path
) -> None:
    train(release, features, tmp_path, shape=SHAPES[0], settings=replace(SETTINGS, epochs=1), report=silent)
    document = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**document, "model": "vse+"}))
    with pytest.raises(ModelError, match=r"there is no model vse\+.*Did you mean vse\+\+"):
        load_run(tmp_path)
