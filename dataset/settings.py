"""The settings of a workspace: `gatherset.toml` as frozen dataclasses."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_type_hints
from urllib.parse import urlsplit

from gatherset import schemas
from gatherset.dataset.errors import WorkspaceError

FORMAT = 1  # of gatherset.toml; a larger number in a file means that a newer Gatherset made it
T = TypeVar("T")


@dataclass(frozen=True)
class ImageSettings:
    min_side: int = 64  # pixels; a smaller image breaks GS204
    max_aspect: float = 4.0  # longer side over shorter; more breaks GS208
    min_contrast: float = 4.0  # standard deviation of the grey levels, 0 to 255; less breaks GS209
    max_pixels: int = 100_000_000  # refused before decoding: a decompression bomb costs nothing
    thumbnail_side: int = 1024  # pixels; what the annotation page shows


@dataclass(frozen=True)
class QueueSettings:
    overlap: int = 2  # different annotators an image goes to; their majority decides
    max_overlap: int = 5  # asked one by one while they disagree; then it waits for review
    lease_minutes: int = 20  # how long an image is held for an annotator who says nothing
    gold_rate: float = 0.05  # share of the images handed out whose answer is known, unmarked; none where none is known


@dataclass(frozen=True)
class SplitSettings:
    ratios: tuple[int, ...] = (8, 1, 1)  # train : val : test, as in the paper's 8000/1000/1000
    seed: int = 0  # ranks the units; changing it moves no record that has a split
    series: str = ""  # regular expression: its first group in source.ref names an upload series, e.g. '^(.+)/'
    counts: tuple[
        int, ...
    ] = ()  # exactly so many in each split instead of the ratios, e.g. [8000, 1000, 1000]; others wait


@dataclass(frozen=True)
class RuleSettings:
    ignore: tuple[str, ...] = ()  # rule ids that are not run
    levels: Mapping[str, str] = field(default_factory=dict)  # e.g. {GS304 = "error"}
    min_words: int = 3  # a shorter caption breaks GS302
    max_words: int = 60  # a longer one breaks GS303
    max_caption_likeness: float = 0.92  # two captions of an image that are more alike break GS304
    max_caption_uses: int = 5  # images with the same caption; more break GS306
    max_counted: int = 30  # people that a caption may count exactly (GS313)
    min_distinct: float = 0.5  # share of different word pairs in an image's captions (GS314)
    min_agreement: float = 0.6  # share of the votes that went to the record's event type (GS404)
    near_duplicate_distance: int = 6  # bits of the 64-bit perceptual hash
    lookalike_cosine: float = 0.85  # of image features, where `gatherset split --features` is given some
    min_records_per_type: int = 10  # fewer make a thin type (GS403)
    split_tolerance: float = 0.05  # how far a split's share may be from its ratio
    leak_words: int = 10  # a caption of so many words in two splits breaks GS507; shorter ones are anybody's
    licenses: tuple[str, ...] = ()  # the allowed ones; empty: any that is an SPDX id or LicenseRef-…


@dataclass(frozen=True)
class ReleaseSettings:
    buckets: int = 16  # data files a split; a record's bucket follows from its id
    images: bool = True  # false: captions alone, where the images may not be handed on


@dataclass(frozen=True)
class AboutSettings:
    """What only a person can say of the dataset; its papers repeat it. See datasheet.toml for the rest."""

    title: str = ""  # as people call it; the name where it is empty
    description: str = ""  # a sentence or two
    authors: tuple[str, ...] = ()  # who to cite, as "Family, Given"
    contact: str = ""  # whom to write to, also about a picture that should not be in it
    homepage: str = ""  # where it is published
    doi: str = ""  # "10.5281/zenodo.…"
    license: str = ""  # SPDX id of the captions, labels and papers; each image has a licence of its own
    annotators: str = ""  # who they are: "experts" (trained, known to the team) or "crowd"; empty: nobody has said


@dataclass(frozen=True)
class AppSettings:
    """Where and how annotators reach the app; see docs/deploy.md. Secrets are in the environment, never here."""

    url: str = ""  # where they open it, e.g. "https://annotate.example.org/mg"; empty: on this machine alone
    session_hours: int = 12  # without a sign of life, after which one signs in again; at most 30 days in all
    provider: str = ""  # of OpenID Connect: the address of its metadata; empty: passwords alone
    client_id: str = ""  # what the provider calls this app; the secret is $GATHERSET_PROVIDER_SECRET
    trust_email: bool = False  # also take an address of which the provider does not say whether it has verified it


@dataclass(frozen=True)
class Settings:
    format: int  # of this file
    name: str  # of the dataset and its releases
    language: str = "en"  # BCP 47 tag of the captions
    captions_per_image: int = 5  # exactly so many a record
    captions_per_submission: int = 0  # 0: an annotator writes all of them; 1: one each, as Flickr30k was made
    images: ImageSettings = ImageSettings()
    queue: QueueSettings = QueueSettings()
    splits: SplitSettings = SplitSettings()
    rules: RuleSettings = field(default_factory=RuleSettings)
    release: ReleaseSettings = ReleaseSettings()
    about: AboutSettings = AboutSettings()
    app: AppSettings = AppSettings()

    @property
    def captions_asked(self) -> int:
        """How many captions one annotator is asked for."""
        return self.captions_per_submission or self.captions_per_image

    def asked(self, kind: str) -> tuple[int, int]:
        """How many annotators a task of this kind goes to, and at most while they disagree.

        Where each of them writes one caption, there are as many as an image has captions.
        """
        least = self.captions_per_image if kind == "caption" and self.captions_per_submission == 1 else 1
        return max(self.queue.overlap, least), max(self.queue.max_overlap, least)


def read_settings(path: Path) -> Settings:
    """The settings in the file `path`. Raises WorkspaceError for a file that is damaged, newer, or has unknown keys."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WorkspaceError(f"{path} is not valid TOML: {error}", "Mend the file") from error
    version = table.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise WorkspaceError(
            f"{path} was made by a newer Gatherset (format {version}; this one reads {FORMAT})",
            "Upgrade: pip install -U gatherset",
        )
    settings = _build(Settings, table, str(path))
    _check(settings, path)
    return settings


def _build(cls: type[T], table: Mapping[str, Any], where: str) -> T:
    assert is_dataclass(cls)
    hints = get_type_hints(cls)
    known = {f.name for f in fields(cls)}
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"Did you mean '{near[0]}'?" if near else f"Known here: {', '.join(sorted(known))}"
            raise WorkspaceError(f"{where}: unknown setting '{key}'", hint)
        values[key] = _value(hints[key], value, f"{where}: {key}")
    needed = (f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING)
    if missing := [name for name in needed if name not in values]:
        raise WorkspaceError(f"{where}: the setting '{missing[0]}' is missing", "Add it")
    return cls(**values)


# The kinds of value there are: what TOML may give for each, and how to say so.
_KINDS: dict[Any, tuple[Callable[[Any], bool], str]] = {
    int: (lambda value: type(value) is int, "a whole number"),
    float: (lambda value: type(value) in (int, float), "a number"),
    str: (lambda value: type(value) is str, "a text in quotes"),
    bool: (lambda value: type(value) is bool, "true or false"),
    tuple[int, ...]: (lambda value: type(value) is list and all(type(v) is int for v in value), "a list like [8, 1]"),
    tuple[str, ...]: (
        lambda value: type(value) is list and all(type(v) is str for v in value),
        'a list of texts like ["a", "b"]',
    ),
    Mapping[str, str]: (
        lambda value: type(value) is dict and all(type(v) is str for v in value.values()),
        'a table of texts like {GS304 = "error"}',
    ),
}


def _value(hint: Any, value: Any, where: str) -> Any:
    if is_dataclass(hint) and isinstance(hint, type):
        if isinstance(value, dict):
            return _build(hint, value, where)
        raise WorkspaceError(f"{where} is {value!r}, not a table", "Write it as a section of its own in [brackets]")
    fits, kind = _KINDS[hint]
    if not fits(value):
        raise WorkspaceError(f"{where} has the value {value!r}, which is of the wrong kind", f"It should be {kind}")
    return tuple(value) if isinstance(value, list) else value


def _check(settings: Settings, path: Path) -> None:
    images, queue, splits, rules = settings.images, settings.queue, settings.splits, settings.rules
    checks = {
        "name must be lower-case letters, digits, '-' or '_'": is_name(settings.name),
        "language must be a BCP 47 tag like 'en' or 'zh-Hant'": is_language(settings.language),
        "captions_per_image must be at least 1": settings.captions_per_image >= 1,
        "captions_per_submission must be 0 (all) or 1": settings.captions_per_submission in (0, 1),
        "images: min_side, max_pixels and thumbnail_side must be at least 1": min(
            images.min_side, images.max_pixels, images.thumbnail_side
        )
        >= 1,
        # Pillow refuses more by itself, whatever it is told.
        "images: max_pixels must be at most 178956970": images.max_pixels <= 178_956_970,
        "queue: 1 <= overlap <= max_overlap": 1 <= queue.overlap <= queue.max_overlap,
        "queue: lease_minutes must be at least 1": queue.lease_minutes >= 1,
        "queue: gold_rate must be 0 to 1": 0 <= queue.gold_rate <= 1,
        "splits: ratios must be three numbers of 0 or more, the first above 0": len(splits.ratios) == 3
        and min(splits.ratios) >= 0
        and splits.ratios[0] > 0,
        "splits: counts must be three numbers of 0 or more, not all 0": not splits.counts
        or (len(splits.counts) == 3 and min(splits.counts) >= 0 and sum(splits.counts) > 0),
        "splits: series must be a regular expression with a group": not splits.series or _has_group(splits.series),
        "release: buckets must be 1, 2, 4, … 256": settings.release.buckets in {2**n for n in range(9)},
        "about: annotators must be 'experts' or 'crowd'": settings.about.annotators in ("", "experts", "crowd"),
        "app: url must begin with http:// or https:// and name a host": not settings.app.url
        or is_url(settings.app.url),
        "app: session_hours must be 1 to 720": 1 <= settings.app.session_hours <= 720,
        "app: provider needs a url and a client_id": not settings.app.provider
        or bool(is_url(settings.app.provider) and settings.app.url and settings.app.client_id),
        "rules: levels must be 'error' or 'warning'": set(rules.levels.values()) <= {"error", "warning"},
        "rules: GS101 is always an error, for all else relies on the shape": rules.levels.get("GS101") != "warning",
        # Unrelated photographs differ in 32 bits on average: more than a quarter would join everything.
        "rules: near_duplicate_distance must be 0 to 16": 0 <= rules.near_duplicate_distance <= 16,
        "rules: lookalike_cosine must be above 0 and at most 1": 0 < rules.lookalike_cosine <= 1,
        "rules: leak_words must be at least 1": rules.leak_words >= 1,
        "rules: split_tolerance must be 0 to 1": 0 <= rules.split_tolerance <= 1,
        "rules: max_caption_likeness, min_distinct and min_agreement must be 0 to 1": all(
            0 <= share <= 1 for share in (rules.max_caption_likeness, rules.min_distinct, rules.min_agreement)
        ),
    }
    for text, holds in checks.items():
        if not holds:
            raise WorkspaceError(f"{path}: {text}", "Mend the file")


def _has_group(pattern: str) -> bool:
    try:
        return re.compile(pattern).groups >= 1
    except re.error:
        return False


def is_url(text: str) -> bool:
    """Whether `text` is the address of a page, without a query."""
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)


def is_language(text: str) -> bool:
    """Whether `text` has the form of a language tag that a record may carry."""
    pattern = schemas.read("record.schema.json")["properties"]["language"]["pattern"]
    return re.search(pattern, text) is not None


def is_name(text: str) -> bool:
    """Whether `text` can name a dataset: a file name everywhere, and half of `name@version`."""
    return (
        text.isascii()
        and text[:1].isalpha()
        and text == text.lower()
        and text.replace("-", "").replace("_", "").isalnum()
    )
