"""Where an unfinished training goes on: one .safetensors file of tensors, the rest as JSON in its header.

Nothing in it can run: no pickle is read or written.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gatherset.dataset.errors import ModelError

FILE = "state.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """The state after a whole epoch; after none, all of it is empty."""

    tensors: dict[str, Tensor]  # "step.…", "averaged.…", "optimiser.…": see `grouped`
    known: dict[str, Any]  # numbers and the log

    def part(self, name: str) -> dict[str, Tensor]:
        """The tensors whose name begins with `name` and a full stop, without it."""
        return {key.removeprefix(f"{name}."): own for key, own in self.tensors.items() if key.startswith(f"{name}.")}


def grouped(**parts: dict[str, Tensor]) -> dict[str, Tensor]:
    """Several dictionaries of tensors as one; `Checkpoint.part` takes them apart."""
    return {f"{name}.{key}": own for name, part in parts.items() for key, own in part.items()}


def moments(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimiser remembers of each parameter, as `restore_moments` reads it."""
    state = optimiser.state_dict()["state"]
    return {f"{number}.{name}": value for number, own in state.items() for name, value in own.items()}


def restore_moments(optimiser: torch.optim.Optimizer, remembered: dict[str, Tensor]) -> None:
    """The reverse of `moments`."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in remembered.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})


def read_checkpoint(folder: Path) -> Checkpoint:
    """The state in `folder`, of epoch 0 where there is none; ModelError where it is damaged or something else."""
    path = folder / FILE
    if not path.exists():
        return Checkpoint({}, {"epoch": 0})
    try:
        # To the processor, wherever it was trained: another machine may not have that GPU.
        with safe_open(path, "pt", device="cpu") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dictionary)
            known = json.loads(file.metadata()["state"])
        if not isinstance(known["epoch"], int):
            raise ValueError("it does not say after which epoch it is")
        return Checkpoint(tensors, known)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{path} is damaged: {error}", f"Delete {folder} and train again") from error


def save_checkpoint(folder: Path, state: Checkpoint) -> None:
    """Write the state, whole or not at all."""
    partial = folder / f"{FILE}.partial"
    tensors = {name: own.detach().cpu().contiguous() for name, own in state.tensors.items()}
    save_file(tensors, partial, {"state": json.dumps(state.known)})
    os.replace(partial, folder / FILE)
