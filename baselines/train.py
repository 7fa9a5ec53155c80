"""Training EDAN or a peer of it on a release: one file from the settings to the best epoch."""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from gatherset import __version__
from gatherset.baselines.budgets import CPU
from gatherset.baselines.checkpoint import (
    FILE as STATE,
)
from gatherset.baselines.checkpoint import (
    Checkpoint,
    grouped,
    moments,
    read_checkpoint,
    restore_moments,
    save_checkpoint,
)
from gatherset.baselines.curves import Curves
from gatherset.baselines.device import find_device
from gatherset.baselines.edan import PRESETS as EDAN_PRESETS
from gatherset.baselines.edan import Edan, EdanConfig
from gatherset.baselines.first_words import first_words
from gatherset.baselines.loader import Captions, Part, SplitLike, flat_captions, flat_events, number_captions
from gatherset.baselines.models import Config, build, model_name, shape_settings, takes_event
from gatherset.baselines.negatives import Negatives
from gatherset.baselines.peer_step import PeerStep
from gatherset.baselines.runs import (
    MODEL,
    Run,
    RunConfig,
    begin_run,
    load_run,
    read_config,
    records_digest,
    release_identity,
    save_model,
    write_log,
)
from gatherset.baselines.scoring import out_of_memory
from gatherset.baselines.start import start_from_cca
from gatherset.baselines.step import Step, processes, rank
from gatherset.baselines.train_settings import PRESETS, TrainConfig
from gatherset.baselines.trainable import check_settings, check_splits, untrained_types
from gatherset.baselines.validation import validated
from gatherset.baselines.vectors import vectors_name
from gatherset.baselines.words import Vectors, Vocabulary, group_token, load_words
from gatherset.dataset.errors import InputError, ModelError
from gatherset.dataset.features import FeatureFile
from gatherset.dataset.progress import progress
from gatherset.dataset.taxonomy import load_taxonomy

if TYPE_CHECKING:
    from gatherset.dataset.loading import Release

LARGEST = 1 << 30


def train(
    release: Release,
    features: FeatureFile,
    folder: Path,
    *,
    shape: Config = EDAN_PRESETS["cpu"],
    settings: TrainConfig | None = None,
    vectors: Path | None = None,
    groups: Mapping[str, str] | None = None,
    device: str = "cpu",
    report: Callable[[str], None] = print,
) -> Run:
    """Train on the train split, choose epoch and θ on the val split, and leave the run in `folder`.

    A training that was stopped goes on after its last whole epoch, with the outcome of one that was not; a finished
    one is opened. Raises FeaturesError where the features are of another release, ModelError where the folder holds
    another run, where the loss is no longer a number, or where the splits are too small. `vectors` is a file of word
    vectors to begin with, instead of a Word2Vec trained on the release. `settings` are by default those of the preset
    `cpu`, for a peer those of the budget `cpu`; what only EDAN can do is refused for a peer. `groups` names the group
    of each event type, for `hierarchy`; by default those of the taxonomy that Gatherset brings. `device` is "cpu" or a
    GPU ("cuda", "cuda:1", "mps"); the same settings on another device give nearly the same model.
    """
    features.require(release)
    settings = settings or (PRESETS["cpu"] if isinstance(shape, EdanConfig) else CPU)
    check_splits(release)
    check_settings(shape, settings)
    place = find_device(device)
    if vectors is not None and settings.start == "cca":
        raise ModelError(f"{vectors} is given, but start = cca brings vectors of its own", "Choose one of the two")
    report = report if rank() == 0 else _nothing
    config = run_config(release, features, shape, settings, vectors)
    groups = {kind.name: kind.group for kind in load_taxonomy().types} if groups is None else groups
    if (folder / "config.json").exists():
        before = read_config(folder)
        if before.records not in (None, config.records):
            raise ModelError(
                f"{folder} was trained on other records of {release.name}@{release.version}: some are withdrawn since",
                "Choose another name with --run",
            )
        if replace(before, records=config.records) != config:
            raise ModelError(f"{folder} already holds a run with other settings", "Choose another name with --run")
        if not (folder / STATE).exists():
            return load_run(folder)
    elif rank() == 0:
        folder.mkdir(parents=True, exist_ok=True)
        save_checkpoint(folder, Checkpoint({}, {"epoch": 0}))
        begin_run(folder, config, *first_words(release, shape, settings, vectors, groups, report))
    _wait()
    vocabulary, first_vectors = load_words(folder)
    unknown = vocabulary.unknown_share(flat_captions(release["val"]))
    if takes_event(shape) and (unseen := untrained_types(release, "val")):
        report(f"no training image shows {', '.join(unseen)}: as a label it says nothing")
    report(f"{len(vocabulary)} words; {unknown:.1%} of the words in the val split are unknown")
    _Training(release, features, folder, shape, settings, vocabulary, first_vectors, groups, place).run(report)
    _wait()
    (folder / STATE).unlink(missing_ok=True)
    return load_run(folder)


def join_processes() -> None:
    """Join the other processes of a `torchrun`; nothing where there are none."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        dist.init_process_group("gloo")


def _nothing(_: str) -> None:
    """Only the first process reports."""


def _wait() -> None:
    """Until all processes are here."""
    if processes() > 1:
        dist.barrier()


def run_config(
    release: Release, features: FeatureFile, shape: Config, settings: TrainConfig, vectors: Path | None = None
) -> RunConfig:
    """What a training with these would be made of."""
    return RunConfig(
        model=model_name(shape),
        shape=shape_settings(shape),
        training=asdict(settings),
        release=release_identity(release),
        extractor_hash=features.header.extractor.hash,
        region_dim=features.header.dim,
        vectors=vectors_name(vectors) if vectors else None,
        code_version=__version__,
        event_types=list(release.event_types),
        records=records_digest(release, "train", "val"),
    )


def some(split: SplitLike, images: int) -> SplitLike:
    """So many images of `split`, evenly drawn; all of it where it has no more, or for 0."""
    if not images or images >= len(split.ids):
        return split
    rows = np.linspace(0, len(split.ids) - 1, images).astype(int).tolist()
    return Part.of(split)[rows]


class _Training:
    """One training: the model, its optimiser and where it stands."""

    def __init__(
        self,
        release: Release,
        features: FeatureFile,
        folder: Path,
        shape: Config,
        settings: TrainConfig,
        vocabulary: Vocabulary,
        vectors: Vectors,
        groups: Mapping[str, str],
        device: torch.device,
    ) -> None:
        self.features, self.folder, self.settings, self.device = features, folder, settings, device
        parts: dict[str, SplitLike] = {"train": release["train"], "val": some(release["val"], settings.validated)}
        self.ids = {split: part.ids for split, part in parts.items()}
        self.captions: dict[str, Captions] = {
            split: number_captions(part, vocabulary, flat_events(part)) for split, part in parts.items()
        }
        torch.manual_seed(settings.seed)
        self.model = build(shape, features.header.dim, torch.from_numpy(vectors))
        if isinstance(self.model, Edan) and shape.label and shape.hierarchy:
            for event, group in groups.items():
                self.model.group_of[vocabulary.number(event)] = vocabulary.known(group_token(group))
        state = read_checkpoint(folder)
        if isinstance(self.model, Edan) and settings.start == "cca" and not state.known["epoch"]:
            start_from_cca(self.model, features, self.ids["train"], self.captions["train"])
        self.model.to(device)
        own = Step(self.model, settings) if isinstance(self.model, Edan) else PeerStep(self.model, settings)
        self.step = own.to(device)
        self.parallel = DistributedDataParallel(self.step) if processes() > 1 else self.step
        self.averaged = copy.deepcopy(self.model)  # this one is evaluated and kept
        self.optimiser = torch.optim.AdamW(self._parameter_groups(), lr=settings.lr, fused=True)
        self.steps_an_epoch = sum(1 for _ in self._batches(0))
        self.negatives = Negatives(settings.margin, self.step.triplet_directions, settings.all_negatives)
        self.best, self.best_epoch = -1.0, 0
        self.log: list[dict[str, Any]] = []  # one line an epoch
        self.epochs_done = int(state.known["epoch"])
        if self.epochs_done:
            self._resume(state)

    def run(self, report: Callable[[str], None]) -> None:
        """All epochs that are still to come."""
        # Moments of words that are not in the batch shrink to denormal numbers, which are many times slower.
        torch.set_flush_denormal(True)
        with closing(Curves(self.folder, self.log)) if rank() == 0 else nullcontext() as curves:
            for epoch in range(self.epochs_done, self.settings.epochs):
                if epoch - self.best_epoch >= self.settings.patience:
                    break
                try:
                    line = self._epoch(epoch)
                except (MemoryError, RuntimeError) as error:
                    if not out_of_memory(error):
                        raise
                    raise ModelError(
                        f"run {self.folder.name}: memory does not suffice for a batch of {self.settings.batch}",
                        "Train with a smaller one: --set batch=…",
                    ) from error
                self._save(epoch + 1, line)
                if curves:
                    curves.add(line)
                report(
                    f"epoch {epoch + 1} of {self.settings.epochs}: loss {line['loss']:.3f}, "
                    f"validation Rsum {line['rsum']:.1f} (best {self.best:.1f}), {line['seconds']:.0f} s"
                )

    def _epoch(self, epoch: int) -> dict[str, Any]:
        started = time.monotonic()
        # Each epoch and process has a generator state of its own, so that a resumed training takes the same way.
        torch.manual_seed((self.settings.seed * 1009 + rank()) * 100_003 + epoch)
        self.model.train()
        label = f"epoch {epoch + 1} of {self.settings.epochs}, best Rsum {max(self.best, 0):.1f}"
        batches: Iterable[Tensor] = self._batches(epoch)
        if rank() == 0:
            batches = progress(batches, total=self.steps_an_epoch, label=label)
        losses = [self._step(epoch * self.steps_an_epoch + number, rows) for number, rows in enumerate(batches)]
        contrastive, local, worst = (sum(column) / len(losses) for column in zip(*losses, strict=True))
        first_step = epoch * self.steps_an_epoch
        stuck = self.negatives.after_epoch(first_step, first_step + self.steps_an_epoch, local, worst)
        theta, value = self._validate(epoch)
        if isinstance(self.averaged, Edan):
            self.averaged.theta.fill_(theta)
        return {
            "epoch": epoch + 1,
            "loss": contrastive + local,
            "contrastive": contrastive,
            "local": local,
            "collapsed": stuck,
            "tau": None if self.step.tau is None else self.step.tau.item(),
            "theta": theta if isinstance(self.averaged, Edan) else None,
            "rsum": value,
            "seconds": time.monotonic() - started,
        }

    def _validate(self, epoch: int) -> tuple[float, float]:
        """θ (a peer's is 0) and Rsum on the val split; the first process measures for all."""
        outcome = torch.zeros(2, dtype=torch.float64)
        if rank() == 0:
            try:
                outcome[:] = torch.tensor(
                    validated(self.averaged, self.features, self.ids["val"], self.captions["val"])
                )
            except InputError as error:
                raise self._diverged(f"after epoch {epoch + 1}, {error.what}") from error
        if processes() > 1:
            dist.broadcast(outcome, 0)
        return outcome[0].item(), outcome[1].item()

    def _diverged(self, what: str) -> ModelError:
        """Numbers that are none, and what is left of the training."""
        kept = f"its best epoch, {self.best_epoch}, is kept" if self.best_epoch else "no epoch was finished"
        return ModelError(
            f"run {self.folder.name}: {what}; {kept}", "Train with a lower learning rate, or check the features"
        )

    def _step(self, step: int, rows: Tensor) -> tuple[float, float, float]:
        """One step of the optimiser on the captions `rows`, shared among the processes.

        Its two losses, and what that of Eq. 14 is with the hardest negatives alone.
        """
        captions = self.captions["train"]
        own = rows[rank() : len(rows) - len(rows) % processes() : processes()]
        image = captions.image[own]
        shown = torch.from_numpy(self.features.regions([self.ids["train"][i] for i in image.tolist()]))
        pairs = (tensor.to(self.device) for tensor in (shown, *captions.rows(own), image))
        contrastive, local = self.parallel(*pairs, self.negatives.hardest(step))
        loss = contrastive + local  # Eq. 15
        place = f"at step {step}, in epoch {step // self.steps_an_epoch + 1}"
        if not math.isfinite(loss.item()):
            raise self._diverged(f"the loss became {loss.item()} {place}")
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate(step)
        self.optimiser.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.step.parameters(), self.settings.clip).item()
        if not math.isfinite(norm):  # a step along it would leave weights that are no numbers
            raise self._diverged(f"the gradient became {norm} {place}")
        self.optimiser.step()
        self._average(step)
        return contrastive.item(), local.item(), self.step.hardest_loss.item()

    @torch.no_grad()
    def _average(self, step: int) -> None:
        """Draw the kept weights towards the trained ones; in the first steps more, for they begin as random ones."""
        decay = min(self.settings.averaging, step / (step + 10))
        for mean, weight in zip(self.averaged.parameters(), self.model.parameters(), strict=True):
            mean.lerp_(weight, 1 - decay)

    def _rate(self, step: int) -> float:
        total = self.settings.epochs * self.steps_an_epoch
        warm = min(1.0, (step + 1) / min(self.settings.warm_up, total / 4))
        return self.settings.lr * warm * (1 + math.cos(math.pi * step / total)) / 2

    def _batches(self, epoch: int) -> Iterator[Tensor]:
        """Caption rows of every batch: so many passes over the images, each with another caption of every image.

        So all captions are seen in an epoch (or `captions_an_epoch`), and no batch holds two captions of an image.
        """
        generator = np.random.default_rng([self.settings.seed, epoch])
        image, lengths = self.captions["train"].image.numpy(), self.captions["train"].lengths.numpy()
        first = np.searchsorted(image, np.arange(len(self.ids["train"])))
        counts = np.bincount(image)
        order = [first[i] + generator.permutation(counts[i]) for i in range(len(counts))]
        for turn in range(min(self.settings.captions_an_epoch or LARGEST, int(counts.max()))):
            rows = np.array([captions[turn] for captions in order if turn < len(captions)])
            generator.shuffle(rows)
            for start in range(0, len(rows), self.settings.batch):
                batch = rows[start : start + self.settings.batch]
                if len(batch) >= 2 * processes():
                    # Captions of like length stand together, see `Step`.
                    yield torch.from_numpy(batch[np.argsort(lengths[batch], kind="stable")])

    def _parameter_groups(self) -> list[dict[str, Any]]:
        """Weight decay for matrices; none for biases, norms, τ and word vectors (which are sparse in a batch)."""
        matrices: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, parameter in self.step.named_parameters():
            (matrices if parameter.ndim > 1 and "word2vec" not in name else others).append(parameter)
        return [
            {"params": matrices, "weight_decay": self.settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]

    def _save(self, epochs_done: int, line: dict[str, Any]) -> None:
        better = line["rsum"] > self.best
        if better:
            self.best, self.best_epoch = line["rsum"], epochs_done
        self.log.append(line)
        if better and not rank():
            save_model(self.folder, self.averaged)
        if line["collapsed"]:
            self._undo_collapse()
        if rank():
            return
        tensors = grouped(
            step=self.step.state_dict(), averaged=self.averaged.state_dict(), optimiser=moments(self.optimiser)
        )
        known = {
            "epoch": epochs_done,
            "hardest_from": self.negatives.hardest_from,
            "best": self.best,
            "best_epoch": self.best_epoch,
            "log": self.log,
        }
        save_checkpoint(self.folder, Checkpoint(tensors, known))
        # The log follows from the state: killed between the two, a resumed training still writes each epoch once.
        write_log(self.folder, self.log)

    def _undo_collapse(self) -> None:
        """Go on from the best epoch, see `Negatives`.

        The optimiser forgets what it knows: in a collapse its second moments shrink, and the steps after it would be so
        large that the model is lost.
        """
        if processes() > 1:
            dist.barrier()  # the first process writes the weights
        best = load_file(self.folder / MODEL)
        self.model.load_state_dict(best)
        self.averaged.load_state_dict(best)
        self.optimiser.state.clear()

    def _resume(self, state: Checkpoint) -> None:
        """Take up the last whole epoch."""
        try:
            self.step.load_state_dict(state.part("step"))
            self.averaged.load_state_dict(state.part("averaged"))
            restore_moments(self.optimiser, state.part("optimiser"))
            known = state.known
            self.negatives.hardest_from = known["hardest_from"]
            self.best, self.best_epoch = known["best"], known["best_epoch"]
            self.log = known["log"]
            if not rank():
                write_log(self.folder, self.log)
        except (KeyError, ValueError, RuntimeError) as error:
            raise ModelError(
                f"{self.folder / STATE} does not belong to this run: {error}", "Delete the folder and train again"
            ) from error
