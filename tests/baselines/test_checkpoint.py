import pickle
from pathlib import Path

import pytest
import torch

from gatherset.baselines.checkpoint import (
    FILE,
    Checkpoint,
    grouped,
    moments,
    read_checkpoint,
    restore_moments,
    save_checkpoint,
)
from gatherset.dataset.errors import ModelError


def optimiser(linear: torch.nn.Linear) -> torch.optim.Optimizer:
    return torch.optim.AdamW(linear.parameters(), lr=0.1)


def test_what_was_saved_is_read(tmp_path: Path) -> None:
    linear = torch.nn.Linear(2, 2)
    first = optimiser(linear)
    linear(torch.ones(1, 2)).sum().backward()
    first.step()
    tensors = grouped(model=linear.state_dict(), optimiser=moments(first))
    save_checkpoint(tmp_path, Checkpoint(tensors, {"epoch": 3, "log": [{"rsum": 1.5}]}))
    state = read_checkpoint(tmp_path)
    assert state.known == {"epoch": 3, "log": [{"rsum": 1.5}]}
    torch.testing.assert_close(state.part("model"), dict(linear.state_dict()))
    second = optimiser(linear)
    restore_moments(second, state.part("optimiser"))
    torch.testing.assert_close(second.state_dict()["state"], first.state_dict()["state"])


def test_without_a_file_training_begins(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path).known == {"epoch": 0}


class Foreign:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("this must never run",)


@pytest.mark.parametrize("raw", [pickle.dumps(Foreign()), b"", b"not a checkpoint"])
def test_foreign_code_is_refused_and_does_not_run(
    raw: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / FILE).write_bytes(raw)
    with pytest.raises(ModelError, match="is damaged"):
        read_checkpoint(tmp_path)
    assert capsys.readouterr().out == ""


def test_a_file_of_weights_alone_is_no_checkpoint(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / FILE)
    with pytest.raises(ModelError, match="is damaged"):
        read_checkpoint(tmp_path)
