"""Filtering an existing collection (EDAN section 4.1): what the dictionary matches goes to people, who screen it.

Whatever does not match is lost unless somebody looks: so a few of these can be drawn and screened as well. Only then is
recall known. Each image says of how many it was chosen; how many others it stands for is counted when recall is
measured: more may have been drawn meanwhile, and another dictionary may match more.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from gatherset.dataset.candidates import Candidate
from gatherset.dataset.catalog.tables import decisions, images, submissions, tasks
from gatherset.dataset.errors import InputError
from gatherset.dataset.gathering_dictionary import FILE, GatheringDictionary, load_dictionary
from gatherset.dataset.merging import MERGE
from gatherset.dataset.progress import progress
from gatherset.dataset.workspace import Workspace

TERMS = 5  # that are named where an image was chosen
DIGITS = 12  # of the dictionary's digest, there
BOOTSTRAPS = 2000  # samples of the screened images, for an interval
TEXT_DOES_NOT_FIT = "text_does_not_fit"  # the flag of a screening: a gathering by its captions, and not by its picture
_CHOSEN = re.compile(  # as earlier versions wrote it, too: "; drawn 200 of 6000", of those that did not match
    r"gathering dictionary (?P<digest>\w+): .*?; (?P<drawn>drawn )?(?:from|\d+ of) (?P<size>\d+)"
    r"(?: captioned images of (?P<collection>.*))?",
    re.DOTALL,
)


def workspace_dictionary(root: Path | None) -> GatheringDictionary:
    """The workspace's own dictionary where it has one, else the one that Gatherset brings. Raises InputError."""
    own = root / FILE if root else None
    return load_dictionary(own if own and own.exists() else None)


@dataclass(frozen=True)
class Sifted:
    """What of a collection goes on to screening."""

    matched: list[Candidate]
    drawn: list[Candidate]  # by chance, of those that do not match
    unmatched: int
    uncaptioned: int  # of which nothing can be said

    @property
    def candidates(self) -> list[Candidate]:
        return [*self.matched, *self.drawn]


def sift(
    candidates: Sequence[Candidate], dictionary: GatheringDictionary, collection: str, draw: int = 0, seed: int = 0
) -> Sifted:
    """The candidates that match, and `draw` of the others, each with how it was chosen out of the named collection."""
    name = f"gathering dictionary {dictionary.digest[:DIGITS]}"
    captioned = sum(bool(candidate.entry and candidate.entry.captions) for candidate in candidates)
    whole = f"from {captioned} captioned images of {collection}"
    matched, others, uncaptioned = [], [], 0
    for candidate in progress(candidates, total=len(candidates), label="filter"):
        if candidate.entry is None or not candidate.entry.captions:
            uncaptioned += 1
            continue
        judgement = dictionary.judge(candidate.entry.captions)
        if judgement.matches:
            terms = ", ".join(judgement.terms[:TERMS])
            matched.append(_chosen(candidate, f"{name}: {judgement.captions} captions with {terms}; {whole}"))
        else:
            others.append(candidate)
    draw = min(draw, len(others))
    chosen = sorted(np.random.default_rng(seed).permutation(len(others))[:draw].tolist())
    how = f"{name}: no match; drawn {whole}"
    return Sifted(matched, [_chosen(others[number], how) for number in chosen], len(others), uncaptioned)


def _chosen(candidate: Candidate, how: str) -> Candidate:
    entry = replace(candidate.entry, part="filtered") if candidate.entry else None
    return replace(candidate, entry=entry, selected=how)


@dataclass(frozen=True)
class Screened:
    """One image that people have screened."""

    captions: tuple[str, ...]
    gathering: bool
    weight: float = 1.0  # images that it stands for: more than one where it was drawn among those that do not match


@dataclass(frozen=True)
class Share:
    value: float
    low: float  # of the 95 % interval over images
    high: float

    def __str__(self) -> str:
        return f"{self.value:.1%} ({self.low:.1%} to {self.high:.1%})"


@dataclass(frozen=True)
class FilterFigures:
    """How well a dictionary chooses, against what was screened."""

    screened: int
    gatherings: int
    matched: int
    right: int  # matched, and a gathering
    lost: float  # gatherings that do not match; estimated where images were drawn
    precision: Share | None  # of the matched, those that are gatherings
    recall: Share | None  # of the gatherings, those that match; None where nothing that does not match was screened


def figures(dictionary: GatheringDictionary, screened: Sequence[Screened], *, seed: int = 0) -> FilterFigures:
    """Precision and recall of the dictionary on images whose answer is known."""
    if not screened:
        return FilterFigures(0, 0, 0, 0, 0.0, None, None)
    found = np.array([dictionary.judge(one.captions).matches for one in screened], bool)
    truth = np.array([one.gathering for one in screened], bool)
    weight = np.array([one.weight for one in screened], float)
    even = np.full(len(truth), 1 / len(truth))
    samples = np.random.default_rng(seed).multinomial(len(truth), even, BOOTSTRAPS)  # [samples, images] how often each

    def share(part: np.ndarray[Any, Any], whole: np.ndarray[Any, Any]) -> Share | None:
        if not whole.any():
            return None
        over = samples @ (weight * whole)
        drawn = (samples @ (weight * part))[over > 0] / over[over > 0]
        low, high = np.percentile(drawn, [2.5, 97.5])
        return Share(float((weight * part).sum() / (weight * whole).sum()), float(low), float(high))

    return FilterFigures(
        len(truth),
        int(truth.sum()),
        int(found.sum()),
        int((found & truth).sum()),
        float((weight * (truth & ~found)).sum()),
        share(found & truth, found),
        share(found & truth, truth) if (~found).any() else None,
    )


@dataclass
class ScreenedSet:
    images: list[Screened] = field(default_factory=list)
    waiting: int = 0  # still to be screened
    not_fitting: int = 0  # images that somebody said no to after the text had passed


@dataclass
class _Collection:
    """What of one collection is in the workspace, and so how many images each drawn one stands for."""

    size: int = 0  # images with captions
    dictionaries: set[str] = field(default_factory=set)  # that it was filtered with
    sure: int = 0  # images that are here because they match, whoever drew them before
    screened: list[int] = field(default_factory=list)  # of the drawn others: their places in ScreenedSet.images


def screened_in(workspace: Workspace, dictionary: GatheringDictionary) -> ScreenedSet:
    """What people have screened in a workspace: rejected, or found to be a gathering and asked what comes next.

    A drawn image stands for so many as there are in its collection that matched no dictionary, divided by the number
    of these that were screened: those that were drawn once and match now are here anyway, and stand for themselves.
    """
    rows, unfit = _filtered(workspace)
    collections: defaultdict[tuple[str, str], _Collection] = defaultdict(_Collection)
    known = ScreenedSet(not_fitting=len(unfit))
    chosen = [_CHOSEN.fullmatch(row.source.get("selected") or "") for row in rows]
    for row, how in zip(rows, chosen, strict=True):
        if how:
            own = collections[row.source["dataset"], how["collection"] or ""]
            own.size = max(own.size, int(how["size"]))  # it may have grown
            own.dictionaries.add(how["digest"])
    for row, how in zip(rows, chosen, strict=True):
        captions = tuple(entry["text"] for entry in row.captions)
        by_chance = False
        if how:
            own = collections[row.source["dataset"], how["collection"] or ""]
            used = dictionary.digest[:DIGITS] in own.dictionaries
            by_chance = bool(how["drawn"]) and not (used and dictionary.judge(captions).matches)
            own.sure += not by_chance
        gathering = row.rejected is None
        if row.state is None or row.merged:
            continue  # nobody is asked, or a copy was dropped, which says nothing of what it shows
        if gathering and (row.state != "done" or row.waits):
            known.waiting += 1
            continue
        if by_chance:
            own.screened.append(len(known.images))
        known.images.append(Screened(captions, gathering))
    for own in collections.values():
        for place in own.screened:
            weight = max(1.0, (own.size - own.sure) / len(own.screened))
            known.images[place] = replace(known.images[place], weight=weight)
    return known


def _filtered(workspace: Workspace) -> tuple[Sequence[Any], set[str]]:
    """The images of the filtered part with the state of their tasks, and those whose text does not fit."""
    later = tasks.alias()
    waits = sa.exists().where(later.c.image_id == images.c.id, later.c.state == "waiting")
    merged = sa.exists().where(decisions.c.image_id == images.c.id, decisions.c.decided_by == MERGE)
    query = (
        sa.select(images.c.captions, images.c.source, images.c.rejected, tasks.c.state)
        .add_columns(waits.label("waits"), merged.label("merged"))
        .outerjoin(tasks, (tasks.c.image_id == images.c.id) & (tasks.c.kind == "screen"))
        .where(images.c.source["part"].as_string() == "filtered")
        .order_by(images.c.id)
    )
    answers = sa.select(tasks.c.image_id, submissions.c.answer).join(tasks).where(tasks.c.kind == "screen")
    with workspace.catalog.read() as connection:
        unfit = {row.image_id for row in connection.execute(answers) if TEXT_DOES_NOT_FIT in row.answer["flags"]}
        return connection.execute(query).all(), unfit


def screened_by_files(candidates: Iterable[tuple[str, Sequence[str]]], paths: Sequence[Path]) -> list[Screened]:
    """The images on which all these annotators' files agree, with their captions; (name, captions) of each candidate.

    A file has the columns image and is_gathering, as gatherset submissions import reads it. Raises InputError.
    """
    said: list[dict[str, bool]] = [dict(_answers(path)) for path in paths]
    found = []
    for name, captions in candidates:
        votes = {answers.get(name) for answers in said}
        if len(votes) == 1 and (vote := votes.pop()) is not None:
            found.append(Screened(tuple(captions), vote))
    if not found:
        raise InputError(f"{paths[0]} answers for none of these images", "Is it about another collection?")
    return found


def _answers(path: Path) -> Iterator[tuple[str, bool]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                if (said := (row["is_gathering"] or "").strip()) in ("0", "1"):
                    yield row["image"], said == "1"
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", "Check the path and its permissions") from error
    except (KeyError, csv.Error, UnicodeDecodeError) as error:
        step = "It needs the columns image and is_gathering"
        raise InputError(f"{path} is no file of answers: {error}", step) from error
