"""The four commands on a real release, and what they say to input that cannot be used."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner, Result

from gatherset import schemas
from gatherset.baselines import budgets, edan, train_settings
from gatherset.baselines.device import has_bfloat16
from gatherset.cli import main
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.release import build_release
from gatherset.dataset.splits import assign_splits
from gatherset.dataset.workspace import Workspace
from tests.dataset.conftest import make_all


def run(*command: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in command])


@pytest.fixture
def place(workspace: Workspace, make_photos: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with a release of 20 photographs, and presets that train in no time."""
    ingest(workspace, make_photos(20, retrieved="2026-11-20T10:00:00Z"), Provenance(license="CC-BY-4.0"))
    make_all(workspace, ("protest", "sports_event"))
    assign_splits(workspace)
    build_release(workspace)
    small = edan.EdanConfig(d=16, layers=1, heads=2, word_dim=8)
    monkeypatch.setitem(edan.PRESETS, "cpu", small)
    monkeypatch.setitem(train_settings.PRESETS, "cpu", replace(train_settings.PRESETS["cpu"], batch=8, epochs=1))
    monkeypatch.setattr(budgets, "CPU", replace(budgets.CPU, batch=8, epochs=1))
    return workspace


def test_features_train_evaluate_benchmark(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    here = ("-w", place.root)
    made = run("features", "--side", "64", "--json", *here)
    assert json.loads(made.stdout)["images"] == 20
    trained = run("train", "mg@1.0.0", "--run", "first", "--json", *here)
    assert json.loads(trained.stdout)["run"].endswith("first")
    evaluated = run("evaluate", "first", "--split", "val", "--json", *here)
    document = json.loads(evaluated.stdout)
    jsonschema.validate(document, schemas.read("benchmark_result.schema.json"))
    assert document == json.loads((place.runs_folder / "first" / "result-val.json").read_text())
    exact = (place.runs_folder / "first" / "result-val.json").read_bytes()
    halved = run("evaluate", "first", "--split", "val", "--precision", "bfloat16", "--json", *here)
    assert json.loads(halved.stdout)["hardware"].endswith("bfloat16")
    assert ("float32 is faster here" in halved.stderr) != has_bfloat16()
    assert (place.runs_folder / "first" / "result-val.json").read_bytes() == exact
    assert (place.runs_folder / "first" / "result-val-bfloat16.json").exists()
    table = run("benchmark", *here)
    assert table.exit_code == 0
    assert table.stdout.count("| edan |") == 3
    monkeypatch.setattr(budgets, "CPU", replace(budgets.CPU, lr=1e38, warm_up=1))
    failed = run("benchmark", "--models", "vse++,cca", *here)
    assert failed.exit_code == 1
    assert "| cca |" in failed.stdout
    assert "- vse++, seed 0: " in failed.stdout


def test_features_of_a_whole_workspace_are_for_its_split(place: Workspace) -> None:
    made = run("features", "--all", "--side", "64", "--json", "-w", place.root)
    document = json.loads(made.stdout)
    assert document["images"] == 20
    assert run("split", "--features", document["path"], "-w", place.root).exit_code == 0
    refused = run("train", "--features", document["path"], "-w", place.root)
    assert refused.exit_code == 2
    assert "holds features of mg@workspace" in refused.stderr


def test_suspects_wait_for_a_person(place: Workspace) -> None:
    here = ("-w", place.root)
    run("features", "--side", "64", *here)
    run("train", "--run", "first", *here)
    document = json.loads(run("suspects", "first", "--folds", "2", "--json", *here).stdout)
    assert Path(document["page"]).exists()
    assert document["queued"]["new"] == len(document["suspects"])
    again = json.loads(run("suspects", "first", "--folds", "2", "--json", *here).stdout)
    assert again["queued"] == {"new": 0, "known": len(document["suspects"]), "gone": 0}


def test_a_gpu_that_is_not_there_is_named(place: Workspace) -> None:
    here = ("-w", place.root)
    run("features", "--side", "64", *here)
    refused = run("train", "--device", "cuda:99", *here)
    assert refused.exit_code == 2
    assert "there is no device cuda:99 here" in refused.stderr


def test_training_without_features_names_the_next_step(place: Workspace) -> None:
    result = run("train", "-w", place.root)
    assert result.exit_code == 2
    assert "gatherset features mg@1.0.0" in result.stderr


def test_an_unknown_run_is_named(place: Workspace) -> None:
    result = run("evaluate", "nothing", "-w", place.root)
    assert result.exit_code == 2
    assert "nothing is not a run" in result.stderr


def test_evaluate_takes_anyones_scores_without_a_workspace(tmp_path: Path) -> None:
    np.save(tmp_path / "scores.npy", np.eye(10).repeat(5, axis=1))
    result = run("evaluate", "--scores", tmp_path / "scores.npy", "--json")
    assert json.loads(result.stdout)["rows"][0]["recall"]["rsum"] == pytest.approx(600)


def test_evaluate_wants_a_run_or_scores() -> None:
    assert run("evaluate").exit_code == 2
    assert run("evaluate", "--scores", "scores.npy", "--precision", "bfloat16").exit_code == 2


@pytest.mark.parametrize("command", ["features", "train", "evaluate", "benchmark", "suspects"])
def test_help_shows_an_example(command: str) -> None:
    assert f"Example: gatherset {command}" in run(command, "--help").stdout


def test_the_commands_are_imported_without_torch() -> None:
    code = "import sys, gatherset.baselines.commands; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0
