"""The notebook in docs/ runs, cell by cell, on a release that was pulled by name."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.registry import Registry
from gatherset.dataset.release import build_release
from gatherset.dataset.specimens import write_specimens
from gatherset.dataset.workspace import Workspace
from tests.conftest import ROOT
from tests.dataset.conftest import make_all

NOTEBOOK = ROOT / "docs" / "releases.ipynb"


def script() -> str:
    """The code cells as one program; the value that a cell ends with is printed."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    parts = []
    for cell in cells:
        if cell["cell_type"] == "code":
            tree = ast.parse("".join(cell["source"]))
            if isinstance(tree.body[-1], ast.Expr):
                tree.body[-1] = ast.parse(f"print({ast.unparse(tree.body[-1])})").body[0]
            parts.append(ast.unparse(tree))
    return "\n".join(parts)


def test_the_cells_run_as_they_stand(workspace: Workspace, tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    write_specimens(tmp_path / "photos", 40, seed=0)
    ingest(workspace, tmp_path / "photos", Provenance("synthetic", "CC0-1.0"))
    make_all(workspace, ["protest", "sports_event"])
    released = build_release(workspace).release
    assert released is not None
    registry = Registry(str(tmp_path / "registry"))
    registry.publish(released)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "GATHERSET_REGISTRY": registry.url,
        "GATHERSET_CACHE": str(tmp_path / "cache"),
        "HF_HOME": str(tmp_path / "hf"),
    }
    done = subprocess.run([sys.executable, "-"], input=script(), env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "mg@1.0.0" in done.stdout
    assert "torch.Size([4, 3, 64, 64])" in done.stdout
