"""The shell commands of releases: what they print, and their exit codes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gatherset.cli import main
from gatherset.dataset.loading import Release
from gatherset.dataset.registry import Registry
from gatherset.dataset.workspace import Workspace
from tests.dataset.conftest import correct, next_release


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def second(released: Release, workspace: Workspace) -> Release:
    correct(workspace)
    return next_release(workspace)


def test_a_dry_run_prints_what_would_change(released: Release, workspace: Workspace) -> None:
    identity = correct(workspace)
    result = run("release", "build", "--dry-run", "-w", workspace.root)
    assert (result.exit_code, f"{identity} caption 1: " in result.output) == (0, True)
    assert "Would build version 2.0.0" in result.output
    document = json.loads(run("release", "build", "--dry-run", "--json", "-w", workspace.root).output)
    assert (document["release"], document["version"], len(document["changes"]["changes"])) == (None, "2.0.0", 1)


def test_broken_rules_are_exit_code_1_and_a_low_version_2(released: Release, workspace: Workspace) -> None:
    correct(workspace)
    low = run("release", "build", "--version", "1.0.1", "-w", workspace.root)
    assert (low.exit_code, "at least 2.0.0" in low.output) == (2, True)
    correct(workspace, "")
    assert run("release", "build", "-w", workspace.root).exit_code == 1


@pytest.mark.parametrize("form", ["text", "json", "html"])
def test_a_diff_of_two_folders_needs_no_workspace(released: Release, second: Release, form: str) -> None:
    result = run("release", "diff", released.path, second.path, "--format", form)
    assert result.exit_code == 0
    assert "corrected" in result.output
    if form == "json":
        [change] = json.loads(result.output)["changes"]
        assert (change["kinds"], change["captions"][0]["number"]) == (["caption"], 1)
    if form == "html":
        assert "<ins>" in result.output


def test_a_diff_of_two_versions_of_the_workspace(second: Release, workspace: Workspace) -> None:
    assert "1 edited" in run("release", "diff", "1.0.0", "2.0.0", "-w", workspace.root).output


def test_the_life_of_a_release_from_the_shell(second: Release, workspace: Workspace, registry: Registry) -> None:
    place = ("--registry", registry.url)
    assert run("release", "publish", "-w", workspace.root, *place).output.startswith("Published mg@2.0.0")
    assert "already" in run("release", "publish", "-w", workspace.root, *place).output
    assert "mg@2.0.0" in run("release", "list", *place).output
    assert run("release", "verify", *place).exit_code == 0
    identity = second["train"].ids[0]
    assert "--purge takes them out" in run("release", "retract", identity, "--reason", "takedown", *place).output
    assert (
        "files were written anew"
        in run("release", "retract", identity, "--reason", "takedown", "--purge", *place).output
    )
    pulled = run("pull", "mg", *place)
    assert (pulled.exit_code, f"{identity} was retracted" in pulled.output) == (0, True)
    assert run("release", "yank", "mg@2.0.0", "--reason", "wrong", *place).exit_code == 0
    assert run("pull", "mg", *place).exit_code == 2
    assert "was yanked: wrong" in run("pull", "mg@2.0.0", *place).output
    assert run("release", "yank", "mg@2.0.0", "--undo", *place).exit_code == 0
    rows = json.loads(run("release", "list", "--json", *place).output)
    assert [row["release"] for row in rows["releases"]] == ["mg@2.0.0"]
    assert [row["id"] for row in rows["retractions"]] == [identity]


def test_verify_names_the_file_and_its_length(released: Release) -> None:
    path = released.path / "README.md"
    path.write_bytes(path.read_bytes() + b"!")
    result = run("release", "verify", released.path)
    assert result.exit_code == 1
    assert f"{path.stat().st_size} bytes, {path.stat().st_size - 1} expected" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("pull", "mg"),  # no registry
        ("pull", "MG", "--registry", "r"),
        ("pull", "mg", "--registry", "nowhere"),
        ("release", "diff", "a/b", "c/d"),
        ("release", "verify"),
        ("release", "yank", "mg@1.0.0", "--registry", "r"),
        ("release", "retract", "gs-1", "--reason", "wrong", "--registry", "r"),
        ("release", "measure", "a/b"),
        ("export", "images", "a/b", "c"),
    ],
)
def test_what_cannot_be_run_is_said_in_one_line(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATHERSET_REGISTRY", raising=False)
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_images_are_exported_from_the_shell(released: Release, tmp_path: Path) -> None:
    assert run("export", "images", released.path, tmp_path / "pictures").exit_code == 0
    assert len(list((tmp_path / "pictures").iterdir())) == 24


def test_captions_alone_are_released_where_images_may_not_be(workspace: Workspace, fill: Callable[..., None]) -> None:
    toml = workspace.root / "gatherset.toml"
    toml.write_text(toml.read_text() + "\n[release]\nimages = false\n")
    opened = Workspace.open(workspace.root)
    fill(opened, 6)
    release = next_release(opened)
    assert not (release.path / "data").exists()
    assert release["train"][0].captions == release["train"].captions[0]
    assert release["train"][0].image_bytes == b""
    assert "config_name: images" not in (release.path / "README.md").read_text()
    assert run("release", "verify", release.path).exit_code == 0
    assert run("export", "images", release.path, release.path.parent / "images").exit_code == 2


def test_what_a_registry_says_does_not_reach_the_terminal_as_it_is(
    released: Release, registry: Registry, capfd: pytest.CaptureFixture[str]
) -> None:
    registry.publish(released)
    assert run("release", "yank", "mg@1.0.0", "--reason", "\x1b[2Jgone", "--registry", registry.url).exit_code == 0
    listed = run("release", "list", "--registry", registry.url).output
    pulled = run("pull", "mg@1.0.0", "--registry", registry.url).output
    assert "\\x1b[2Jgone" in listed
    assert "was yanked: \\x1b[2Jgone" in pulled
    assert "\x1b" not in listed + pulled


def test_what_nobody_has_said_of_the_dataset_is_named(workspace: Workspace, fill: Callable[..., None]) -> None:
    fill(workspace, 3)
    result = run("release", "build", "-w", workspace.root)
    assert "does not say: authors, contact, homepage, license, annotators." in result.output
