"""The demo: every step a command, from drawing the images to the benchmark table."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytest.importorskip("torch", reason="torch is not installed: pip install 'gatherset[baselines]'")


def test_the_headless_demo_ends_with_the_table_and_goes_on_where_it_was(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gatherset.cli", "demo", "--headless", "--images", "100"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    first = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert first.returncode == 0, first.stderr
    rows = {tuple(line.split(" | ")[:2]) for line in first.stdout.splitlines() if line.startswith("| ")}
    assert {("| edan", "annotated"), ("| edan", "guessed"), ("| edan", ""), ("| random", "")} <= rows
    assert "Traceback" not in first.stderr
    assert "Warning" not in first.stderr
    again = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert "epoch" not in again.stderr  # nothing was trained twice
    table = first.stdout[first.stdout.index("| model") :]
    assert again.stdout.endswith(table)
