import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gatherset.cli import main
from gatherset.dataset.density import densities
from gatherset.dataset.errors import FeaturesError
from gatherset.dataset.features import ExtractorIdentity, FeatureWriter, Header
from gatherset.dataset.figures import write_figures
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.loading import Release
from gatherset.dataset.records import Record
from gatherset.dataset.rules.rule import numbered
from gatherset.dataset.statistics import Statistics
from gatherset.dataset.workspace import Workspace
from tests.dataset.conftest import Photos, make_all


def some(count: int, *types: str) -> list[Record]:
    records = []
    for number in range(count):
        record = numbered(number)
        record["event"] = {"type": types[number % len(types)], "votes": {}}
        records.append(record)
    return records


def test_the_row_of_table_1() -> None:
    row = Statistics.of("mg@1.0.0", some(4, "protest", "sports_event")).table_row()
    assert list(row.values()) == [
        "mg@1.0.0",
        "4",
        "5",
        "Event types (2 classes)",
        "Existing datasets, screened",
        "Mass gathering events",
    ]


@pytest.mark.parametrize(("types", "balance"), [(("a", "b"), 1.0), (("a",), 0.0), (("a", "a", "a", "b"), 0.8113)])
def test_balance_is_the_evenness_of_the_types(types: tuple[str, ...], balance: float) -> None:
    assert Statistics.of("", some(4, *types)).balance() == pytest.approx(balance, abs=1e-4)


def test_lengths_and_words_of_the_captions() -> None:
    [record] = some(1, "protest")
    for entry, text in zip(record["captions"], ("a b", "a b c d", "a", "a", "a b"), strict=True):
        entry["text"] = text
    counted = Statistics.of("", [record])
    assert (counted.caption_lengths()["mean"], counted.caption_lengths()["median"]) == (2.0, 2.0)
    assert counted.vocabulary() == {"words": 4, "running_words": 10, "once": 0.5}


def test_of_nothing_there_is_nothing_to_say() -> None:
    empty = Statistics.of("mg", [])
    assert empty.document()["caption_words"] == {}
    assert empty.table_row()["Images"] == "0"


def test_a_dataset_of_like_images_is_denser_and_the_size_does_not_matter() -> None:
    generator = np.random.default_rng(0)
    one = generator.normal(size=(200, 16)).astype(np.float32)
    tight = one[:60] * 0.2 + 1
    sets = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (one, tight)]
    loose, dense = densities(*sets)
    assert dense.distance < loose.distance / 2
    assert loose.sample == dense.sample == 60


def test_two_images_have_no_density() -> None:
    with pytest.raises(FeaturesError, match="too few for 10 neighbours"):
        densities(np.eye(2, dtype=np.float32))


def features(path: Path, name: str, extractor: str = "e", count: int = 30) -> Path:
    ids = [f"gs-{number:016x}" for number in range(count)]
    header = Header(ExtractorIdentity(extractor, {}, "0"), name, "1.0.0", "0", 2, 8, ids)
    generator = np.random.default_rng(len(name))
    with FeatureWriter(path, header) as writer:
        writer.append(generator.normal(size=(count, 2, 8)), np.zeros((count, 2, 4)))
    return path


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return done.exit_code, done.output


def test_figures_are_written_as_svg_and_png_and_are_the_same_again(released: Release, tmp_path: Path) -> None:
    given = ("--features", features(tmp_path / "a.feat", "mg"), "--beside", features(tmp_path / "b.feat", "other"))
    code, output = run("stats", released.path, *given, "--figures", tmp_path / "one", "--json")
    assert code == 0, output
    again = write_figures(Statistics.of("mg@1.0.0", released.records()), tmp_path / "two")
    names = {path.name for path in (tmp_path / "one").iterdir()}
    drawn = ("caption_lengths", "event_types", "sources", "licences", "density")
    assert names == {f"{name}{suffix}" for name in drawn for suffix in (".svg", ".png")}
    assert all((tmp_path / "one" / path.name).read_bytes() == path.read_bytes() for path in again)
    assert list(json.loads(output)["density"]) == ["mg@1.0.0", "other@1.0.0"]


def test_features_of_two_extractors_are_not_compared(released: Release, tmp_path: Path) -> None:
    given = ("--features", features(tmp_path / "a.feat", "mg"), "--beside", features(tmp_path / "b.feat", "x", "f"))
    code, output = run("stats", released.path, *given)
    assert (code, "are of different extractors" in output) == (2, True)


def test_a_workspace_is_counted_once_it_has_records(workspace: Workspace, make_photos: Photos) -> None:
    assert run("stats", "-w", workspace.root)[0] == 2
    ingest(workspace, make_photos(3), Provenance())
    make_all(workspace)
    code, output = run("stats", "-w", workspace.root)
    assert code == 0
    assert "| mg | 3 | 5 | Event types (1 classes) | Manual collection | Mass gathering events |" in output
