"""The wheel: what `pip install gatherset` brings, run from a folder that has a `dataset/` of its own."""

import subprocess
import sys
import sysconfig
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.browser import server
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    [path] = out.glob("*.whl")
    return path


def test_the_wheel_holds_every_source_file_once_under_one_name(wheel: Path) -> None:
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert {name.split("/")[0] for name in names} == {"gatherset"}
    assert len(set(names)) == len(names)
    sources = {
        f"gatherset/{path.relative_to(ROOT).as_posix()}"
        for folder in ("annotate", "baselines", "dataset", "schemas")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".json"}
    }
    assert sources <= set(names)
    others = ("app.py", "cli.py", "py.typed", ".streamlit/config.toml")
    assert {f"gatherset/{name}" for name in others} <= set(names)


def test_an_installed_wheel_works_beside_a_folder_called_dataset(wheel: Path, tmp_path: Path) -> None:
    venv, elsewhere = tmp_path / "venv", tmp_path / "elsewhere"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    python = venv / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check", str(wheel)]
    subprocess.run(pip, check=True)
    # The libraries are those of this environment; test_the_wheel_installs_with_all_extras takes the index's.
    [packages] = (venv / "lib").glob("python3*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_paths()["purelib"])
    for name in ("dataset", "schemas", "annotate", "baselines"):
        (elsewhere / name).mkdir(parents=True)
        (elsewhere / name / "__init__.py").write_text("raise SystemExit('the wrong one was imported')")
    where = subprocess.run(
        [str(python), "-c", "import gatherset.dataset as d; print(d.__file__)"],
        cwd=elsewhere, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert str(venv) in where.stdout
    command = [str(venv / "bin" / "gatherset"), "init", "mg"]
    assert subprocess.run(command, cwd=elsewhere).returncode == 0
    app = [str(venv / "bin" / "gatherset"), "app", "--port", "PORT"]
    with server(elsewhere / "mg", app, folder=elsewhere) as at, urllib.request.urlopen(f"{at}/sign-in") as page:
        assert page.status == 200


@pytest.mark.slow
def test_the_wheel_installs_with_all_extras_into_an_empty_environment_and_runs_the_demo(
    wheel: Path, tmp_path: Path
) -> None:
    venv, elsewhere = tmp_path / "venv", tmp_path / "elsewhere"
    (elsewhere / "dataset").mkdir(parents=True)
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints.txt")]
    subprocess.run([*pip, f"{wheel}[all]"], check=True)
    command = [str(venv / "bin" / "gatherset"), "demo", "--headless"]
    demo = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True)
    assert demo.returncode == 0, demo.stderr
    assert "Rsum" in demo.stdout
