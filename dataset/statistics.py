"""Statistics of a dataset (EDAN section 5.2): the row of Table 1, captions, vocabulary, classes, sources, licences."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gatherset.dataset.facts import NO_LICENCE
from gatherset.dataset.records import Record
from gatherset.dataset.tokens import tokens

SOURCES = {  # how Table 1 would call a part
    "filtered": "Existing datasets, screened",
    "web": "Web images",
    "collected": "Manual collection",
    "synthetic": "Drawn specimens",
}
SHOWN = 12  # rows of a table in the text


@dataclass
class Statistics:
    """Counted over records; feed it with `add`."""

    name: str
    records: int = 0
    captions: Counter[int] = field(default_factory=Counter)  # captions an image: images
    lengths: Counter[int] = field(default_factory=Counter)  # words a caption: captions
    words: Counter[str] = field(default_factory=Counter)
    origins: Counter[str] = field(default_factory=Counter)  # of captions
    types: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    parts: Counter[str] = field(default_factory=Counter)
    datasets: Counter[str] = field(default_factory=Counter)
    licenses: Counter[str] = field(default_factory=Counter)

    def add(self, records: Iterable[Record]) -> Statistics:
        for record in records:
            self.records += 1
            self.captions[len(record["captions"])] += 1
            for entry in record["captions"]:
                found = tokens(entry["text"])
                self.lengths[len(found)] += 1
                self.words.update(found)
                self.origins[entry["origin"]] += 1
            source = record["source"]
            self.types[record["event"]["type"]] += 1
            self.splits[record["split"] or "none"] += 1
            self.parts[source["part"]] += 1
            self.datasets[source["dataset"] or "not named"] += 1
            self.licenses[source["license"] or NO_LICENCE] += 1
        return self

    def table_row(self) -> dict[str, str]:
        """The dataset's row in Table 1 of the paper."""
        each = sorted(self.captions)
        return {
            "Dataset": self.name,
            "Images": f"{self.records:,}",
            "Descriptions per image": f"{each[0]}" if len(each) == 1 else f"{each[0]} to {each[-1]}" if each else "0",
            "Label types": f"Event types ({len(self.types)} classes)",
            "Data source": " + ".join(SOURCES.get(part, part) for part, _ in self.parts.most_common()) or "none",
            "Domain": "Mass gathering events",
        }

    def caption_lengths(self) -> dict[str, float]:
        """In words: mean, standard deviation, the least, the quartiles and the most."""
        if not self.lengths:
            return {}
        values = np.repeat(np.array(list(self.lengths)), np.array(list(self.lengths.values())))
        low, first, median, third, high = np.percentile(values, [0, 25, 50, 75, 100])
        spread = {"min": low, "first_quartile": first, "median": median, "third_quartile": third, "max": high}
        mean = {"mean": round(float(values.mean()), 2), "standard_deviation": round(float(values.std()), 2)}
        return mean | {name: float(value) for name, value in spread.items()}

    def vocabulary(self) -> dict[str, float]:
        """Different words, all words, and the share of the different ones that occur once."""
        once = sum(count == 1 for count in self.words.values())
        return {
            "words": len(self.words),
            "running_words": self.words.total(),
            "once": round(once / max(len(self.words), 1), 4),
        }

    def balance(self) -> float:
        """How even the event types are: the entropy of their shares over that of equal shares, 0 to 1."""
        shares = [count / self.records for count in self.types.values()] if self.records else []
        return -sum(share * math.log(share) for share in shares) / math.log(len(shares)) if len(shares) > 1 else 0.0

    def document(self) -> dict[str, Any]:
        """Everything, as JSON has it; the words themselves left out but for the most frequent."""
        return {
            "name": self.name,
            "table_1": self.table_row(),
            "records": self.records,
            "captions": sum(self.lengths.values()),
            "caption_words": self.caption_lengths(),
            "caption_origins": _sorted(self.origins),
            "vocabulary": self.vocabulary(),
            "frequent_words": dict(self.words.most_common(50)),
            "event_types": _sorted(self.types),
            "balance": round(self.balance(), 4),
            "splits": _sorted(self.splits),
            "parts": _sorted(self.parts),
            "datasets": _sorted(self.datasets),
            "licenses": _sorted(self.licenses),
        }

    def text(self) -> list[str]:
        """The same as lines for a terminal, the first two Table 1 in Markdown."""
        row = self.table_row()
        lengths, words = self.caption_lengths(), self.vocabulary()
        lines = [f"| {' | '.join(row)} |", f"|{'---|' * len(row)}", f"| {' | '.join(row.values())} |", ""]
        if lengths:
            lines.append(
                f"{sum(self.lengths.values()):,} captions of {lengths['mean']:.1f} words on average (median "
                f"{lengths['median']:.0f}, {lengths['min']:.0f} to {lengths['max']:.0f}); {words['words']:,} different "
                f"words, {words['once']:.0%} of them once."
            )
        lines.append(f"{len(self.types)} event types, evenness {self.balance():.2f} (1: all alike).")
        for title, counts in (
            ("Event types", self.types),
            ("Parts", self.parts),
            ("Collections", self.datasets),
            ("Licences", self.licenses),
            ("Splits", self.splits),
            ("Captions by", self.origins),
        ):
            lines += ["", title, *_rows(counts)]
        return lines


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _rows(counts: Counter[str]) -> list[str]:
    total = counts.total()
    shown = list(_sorted(counts).items())
    rows = [f"  {count:>9,}  {count / total:6.1%}  {name}" for name, count in shown[:SHOWN]]
    left = shown[SHOWN:]
    return rows + ([f"  {sum(count for _, count in left):>9,}          {len(left)} others"] if left else [])
