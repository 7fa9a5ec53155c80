"""One Label Studio for all tests of this folder, and workspaces whose tasks are in projects of their own there."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gatherset.annotate.labelstudio.client import Client
from gatherset.annotate.labelstudio.project import Wanted, set_up
from gatherset.dataset.workspace import Workspace
from tests.labelstudio_server import PROGRAM, VENV, LabelStudioServer, make_person
from tests.labelstudio_workspace import PEOPLE, Over, fill


@pytest.fixture(scope="session")
def document_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of which the server may show files; the workspaces are in it."""
    return tmp_path_factory.mktemp("documents")


@pytest.fixture(scope="session")
def server(document_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudioServer]:
    if not PROGRAM.exists():
        pytest.skip("Label Studio is not installed in .labelstudio-venv (`make labelstudio` does it)")
    folder = tmp_path_factory.mktemp("labelstudio") / "data"
    if (VENV / "empty").is_dir():
        shutil.copytree(VENV / "empty", folder)
    running = LabelStudioServer(folder, document_root)
    running.start()
    yield running
    running.kill()


@pytest.fixture
def client(server: LabelStudioServer) -> Iterator[Client]:
    with server.client() as opened:
        yield opened


@pytest.fixture(scope="session")
def people(server: LabelStudioServer) -> dict[str, int]:
    """{e-mail: number there} of three annotators."""
    with server.client() as client:
        return {email: make_person(client, email) for email in PEOPLE}


@pytest.fixture
def over(
    client: Client, people: dict[str, int], document_root: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Over]]:
    """over(4) makes a workspace of 4 tasks whose project is there and has them; over(4, sent=False) sends nothing."""
    made: list[Workspace] = []

    def make(count: int, *, overlap: int = 2, kind: str = "caption", sent: bool = True, **more: Any) -> Over:
        root = document_root / f"{request.node.name[:60]}-{len(made)}" / "mg"
        workspace = Workspace.create(root, overlap=overlap)
        made.append(workspace)
        fill(workspace, count, kind=kind, **more)
        title = hashlib.sha256(str(root).encode()).hexdigest()[:20]
        wanted = Wanted(kind, title=title, images_url="http://127.0.0.1:8501")
        link, _ = set_up(workspace, client, wanted)
        opened = Over(workspace, client, link, people)
        if sent:
            opened.push()
        return opened

    yield make
    for workspace in made:
        workspace.catalog.close()
