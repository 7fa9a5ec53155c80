"""The report of a run, one HTML file without anything from elsewhere: figures, curves, heat maps and retrievals.

A heat map shows where the event looks (the paper's Fig. 9): region k is as bright as Σ_j a_j ω_jk, where a_j is the
attention that the event gives to word j (Eq. 3) and ω_jk the share of region k in what word j attends to (Eq. 10).
"""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from gatherset.baselines.edan import Rows
from gatherset.baselines.loader import Captions, caption_image, flat_captions, flat_events, number_captions
from gatherset.baselines.scoring import Scores, all_scores
from gatherset.dataset.errors import ModelError
from gatherset.dataset.images import opened
from gatherset.dataset.store import write_whole
from gatherset.dataset.tokens import tokens

if TYPE_CHECKING:
    from pathlib import Path

    from gatherset.baselines.runs import Run
    from gatherset.dataset.features import FeatureFile
    from gatherset.dataset.loading import Release, Split

SHOWN = 6  # images with heat map and retrievals
RETRIEVED = 5  # best matches shown of each
WIDTH = 240  # pixels of a picture

STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:2em auto;padding:0 1em;color:#222}
h2{margin-top:2em} table{border-collapse:collapse} td,th{padding:2px 10px;text-align:right}
td:first-child,th:first-child{text-align:left}
figure{display:inline-block;margin:4px;vertical-align:top} figcaption{font-size:13px;max-width:240px}
img{border:4px solid transparent} .right img{border-color:#2a8a3e} .wrong img{border-color:#c0392b}
li.right{color:#1c6b2d} li.wrong,p.wrong{color:#a32c20}
.side{display:flex;gap:1em} .case{border-top:1px solid #ddd;padding:1em 0} svg text{font-size:12px;fill:#444}"""


@dataclass(frozen=True)
class _Material:
    """A split, scored."""

    split: Split
    captions: list[str]
    numbers: Captions
    owner: NDArray[np.integer]
    i2t: Scores
    t2i: Scores


def write_report(run: Run, release: Release, features: FeatureFile, split: str = "test") -> Path:
    """Write report.html and figures/ into the folder of `run`; ModelError where the split is empty."""
    if not release[split].ids:
        raise ModelError(f"the {split} split of {release} is empty", "Choose another split")
    material = _material(run, release[split], features)
    chosen = np.linspace(0, len(material.split.ids) - 1, min(SHOWN, len(material.split.ids))).astype(int)
    parts = [
        f"<h1>{html.escape(run.folder.name)}</h1>",
        f"<p>EDAN on {html.escape(repr(release))}, {split} split, {len(material.split.ids)} images; θ = "
        f"{float(run.edan.theta):.2f}. {html.escape(_settings(run))}</p>",
        _results(run, split),
        _curves(run),
        "<h2>Where the event looks, and what is retrieved</h2>",
        "<p>Green frames and lines are right, red ones wrong. Brighter regions count more for the event; the share of "
        "each word stands behind it.</p>",
        *(_case(run, features, material, int(i)) for i in chosen),
    ]
    page = f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(run.folder.name)}</title>"
    path = run.folder / "report.html"
    write_whole(path, f"{page}<style>{STYLE}</style>{''.join(parts)}</html>\n".encode())
    return path


def _material(run: Run, split: Split, features: FeatureFile) -> _Material:
    numbers = number_captions(split, run.vocabulary, flat_events(split))
    i2t, t2i = all_scores(run.model, features, split.ids, numbers)
    return _Material(split, flat_captions(split), numbers, caption_image(split), i2t, t2i)


def _settings(run: Run) -> str:
    settings = {**run.config.shape, **run.config.training}
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def _results(run: Run, split: str) -> str:
    """The rows that `gatherset evaluate` has left in the run's folder."""
    path = run.folder / f"result-{split}.json"
    if not path.exists():
        return f"<p>No figures yet: run <code>gatherset evaluate {html.escape(run.folder.name)}</code>.</p>"
    lines = []
    rows = json.loads(path.read_text("utf-8"))["rows"]
    for row in rows:
        recall = row["recall"]
        values = [*recall["image_to_text"], *recall["text_to_image"], recall["rsum"]]
        low, high = recall["rsum_interval"]
        cells = "".join(f"<td>{value:.1f}</td>" for value in values)
        lines.append(f"<tr><td>{row['label']}</td>{cells}<td>{low:.1f} to {high:.1f}</td></tr>")
    names = ("event label", "i2t R@1", "R@5", "R@10", "t2i R@1", "R@5", "R@10", "Rsum", "95 % interval")
    head = "".join(f"<th>{name}</th>" for name in names)
    return f"<h2>Figures</h2><table><tr>{head}</tr>{''.join(lines)}</table>{_types(rows[0].get('by_type', {}))}"


def _types(by_type: Mapping[str, Any]) -> str:
    """The recalls of each event type, where there are several."""
    if len(by_type) < 2:
        return ""
    lines = [
        f"<tr><td>{html.escape(kind)}</td><td>{recall['images']}</td>"
        + "".join(f"<td>{value:.1f}</td>" for value in (*recall["image_to_text"], *recall["text_to_image"]))
        + "</tr>"
        for kind, recall in by_type.items()
    ]
    names = ("event type", "images", "i2t R@1", "R@5", "R@10", "t2i R@1", "R@5", "R@10")
    head = "".join(f"<th>{name}</th>" for name in names)
    return f"<h3>By event type, first row</h3><table><tr>{head}</tr>{''.join(lines)}</table>"


def _curves(run: Run) -> str:
    log = [json.loads(line) for line in (run.folder / "log.jsonl").read_text("utf-8").splitlines()]
    if not log:
        return ""
    seconds = np.cumsum([line["seconds"] for line in log]).tolist()
    epochs = [line["epoch"] for line in log]
    curves = {
        "loss by epoch": _curve("loss by epoch", epochs, [line["loss"] for line in log]),
        "validation Rsum by epoch": _curve("validation Rsum by epoch", epochs, [line["rsum"] for line in log]),
        "validation Rsum by seconds": _curve("validation Rsum by seconds", seconds, [line["rsum"] for line in log]),
    }
    for name, drawn in curves.items():
        write_whole(run.folder / "figures" / f"{name.replace(' ', '-')}.svg", drawn.encode())
    return "<h2>Training</h2>" + "".join(curves.values())


def _curve(title: str, x: Sequence[float], y: Sequence[float]) -> str:
    """A line in a box of 330 x 200, the ends of both axes named."""
    low, high = min(y), max(y)
    across = [40 + 270 * (value - x[0]) / max(x[-1] - x[0], 1e-9) for value in x]
    down = [160 - 130 * (value - low) / max(high - low, 1e-9) for value in y]
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, down, strict=True))
    dots = "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3"/>' for a, b in zip(across, down, strict=True))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="330" height="200" font-family="sans-serif" font-size="12">'
        f'<text x="40" y="16">{title}</text>'
        f'<polyline points="{points}" fill="none" stroke="#2b6cb0" stroke-width="2"/><g fill="#2b6cb0">{dots}</g>'
        f'<text x="0" y="164">{low:.4g}</text><text x="0" y="34">{high:.4g}</text>'
        f'<text x="40" y="185">{x[0]:.4g}</text><text x="310" y="185" text-anchor="end">{x[-1]:.4g}</text></svg>'
    )


def _case(run: Run, features: FeatureFile, material: _Material, image: int) -> str:
    """One image: itself, its heat map for one caption, what that caption finds, and what the image finds."""
    caption = int(np.flatnonzero(material.owner == image)[0])
    picture = opened(material.split.image_bytes(image)).convert("RGB")
    attention, heat = _attention(run, features, material, caption)
    words = map(html.escape, (tokens(material.captions[caption]) or [material.captions[caption]])[: len(attention)])
    shares = " ".join(f"{word} <b>{share:.0%}</b>" for word, share in zip(words, attention, strict=True))
    boxes = features.boxes([material.split.ids[image]])[0]
    heated, raw = heat_map(picture, boxes, heat), io.BytesIO()
    heated.save(raw, "JPEG", quality=90)
    write_whole(run.folder / "figures" / f"{material.split.ids[image]}-caption-1.jpg", raw.getvalue())
    found = np.argsort(-material.t2i[:, caption], kind="stable")[:RETRIEVED]
    texts = np.argsort(-material.i2t[image], kind="stable")[:RETRIEVED]
    return "".join(
        [
            f"<div class=case><p>{html.escape(material.split.event_types[image])}: {shares}</p>",
            figure(picture, material.split.ids[image]),
            figure(heated, "where the event looks"),
            "<p>The caption finds:</p>",
            *(_found(material, int(i), int(i) == image) for i in found),
            "<p>The image finds:</p><ol>",
            *(_line(material, int(c), int(material.owner[c]) == image) for c in texts),
            "</ol></div>",
        ]
    )


@torch.inference_mode()
def _attention(
    run: Run, features: FeatureFile, material: _Material, caption: int
) -> tuple[list[float], NDArray[np.float32]]:
    """The event's attention to each word of a caption, and to each region of its image [K]."""
    model, image = run.edan, int(material.owner[caption])
    words, events = material.numbers.rows(torch.tensor([caption]))
    a = model.event_weights(words, events)[0]
    _, V = model.image_vectors(torch.from_numpy(features.regions([material.split.ids[image]])))
    _, T, _ = model.caption_vectors(words, events)
    regions, asked = Rows.of(V), Rows.of(T[:, -len(a) :])  # without the label, where it stands as word 0
    s = (asked.unit[0] @ regions.unit[0].T).masked_fill(~regions.real, -torch.inf)
    return a.tolist(), (a @ (model.config.sharpness * s).softmax(-1)).numpy()


def heat_map(picture: Image.Image, boxes: NDArray[np.float32], heat: NDArray[np.float32]) -> Image.Image:
    """`picture` with its regions, boxes [K, 4] relative, as bright as `heat` [K] says; where they overlap, the most."""
    width, height = picture.size
    light = np.zeros((height, width), np.float32)
    # From the least to the most: the differences are small beside the values.
    heat = (heat - heat.min()) / max(float(heat.max() - heat.min()), 1e-9)
    corners = boxes * np.array([width, height, width, height])
    for (x0, y0, x1, y1), value in zip(corners, heat, strict=True):
        area = light[round(y0) : round(y1), round(x0) : round(x1)]
        np.maximum(area, value, out=area)
    pixels = np.asarray(picture, np.float32)
    glow = np.stack([light, 0.35 * light, np.zeros_like(light)], -1) * 255  # orange
    mixed = pixels * (0.35 + 0.35 * light[..., None]) + 0.45 * glow
    return Image.fromarray(mixed.clip(0, 255).astype(np.uint8))


def _found(material: _Material, image: int, right: bool) -> str:
    picture = opened(material.split.image_bytes(image)).convert("RGB")
    return figure(picture, "", "right" if right else "wrong", WIDTH // 2)


def _line(material: _Material, caption: int, right: bool) -> str:
    return f"<li class={'right' if right else 'wrong'}>{html.escape(material.captions[caption])}</li>"


def figure(picture: Image.Image, caption: str, kind: str = "", width: int = WIDTH) -> str:
    """`picture` within the page, `width` pixels wide, with a line below it."""
    small = picture.resize((width, max(1, round(picture.height * width / picture.width))))
    raw = io.BytesIO()
    small.save(raw, "JPEG", quality=85)
    source = base64.b64encode(raw.getvalue()).decode()
    shown = html.escape(caption)
    picture_tag = f'<img alt="{shown}" src="data:image/jpeg;base64,{source}">'
    return f'<figure class="{kind}">{picture_tag}<figcaption>{shown}</figcaption></figure>'
