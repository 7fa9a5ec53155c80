"""A comparison of two releases as people and programs read it: text, JSON, and a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Any

from gatherset.dataset.diff import Change, Comparison, Word
from gatherset.dataset.page import page, table
from gatherset.dataset.records import SPLITS

_WORDS = {
    "added": "added",
    "removed": "removed",
    "caption": "captions edited",
    "event": "event changed",
    "moved": "moved between splits",
    "source": "source changed",
    "image": "image changed",
    "other": "otherwise changed",
}
_SIGNS = {" ": "␣", "\t": "⇥", "\n": "⏎"}


def as_text(comparison: Comparison) -> str:
    """A line for each side of a count that changed, then a line for each thing that changed in a record."""
    lines = [f"{comparison.before} -> {comparison.after}: {comparison.difference}"]
    kinds = comparison.kinds()
    lines += [f"{kinds[kind]:>7} {words}" for kind, words in _WORDS.items() if kinds[kind]]
    lines += [f"{split:<6} {name}: {was} -> {now}" for split, name, was, now in count_changes(comparison)]
    for change in comparison.changes:
        lines += change_lines(change)
    return "\n".join(lines)


def change_lines(change: Change, quoted: Callable[[str], str] = str) -> Iterator[str]:
    """One line for each thing that changed in a record; each names the record. `quoted` is applied to its texts."""
    yield from (" ".join(line.split()) for line in _change_texts(change, quoted))


def _change_texts(change: Change, quoted: Callable[[str], str]) -> Iterator[str]:
    if change.kinds in (("added",), ("removed",)):
        first = change.captions[0][1][0][1] if change.captions else ""
        yield f"{change.id} {change.kinds[0]}: {change.split}, {change.type}: {quoted(first)}"
        return
    for number, words in change.captions:
        yield f"{change.id} caption {number}: {marked([(sign, quoted(_visible(text))) for sign, text in words])}"
    for name, was, now in change.fields:
        yield f"{change.id} {name}" + (
            f": {quoted(str(was))} -> {quoted(str(now))}" if (was, now) != (None, None) else ""
        )


def _visible(text: str) -> str:
    """`text`; where it is spaces alone, signs for them, of which a reader can tell one from another."""
    return "".join(_SIGNS.get(c, f"U+{ord(c):04X}") for c in text) if text.isspace() else text


def marked(words: Sequence[Word]) -> str:
    """The words as `git diff --word-diff` writes them: kept [-taken out-] {+put in+}."""
    form = {" ": "{}", "-": "[-{}-]", "+": "{{+{}+}}"}
    return " ".join(form[sign].format(text) for sign, text in words)


def count_changes(comparison: Comparison) -> Iterator[tuple[str, str, int, int]]:
    """(split, event type, records before, records after) where the number changed."""
    before, after = comparison.counts
    for split, name in sorted(before.keys() | after.keys(), key=lambda key: (_order(key[0]), key[1])):
        was, now = before.get((split, name), 0), after.get((split, name), 0)
        if was != now:
            yield split, name, was, now


def _order(split: str | None) -> int:
    return SPLITS.index(split) if split in SPLITS else len(SPLITS)


def as_json(comparison: Comparison) -> dict[str, Any]:
    return {
        "before": comparison.before,
        "after": comparison.after,
        "counts": [
            {"split": split, "event_type": name, "before": was, "after": now}
            for split, name, was, now in count_changes(comparison)
        ],
        "kinds": dict(sorted(comparison.kinds().items())),
        "changes": [_change_json(change) for change in comparison.changes],
    }


def _change_json(change: Change) -> dict[str, Any]:
    return {
        "id": change.id,
        "kinds": list(change.kinds),
        "split": change.split,
        "event_type": change.type,
        "captions": [
            {"number": number, "words": [{"sign": sign, "text": text} for sign, text in words]}
            for number, words in change.captions
        ],
        "fields": [{"field": name, "before": was, "after": now} for name, was, now in change.fields],
    }


def as_html(comparison: Comparison) -> str:
    """A page that needs nothing beside it and can be printed."""
    kinds = comparison.kinds()
    rows = [(words, kinds[kind]) for kind, words in _WORDS.items() if kinds[kind]]
    parts = [f"<p>{escape(str(comparison.difference))}.</p>"]
    if rows:
        parts.append(table(("what", "records"), rows))
    if counts := list(count_changes(comparison)):
        parts += ["<h2>Records by split and type</h2>", table(("split", "event type", "before", "after"), counts)]
    if comparison.changes:
        parts.append("<h2>Record by record</h2>")
        parts += [_change_html(change) for change in comparison.changes]
    return page(f"{comparison.before} → {comparison.after}", "\n".join(parts))


def _change_html(change: Change) -> str:
    kinds = ", ".join(_WORDS[kind] for kind in change.kinds)
    captions = "".join(f'<li value="{number}">{_words_html(words)}</li>' for number, words in change.captions)
    fields = "".join(
        f"<p>{escape(name)}"
        + (
            f": <del>{escape(str(was))}</del> <ins>{escape(str(now))}</ins></p>"
            if (was, now) != (None, None)
            else "</p>"
        )
        for name, was, now in change.fields
    )
    listed = f"<ol>{captions}</ol>" if captions else ""
    return (
        f"<section><h3><code>{escape(change.id)}</code> {escape(kinds)} "
        f"<small>{escape(str(change.split))}, {escape(str(change.type))}</small></h3>{listed}{fields}</section>"
    )


def _words_html(words: Sequence[Word]) -> str:
    form = {" ": "{}", "-": "<del>{}</del>", "+": "<ins>{}</ins>"}
    return " ".join(form[sign].format(escape(_visible(text))) for sign, text in words)
