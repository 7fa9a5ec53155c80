"""The docs are tested: pages made from the code are fresh, links lead somewhere, and the commands shown do run."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gatherset.cli import COMMANDS
from tests.conftest import ROOT

PAGES = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))


def generator() -> object:
    specification = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["commands.md", "rules.md", "settings.md"])
def test_a_page_made_from_the_code_is_fresh(name: str) -> None:
    page = generator().PAGES[name]  # type: ignore[attr-defined]
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == page(), "run: python docs/generate.py"


def test_every_command_has_its_place_on_the_commands_page() -> None:
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert all(f"## gatherset {name}\n" in text for name in COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_architecture_names_files_that_exist_in_at_most_40_lines() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 40
    named = re.findall(r"`((?:annotate|baselines|dataset|schemas)/[\w/.]*|\w+\.py)`", text)
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_dependency_has_its_reason() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    named = set(re.findall(r'^\s+"([a-z0-9-]+)(?:\[\w+\])?[>=]', project, re.M))
    named |= set(re.findall(r'= \["([a-z0-9-]+)(?:\[\w+\])?[>=]', project))
    reasons = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    assert len(named) > 15
    assert [name for name in sorted(named) if not re.search(rf"^\|.*\b{name}\b.*\|", reasons, re.M)] == []


def test_the_commands_of_the_readme_run_as_they_stand(tmp_path: Path) -> None:
    """The tutorial, and the Python below it, in a shell of their own."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    [commands] = re.findall(r"```sh tutorial\n(.*?)```", text, re.S)
    [python] = re.findall(r"```python\n(.*?)```", text, re.S)
    door = tmp_path / "bin" / "gatherset"
    door.parent.mkdir()
    door.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gatherset.cli "$@"\n')
    door.chmod(0o755)
    script = f"set -e\n{commands}\n'{sys.executable}' - <<'END'\n{python}END\n"
    environment = {**os.environ, "PATH": f"{door.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Rsum" in done.stdout
    assert "mg@1.0.0 {'train':" in done.stdout
