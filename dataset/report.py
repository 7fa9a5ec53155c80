"""report.html: what the catalog knows of a release, on one page that needs nothing beside it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from gatherset.dataset.facts import Facts
from gatherset.dataset.images import thumbnail
from gatherset.dataset.page import page, table
from gatherset.dataset.records import SPLITS, Record
from gatherset.dataset.rules import RULES
from gatherset.dataset.store import ImageStore

SAMPLE_SIDE = 320  # pixels
_BAR_WIDTH = 420


def report_page(manifest: Mapping[str, Any], facts: Facts, store: ImageStore) -> str:
    parts = [
        f"<p>{facts.records:,} images with {manifest['captions_per_image']} captions and one event type each, as of "
        f"{manifest['created'][:10]}. Built with {escape(manifest['tool'])}.</p>",
        "<h2>Splits and event types</h2>",
        table(("event type", *SPLITS, "all", "share"), _balance(manifest, facts)),
        _bars(manifest, facts),
        "<h2>Captions</h2>",
        table(("", ""), _captions(facts)),
        _histogram(facts),
        "<h2>Agreement on the event type</h2>",
        *_agreement(facts),
        "<h2>Where the images come from</h2>",
        table(("part", "images"), sorted(facts.parts.items())),
        table(("collection", "images"), facts.datasets.most_common(20)),
        table(("licence", "images"), sorted(facts.all_licenses.items())),
        "<h2>Rules</h2>",
        *_rules(manifest),
    ]
    if facts.samples:
        parts += ["<h2>Samples</h2>", "<p>The first of each type by id, which is a hash: as good as drawn by lot.</p>"]
        parts += list(_samples(manifest, facts, store))
    return page(f"{manifest['name']} {manifest['version']}: report", "\n".join(parts))


def _balance(manifest: Mapping[str, Any], facts: Facts) -> Iterator[tuple[object, ...]]:
    for name in manifest["event_types"]:
        counts = [facts.counts[split][name] for split in SPLITS]
        if any(counts):
            yield name, *counts, sum(counts), f"{sum(counts) / facts.records:.1%}"
    yield "all", *(facts.counts[split].total() for split in SPLITS), facts.records, "100.0%"


def _bars(manifest: Mapping[str, Any], facts: Facts) -> str:
    totals = {name: sum(facts.counts[split][name] for split in SPLITS) for name in manifest["event_types"]}
    used = [(name, total) for name, total in totals.items() if total]
    return _bar_chart(used, "Images of each event type")


def _bar_chart(rows: list[tuple[str, int]], title: str) -> str:
    longest = max((value for _, value in rows), default=0) or 1
    bars = []
    for number, (name, value) in enumerate(rows):
        y, width = 22 * number, round(_BAR_WIDTH * value / longest, 1)
        bars.append(
            f'<text x="170" y="{y + 15}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="180" y="{y + 3}" width="{width}" height="16" fill="#4a6fa5"/>'
            f'<text x="{185 + width}" y="{y + 15}">{value:,}</text>'
        )
    size = f'width="{_BAR_WIDTH + 260}" height="{22 * len(rows) + 4}"'
    return f'<svg role="img" aria-label="{escape(title)}" {size}>{"".join(bars)}</svg>'


def _captions(facts: Facts) -> Iterator[tuple[str, object]]:
    total = facts.caption_words.total()
    words = sum(length * count for length, count in facts.caption_words.items())
    yield "captions", total
    yield "words in a caption, mean", f"{words / total:.1f}" if total else "0"
    yield "words in a caption, shortest and longest", f"{min(facts.caption_words)} to {max(facts.caption_words)}"
    yield "different words", len(facts.words)
    yield "verified by a person", f"{facts.verified / total:.1%}" if total else "0"
    yield "authors (pseudonyms)", len(facts.authors)
    yield from ((f"origin: {name}", count) for name, count in sorted(facts.origins.items()))


def _histogram(facts: Facts) -> str:
    """Captions by their number of words, in steps of five."""
    steps: dict[int, int] = {}
    for length, count in facts.caption_words.items():
        steps[length // 5 * 5] = steps.get(length // 5 * 5, 0) + count
    rows = [(f"{start} to {start + 4} words", steps[start]) for start in sorted(steps)]
    return _bar_chart(rows, "Captions by their number of words")


def _agreement(facts: Facts) -> Iterator[str]:
    agreement = facts.agreement()
    if agreement is None:
        yield "<p>No image has two votes.</p>"
        return
    rows = [
        ("images with two votes or more", agreement.images),
        ("votes on them", agreement.votes),
        ("pairs of votes that agree", f"{agreement.agreed:.1%}"),
        ("Krippendorff's alpha (nominal)", agreement.alpha_text),
    ]
    yield table(("", ""), rows)
    yield (
        "<p><small>Over the released records, so it flatters: images on which nobody agreed are not among them."
        "</small></p>"
    )


def _rules(manifest: Mapping[str, Any]) -> Iterator[str]:
    spoke = [rule for rule in manifest["rules"] if rule["findings"]]
    titles = {rule: RULES[rule].title if rule in RULES else "" for rule in (entry["id"] for entry in spoke)}
    yield f"<p>{len(manifest['rules'])} rules ran, none found an error."
    leaks = next((rule["findings"] for rule in manifest["rules"] if rule["id"] == "GS502"), None)
    said = "The leak check (GS502) was not run." if leaks is None else f"{leaks} near-duplicates stand in two splits"
    yield ("No near-duplicate stands in two splits (GS502)." if leaks == 0 else said) + "</p>"
    if spoke:
        rows = [(rule["id"], titles[rule["id"]], rule["findings"]) for rule in spoke]
        yield table(("warning", "what should hold", "findings"), rows)


def _samples(manifest: Mapping[str, Any], facts: Facts, store: ImageStore) -> Iterator[str]:
    for name in manifest["event_types"]:
        if facts.samples.get(name):
            figures = "".join(_figure(record, manifest, store) for record in facts.samples[name])
            yield f'<h3>{escape(name)}</h3><div class="samples">{figures}</div>'


def _figure(record: Record, manifest: Mapping[str, Any], store: ImageStore) -> str:
    """A picture with its captions. A retraction finds it by `data-id` and takes it out whole."""
    image = record["image"]
    picture = ""
    if manifest["images"]:
        # Made anew, never taken from the workspace's thumbnails: another Pillow may have made those.
        small = base64.b64encode(thumbnail(store.read(image["sha256"], image["format"]), side=SAMPLE_SIDE)).decode()
        picture = f'<img alt="" src="data:image/jpeg;base64,{small}">'
    captions = "".join(f"<li>{escape(entry['text'])}</li>" for entry in record["captions"])
    return (
        f'\n<figure data-id="{record["id"]}">{picture}<figcaption><code>{record["id"]}</code> {record["split"]}'
        f"<ol>{captions}</ol></figcaption></figure>"
    )
