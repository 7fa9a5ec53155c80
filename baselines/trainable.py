"""Whether a training can be begun: enough records, and settings that the model has a use for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatherset.baselines.edan import EdanConfig
from gatherset.baselines.models import Config, model_name
from gatherset.baselines.step import processes
from gatherset.baselines.train_settings import TrainConfig
from gatherset.dataset.errors import ModelError

if TYPE_CHECKING:
    from gatherset.dataset.loading import Release

OF_EDAN = ("start", "local_loss", "literal_triplet", "tau", "precision")  # settings that say nothing to a peer


def check_splits(release: Release) -> None:
    """Raise ModelError where there is too little to train on or to choose by."""
    for split, least in (("train", 2 * processes()), ("val", 1)):
        if len(release[split].ids) < least:
            raise ModelError(
                f"the {split} split of {release.name}@{release.version} has {len(release[split].ids)} records, "
                f"and {least} is the least",
                "Add records and build the release again",
            )


def check_settings(shape: Config, settings: TrainConfig) -> None:
    """Raise ModelError for what `settings` ask of a model, or of several processes, in vain."""
    if settings.batch < 2 * processes():
        raise ModelError(
            f"a batch of {settings.batch} is too small for {processes()} processes", "Two pairs each are the least"
        )
    if isinstance(shape, EdanConfig):
        return
    name, usual = model_name(shape), TrainConfig()
    if processes() > 1:
        raise ModelError(f"{name} is trained by one process", "Leave torchrun out, or train EDAN")
    in_vain = [field for field in OF_EDAN if getattr(settings, field) != getattr(usual, field)]
    if settings.start == "random":
        in_vain.remove("start")
    if in_vain:
        given = ", ".join(f"{field} = {getattr(settings, field)}" for field in in_vain)
        raise ModelError(f"{given}: only EDAN can be trained so, not {name}", "Leave it at its default")


def untrained_types(release: Release, split: str) -> list[str]:
    """The event types of a split that training had no image of: their vectors were never trained."""
    return sorted({*release[split].event_types} - {*release["train"].event_types})
