"""What records say about themselves: gathered in one pass, for the papers of a release and for statistics."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from gatherset.dataset.agreement import VoteAgreement, vote_agreement
from gatherset.dataset.records import SPLITS, Record
from gatherset.dataset.tokens import tokens

SAMPLES_PER_TYPE = 3
NO_LICENCE = "none named"


@dataclass
class Facts:
    """Counts over records that were added in the order of their ids."""

    records: int = 0
    counts: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))  # split: type: records
    licenses: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))  # split: licence
    parts: Counter[str] = field(default_factory=Counter)
    datasets: Counter[str] = field(default_factory=Counter)  # the collections that the images come from
    origins: Counter[str] = field(default_factory=Counter)  # of captions: human, imported, model, llm
    verified: int = 0  # captions
    authors: set[str] = field(default_factory=set)  # pseudonyms
    caption_words: Counter[int] = field(default_factory=Counter)  # words in a caption: captions
    words: Counter[str] = field(default_factory=Counter)  # of the captions: how often each occurs
    captions: Counter[int] = field(default_factory=Counter)  # captions of a record: records
    votes: Counter[tuple[tuple[str, int], ...]] = field(default_factory=Counter)  # votes on the type: records
    attributions: int = 0  # records that name whom to credit
    urls: int = 0
    samples: defaultdict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))  # type: the first by id

    def add(self, record: Record) -> None:
        self.records += 1
        split, kind, source = record["split"], record["event"]["type"], record["source"]
        self.counts[split][kind] += 1
        self.licenses[split][source["license"] or NO_LICENCE] += 1
        self.parts[source["part"]] += 1
        self.datasets[source["dataset"]] += 1
        self.attributions += source["attribution"] is not None
        self.urls += source["url"] is not None
        self.votes[tuple(sorted(record["event"]["votes"].items()))] += 1
        self.captions[len(record["captions"])] += 1
        for entry in record["captions"]:
            words = tokens(entry["text"])
            self.origins[entry["origin"]] += 1
            self.verified += entry["verified"]
            if entry["author"]:
                self.authors.add(entry["author"])
            self.caption_words[len(words)] += 1
            self.words.update(words)
        # An id is a hash, so that the first few are as good as drawn by lot, and stay the same from version to version.
        if len(self.samples[kind]) < SAMPLES_PER_TYPE:
            self.samples[kind].append(record)

    def merge(self, later: Facts) -> None:
        """Take over what was gathered of records that come after these."""
        for split in SPLITS:
            self.counts[split] += later.counts[split]
            self.licenses[split] += later.licenses[split]
        for name in ("parts", "datasets", "origins", "caption_words", "words", "captions", "votes"):
            getattr(self, name).update(getattr(later, name))
        self.authors |= later.authors
        self.records += later.records
        self.verified += later.verified
        self.attributions += later.attributions
        self.urls += later.urls
        for kind, records in later.samples.items():
            self.samples[kind] += records[: SAMPLES_PER_TYPE - len(self.samples[kind])]

    @property
    def all_licenses(self) -> Counter[str]:
        return sum(self.licenses.values(), Counter[str]())

    def agreement(self) -> VoteAgreement | None:
        return vote_agreement(self.votes)

    def count_table(self) -> dict[str, dict[str, int]]:
        return {split: dict(sorted(self.counts[split].items())) for split in SPLITS}
