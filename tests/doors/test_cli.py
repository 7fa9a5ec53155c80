"""The shell door: help, exit codes, and one line for whatever a person can mend."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import click
import jsonschema
import pytest
from click.testing import CliRunner, Result

from gatherset import schemas
from gatherset.cli import COMMANDS, main
from gatherset.dataset.rules.rule import numbered
from tests.conftest import ROOT, draw, hear_ctrl_c


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def all_commands() -> list[tuple[str, click.Command]]:
    context = click.Context(main)
    found = []
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        found.append((name, command))
        if isinstance(command, click.Group):
            found += [(f"{name} {sub}", child) for sub, child in command.commands.items()]
    return found


def test_help_imports_nothing_that_is_slow() -> None:
    """What keeps `gatherset --help` quick: tests/benchmarks/help_time.py measures it."""
    code = "import sys, gatherset.cli; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    slow = {"torch", "streamlit", "sqlalchemy", "pyarrow", "numpy", "PIL", "jsonschema", "scipy", "gensim"}
    assert slow.isdisjoint(modules.stdout.split())


@pytest.mark.parametrize(("name", "command"), all_commands())
def test_every_command_explains_itself_with_an_example(name: str, command: click.Command) -> None:
    result = run(*name.split(), "--help")
    assert result.exit_code == 0
    assert "Example: gatherset" in result.output
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help or option.name in {"seed", "folder", "port"}, f"{name}: --{option.name} has no help"


def test_an_unknown_command_is_a_usage_error() -> None:
    assert run("ingset").exit_code == 2


def test_the_way_from_photographs_to_a_release(make_photos: Callable[..., Path], tmp_path: Path) -> None:
    photos, mg = make_photos(40), tmp_path / "work" / "mg"
    answers = tmp_path / "answers.csv"
    answers.write_text("image,is_gathering,event_type\n" + "".join(f"{n}.jpg,1,protest\n" for n in range(40)))
    assert run("init", mg).exit_code == 0
    assert run("ingest", photos, "-w", mg).exit_code == 0
    for name in ("a", "b"):
        assert run("submissions", "import", answers, "--as", name, "-w", mg).exit_code == 0
    assert run("split", "-w", mg).exit_code == 0
    assert run("validate", "-w", mg).exit_code == 0
    built = json.loads(run("release", "build", "--json", "-w", mg).stdout)
    assert built["release"] == "mg@1.0.0"
    assert run("validate", built["path"]).exit_code == 0
    assert run("release", "build", "-w", mg).exit_code == 2  # nothing has changed


def test_findings_are_exit_code_1_and_name_the_file(make_photos: Callable[..., Path], tmp_path: Path) -> None:
    photos = make_photos(2)
    (photos / "images" / "1.jpg").write_bytes(b"\xff\xd8 not a picture")
    run("init", tmp_path / "mg")
    result = run("ingest", photos, "-w", tmp_path / "mg")
    assert result.exit_code == 1
    assert "1.jpg: GS203 error" in result.stderr
    assert "1 added" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ingest", "nowhere"), "no workspace here"),
        (("validate", "-w", "nowhere"), "nowhere is not a workspace"),
        (("init", "Mass Gatherings"), "cannot name a dataset"),
        (("release", "build", "--version", "1.x"), "no workspace here"),
    ],
)
def test_what_could_not_run_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("gatherset: ")


def test_a_fault_of_the_program_is_exit_code_2_and_says_what_to_report(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(COMMANDS, "broken", (f"{__name__}:broken", "Fail."))
    monkeypatch.setattr(sys.modules[__name__], "broken", click.command()(broken), raising=False)
    result = run("broken")
    assert result.exit_code == 2
    assert "ZeroDivisionError" in result.stderr
    assert "gatherset: this is a fault of Gatherset itself. Report the lines above" in result.stderr


def test_who_reads_no_further_ends_a_command_in_silence(tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").write_text("{}\n" * 2000)
    errors = tmp_path / "errors"
    command = f"'{sys.executable}' -m gatherset.cli validate records.jsonl --format json 2>{errors} | head -c 100"
    shell = ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"]
    buffered = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""}  # else the system may take a part and say nothing
    done = subprocess.run(shell, cwd=tmp_path, env={**os.environ, **buffered}, capture_output=True)
    assert (done.returncode, len(done.stdout), errors.read_text()) == (141, 100, "")


def test_ctrl_c_keeps_what_was_finished_and_the_next_run_goes_on(tmp_path: Path) -> None:
    for number in range(600):
        draw(tmp_path / "photos" / f"{number}.jpg", number, size=(640, 480))
    mg = tmp_path / "mg"
    run("init", mg)
    command = [
        sys.executable,
        "-m",
        "gatherset.cli",
        "ingest",
        str(tmp_path / "photos"),
        "-w",
        str(mg),
        "--license",
        "CC0-1.0",
    ]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, preexec_fn=hear_ctrl_c)
    with closing(sqlite3.connect(mg / "catalog.db")) as catalog:
        while catalog.execute("SELECT count(*) FROM images").fetchone() == (0,):  # the first batch is not in yet
            time.sleep(0.01)
            assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Stopped. What was finished is kept" in said
    assert "Traceback" not in said
    again = json.loads(run("ingest", tmp_path / "photos", "-w", mg, "--license", "CC0-1.0", "--json").stdout)
    assert again["added"] + again["present"] == 600
    assert again["present"] >= 128
    assert not list(mg.rglob("*.partial"))


def records_file(path: Path, *changes: Callable[[dict[str, object]], object]) -> Path:
    path.write_text("".join(json.dumps(numbered(n, change)) + "\n" for n, change in enumerate(changes)))
    return path


def test_validate_prints_a_report_in_the_shape_of_its_schema(tmp_path: Path) -> None:
    path = records_file(tmp_path / "r.jsonl", lambda record: record.update(split="dev"), lambda record: None)
    result = run("validate", path, "--format", "json")
    report = json.loads(result.stdout)
    jsonschema.validate(report, schemas.read("validation_report.schema.json"))
    assert (result.exit_code, report["checked"], report["findings"][0]["rule"]) == (1, 2, "GS101")


def test_validate_annotates_the_lines_of_a_pull_request(tmp_path: Path) -> None:
    path = records_file(tmp_path / "r.jsonl", lambda record: None, lambda record: record.update(split="dev"))
    assert f"::error file={path},line=2,title=GS101::$.split:" in run("validate", path, "--format", "github").stdout


def test_validate_counts_alone(tmp_path: Path) -> None:
    path = records_file(tmp_path / "r.jsonl", lambda record: record.update(split="dev"))
    result = run("validate", path, "--statistics", "--select", "GS1")
    assert result.stderr == ""
    assert result.stdout.splitlines()[0].startswith("GS101  error")
    assert "1 records checked" in result.stdout


def test_a_record_of_the_future_could_not_be_checked(tmp_path: Path) -> None:
    path = records_file(tmp_path / "r.jsonl", lambda record: record.update(schema_version="2.0"), lambda record: None)
    result = run("validate", path, "--select", "GS1")
    assert result.exit_code == 2
    assert "Upgrade" in result.stderr
    assert "1 records checked" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--explain", "GS304"), "GS304 (warning): No two captions"),
        (("--explain", "GS101"), "It cannot be waived."),
        (("--explain", "GS701"), "GS701 (error): The files of a release"),
        (("--explain", "GS34"), "there is no rule GS34. Try GS"),
        (("--select", "GS9"), "there is no rule GS9"),
    ],
)
def test_validate_explains_its_rules(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    path = records_file(tmp_path / "r.jsonl", lambda record: None)
    assert said in run("validate", path, *arguments).output


def test_a_waived_finding_blocks_no_release(make_photos: Callable[..., Path], tmp_path: Path) -> None:
    photos, mg = make_photos(10, retrieved="2026-11-20T10:00:00Z"), tmp_path / "mg"
    answers = tmp_path / "answers.csv"
    answers.write_text("image,is_gathering,event_type\n" + "".join(f"{n}.jpg,1,protest\n" for n in range(10)))
    run("init", mg)
    run("ingest", photos, "-w", mg)
    for name in ("a", "b"):
        run("submissions", "import", answers, "--as", name, "-w", mg)
    run("split", "-w", mg)
    toml = (mg / "gatherset.toml").read_text()
    (mg / "gatherset.toml").write_text(toml + '[rules]\nmin_words = 20\nlevels = {GS302 = "error"}\n')
    report = json.loads(run("validate", "-w", mg, "--json", "--select", "GS302").stdout)
    assert report["errors"]
    for where in {finding["where"] for finding in report["findings"]}:
        assert run("record", "waive", where, "GS302", "--reason", "Short and good", "-w", mg).exit_code == 0
    again = json.loads(run("validate", "-w", mg, "--json", "--select", "GS302").stdout)
    assert (again["errors"], again["waived"]) == (0, {"GS302": report["errors"]})
