"""Two processes that share a batch have the losses and gradients of one that has it whole."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from torch.nn.parallel import DistributedDataParallel

from gatherset.baselines.edan import Edan, EdanConfig
from gatherset.baselines.step import Step
from gatherset.baselines.train_settings import TrainConfig

PAIRS, K, D = 6, 4, 10


def step(local_loss: str) -> Step:
    torch.manual_seed(0)
    vectors = torch.randn(20, 12)
    vectors[0] = 0
    model = Edan(EdanConfig(d=16, layers=1, heads=2, dropout=0.0), D, vectors)
    return Step(model, TrainConfig(local_loss=local_loss))  # type: ignore[arg-type]


def batch() -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    shown = torch.randn(PAIRS, K, D, generator=generator)
    words = torch.randint(3, 20, (PAIRS, 5), generator=generator)
    for row in range(PAIRS):
        words[row, 2 + row // 2 :] = 0
    return shown, words, torch.arange(PAIRS) % 2 + 1, torch.tensor([0, 1, 2, 3, 4, 0])


def gradients(local_loss: str) -> dict[str, torch.Tensor]:
    whole = step(local_loss)
    sum(whole(*batch(), hardest=True)).backward()
    return {name: parameter.grad for name, parameter in whole.named_parameters() if parameter.grad is not None}


def work(rank: int, meeting: str, local_loss: str, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    shared = step(local_loss)
    parallel = DistributedDataParallel(shared)
    sum(parallel(*(part[rank::2] for part in batch()), hardest=True)).backward()
    torch.save(
        {name: parameter.grad for name, parameter in shared.named_parameters() if parameter.grad is not None},
        Path(folder) / f"{rank}.pt",
    )
    dist.destroy_process_group()


@pytest.mark.parametrize("local_loss", ["triplet", "infonce"])
def test_two_processes_have_the_gradients_of_one_with_the_joined_batch(local_loss: str, tmp_path: Path) -> None:
    multiprocessing.spawn(work, (str(tmp_path / "meeting"), local_loss, str(tmp_path)), nprocs=2)
    expected = gradients(local_loss)
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt")
        assert found.keys() == expected.keys()
        for name, gradient in expected.items():
            torch.testing.assert_close(found[name], gradient, atol=1e-6, rtol=1e-4)
