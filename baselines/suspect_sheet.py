"""What a model doubts, for people: suspects.html with the pictures, and suspects.jsonl, in the run's folder."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from gatherset.baselines.report import STYLE, figure
from gatherset.dataset.images import opened
from gatherset.dataset.records import SPLITS
from gatherset.dataset.store import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from gatherset.baselines.runs import Run
    from gatherset.dataset.loading import Example, Release
    from gatherset.dataset.suspects import Suspect

SHOWN = 200  # with their pictures


def write_sheet(run: Run, release: Release, found: Sequence[Suspect]) -> Path:
    """Write both files and return the path of the page."""
    lines = "".join(json.dumps(asdict(suspect), ensure_ascii=False) + "\n" for suspect in found)
    write_whole(run.folder / "suspects.jsonl", lines.encode())
    title = html.escape(f"What {run.folder.name} doubts in {release!r}")
    more = f"<p>The first {SHOWN} of {len(found)}; suspects.jsonl has all.</p>" if len(found) > SHOWN else ""
    wanted = {suspect.record_id for suspect in found[:SHOWN]}
    examples = {
        record: release[split][row]
        for split in SPLITS
        for row, record in enumerate(release[split].ids)
        if record in wanted
    }
    cases = "".join(_case(suspect, examples[suspect.record_id]) for suspect in found[:SHOWN])
    page = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{STYLE}</style><h1>{title}</h1>"
        f"<p>The surest first. What is doubted is red; a person decides.</p>{more}{cases}</html>\n"
    )
    path = run.folder / "suspects.html"
    write_whole(path, page.encode())
    return path


def _case(suspect: Suspect, example: Example) -> str:
    """One suspect: its picture, the reason, and all captions with the doubted one marked."""
    doubts_event = suspect.kind == "event"
    captions = "".join(
        f"<li{' class=wrong' if not doubts_event and position == suspect.position else ''}>{html.escape(text)}</li>"
        for position, text in enumerate(example.captions)
    )
    picture = ""
    if example.image_bytes:
        picture = figure(opened(example.image_bytes).convert("RGB"), example.id)
    kind = "the event type" if doubts_event else f"caption {suspect.position + 1}"
    mark = ' class="wrong"' if doubts_event else ""
    return (
        f"<div class=case><p><b>{suspect.score:.0%}</b> {kind}: {html.escape(suspect.reason)}</p>"
        f"<div class=side>{picture}<div><p{mark}>{html.escape(example.event_type)}</p><ol>{captions}</ol></div></div>"
        "</div>"
    )
