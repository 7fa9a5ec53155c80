import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
from jsonschema import Draft202012Validator

from gatherset import schemas
from gatherset.dataset.records import SCHEMA_VERSION
from gatherset.dataset.rules.rule import GOLDEN
from tests.conftest import ROOT

NAMES = sorted(path.name for path in (ROOT / "schemas").glob("*.schema.json"))


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_a_json_schema_of_2020_12(name: str) -> None:
    schema = schemas.read(name)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", NAMES)
def test_the_id_names_the_file_and_the_version_that_documents_must_carry(name: str) -> None:
    schema = schemas.read(name)
    *_, stem, version = schema["$id"].split(":")
    assert f"{stem}.schema.json" == name
    assert schema["title"]
    assert schema["description"]
    properties = schema["properties"]
    carried = properties.get("schema_version") or properties["version"]
    assert carried == {"const": version}


def test_the_golden_record_conforms() -> None:
    jsonschema.validate(GOLDEN, schemas.read("record.schema.json"), Draft202012Validator)
    assert GOLDEN["schema_version"] == SCHEMA_VERSION


def test_the_event_types_conform() -> None:
    jsonschema.validate(
        schemas.read("event_types.json"), schemas.read("event_taxonomy.schema.json"), Draft202012Validator
    )


@pytest.mark.parametrize("place", [(), ("image",), ("event",), ("captions", 0), ("source",)])
def test_a_record_takes_no_unknown_field(place: tuple[str | int, ...]) -> None:
    record = json.loads(json.dumps(GOLDEN))
    target = record
    for step in place:
        target = target[step]
    target["colour"] = "blue"
    assert not Draft202012Validator(schemas.read("record.schema.json")).is_valid(record)


def test_every_file_is_read_as_a_resource_of_the_package() -> None:
    assert {entry.name for entry in files("gatherset.schemas").iterdir()} >= {"event_types.json", *NAMES}


def test_the_taxonomy_is_read_from_any_folder_even_beside_another_schemas(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "__init__.py").write_text("raise ImportError('the wrong one')")
    code = "from gatherset.dataset.taxonomy import load_taxonomy; print(len(load_taxonomy().names))"
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == "10", done.stderr
