"""The log of a training as TensorBoard reads it: `tensorboard --logdir runs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SHOWN = ("loss", "contrastive", "local", "tau", "theta", "rsum", "seconds")


class Curves:
    """Writes events.out.tfevents.* into `folder`: what `log` holds anew, then each epoch as it is added."""

    def __init__(self, folder: Path, log: Sequence[Mapping[str, Any]]) -> None:
        from tensorboardX import SummaryWriter

        # A resumed training begins the file again: a killed one may have left half an epoch in it.
        for path in folder.glob("events.out.tfevents.*"):
            path.unlink()
        self._writer = SummaryWriter(str(folder), write_to_disk=True)
        for line in log:
            self.add(line)

    def add(self, line: Mapping[str, Any]) -> None:
        """Write the figures of one epoch, to the disk."""
        for name in SHOWN:
            if line[name] is not None:
                self._writer.add_scalar(name, line[name], line["epoch"])
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()
