"""The same bulk work in Daft, on this machine or on a Ray cluster: pip install 'gatherset[scale]'.

Every machine needs Gatherset and the same paths to the images. A decoder that crashes its process ends such a run,
where `gatherset.dataset.bulk.in_processes` goes on.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

from gatherset.dataset.bulk import Job, Measuring, Row, look, pieces
from gatherset.dataset.errors import GathersetError
from gatherset.dataset.places import Place

BLOCK = 4096  # images of which Daft knows at once, and of which it gives the rows at once
HEAVY = 1 << 28  # bytes of images from which a block is full with fewer: their stored copies come back in memory
PARTITIONS = 16  # of a block, which the machines of a cluster share among them


def in_daft(measuring: Measuring, jobs: Iterable[Job], *, ray: str | None = None) -> Generator[Row, None, None]:
    """The rows of the jobs, in their order; `ray` is the address of a cluster ("auto": the one this machine is in).

    Raises GathersetError where Daft gives up.
    """
    os.environ.setdefault("DO_NOT_TRACK", "1")
    import daft

    if ray:
        daft.set_runner_ray(None if ray == "auto" else ray, noop_if_initialized=True)
    rows = daft.func(_function(measuring), return_dtype=daft.DataType.binary())
    for block in pieces(jobs, BLOCK, HEAVY, lambda job: job.place.size()):
        frame = daft.from_pydict(_columns(block)).into_partitions(PARTITIONS)
        looked = frame.select(
            "number", rows(*(frame[name] for name in ("path", "offset", "length", "keep"))).alias("row")
        )
        try:
            found = looked.to_pydict()
        except Exception as error:  # Daft and Ray raise many kinds
            step = "Measure again: it goes on. Without --engine daft, an image that ends its process is left out"
            raise GathersetError(f"Daft gave up: {str(error).splitlines()[0]}", step) from error
        in_order = sorted(zip(found["number"], found["row"], strict=True))
        yield from (pickle.loads(row) for _, row in in_order)


def _columns(block: list[Job]) -> dict[str, Any]:
    return {
        "number": list(range(len(block))),
        "path": [str(job.place.path) for job in block],
        "offset": [job.place.offset for job in block],
        "length": [-1 if job.place.length is None else job.place.length for job in block],
        "keep": [job.keep for job in block],
    }


def _function(measuring: Measuring) -> Any:
    """`look` on columns, which Daft sends to wherever it runs."""

    def looked(path: str, offset: int, length: int, keep: bool) -> bytes:
        place = Place(Path(path), offset, None if length < 0 else length)
        return pickle.dumps(look(measuring, Job(place, keep)))

    return looked
