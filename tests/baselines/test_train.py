import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from gatherset.baselines import runs
from gatherset.baselines.edan import EdanConfig
from gatherset.baselines.runs import load_run
from gatherset.baselines.train import _Training, train
from gatherset.baselines.train_settings import TrainConfig
from gatherset.dataset.errors import FeaturesError, ModelError
from gatherset.dataset.features import FeatureFile
from tests.baselines.conftest import TinyRelease, write_features

ROOT = Path(__file__).parents[2]
EDAN = EdanConfig(d=32, layers=1, heads=2, word_dim=16)
SETTINGS = TrainConfig(batch=20, lr=1e-2, epochs=4, warm_up=5, all_negatives=20, averaging=0.9)


def silent(_: str) -> None:
    pass


@pytest.fixture(scope="module")
def trained(release: TinyRelease, features: FeatureFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    train(release, features, folder, shape=EDAN, settings=SETTINGS, report=silent)
    return folder


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_run(folder).model.state_dict()


def assert_same(one: Path, other: Path) -> None:
    first, second = weights(one), weights(other)
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=0, atol=0)


def test_training_learns(trained: Path) -> None:
    """Guessing reaches an Rsum of about 150 among 20 images of five captions."""
    log = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    assert len(log) == 4
    assert max(line["rsum"] for line in log) > 250


def test_a_run_says_what_made_it(trained: Path, features: FeatureFile) -> None:
    run = load_run(trained)
    assert run.config.release == {"name": "tiny", "version": "1.0.0", "content_hash": "ab" * 32}
    assert run.config.extractor_hash == features.header.extractor.hash
    assert 0 <= run.model.theta <= 1
    names = sorted(path.name for path in trained.iterdir())
    assert names.pop(1).startswith("events.out.tfevents.")
    assert names == [
        "config.json", "log.jsonl", "model.safetensors", "words.json", "words.safetensors",
    ]  # fmt: skip


def test_the_same_seed_gives_the_same_model(
    trained: Path, release: TinyRelease, features: FeatureFile, tmp_path: Path
) -> None:
    train(release, features, tmp_path / "again", shape=EDAN, settings=SETTINGS, report=silent)
    assert_same(trained, tmp_path / "again")


def test_a_stopped_training_goes_on_to_the_same_model(
    trained: Path, release: TinyRelease, features: FeatureFile, tmp_path: Path
) -> None:
    def stop(line: str) -> None:
        if line.startswith("epoch 2"):
            raise KeyboardInterrupt

    folder = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        train(release, features, folder, shape=EDAN, settings=SETTINGS, report=stop)
    with pytest.raises(ModelError, match="not finished"):
        load_run(folder)
    train(release, features, folder, shape=EDAN, settings=SETTINGS, report=silent)
    assert_same(trained, folder)


KILLED = """
import sys
from pathlib import Path
from gatherset.baselines.train import train
from gatherset.dataset.features import FeatureFile
from tests.baselines.conftest import TinyRelease
from tests.baselines.test_train import EDAN, SETTINGS

release = TinyRelease({"train": 60, "val": 20, "test": 20})
train(release, FeatureFile.open(sys.argv[1]), Path(sys.argv[2]), shape=EDAN, settings=SETTINGS,
      report=lambda line: print(line, flush=True))
"""


def test_a_killed_training_goes_on_to_the_same_model_and_log(
    trained: Path, release: TinyRelease, features: FeatureFile, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    command = [sys.executable, "-c", KILLED, str(features.path), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        for line in process.stdout:
            if line.startswith("epoch 2"):
                process.kill()
    assert (folder / "state.safetensors").exists()
    train(release, features, folder, shape=EDAN, settings=SETTINGS, report=silent)
    assert_same(trained, folder)
    logs = [[json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()] for run in (trained, folder)]
    for one, other in zip(*logs, strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}


def test_a_training_killed_before_its_last_line_of_log_has_all_of_it(
    trained: Path, release: TinyRelease, features: FeatureFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(folder: Path, lines: list[object]) -> None:
        if len(lines) == SETTINGS.epochs:
            raise KeyboardInterrupt
        runs.write_log(folder, lines)  # type: ignore[arg-type]

    monkeypatch.setattr("gatherset.baselines.train.write_log", killed)
    with pytest.raises(KeyboardInterrupt):
        train(release, features, tmp_path / "killed", shape=EDAN, settings=SETTINGS, report=silent)
    monkeypatch.undo()
    run = train(release, features, tmp_path / "killed", shape=EDAN, settings=SETTINGS, report=silent)
    assert [line["epoch"] for line in run.log()] == [1, 2, 3, 4]


def test_a_collapse_is_undone(
    release: TinyRelease, features: FeatureFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An epoch that made all scores equal leaves no trace in the weights, nor in what the optimiser remembers."""
    made: list[_Training] = []
    epoch = _Training._epoch

    def collapsing(self: _Training, number: int) -> dict[str, object]:
        line = epoch(self, number)
        if number == 1:
            with torch.no_grad():
                for weight in (*self.model.parameters(), *self.averaged.parameters()):
                    weight.zero_()
            line |= {"collapsed": True, "rsum": 0.0}
            made.append(self)
        return line

    monkeypatch.setattr(_Training, "_epoch", collapsing)
    report: list[tuple[bool, int]] = []

    def look(text: str) -> None:
        if text.startswith("epoch 2"):
            best = load_file(tmp_path / "run" / "model.safetensors")
            same = all(torch.equal(own, best[name]) for name, own in made[0].model.state_dict().items())
            report.append((same, len(made[0].optimiser.state)))

    train(release, features, tmp_path / "run", shape=EDAN, settings=SETTINGS, report=look)
    assert report == [(True, 0)]


def test_a_finished_run_is_opened_not_trained_again(trained: Path, release: TinyRelease, features: FeatureFile) -> None:
    before = (trained / "model.safetensors").stat().st_mtime_ns
    train(release, features, trained, shape=EDAN, settings=SETTINGS, report=silent)
    assert (trained / "model.safetensors").stat().st_mtime_ns == before


def test_a_folder_with_another_run_is_refused(trained: Path, release: TinyRelease, features: FeatureFile) -> None:
    with pytest.raises(ModelError, match="other settings"):
        train(release, features, trained, shape=EDAN, settings=replace(SETTINGS, seed=1), report=silent)


def test_a_run_from_before_a_withdrawal_is_another_one(
    trained: Path, release: TinyRelease, features: FeatureFile, tmp_path: Path
) -> None:
    shutil.copytree(trained, tmp_path / "run")
    other = TinyRelease({"train": 60, "val": 20, "test": 20})  # the same content hash
    for field in (other["train"].ids, other["train"].captions, other["train"].event_types):
        del field[0]
    with pytest.raises(ModelError, match=r"other records of tiny@1\.0\.0: some are withdrawn since"):
        train(other, features, tmp_path / "run", shape=EDAN, settings=SETTINGS, report=silent)


def test_a_run_of_another_version_is_refused(trained: Path, tmp_path: Path) -> None:
    document = json.loads((trained / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**document, "format": 1}))
    with pytest.raises(ModelError, match="another version"):
        load_run(tmp_path)


def test_a_run_from_before_the_peers_is_still_that_run(
    trained: Path, release: TinyRelease, features: FeatureFile, tmp_path: Path
) -> None:
    folder = tmp_path / "old"
    shutil.copytree(trained, folder)
    document = json.loads((folder / "config.json").read_text())
    del document["model"], document["training"]["captions_an_epoch"], document["training"]["validated"]
    del document["records"]
    document |= {"format": 2, "edan": document.pop("shape")}
    (folder / "config.json").write_text(json.dumps(document))
    run = train(release, features, folder, shape=EDAN, settings=SETTINGS, report=silent)  # opened, not trained again
    assert replace(run.config, records=load_run(trained).config.records) == load_run(trained).config


def test_a_cca_and_given_vectors_are_not_mixed(release: TinyRelease, features: FeatureFile, tmp_path: Path) -> None:
    settings = replace(SETTINGS, start="cca")
    with pytest.raises(ModelError, match="Choose one"):
        train(release, features, tmp_path / "run", shape=EDAN, settings=settings, vectors=tmp_path / "v.txt")


def test_training_that_begins_as_a_cca_begins_well(release: TinyRelease, features: FeatureFile, tmp_path: Path) -> None:
    settings = replace(SETTINGS, start="cca", local_loss="infonce", epochs=1)
    edan = replace(EDAN, region_dropout=0.25, word_dropout=0.1, pooling="mean")
    train(release, features, tmp_path / "run", shape=edan, settings=settings, report=silent)
    assert json.loads((tmp_path / "run" / "log.jsonl").read_text())["rsum"] > 500


def test_features_of_another_release_are_refused(release: TinyRelease, tmp_path: Path) -> None:
    other = TinyRelease({"train": 2, "val": 2, "test": 2})
    other.content_hash = "cd" * 32
    features = write_features(other, tmp_path / "other.feat")
    with pytest.raises(FeaturesError, match="cdcd"):
        train(release, features, tmp_path / "run", shape=EDAN, settings=SETTINGS, report=silent)


def test_an_empty_validation_split_is_refused(tmp_path: Path) -> None:
    release = TinyRelease({"train": 5, "val": 0, "test": 1})
    features = write_features(release, tmp_path / "tiny.feat")
    with pytest.raises(ModelError, match="val split"):
        train(release, features, tmp_path / "run", shape=EDAN, settings=SETTINGS, report=silent)


def test_a_loss_that_is_no_number_stops_the_training(
    release: TinyRelease, features: FeatureFile, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, lr=1e30, warm_up=1)
    with pytest.raises(ModelError, match="the loss became"):
        train(release, features, tmp_path / "run", shape=EDAN, settings=settings, report=silent)


@pytest.mark.parametrize("alignment", ["global", "local"])
@pytest.mark.parametrize("label", [True, False])
def test_every_ablation_trains(
    alignment: str, label: bool, release: TinyRelease, features: FeatureFile, tmp_path: Path
) -> None:
    config = replace(EDAN, alignment=alignment, label=label)
    run = train(release, features, tmp_path / "run", shape=config, settings=replace(SETTINGS, epochs=1), report=silent)
    assert run.model.theta == (0 if alignment == "global" else 1)


def test_no_batch_holds_an_image_twice_and_an_epoch_holds_every_caption(
    trained: Path, release: TinyRelease, features: FeatureFile
) -> None:
    run = load_run(trained)
    training = _Training(
        release,
        features,
        trained,
        EDAN,
        SETTINGS,
        run.vocabulary,
        run.model.word2vec.weight.detach().numpy(),
        {},
        torch.device("cpu"),
    )
    image = training.captions["train"].image
    batches = list(training._batches(0))
    assert sorted(torch.cat(batches).tolist()) == list(range(300))
    assert all(len(image[batch].unique()) == len(batch) for batch in batches)


def test_tensorboard_can_read_the_curves(trained: Path) -> None:
    from tensorboardX.proto.event_pb2 import Event

    [path] = trained.glob("events.out.tfevents.*")
    raw, values = path.read_bytes(), {}
    while raw:  # records of length, checksum, event, checksum
        length = int.from_bytes(raw[:8], "little")
        event = Event.FromString(raw[12 : 12 + length])
        values |= {(value.tag, event.step): value.simple_value for value in event.summary.value}
        raw = raw[16 + length :]
    for line in map(json.loads, (trained / "log.jsonl").read_text().splitlines()):
        assert values["rsum", line["epoch"]] == pytest.approx(line["rsum"])
        assert values["loss", line["epoch"]] == pytest.approx(line["loss"])


def test_encoders_in_bfloat16_learn_too(release: TinyRelease, features: FeatureFile, tmp_path: Path) -> None:
    settings = replace(SETTINGS, precision="bfloat16")
    train(release, features, tmp_path / "run", shape=EDAN, settings=settings, report=silent)
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert max(line["rsum"] for line in log) > 250


def test_a_group_of_types_changes_the_label(release: TinyRelease, features: FeatureFile, tmp_path: Path) -> None:
    edan = replace(EDAN, hierarchy=True)
    groups = {"protest": "political"}
    settings = replace(SETTINGS, epochs=1)
    run = train(release, features, tmp_path / "run", shape=edan, settings=settings, groups=groups, report=silent)
    protest, party = (run.vocabulary.number(name) for name in ("protest", "holiday_party"))
    assert run.vocabulary.words[run.model.group_of[protest]] == "<political>"
    assert run.model.group_of[party] == 0
    plain = run.model.fc_word(run.model.word2vec.weight[[protest, party]])
    vectors = run.model.label_vector(torch.tensor([protest, party]))
    assert not torch.allclose(vectors[0], plain[0])
    assert torch.allclose(vectors[1], plain[1])


def test_a_gpu_that_is_not_there_is_refused(release: TinyRelease, features: FeatureFile, tmp_path: Path) -> None:
    missing = "cuda:99"
    with pytest.raises(ModelError, match="there is no device cuda:99 here"):
        train(release, features, tmp_path / "run", shape=EDAN, settings=SETTINGS, device=missing, report=silent)
    with pytest.raises(ModelError, match="there is no device toaster here"):
        train(release, features, tmp_path / "run", shape=EDAN, settings=SETTINGS, device="toaster", report=silent)
    assert not (tmp_path / "run").exists()


def test_a_validation_split_of_one_image_is_enough(tmp_path: Path) -> None:
    release = TinyRelease({"train": 20, "val": 1, "test": 1})
    features = write_features(release, tmp_path / "tiny.feat")
    run = train(release, features, tmp_path / "run", shape=EDAN, settings=replace(SETTINGS, epochs=1), report=silent)
    assert 0 <= run.model.theta <= 1


def test_a_train_split_of_one_image_is_refused(tmp_path: Path) -> None:
    release = TinyRelease({"train": 1, "val": 2, "test": 1})
    features = write_features(release, tmp_path / "tiny.feat")
    with pytest.raises(ModelError, match=r"the train split of tiny@1\.0\.0 has 1 records"):
        train(release, features, tmp_path / "run", shape=EDAN, settings=SETTINGS, report=silent)


def test_captions_of_300_words_and_of_unknown_words_are_trained_on(tmp_path: Path) -> None:
    release = TinyRelease({"train": 20, "val": 5, "test": 5})
    release["train"].captions[0][0] = "word " * 300
    release["val"].captions[0][0] = "zzzz"
    release["val"].captions[1][0] = "!!!"
    features = write_features(release, tmp_path / "tiny.feat")
    run = train(release, features, tmp_path / "run", shape=EDAN, settings=replace(SETTINGS, epochs=1), report=silent)
    assert all(torch.isfinite(tensor).all() for tensor in run.model.state_dict().values())


def test_an_event_type_that_training_lacks_is_named(tmp_path: Path) -> None:
    release = TinyRelease({"train": 20, "val": 5, "test": 5})
    release["val"].event_types[0] = "riot_response"
    release.event_types = [*release.event_types, "riot_response"]
    features = write_features(release, tmp_path / "tiny.feat")
    said: list[str] = []
    train(release, features, tmp_path / "run", shape=EDAN, settings=replace(SETTINGS, epochs=1), report=said.append)
    assert said[0] == "no training image shows riot_response: as a label it says nothing"


@pytest.mark.parametrize(
    ("file", "forged"),
    [
        ("model.safetensors", b"\x80\x04cos\nsystem\n(S'touch pwned'\ntR."),  # a pickle
        ("words.safetensors", b"\x80\x04cos\nsystem\n(S'touch pwned'\ntR."),
        ("config.json", b'{"format": 3, "model": "os.system", "shape": {}}'),
        ("config.json", b'{"format": 3}'),
        ("config.json", b"[" * 100_000),
        ("words.json", b'{"words": 3}'),
    ],
)
def test_a_forged_run_is_refused_in_words_and_runs_nothing(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, forged: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "forged"
    shutil.copytree(trained, folder)
    (folder / file).write_bytes(forged)
    with pytest.raises(ModelError):
        load_run(folder)
    assert not (tmp_path / "pwned").exists()


def test_a_model_that_is_not_in_the_list_is_refused_by_name(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "forged"
    shutil.copytree(trained, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model": "subprocess.Popen"}))
    with pytest.raises(ModelError, match=r"no model subprocess\.Popen"):
        load_run(folder)
