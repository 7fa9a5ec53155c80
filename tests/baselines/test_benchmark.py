import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from gatherset import schemas
from gatherset.baselines import budgets, edan, train, train_settings
from gatherset.baselines.benchmark import evaluate_run, evaluate_scores, run_benchmark, summaries
from gatherset.baselines.benchmark_report import summary
from gatherset.baselines.edan import EventDrivenAttention
from gatherset.baselines.loader import flat_events
from gatherset.baselines.measured import keep, kept, measure_scores, timed_scores
from gatherset.baselines.models.vsepp import VsePlusPlusConfig
from gatherset.baselines.runs import load_run
from gatherset.dataset.errors import GathersetError, InputError, ModelError
from gatherset.dataset.features import ExtractorIdentity, FeatureFile, FeatureWriter
from tests.baselines.conftest import DIM, K, TinyRelease, write_features

EDAN = edan.EdanConfig(d=32, layers=1, heads=2, word_dim=16)
SETTINGS = train_settings.TrainConfig(batch=20, lr=3e-3, epochs=2, warm_up=5, all_negatives=20)


def silent(_: str) -> None:
    pass


def fail(line: str) -> None:
    raise AssertionError(line)


def test_the_benchmark_has_three_rows_of_edan_and_two_floors(
    release: TinyRelease, features: FeatureFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(edan.PRESETS, "cpu", EDAN)
    rows, document = run_benchmark(release, features, tmp_path, epochs=2, report=silent)
    assert [(row.method, row.label) for row in rows] == [
        ("edan", "oracle"), ("edan", "predicted"), ("edan", "none"), ("cca", "none"), ("random", "none"),
    ]  # fmt: skip
    written = json.loads((tmp_path / "benchmark.json").read_text())
    assert written == document
    jsonschema.validate(written, schemas.read("benchmark_result.schema.json"))
    assert written["release"]["content_hash"] == release.content_hash
    assert written["extractor_hash"] == features.header.extractor.hash
    assert summary(document) in (tmp_path / "benchmark.md").read_text()
    assert rows[4].recall.image_to_text[0] == pytest.approx(5)
    assert [model["seeds"] for model in document["models"]] == [1, 1, 1, 0, 0]
    _, smaller = run_benchmark(release, features, tmp_path, epochs=2, models=["random"], report=fail)
    assert smaller["rows"] == document["rows"]  # kept, floors too


def test_a_run_of_another_release_is_refused(release: TinyRelease, features: FeatureFile, tmp_path: Path) -> None:
    run = train.train(release, features, tmp_path / "run", shape=EDAN, settings=SETTINGS, report=silent)
    other = TinyRelease({"train": 2, "val": 2, "test": 2})
    other.content_hash = "cd" * 32
    with pytest.raises(ModelError, match="was trained on"):
        evaluate_run(run, other, write_features(other, tmp_path / "other.feat"))


def test_scores_in_bfloat16_are_other_scores(release: TinyRelease, features: FeatureFile, tmp_path: Path) -> None:
    run = train.train(release, features, tmp_path / "run", shape=EDAN, settings=SETTINGS, report=silent)
    test = release["test"]
    exact, half = (timed_scores(run, test, features, flat_events(test), how)[1] for how in (False, True))
    assert 0 < abs(half - exact).max() < 0.01
    vse = train.train(
        release, features, tmp_path / "vse", shape=VsePlusPlusConfig(d=8, word_dim=8), settings=SETTINGS, report=silent
    )
    with pytest.raises(ModelError, match=r"vse\+\+ has no product of words with regions"):
        evaluate_run(vse, release, features, half=True)


def test_a_training_without_memory_is_named_and_the_others_go_on(
    release: TinyRelease, features: FeatureFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(edan.PRESETS, "cpu", EDAN)

    def full(*anything: object) -> None:
        raise MemoryError

    monkeypatch.setattr(EventDrivenAttention, "forward", full)
    rows, document = run_benchmark(release, features, tmp_path, epochs=1, models=["edan", "vse++"], report=silent)
    assert [row.method for row in rows] == ["vse++"]
    assert "memory does not suffice for a batch of" in document["missing"][0]["reason"]


@pytest.mark.parametrize(
    ("part", "changes", "said"),
    [
        ("training", {"gone": 1}, "config.json is damaged"),
        ("release", {"gone": 1}, "config.json is damaged"),
        ("shape", {"pooling": "prinnted"}, "pooling = prinnted is not possible"),
    ],
)
def test_a_run_of_settings_that_there_are_not_is_refused(
    part: str,
    changes: dict[str, object],
    said: str,
    release: TinyRelease,
    features: FeatureFile,
    tmp_path: Path,
) -> None:
    run = train.train(release, features, tmp_path / "run", shape=EDAN, settings=SETTINGS, report=silent)
    document = json.loads((run.folder / "config.json").read_text())
    (run.folder / "config.json").write_text(json.dumps(document | {part: document[part] | changes}))
    with pytest.raises(GathersetError, match=said):
        load_run(run.folder)


@pytest.mark.parametrize("text", ['{"epoch": 1, "los', "[]\n", None])
def test_a_run_whose_log_is_damaged_is_refused(
    text: str | None, release: TinyRelease, features: FeatureFile, tmp_path: Path
) -> None:
    run = train.train(release, features, tmp_path / "run", shape=EDAN, settings=SETTINGS, report=silent)
    (run.folder / "log.jsonl").unlink()
    if text is not None:
        (run.folder / "log.jsonl").write_text(text)
    with pytest.raises(ModelError, match=r"log\.jsonl is damaged"):
        evaluate_run(run, release, features)


def test_scores_of_anyone_are_evaluated(tmp_path: Path) -> None:
    np.save(tmp_path / "scores.npy", np.eye(10).repeat(5, axis=1))
    assert evaluate_scores(tmp_path / "scores.npy", 5).recall.rsum == pytest.approx(600)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.zeros((5, 10)), "shape"),
        (np.zeros(5), "shape"),
        (np.array([["a"] * 5]), "not numbers"),
        (np.full((1, 5), np.nan), "not finite"),
    ],
)
def test_scores_that_make_no_sense_are_refused(tmp_path: Path, scores: np.ndarray, message: str) -> None:
    np.save(tmp_path / "scores.npy", scores)
    with pytest.raises(InputError, match=message):
        evaluate_scores(tmp_path / "scores.npy", 5)


def test_a_file_that_is_no_matrix_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scores.npy").write_text("not numpy")
    with pytest.raises(InputError, match=r"scores\.npy"):
        evaluate_scores(tmp_path / "scores.npy", 5)


def test_a_file_of_several_arrays_is_no_score_matrix(tmp_path: Path) -> None:
    np.savez(tmp_path / "scores.npz", a=np.eye(2), b=np.eye(2))
    with pytest.raises(InputError, match="holds several arrays"):
        evaluate_scores(tmp_path / "scores.npz", 1)


def test_a_row_has_the_recalls_of_each_type_and_the_precision(
    release: TinyRelease, features: FeatureFile, tmp_path: Path
) -> None:
    run = train.train(release, features, tmp_path / "run", shape=EDAN, settings=SETTINGS, report=silent)
    row = evaluate_run(run, release, features)[0]
    counts = {kind: release["test"].event_types.count(kind) for kind in release["test"].event_types}
    assert {kind: recall.images for kind, recall in row.by_type.items()} == counts
    assert row.precision["text_to_image"] == pytest.approx(row.recall.text_to_image[0])  # one image is right
    assert 0 < row.precision["image_to_text_same_type"] <= 100


def test_features_with_another_number_of_regions_are_refused(
    release: TinyRelease, features: FeatureFile, tmp_path: Path
) -> None:
    run = train.train(release, features, tmp_path / "run", shape=EDAN, settings=SETTINGS, report=silent)
    header = replace(features.header, regions=K + 1, extractor=ExtractorIdentity("tiny", {"regions": K + 1}, "00" * 32))
    with FeatureWriter(tmp_path / "other.feat", header) as writer:
        n = len(header.ids)
        writer.append(np.ones((n, K + 1, DIM)), np.zeros((n, K + 1, 4)))
    with pytest.raises(ModelError, match="Make the features with the same extractor and settings"):
        evaluate_run(run, release, FeatureFile.open(tmp_path / "other.feat"))


def test_peers_stand_beside_edan_and_are_not_trained_again(
    release: TinyRelease, features: FeatureFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "CPU", replace(budgets.CPU, start="random", batch=20))
    said: list[str] = []
    wanted = ("edan-word2vec", "vse++", "scan-t2i-lse", "event", "random")
    _, document = run_benchmark(release, features, tmp_path, models=wanted, epochs=1, seeds=2, report=said.append)
    jsonschema.validate(document, schemas.read("benchmark_result.schema.json"))
    models = {(model["method"], model["label"]): model for model in document["models"]}
    assert models["vse++", "none"]["seeds"] == 2
    assert models["vse++", "none"]["minus_edan"] is None  # there is no row of edan here
    sums = [row["recall"]["rsum"] for row in document["rows"] if row["method"] == "vse++"]
    assert models["vse++", "none"]["rsum_deviation"] == pytest.approx(np.std(sums, ddof=1))
    assert "deviation" in summary(document)
    row = next(row for row in document["rows"] if row["method"] == "vse++")
    assert set(row["speed"]) == {"encode_images", "encode_captions", "score", "rank"}
    assert set(row["event"]) == {"average_precision", "f1"}
    config = json.loads(next(tmp_path.glob("vse++-0-*/config.json")).read_text())
    assert config["release"]["content_hash"] == release.content_hash
    assert (tmp_path / "figures" / "rsum-by-seconds.svg").read_text().count("<circle") == 3
    trained = len(said)
    _, again = run_benchmark(release, features, tmp_path, models=wanted, epochs=1, seeds=2, report=said.append)
    assert len(said) == trained
    assert [row["recall"] for row in again["rows"]] == [row["recall"] for row in document["rows"]]


def test_a_stopped_benchmark_leaves_a_table(
    release: TinyRelease, features: FeatureFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "CPU", replace(budgets.CPU, start="random", batch=20))

    def stop(line: str) -> None:
        if line.startswith("saf"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_benchmark(release, features, tmp_path, models=("vse++", "saf", "cca"), epochs=1, report=stop)
    document = json.loads((tmp_path / "benchmark.json").read_text())
    assert [model["method"] for model in document["models"]] == ["vse++", "cca"]


def test_a_benchmark_that_is_stopped_in_its_first_training_leaves_the_floors(
    release: TinyRelease, features: FeatureFile, tmp_path: Path
) -> None:
    def stop(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_benchmark(release, features, tmp_path, models=("vse++", "cca"), report=stop)
    assert [row["method"] for row in json.loads((tmp_path / "benchmark.json").read_text())["rows"]] == ["cca"]


def test_a_training_that_fails_does_not_stop_the_others(
    release: TinyRelease, features: FeatureFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "CPU", replace(budgets.CPU, start="random", batch=20))
    peer = budgets._peer

    def too_fast(name: str, budget: str) -> budgets.Entry:
        entry = peer(name, budget)
        lr = 1e38 if name == "vse++" else entry.settings.lr
        return replace(entry, settings=replace(entry.settings, lr=lr, warm_up=1))

    monkeypatch.setattr(budgets, "_peer", too_fast)
    wanted = ("vse++", "scan-t2i-lse")
    _, document = run_benchmark(release, features, tmp_path, models=wanted, epochs=1, report=silent)
    assert [row["method"] for row in document["rows"]] == ["scan-t2i-lse"]
    assert [(one["method"], one["seed"]) for one in document["missing"]] == [("vse++", 0)]
    assert "no epoch was finished" in document["missing"][0]["reason"]
    assert "- vse++, seed 0: " in (tmp_path / "benchmark.md").read_text()
    with pytest.raises(ModelError, match="no training came to its end"):
        run_benchmark(release, features, tmp_path / "other", models=("vse++",), epochs=1, report=silent)


def test_what_a_name_needs_is_said(release: TinyRelease, features: FeatureFile, tmp_path: Path) -> None:
    _, document = run_benchmark(release, features, tmp_path, models=("random", "detector"), report=silent)
    assert document["missing"] == [{"method": "detector", "seed": None, "reason": "detector needs --detector"}]
    assert "- detector needs --detector" in summary(document)


def test_a_detector_alone_asks_for_its_floor(release: TinyRelease, features: FeatureFile, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"yolox\.txt is no \.onnx file"):
        run_benchmark(release, features, tmp_path, models=("random",), detector="yolox.txt", report=silent)


def test_a_gpu_that_is_not_there_is_refused(release: TinyRelease, features: FeatureFile, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no device cuda:99 here"):
        run_benchmark(release, features, tmp_path, device="cuda:99", report=silent)


def test_a_withdrawn_record_makes_other_trainings_and_other_results(
    features: FeatureFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, less = TinyRelease({"train": 60, "val": 20, "test": 20}), TinyRelease({"train": 60, "val": 20, "test": 20})
    for field in (less["train"].ids, less["train"].captions, less["train"].event_types):
        del field[0]
    documents = [
        run_benchmark(one, features, tmp_path, models=("cca",), report=silent)[1] for one in (whole, less, whole)
    ]
    digests = [document["release"]["records_sha256"] for document in documents]
    assert digests[0] == digests[2] != digests[1]
    recalls = [document["rows"][0]["recall"]["rsum_interval"] for document in documents]
    assert recalls[0] == recalls[2] != recalls[1]


def test_a_floor_that_cannot_be_measured_says_what_it_needs(
    release: TinyRelease, features: FeatureFile, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"none of detector can be measured.*needs --detector"):
        run_benchmark(release, features, tmp_path, models=("detector",), report=silent)


def test_rows_are_compared_with_edan_on_the_same_images(release: TinyRelease) -> None:
    scores = np.eye(20).repeat(5, axis=1)
    measured = [
        measure_scores("edan", "none", release["test"], scores, scores),
        measure_scores("worse", "none", release["test"], 0 * scores, 0 * scores),
    ]
    first, second = summaries(measured)
    assert first["minus_edan"] is None
    assert second["minus_edan"]["rsum"] == pytest.approx(second["rsum"] - first["rsum"])
    assert second["minus_edan"]["chance"] < 0.001


def test_what_was_measured_is_read_again(release: TinyRelease, tmp_path: Path) -> None:
    scores = np.random.default_rng(0).random((20, 100))
    one = measure_scores("x", "none", release["test"], scores, scores)
    keep(tmp_path, [one], release["test"])
    assert kept(tmp_path, release["val"]) == []  # as many, but others
    [other] = kept(tmp_path, release["test"])
    assert other.row == one.row
    assert other.found.rsum == one.found.rsum
    (tmp_path / "found-none.safetensors").write_bytes(b"damaged")
    assert kept(tmp_path, release["test"]) == []
