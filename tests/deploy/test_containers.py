"""The container files name only what there is. They are not built here: there is no container engine."""

import re
import tomllib

import pytest

from tests.conftest import ROOT

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")


def test_the_image_is_given_all_that_the_wheel_is_made_of_and_nothing_that_is_not_there() -> None:
    copied = [name for line in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE) for name in line.split()]
    assert all((ROOT / name).exists() for name in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["force-include"], *wheel["only-include"], project["project"]["readme"]}
    assert needed <= set(copied)


def test_the_services_are_built_from_that_file_and_say_that_they_were_not() -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    services = yaml.safe_load(text)
    build = services["services"]["app"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).samefile(DEPLOY / "Dockerfile")
    named = {volume.partition(":")[0] for one in services["services"].values() for volume in one["volumes"]}
    assert named == set(services["volumes"])
    assert services["services"]["app"]["depends_on"].keys() < services["services"].keys()
    assert all(file.startswith("# Not built") for file in (text, DOCKERFILE))
