"""A benchmark as people read it: benchmark.md with its tables, and the figure of accuracy against time."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from gatherset.dataset.store import write_whole

FIGURE = "rsum-by-seconds.svg"
Document = dict[str, Any]
SHORT = {"oracle": "annotated", "predicted": "guessed", "none": ""}


def write_benchmark_report(folder: Path, document: Document) -> None:
    """Write benchmark.md and figures/ into `folder`, of a document of schemas/benchmark_result.schema.json."""
    release, budget = document["release"], document["budget"]
    parts = [
        f"# Benchmark of {release['name']}@{release['version']}",
        f"{document['split']} split; budget `{budget['name']}`; content {release['content_hash'][:16]}, extractor "
        f"{str(document['extractor_hash'])[:16]}; Gatherset {document['code_version']}; {document['hardware']}.",
        SUMMARY,
        summary(document),
    ]
    if drawn := figure(document):
        write_whole(folder / "figures" / FIGURE, drawn.encode())
        parts += [f"![Rsum against seconds](figures/{FIGURE})"]
    parts += ["## More measures", MEASURES, measures(document), "## Time", TIME, times(document)]
    if types := by_type(document):
        parts += ["## By event type", "R@1, image to text and text to image, among all images and captions.", types]
    write_whole(folder / "benchmark.md", ("\n\n".join(parts) + "\n").encode())


SUMMARY = (
    "R@K in per cent, the mean over the seeds; the interval of Rsum is a bootstrap over images (95 %), the deviation "
    "that of its values over the seeds. The last columns compare with EDAN without event types on the same images: the "
    "difference, its interval, and how likely one so large is by chance. Interval and chance hold for these trained "
    "weights: how much other seeds would change, the deviation says. Event type: what a model was given with each "
    "caption at test time. The best of each column is bold."
)
MEASURES = (
    "R@1%: within the first hundredth, image to text and text to image. mAP@R: once with an image's own captions as "
    "the right ones, once with all of its event type. Event type of an image from the captions of other images that it "
    "finds: macro average precision and macro F1."
)
TIME = (
    "Seconds for the whole split, each part apart: encoding the images (from their features), encoding the captions, "
    "scoring all pairs, ranking them; and for all epochs of one training. On a machine that did other "
    "work too, these are upper limits."
)


def summary(document: Document) -> str:
    """Table 2 of the EDAN paper for this release, and what is missing in it."""
    head = ["model", "event type", "seeds", "i2t R@1", "R@5", "R@10", "t2i R@1", "R@5", "R@10", "Rsum", "deviation",
            "95 % interval", "minus EDAN", "95 % interval", "chance"]  # fmt: skip
    values = [(*model["image_to_text"], *model["text_to_image"], model["rsum"]) for model in document["models"]]
    best = [f"{max(column):.1f}" for column in zip(*values, strict=True)]
    lines = []
    for model, own in zip(document["models"], values, strict=True):
        shown = [f"{value:.1f}" for value in own]
        cells = [model["method"], SHORT[model["label"]], str(model["seeds"] or "")]
        cells += [f"**{one}**" if one == most else one for one, most in zip(shown, best, strict=True)]
        low, high = model["rsum_interval"]
        deviation = model["rsum_deviation"]
        cells += ["" if deviation is None else f"{deviation:.1f}", f"{low:.1f} to {high:.1f}"]
        if minus := model["minus_edan"]:
            low, high = minus["interval"]
            cells += [f"{minus['rsum']:+.1f}", f"{low:+.1f} to {high:+.1f}", f"{minus['chance']:.4f}"]
        else:
            cells += ["", "", ""]
        lines.append(cells)
    return "\n\n".join([_table(head, lines, words=2), *missing(document)])


def missing(document: Document) -> list[str]:
    """What was asked for and could not be measured, as a list; nothing where all was."""
    lines = [
        f"- {one['reason']}" if one["seed"] is None else f"- {one['method']}, seed {one['seed']}: {one['reason']}"
        for one in document["missing"]
    ]
    return ["Not measured:\n\n" + "\n".join(lines)] if lines else []


def measures(document: Document) -> str:
    """R@1%, mAP@R and event classification."""
    head = ["model", "event type", "R@1% i2t", "t2i", "mAP@R i2t", "t2i", "same type i2t", "t2i", "AP", "F1",
            "Rsum, folds of 1,000"]  # fmt: skip
    kinds = ("image_to_text", "text_to_image", "image_to_text_same_type", "text_to_image_same_type")
    lines = []
    for method, label, rows in _groups(document):
        values = [mean(row["recall"]["one_per_cent"][way] for row in rows) for way in (0, 1)]
        values += [mean(row["precision"][kind] for row in rows) for kind in kinds]
        cells = [f"{value:.1f}" for value in values]
        if len(rows[0]["by_type"]) < 2:  # where all are of one type, all are right
            cells[4:] = ["", ""]
        for name in ("average_precision", "f1"):
            cells.append(f"{mean(row['event'][name] for row in rows):.1f}" if rows[0]["event"] else "")
        cells.append(f"{mean(row['folds']['rsum'] for row in rows):.1f}" if rows[0]["folds"] else "")
        lines.append([method, SHORT[label], *cells])
    return _table(head, lines, words=2)


def times(document: Document) -> str:
    """Seconds of each part."""
    parts = ("encode_images", "encode_captions", "score", "rank")
    lines = []
    for method, label, rows in _groups(document):
        cells = [
            f"{mean(row['speed'][part] for row in rows):.2f}" if part in rows[0]["speed"] else "" for part in parts
        ]
        trained = rows[0]["training_seconds"] is not None
        cells.append(f"{mean(row['training_seconds'] for row in rows):.0f}" if trained else "")
        lines.append([method, SHORT[label], *cells])
    return _table(["model", "event type", *(part.replace("_", " ") for part in parts), "training"], lines, words=2)


def by_type(document: Document) -> str:
    """R@1 of each event type in both directions; nothing where there is one type."""
    kinds = sorted(document["rows"][0]["by_type"])
    if len(kinds) < 2:
        return ""
    counts = document["rows"][0]["by_type"]
    lines = []
    for method, label, rows in _groups(document):
        cells = []
        for kind in kinds:
            i2t, t2i = (
                mean(row["by_type"][kind][way][0] for row in rows) for way in ("image_to_text", "text_to_image")
            )
            cells.append(f"{i2t:.0f} / {t2i:.0f}")
        lines.append([method, SHORT[label], *cells])
    head = ["model", "event type", *(f"{kind} ({counts[kind]['images']})" for kind in kinds)]
    return _table(head, lines, words=2)


def figure(document: Document) -> str:
    """Rsum against the seconds from features to scores (the paper's Fig. 7), as SVG; empty where nothing was timed."""
    points = []
    for method, label, rows in _groups(document):
        if "score" in rows[0]["speed"]:
            seconds = mean(sum(row["speed"].values()) - row["speed"]["rank"] for row in rows)
            given = f", {SHORT[label]}" if SHORT[label] else ""
            points.append((max(seconds, 1e-3), mean(row["recall"]["rsum"] for row in rows), method + given))
    return _scatter(points) if points else ""


Box = tuple[float, float, float, float]  # left, top, width, height
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 420, 60, 150, 40, 50


def _scatter(points: Sequence[tuple[float, float, str]]) -> str:
    """Points (seconds, Rsum, name), the seconds on a logarithmic axis."""
    logs, sums = [math.log10(x) for x, _, _ in points], [y for _, y, _ in points]
    first, last = math.floor(min(logs)), max(math.ceil(max(logs)), math.floor(min(logs)) + 1)
    low, high = 20 * math.floor(min(sums) / 20), 20 * math.ceil(max(sums) / 20 + 0.01)
    wide, tall = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def across(x: float) -> float:
        return LEFT + wide * (math.log10(x) - first) / (last - first)

    def down(y: float) -> float:
        return TOP + tall * (high - y) / (high - low)

    step = max(20, 20 * round((high - low) / 120))
    drawn = []
    for power in range(first, last + 1):
        x = across(10.0**power)
        drawn.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" class="grid"/>')
        drawn.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{10.0**power:g}</text>')
    for value in range(int(low), int(high) + 1, step):
        drawn.append(f'<path d="M{LEFT} {down(value):.1f}H{WIDTH - RIGHT}" class="grid"/>')
        drawn.append(f'<text x="{LEFT - 8}" y="{down(value) + 4:.1f}" text-anchor="end">{value}</text>')
    taken = [(across(seconds) - 5, down(rsum) - 5, 10.0, 10.0) for seconds, rsum, _ in points]
    for seconds, rsum, name in sorted(points, key=lambda point: -point[1]):
        x, y = across(seconds), down(rsum)
        taken.append(_free(x, y, 7.0 * len(name), taken))
        left, top, width, _ = taken[-1]
        at, anchor = (left, "start") if left > x else (left + width, "end")
        drawn.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
        drawn.append(f'<text x="{at:.1f}" y="{top + 11:.1f}" text-anchor="{anchor}">{html.escape(name)}</text>')
    title = "Rsum on the test split against the seconds from features to scores"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">'
        "<style>.grid{stroke:#ddd} circle{fill:#2b6cb0} text{fill:#333}</style>"
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<text x="{LEFT}" y="20" font-size="14">{title}</text>{"".join(drawn)}'
        f'<text x="{LEFT + wide / 2:.0f}" y="{HEIGHT - 12}" text-anchor="middle">seconds</text></svg>\n'
    )


def _free(x: float, y: float, width: float, taken: Sequence[Box]) -> Box:
    """Where the name of a point at x, y lies on nothing that is `taken`: beside it, else a little above or below.

    Where there is no such place, right of it all the same.
    """
    for away in range(0, 90, 6):
        for top in (y - 7 - away, y - 7 + away):
            for left in (x + 8, x - 8 - width):
                place = (left, top, width, 14.0)
                if left > LEFT and top > TOP - 14 and not any(_overlap(place, other) for other in taken):
                    return place
    return x + 8, y - 7, width, 14.0


def _overlap(one: Box, other: Box) -> bool:
    return all(one[i] < other[i] + other[i + 2] and other[i] < one[i] + one[i + 2] for i in (0, 1))


def _groups(document: Document) -> list[tuple[str, str, list[Document]]]:
    """The rows of each method and label, one a seed, in the order of the table."""
    groups: dict[tuple[str, str], list[Document]] = {}
    for row in document["rows"]:
        groups.setdefault((row["method"], row["label"]), []).append(row)
    return [(method, label, rows) for (method, label), rows in groups.items()]


def _table(head: Sequence[str], lines: Iterable[Sequence[str]], *, words: int) -> str:
    """A Markdown table whose first columns are words, the others numbers; empty columns are left out."""
    rule = ["---"] * words + ["---:"] * (len(head) - words)
    lines = list(lines)
    filled = [any(cells[column] for cells in lines) for column in range(len(head))]
    rows = [[cell for cell, kept in zip(cells, filled, strict=True) if kept] for cells in (head, rule, *lines)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
