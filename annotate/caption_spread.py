"""How much the captions of a record differ from each other."""

from __future__ import annotations

from itertools import combinations
from statistics import fmean
from typing import Any

from rapidfuzz.distance import Indel
from sqlalchemy import Connection

from gatherset.dataset.records import count_records, some_records
from gatherset.dataset.tokens import distinct_2, normalised, words

MOST = 1000  # records that are looked at; ids are hashes, so that the first ones are a fair sample


def caption_spread(connection: Connection, most: int = MOST) -> dict[str, Any]:
    """{records looked at, of all, mean distinct-2, mean likeness}; None for the means where there are none.

    distinct-2 is that of dataset/tokens.py; likeness is the share of letters that need not be inserted or deleted to
    make one caption of another.
    """
    texts = [[entry["text"] for entry in record["captions"]] for record in some_records(connection, most)]
    several = [captions for captions in texts if len(captions) > 1]
    return {
        "records": len(texts),
        "of": count_records(connection),
        "distinct_2": fmean(map(_distinct_2, several)) if several else None,
        "likeness": fmean(map(_likeness, several)) if several else None,
    }


def _distinct_2(captions: list[str]) -> float:
    return distinct_2(words(normalised(text)) for text in captions)


def _likeness(captions: list[str]) -> float:
    forms = [normalised(text) for text in captions]
    return fmean(Indel.normalized_similarity(first, second) for first, second in combinations(forms, 2))
