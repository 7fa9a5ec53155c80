"""Evaluation keeps to its memory: the scores, the encoded images, and a block of what lies between."""

import os
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT


def peak(images: int, words: int) -> float:
    """Megabytes that an evaluation of so many images and five times as many captions takes at most."""
    command = [sys.executable, "tests/benchmarks/evaluation_memory.py", str(images), str(words)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    print(done.stdout)
    found = re.search(r"most memory (\d+) MB", done.stdout)
    assert found, done.stderr
    return float(found[1])


@pytest.mark.slow
def test_1000_images_are_evaluated_in_2_gigabytes() -> None:
    assert peak(1000, 2) < 2048


@pytest.mark.nightly
def test_5000_images_are_evaluated_in_4_gigabytes() -> None:
    assert peak(5000, 2) < 4096
