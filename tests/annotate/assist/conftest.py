from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gatherset.annotate.assist.endpoint import Asking, Endpoint
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.workspace import Workspace
from tests.conftest import draw
from tests.model_server import ModelServer

FIRST = "People march down the street with signs number {}."


@pytest.fixture
def models() -> Iterator[ModelServer]:
    with ModelServer().running() as server:
        yield server


@pytest.fixture
def asked(models: ModelServer, tmp_path: Path) -> Iterator[Callable[..., Endpoint]]:
    """asked(stream=True) is an endpoint with the server behind it."""
    made: list[Endpoint] = []

    def make(**fields: object) -> Endpoint:
        asking = Asking("small-model", **{"seconds": 5, "back_off": 0.01, **fields})  # type: ignore[arg-type]
        made.append(Endpoint(models.url, asking, tmp_path / "answers", key="sk-test"))
        return made[-1]

    yield make
    for endpoint in made:
        endpoint.__exit__(None, None, None)


def images_with_a_first_caption(workspace: Workspace, folder: Path, count: int, *, captions: bool = True) -> None:
    """`count` images of the web part, each with one caption, or with none."""
    lines = []
    for number in range(count):
        draw(folder / "images" / f"{number}.jpg", number)
        texts = [FIRST.format("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[number % 26])] if captions else []
        row = {"image": f"{number}.jpg", "captions": texts, "license": "CC0-1.0", "part": "web"}
        row |= {"url": f"http://example.org/{number}.jpg", "retrieved": "2026-11-20T10:00:00Z"}
        lines.append(json.dumps(row))
    (folder / "captions.jsonl").write_text("\n".join(lines), encoding="utf-8")
    ingest(workspace, folder, Provenance("web"))
