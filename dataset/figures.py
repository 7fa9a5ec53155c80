"""Figures of a dataset's statistics, each as SVG and as PNG: pip install 'gatherset[figures]'."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

if TYPE_CHECKING:
    from gatherset.dataset.statistics import Statistics

COLOURS = ("#0b6e8f", "#d1495b")  # told apart by the colour-blind, and in grey
MOST = 15  # bars in a figure
STYLE: Any = {
    "svg.hashsalt": "gatherset",  # the same figure gives the same bytes
    "svg.fonttype": "none",  # text stays text
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def write_figures(
    statistics: Statistics, folder: Path, points: Mapping[str, NDArray[np.float64]] | None = None
) -> list[Path]:
    """Write caption_lengths, event_types, sources and licences; density where there are points [n, 2] of datasets."""
    folder.mkdir(parents=True, exist_ok=True)
    drawings: dict[str, Callable[[Any], None]] = {
        "caption_lengths": lambda axes: _lengths(axes, statistics.facts.caption_words),
        "event_types": lambda axes: _bars(axes, statistics.types, "records"),
        "sources": lambda axes: _bars(axes, statistics.datasets, "records"),
        "licences": lambda axes: _bars(axes, statistics.facts.all_licenses, "records"),
    }
    if points:
        drawings["density"] = lambda axes: _points(axes, points)
    paths = []
    with mpl.rc_context(STYLE):
        for name, draw in drawings.items():
            figure = Figure(figsize=(6.4, 6.0 if name == "density" else 3.8), layout="constrained")
            draw(figure.add_subplot())
            for suffix in (".svg", ".png"):
                paths.append(folder / f"{name}{suffix}")
                partial = paths[-1].with_name(f".{name}.partial{suffix}")
                figure.savefig(partial, dpi=150, metadata={"Date": None} if suffix == ".svg" else {"Software": None})
                os.replace(partial, paths[-1])
    return paths


def _lengths(axes: Any, lengths: Counter[int]) -> None:
    """How many captions have so many words."""
    most = max(lengths, default=0)
    axes.bar(range(most + 1), [lengths[words] for words in range(most + 1)], width=0.9, color=COLOURS[0])
    axes.set(xlabel="words in a caption", ylabel="captions", xlim=(-0.5, most + 0.5))


def _bars(axes: Any, counts: Counter[str], unit: str) -> None:
    """The counts as bars, the largest on top, each with its number."""
    shown = counts.most_common(MOST)
    if more := len(counts) - len(shown):
        shown.append((f"{more} others", counts.total() - sum(count for _, count in shown)))
    names = [_short(name.replace("_", " ")) for name, _ in reversed(shown)]
    bars = axes.barh(names, [count for _, count in reversed(shown)], color=COLOURS[0], height=0.7)
    axes.bar_label(bars, labels=[f"{count:,}" for _, count in reversed(shown)], padding=3)
    axes.set(xlabel=unit)
    axes.margins(x=0.12)


def _short(name: str, most: int = 32) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _points(axes: Any, points: Mapping[str, NDArray[np.float64]]) -> None:
    """The images of each dataset as points of a t-SNE."""
    marks: Sequence[str] = ("o", "^")
    for (name, own), colour, mark in zip(points.items(), COLOURS, marks, strict=False):
        label = f"{_short(name)} ({len(own)})"
        axes.scatter(own[:, 0], own[:, 1], s=18, c=colour, marker=mark, alpha=0.7, linewidths=0, label=label)
    axes.set(xticks=[], yticks=[])
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=2, frameon=False)
