"""Statistics of a dataset (EDAN section 5.2): the row of Table 1, captions, vocabulary, classes, sources, licences."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gatherset.dataset.facts import Facts
from gatherset.dataset.records import Record

SOURCES = {  # how Table 1 would call a part
    "filtered": "Existing datasets, screened",
    "web": "Web images",
    "collected": "Manual collection",
    "synthetic": "Drawn specimens",
}
SHOWN = 12  # rows of a table in the text


@dataclass(frozen=True)
class Statistics:
    """What is said of a dataset by that name, of the facts that were gathered of its records."""

    name: str
    facts: Facts

    @classmethod
    def of(cls, name: str, records: Iterable[Record]) -> Statistics:
        """Gather them."""
        facts = Facts()
        for record in records:
            facts.add(record)
        return cls(name, facts)

    @property
    def types(self) -> Counter[str]:
        """{event type: records}."""
        return sum(self.facts.counts.values(), Counter[str]())

    @property
    def splits(self) -> Counter[str]:
        """{split, or "none": records}."""
        return Counter({split or "none": counts.total() for split, counts in self.facts.counts.items()})

    @property
    def datasets(self) -> Counter[str]:
        """{collection, or "not named": records}."""
        return Counter({name or "not named": count for name, count in self.facts.datasets.items()})

    def table_row(self) -> dict[str, str]:
        """The dataset's row in Table 1 of the paper."""
        each = sorted(self.facts.captions)
        return {
            "Dataset": self.name,
            "Images": f"{self.facts.records:,}",
            "Descriptions per image": f"{each[0]}" if len(each) == 1 else f"{each[0]} to {each[-1]}" if each else "0",
            "Label types": f"Event types ({len(self.types)} classes)",
            "Data source": " + ".join(SOURCES.get(part, part) for part, _ in self.facts.parts.most_common()) or "none",
            "Domain": "Mass gathering events",
        }

    def caption_lengths(self) -> dict[str, float]:
        """In words: mean, standard deviation, the least, the quartiles and the most."""
        if not self.facts.caption_words:
            return {}
        values = np.repeat(np.array(list(self.facts.caption_words)), np.array(list(self.facts.caption_words.values())))
        low, first, median, third, high = np.percentile(values, [0, 25, 50, 75, 100])
        spread = {"min": low, "first_quartile": first, "median": median, "third_quartile": third, "max": high}
        mean = {"mean": round(float(values.mean()), 2), "standard_deviation": round(float(values.std()), 2)}
        return mean | {name: float(value) for name, value in spread.items()}

    def vocabulary(self) -> dict[str, float]:
        """Different words, all words, and the share of the different ones that occur once."""
        once = sum(count == 1 for count in self.facts.words.values())
        return {
            "words": len(self.facts.words),
            "running_words": self.facts.words.total(),
            "once": round(once / max(len(self.facts.words), 1), 4),
        }

    def balance(self) -> float:
        """How even the event types are: the entropy of their shares over that of equal shares, 0 to 1."""
        shares = [count / self.facts.records for count in self.types.values()]
        return -sum(share * math.log(share) for share in shares) / math.log(len(shares)) if len(shares) > 1 else 0.0

    def document(self) -> dict[str, Any]:
        """Everything, as JSON has it; the words themselves left out but for the most frequent."""
        return {
            "name": self.name,
            "table_1": self.table_row(),
            "records": self.facts.records,
            "captions": self.facts.caption_words.total(),
            "caption_words": self.caption_lengths(),
            "caption_origins": _sorted(self.facts.origins),
            "vocabulary": self.vocabulary(),
            "frequent_words": dict(self.facts.words.most_common(50)),
            "event_types": _sorted(self.types),
            "balance": round(self.balance(), 4),
            "splits": _sorted(self.splits),
            "parts": _sorted(self.facts.parts),
            "datasets": _sorted(self.datasets),
            "licenses": _sorted(self.facts.all_licenses),
        }

    def text(self) -> list[str]:
        """The same as lines for a terminal, the first two Table 1 in Markdown."""
        row = self.table_row()
        lengths, words = self.caption_lengths(), self.vocabulary()
        lines = [f"| {' | '.join(row)} |", f"|{'---|' * len(row)}", f"| {' | '.join(row.values())} |", ""]
        if lengths:
            lines.append(
                f"{self.facts.caption_words.total():,} captions of {lengths['mean']:.1f} words on average (median "
                f"{lengths['median']:.0f}, {lengths['min']:.0f} to {lengths['max']:.0f}); {words['words']:,} different "
                f"words, {words['once']:.0%} of them once."
            )
        lines.append(f"{len(self.types)} event types, evenness {self.balance():.2f} (1: all alike).")
        for title, counts in (
            ("Event types", self.types),
            ("Parts", self.facts.parts),
            ("Collections", self.datasets),
            ("Licences", self.facts.all_licenses),
            ("Splits", self.splits),
            ("Captions by", self.facts.origins),
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
