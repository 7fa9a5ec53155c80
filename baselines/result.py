"""A benchmark result: one row a method and seed, as a document of its schema and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import jsonschema

from gatherset import __version__, schemas
from gatherset.baselines.device import hardware
from gatherset.baselines.loader import Label
from gatherset.baselines.recall import FOLD, Recall, TypeRecall
from gatherset.dataset.errors import ModelError


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    method: str  # edan, cca, random, scores, or another of gatherset.baselines.budgets.NAMES
    label: Label  # what event type the method was given with a caption
    recall: Recall
    seed: int | None = None  # of the training
    theta: float | None = None  # Eq. 16
    seconds: float = 0.0  # of making the scores and measuring them
    by_type: dict[str, TypeRecall] = field(default_factory=dict)  # by the annotated event type of the query
    precision: dict[str, float] = field(default_factory=dict)  # mAP@R, see gatherset.baselines.precision
    event: dict[str, float] = field(default_factory=dict)  # see gatherset.baselines.event_retrieval
    # Seconds for the whole split, each apart: encode_images, encode_captions, score, rank.
    speed: dict[str, float] = field(default_factory=dict)
    training_seconds: float | None = None
    folds: dict[str, Any] = field(default_factory=dict)  # see gatherset.baselines.recall.in_folds

    @classmethod
    def read(cls, document: dict[str, Any]) -> Row:
        """The reverse of `asdict` and JSON."""
        recall = Recall(**{key: _tuple(value) for key, value in document["recall"].items()})
        types = {
            kind: TypeRecall(**{key: _tuple(value) for key, value in own.items()})
            for kind, own in document["by_type"].items()
        }
        return cls(**{**document, "recall": recall, "by_type": types})


def result_document(
    rows: Sequence[Row],
    *,
    seconds: float,
    release: dict[str, str] | None = None,
    split: str | None = None,
    extractor_hash: str | None = None,
    budget: dict[str, Any] | None = None,
    models: Sequence[dict[str, Any]] = (),
    missing: Sequence[dict[str, Any]] = (),
    device: str = "cpu",
    precision: str = "float32",
) -> dict[str, Any]:
    """The rows as schemas/benchmark_result.schema.json wants them; ModelError where that is not possible."""
    document = {
        "version": "1.0",
        "release": release,
        "split": split,
        "extractor_hash": extractor_hash,
        "code_version": __version__,
        "hardware": hardware(device, precision),
        "seconds": round(seconds, 2),
        "rows": [_plain(asdict(row)) for row in rows],
    }
    if models:
        document |= {"budget": budget, "models": _plain(list(models)), "missing": list(missing)}
    try:
        jsonschema.Draft202012Validator(schemas.read("benchmark_result.schema.json")).validate(document)
    except jsonschema.ValidationError as error:
        raise ModelError(
            f"the result is not one that can be published: {error.json_path}: {error.message}", "Report this"
        ) from error
    return document


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    """Tuples as lists: what JSON gives back equals what was written."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, (tuple, list)) else value


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table; figures in per cent, with a 95 % interval of Rsum over images."""
    head = "| method | event label | seed | i2t R@1 | R@5 | R@10 | t2i R@1 | R@5 | R@10 | Rsum | 95 % interval |"
    lines = [head, "|---|---|---|" + "---:|" * 8]
    for row in rows:
        recalls = [f"{value:.1f}" for value in (*row.recall.image_to_text, *row.recall.text_to_image)]
        low, high = row.recall.rsum_interval
        seed = "" if row.seed is None else str(row.seed)
        cells = [row.method, row.label, seed, *recalls, f"{row.recall.rsum:.1f}", f"{low:.1f} to {high:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        f"\n{row.method} {row.label}: Rsum {row.folds['rsum']:.1f}, the mean of {row.folds['folds']} folds of {FOLD:,}"
        for row in rows
        if row.folds
    ]
    return "\n".join(lines)
