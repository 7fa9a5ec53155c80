"""The run folder: a trained model with everything that is needed to use it again, and what made it.

model.safetensors   weights of the best epoch          words.json, words.safetensors   vocabulary, first vectors
config.json         settings, release, extractor, θ    log.jsonl                       one line an epoch
report.html         what `gatherset evaluate` shows    figures/                        its curves and heat maps
events.out.*        the same lines for TensorBoard     folds/                          models of `gatherset suspects`
state.safetensors   where an unfinished training goes on
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from gatherset.baselines.edan import Edan
from gatherset.baselines.interface import Model
from gatherset.baselines.loader import SplitLike
from gatherset.baselines.models import build, read_shape
from gatherset.baselines.train_settings import TrainConfig
from gatherset.baselines.words import Vectors, Vocabulary, load_words, save_words
from gatherset.dataset.errors import ModelError
from gatherset.dataset.features import FeatureFile, ReleaseIdentity

MODEL, LOG = "model.safetensors", "log.jsonl"
FORMAT = 3  # 2 had only EDAN: `edan` in the place of `model` and `shape`


class Splits(Protocol):
    """What has splits by their names: a release, or one in folds."""

    def __getitem__(self, split: str, /) -> SplitLike: ...


@dataclass(frozen=True)
class RunConfig:
    """What a run was made of: with the same, and the same library versions, training gives the same model."""

    model: str  # its name in gatherset.baselines.models: edan, scan
    shape: dict[str, Any]  # its settings: EdanConfig, ScanConfig
    training: dict[str, Any]  # TrainConfig
    release: dict[str, str]  # name, version, content_hash
    extractor_hash: str  # of the features it was trained on
    region_dim: int  # D of these features
    vectors: str | None  # name and hash of the file of word vectors it began with; none: they were made for it
    code_version: str  # of Gatherset
    event_types: list[str]  # of the release: captions are found under these alone
    records: str | None = None  # see `records_digest`, of train and val; none: made before it was kept

    @property
    def hash(self) -> str:
        """sha256 (hex) of all of it."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Run:
    """A trained model, opened."""

    folder: Path
    config: RunConfig
    model: Model
    vocabulary: Vocabulary

    @property
    def label(self) -> bool:
        """Whether the model takes an event type with a caption."""
        return self.model.takes_event

    def log(self) -> list[dict[str, Any]]:
        """One line an epoch; ModelError where it cannot be read."""
        path = self.folder / LOG
        try:
            lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
            if not all(isinstance(line, dict) and "seconds" in line for line in lines):
                raise ValueError("a line is no epoch")
        except (OSError, ValueError, RecursionError) as error:
            raise ModelError(f"{path} is damaged: {error}", "Train the model again") from error
        return lines

    @property
    def edan(self) -> Edan:
        """The model, for what only EDAN can do; ModelError where it is another."""
        if not isinstance(self.model, Edan):
            raise ModelError(f"{self.folder} holds {self.config.model}, not EDAN", "Choose a run of EDAN")
        return self.model

    def require(self, features: FeatureFile) -> None:
        """Raise ModelError unless `features` come from the extractor that the model was trained on."""
        if features.header.extractor.hash != self.config.extractor_hash:
            raise ModelError(
                f"{self.folder} was trained on features of extractor {self.config.extractor_hash}, but {features.path} "
                f"was made by {features.header.extractor.hash}",
                "Make the features with the same extractor and settings, or train again",
            )


def release_identity(release: ReleaseIdentity) -> dict[str, str]:
    """Name, version and content hash of a release, as results and runs name it."""
    return {"name": release.name, "version": release.version, "content_hash": release.content_hash}


def records_digest(release: Splits, *splits: str) -> str:
    """sha256 (hex) of the ids in these splits: the content hash of a release stays as records of it are withdrawn."""
    return ids_digest([f"{split}/{record}" for split in splits for record in release[split].ids])


def ids_digest(ids: Sequence[str]) -> str:
    """sha256 (hex) of ids, in their order."""
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()


def write_json(path: Path, document: object) -> None:
    """Write `document` so that the file is there whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")
    os.replace(partial, path)


def write_log(folder: Path, lines: Sequence[dict[str, Any]]) -> None:
    """Write the log, whole or not at all."""
    partial = folder / f"{LOG}.partial"
    partial.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    os.replace(partial, folder / LOG)


def begin_run(folder: Path, config: RunConfig, vocabulary: Vocabulary, vectors: Vectors) -> None:
    """Write all that is known before training; config.json last, for it makes the folder a run."""
    write_log(folder, [])
    save_words(folder, vocabulary, vectors)
    write_json(folder / "config.json", {"format": FORMAT, **asdict(config)})


def read_config(folder: Path) -> RunConfig:
    """The settings of the run in `folder`; ModelError where it is none, or of another version of Gatherset."""
    path = folder / "config.json"
    try:
        document = json.loads(path.read_text("utf-8"))
        found = document.pop("format")
        if found == 2:
            document |= {"model": "edan", "shape": document.pop("edan")}
        elif found != FORMAT:
            raise ModelError(f"{folder} was made by another version of Gatherset", "Train the model again")
        document["training"] = asdict(TrainConfig(**document["training"]))  # with the settings that came later
        if {*document["release"]} != {"name", "version", "content_hash"} or not isinstance(
            document["event_types"], list
        ):
            raise ValueError("release and event_types are not those of a run")
        return RunConfig(**document)
    except OSError as error:
        raise ModelError(f"{folder} is not a run: {path.name}: {error.strerror}", "See the folder runs/") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelError(f"{path} is damaged: {error}", "Train the model again") from error


def save_model(folder: Path, model: Model) -> None:
    """Write the weights, whole or not at all."""
    partial = folder / f"{MODEL}.partial"
    save_file({name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}, partial)
    os.replace(partial, folder / MODEL)


def load_run(folder: str | Path) -> Run:
    """Open a run folder; ModelError where it is none, is unfinished or damaged."""
    folder = Path(folder)
    config = read_config(folder)
    if (folder / "state.pt").exists():
        raise ModelError(f"{folder} was begun by an older version of Gatherset", "Delete it and train again")
    if (folder / "state.safetensors").exists():
        raise ModelError(
            f"the training of {folder} is not finished", f"Run `gatherset train --run {folder.name}` again"
        )
    vocabulary, vectors = load_words(folder)
    try:
        model = build(read_shape(config.model, config.shape), config.region_dim, torch.from_numpy(vectors))
        model.load_state_dict(load_file(folder / MODEL))
    except (OSError, SafetensorError, RuntimeError, TypeError) as error:
        raise ModelError(f"{folder} holds no readable model: {error}", "Train the model again") from error
    return Run(folder, config, model.eval(), vocabulary)
