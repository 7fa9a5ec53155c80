"""Documents of somebody else's, mutated: records, manifests, settings, taxonomies, Parquet files and backups.

What is promised: each is read, or refused with a reason and a next step; no traceback, and nothing is written outside
of where it belongs. GATHERSET_FUZZ=20000 tries more.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatherset import schemas
from gatherset.dataset.backup import back_up, restore
from gatherset.dataset.errors import GathersetError
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.integrity import content_findings, integrity_findings
from gatherset.dataset.loading import open_release
from gatherset.dataset.release import build_release
from gatherset.dataset.release_folder import PULLED, file_sha256
from gatherset.dataset.rules.rule import GOLDEN, Context
from gatherset.dataset.settings import Settings, read_settings
from gatherset.dataset.specimens import write_specimens
from gatherset.dataset.splits import assign_splits
from gatherset.dataset.taxonomy import load_taxonomy
from gatherset.dataset.validation import Run, rule_ids
from gatherset.dataset.workspace import Workspace
from tests.dataset.conftest import make_all
from tests.dataset.rules.test_shape import VALUES, places

CASES = int(os.environ.get("GATHERSET_FUZZ", 500))
Json = Any


def many(share: float = 1) -> Callable[[Any], Any]:
    """So many cases; a fixture is the same for all of them."""
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=max(10, int(CASES * share)), deadline=None, suppress_health_check=checks)


@st.composite
def mutated(draw: st.DrawFn, document: Json) -> Json:
    """The document with up to four of its values deleted, replaced, or moved to where they do not belong."""
    changed = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from(places(changed)[1:] or [()]))
        if not path:
            return draw(VALUES)
        parent = changed
        for key in path[:-1]:
            parent = parent[key]
        action = draw(st.sampled_from(["delete", "replace", "move", "grow"]))
        if action == "delete":
            del parent[path[-1]]
        elif action == "replace":
            parent[path[-1]] = draw(VALUES | st.sampled_from(["../../etc/passwd", "/etc/passwd", "\x00", "a" * 5000]))
        elif action == "move":
            parent[path[-1]] = copy.deepcopy(draw(st.sampled_from([document, [document], parent[path[-1]]])))
        elif isinstance(parent, dict):
            parent[draw(st.text(max_size=6))] = draw(VALUES)
    return changed


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """The bytes cut, or with some of them changed."""
    if draw(st.booleans()):
        return data[: draw(st.integers(0, len(data)))]
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 8))):
        changed[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(changed)


@contextmanager
def or_refused_in_words() -> Iterator[list[GathersetError]]:
    """What is done here may be refused; the list then holds how."""
    refused: list[GathersetError] = []
    try:
        yield refused
    except GathersetError as error:
        refused.append(error)
    assert all(error.what and error.next_step for error in refused)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace with a release of four records."""
    folder = tmp_path_factory.mktemp("whole")
    write_specimens(folder / "photos", 4)
    workspace = Workspace.create(folder / "mg")
    ingest(workspace, folder / "photos", Provenance())
    make_all(workspace)
    assign_splits(workspace)
    assert build_release(workspace).release is not None
    yield workspace
    workspace.catalog.close()


@many()
@given(st.lists(mutated(GOLDEN), min_size=1, max_size=4))
def test_every_rule_has_a_verdict_on_every_record(records: list[Json]) -> None:
    """Those of the shape first, and all others on what passes them."""
    context = Context(Settings(1, "mg"), load_taxonomy())
    run = Run(context, [rule for rule in rule_ids(context.settings.rules) if rule != "GS307"])
    run.feed((f"line {number}", record) for number, record in enumerate(records))
    run.close()
    assert all(finding.message and finding.next_step for finding in run.report.findings)


@pytest.fixture
def folder(whole: Workspace, tmp_path: Path) -> Path:
    [release] = (whole.root / "releases").iterdir()
    shutil.copytree(release, tmp_path / "release", dirs_exist_ok=True)
    return tmp_path / "release"


def look_through(folder: Path) -> None:
    """All that is done with a release of somebody else's before it is trusted."""
    release = open_release(folder)
    findings = [*integrity_findings(release), *content_findings(release)]
    assert all(finding.message and finding.next_step for finding in findings)
    for split in release.splits.values():
        for item in split:
            assert item.captions is not None


@many(0.2)
@given(data=st.data())
def test_a_forged_manifest_is_refused_in_words(folder: Path, data: st.DataObject) -> None:
    path, sums = folder / "release.json", folder / "SHA256SUMS"
    before = (path.read_bytes(), sums.read_text())
    try:
        forged = data.draw(mutated(json.loads(before[0])))
        old = file_sha256(path)
        path.write_text(json.dumps(forged))
        sums.write_text(before[1].replace(old, file_sha256(path)))
        around = sorted(folder.parent.rglob("*"))
        with or_refused_in_words():
            look_through(folder)
        assert sorted(folder.parent.rglob("*")) == around
    finally:
        path.write_bytes(before[0])
        sums.write_text(before[1])


@many(0.2)
@given(data=st.data())
def test_damaged_parquet_is_refused_in_words(folder: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(folder.rglob("*.parquet"))))
    before = path.read_bytes()
    try:
        path.write_bytes(data.draw(damaged(before)))
        with or_refused_in_words():
            look_through(folder)
    finally:
        path.write_bytes(before)


SETTINGS = """format = 1
name = "mg"
language = "en"
[splits]
ratios = [8, 1, 1]
[rules]
ignore = ["GS307"]
levels = {GS304 = "error"}
[queue]
overlap = 2
[app]
url = "https://example.org/mg"
"""


@many()
@given(damaged(SETTINGS.encode()))
def test_damaged_settings_are_read_or_refused_in_words(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.toml"
    path.write_bytes(data)
    with or_refused_in_words():
        read_settings(path)


@many(0.2)
@given(mutated(schemas.read("event_types.json")))
def test_a_mutated_taxonomy_is_read_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, document: Json
) -> None:
    path = tmp_path_factory.getbasetemp() / "mutated.json"
    path.write_text(json.dumps(document))
    with or_refused_in_words():
        assert load_taxonomy(path).names


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "{", "\udcff"])
def test_a_note_of_what_was_pulled_that_is_none_is_refused_in_words(folder: Path, text: str) -> None:
    (folder / PULLED).write_text(text, errors="surrogateescape")
    with or_refused_in_words() as refused:
        open_release(folder)
    assert refused


def test_a_taxonomy_nested_without_end_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "event_types.json").write_text("[" * 100_000)
    with or_refused_in_words() as refused:
        load_taxonomy(tmp_path / "event_types.json")
    assert refused


@many(0.1)
@given(data=st.data())
def test_a_damaged_backup_restores_all_or_nothing(
    whole: Workspace, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    here = tmp_path_factory.mktemp("backup", numbered=True)
    path = here / "mg.tar"
    back_up(whole, path)
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    with or_refused_in_words() as refused:
        restore(path, here / "again").catalog.close()
    assert {one.name for one in here.iterdir()} == ({"mg.tar"} if refused else {"mg.tar", "again"})
    shutil.rmtree(here)
