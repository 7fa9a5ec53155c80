"""What a benchmark trains: the models by the names of its table, in one of two budgets.

`cpu`: one setting for all, small enough for two cores: d = 128, batches of 32, one caption an image an epoch, the
same learning rate, word vectors and number of epochs. What a model has of its own (margins, poolings, the start of
EDAN as a CCA) stays. `paper`: d, batch, learning rate and epochs as published; optimiser (AdamW) and schedule (half a
cosine) are ours for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gatherset.baselines import edan, train_settings
from gatherset.baselines.models import Config, nearest
from gatherset.baselines.models.hslm import HslmConfig
from gatherset.baselines.models.saf import SafConfig
from gatherset.baselines.models.scan import ScanConfig
from gatherset.baselines.models.vse_infinity import VseInfinityConfig
from gatherset.baselines.models.vsepp import VsePlusPlusConfig
from gatherset.baselines.switches import ABLATIONS, switched
from gatherset.baselines.train_settings import TrainConfig
from gatherset.dataset.errors import InputError

# Of the budget `cpu`, for every model: the epochs give as many steps as six passes over all five captions.
CPU_EPOCHS = 30
CPU = TrainConfig(
    batch=32, lr=1e-3, epochs=CPU_EPOCHS, captions_an_epoch=1, validated=250, weight_decay=0.01, averaging=0.99,
    all_negatives=250, patience=CPU_EPOCHS,
)  # fmt: skip
SMALL = 128  # d

# The published settings, and epochs and learning rate of each.
PUBLISHED: Mapping[str, tuple[Config, int, float]] = {
    "vse++": (VsePlusPlusConfig(), 30, 2e-4),
    "vse-infinity": (VseInfinityConfig(), 25, 5e-4),
    "scan-t2i-lse": (ScanConfig("words", "lse", 9.0, 6.0), 30, 2e-4),
    "scan-t2i-mean": (ScanConfig("words", "mean", 9.0), 30, 2e-4),
    "scan-i2t-lse": (ScanConfig("regions", "lse", 4.0, 5.0), 30, 2e-4),
    "scan-i2t-mean": (ScanConfig("regions", "mean", 4.0), 30, 2e-4),
    "saf": (SafConfig(), 30, 2e-4),
    "hslm": (HslmConfig(), 40, 2e-4),
}
OF_EDAN = ("edan", "edan-word2vec")
FLOORS = ("cca", "event", "detector", "random")  # not trained by gradient, see gatherset.baselines.floors
NAMES = (*OF_EDAN, *PUBLISHED, *FLOORS)
USUAL = ("edan", "cca", "random")


@dataclass(frozen=True)
class Entry:
    """One training of the benchmark."""

    method: str  # as the table names it
    shape: Config
    settings: TrainConfig


def chosen(names: str) -> list[str]:
    """The models in a list like `edan,saf,cca`, or `all` of them; InputError for a name that there is not."""
    named = [name.strip() for name in names.split(",") if name.strip()]
    wanted = [one for name in named for one in (NAMES if name == "all" else (name,))]
    for name in wanted:
        if name not in NAMES:
            raise InputError(f"there is no model {name}", nearest(name, ["all", *NAMES]))
    if not wanted:
        raise InputError("no model is named", f"Choose from: all, {', '.join(NAMES)}")
    return list(dict.fromkeys(wanted))


def entries(
    names: Sequence[str], budget: str, *, labelled: bool, epochs: int | None = None, ablations: bool = False
) -> list[Entry]:
    """What to train for these names; `labelled`: EDAN also with the event type given."""
    found = []
    for name in names:
        if name == "edan-word2vec" and budget == "paper":
            continue  # there EDAN itself begins with Word2Vec
        if name in OF_EDAN:
            found += _of_edan(name, budget, labelled, ablations and name == "edan")
        elif name in PUBLISHED:
            found.append(_peer(name, budget))
    if epochs is None:
        return found
    return [replace(entry, settings=replace(entry.settings, epochs=epochs, patience=epochs)) for entry in found]


def _of_edan(name: str, budget: str, labelled: bool, ablations: bool) -> list[Entry]:
    """EDAN without event types, and with them if `labelled`; `edan-word2vec` begins as a peer does."""
    shape, settings = edan.PRESETS[budget], train_settings.PRESETS[budget]
    if budget == "cpu":
        own = settings
        settings = CPU
        if name == "edan":
            settings = replace(CPU, weight_decay=own.weight_decay, start=own.start, local_loss=own.local_loss)
    if name == "edan-word2vec":
        return [Entry(name, replace(shape, label=False), replace(settings, start="word2vec"))]
    wanted = ABLATIONS if ablations else {key: ABLATIONS[key] for key in ("edan", "edan, no label")}
    found = []
    for method, (label, changes) in wanted.items():
        if label and not labelled:
            continue
        switches = [f"{key}={value}" for key, value in changes.items()]
        found.append(Entry(method, *switched(replace(shape, label=label), settings, switches)))
    return found


def _peer(name: str, budget: str) -> Entry:
    shape, epochs, lr = PUBLISHED[name]
    if budget == "paper":
        return Entry(name, shape, TrainConfig(batch=128, lr=lr, epochs=epochs, start="random", patience=epochs))
    small = replace(shape, d=SMALL)
    if isinstance(small, (SafConfig, HslmConfig)):
        small = replace(small, similarity_dim=SMALL // 2)
    return Entry(name, small, CPU)
