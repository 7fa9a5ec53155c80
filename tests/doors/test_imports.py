"""Imports run down only: doors, then annotate and baselines, then dataset, then schemas."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

MUST_NOT_KNOW = {
    "schemas": {"gatherset.dataset", "gatherset.annotate", "gatherset.baselines", "torch", "streamlit"},
    "dataset": {"gatherset.annotate", "gatherset.baselines", "gatherset.cli", "gatherset.app", "torch", "streamlit"},
    "annotate": {"gatherset.baselines", "gatherset.cli", "gatherset.app", "torch"},
    "baselines": {"gatherset.annotate", "gatherset.cli", "gatherset.app", "streamlit"},
}


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, lazily or not."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("folder", MUST_NOT_KNOW)
def test_a_folder_knows_nothing_above_it(folder: str) -> None:
    paths = list((ROOT / folder).rglob("*.py"))
    assert paths
    up = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in paths
        for name in imported(path)
        if any(name == banned or name.startswith(f"{banned}.") for banned in MUST_NOT_KNOW[folder])
    ]
    assert up == []


def test_streamlit_is_known_to_the_pages_and_the_server_alone() -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "annotate").rglob("*.py")
        if any(name.split(".")[0] in {"streamlit", "starlette"} for name in imported(path))
    }
    pages = {name for name in users if name.startswith("annotate/pages/")}
    assert users - pages == {f"annotate/{name}.py" for name in ("door", "routes", "server", "sign_in")}
