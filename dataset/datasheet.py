"""The datasheet of a release, after Gebru et al., "Datasheets for Datasets" (2021).

What the workspace knows is filled in; what only a person can answer stands in the workspace's `datasheet.toml`, by the
key of the question, and is marked where nobody has answered it yet.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatherset.dataset.errors import InputError
from gatherset.dataset.facts import Facts
from gatherset.dataset.settings import AboutSettings

ANSWERS_FILE = "datasheet.toml"
UNANSWERED = "**A person must answer this** (`{key}` in datasheet.toml)."


@dataclass(frozen=True)
class Question:
    key: str
    text: str


SECTIONS: dict[str, tuple[Question, ...]] = {
    "Motivation": (
        Question("purpose", "For what purpose was the dataset created? Was there a specific task or gap in mind?"),
        Question("creators", "Who created the dataset, and on behalf of which entity?"),
        Question("funding", "Who funded the creation of the dataset?"),
    ),
    "Composition": (
        Question("instances", "What do the instances that comprise the dataset represent?"),
        Question("size", "How many instances are there in total, of each type?"),
        Question("sample", "Does the dataset contain all possible instances or is it a sample? How was it drawn?"),
        Question("data", "What data does each instance consist of?"),
        Question("labels", "Is there a label or target associated with each instance?"),
        Question("missing", "Is any information missing from individual instances?"),
        Question("relationships", "Are relationships between individual instances made explicit?"),
        Question("splits", "Are there recommended data splits? What is the rationale behind them?"),
        Question("noise", "Are there any errors, sources of noise, or redundancies in the dataset?"),
        Question("self_contained", "Is the dataset self-contained, or does it rely on external resources?"),
        Question("confidential", "Does the dataset contain data that might be considered confidential?"),
        Question("offensive", "Does it contain data that might be offensive, threatening, or cause anxiety?"),
        Question("subpopulations", "Does the dataset identify any subpopulations (by age, gender, …)?"),
        Question("identifiable", "Is it possible to identify individuals, directly or indirectly, from the dataset?"),
        Question(
            "sensitive", "Does it contain data that might be considered sensitive (opinions, beliefs, origins, …)?"
        ),
    ),
    "Collection process": (
        Question("acquisition", "How was the data associated with each instance acquired?"),
        Question(
            "mechanisms", "What mechanisms or procedures were used to collect the data, and how were they checked?"
        ),
        Question("collectors", "Who was involved in the collection, and how were they compensated?"),
        Question("timeframe", "Over what timeframe was the data collected?"),
        Question("ethical_review", "Were any ethical review processes conducted?"),
        Question("notified", "Were the individuals in question notified about the data collection?"),
        Question("consent", "Did the individuals consent to the collection and use of their data?"),
        Question("revocation", "Can consent be revoked, or a picture be taken out?"),
        Question("impact_analysis", "Has an analysis of the potential impact on data subjects been conducted?"),
    ),
    "Preprocessing, cleaning, labeling": (
        Question("preprocessing", "Was any preprocessing, cleaning or labeling of the data done?"),
        Question("raw", "Was the raw data saved in addition to the preprocessed data?"),
        Question("software", "Is the software that was used available?"),
    ),
    "Uses": (
        Question("used", "Has the dataset been used for any tasks already?"),
        Question("repository", "Is there a repository that links to papers or systems that use the dataset?"),
        Question("other_uses", "What (other) tasks could the dataset be used for?"),
        Question("risks", "Is there anything about the dataset that might impact future uses, or harm people?"),
        Question("not_for", "Are there tasks for which the dataset should not be used?"),
    ),
    "Distribution": (
        Question("distribution", "How will the dataset be distributed, and to whom?"),
        Question("license", "Under which licence or terms will it be distributed?"),
        Question("third_party", "Have third parties imposed restrictions on the data?"),
        Question("export", "Do any export controls or other regulatory restrictions apply?"),
    ),
    "Maintenance": (
        Question("maintainer", "Who is supporting, hosting and maintaining the dataset?"),
        Question("contact", "How can the owner, curator or manager be contacted?"),
        Question("erratum", "Is there an erratum?"),
        Question("updates", "Will the dataset be updated, how often, by whom, and how is it communicated?"),
        Question("retention", "Are there limits on the retention of data that relates to people?"),
        Question("old_versions", "Will older versions continue to be supported and hosted?"),
        Question("contributions", "Can others extend, augment or contribute to the dataset?"),
    ),
}
KEYS = tuple(question.key for questions in SECTIONS.values() for question in questions)


def read_answers(path: Path) -> dict[str, str]:
    """The answers in a workspace's datasheet.toml; none where there is no such file. Raises InputError."""
    if not path.is_file():
        return {}
    try:
        answers = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid TOML: {error}", "Mend the file") from error
    if wrong := [key for key, value in answers.items() if key not in KEYS or not isinstance(value, str)]:
        raise InputError(f"{path}: '{wrong[0]}' is no question of the datasheet, or not answered in text", _known())
    return {key: value.strip() for key, value in answers.items() if value.strip()}


def _known() -> str:
    return f"The keys are: {', '.join(KEYS)}"


def unanswered(answers: Mapping[str, str], about: AboutSettings) -> tuple[str, ...]:
    """The keys of the questions to which neither a person nor the workspace has an answer."""
    known = {key for key, text in _known_answers({}, Facts(), about) if text}
    return tuple(key for key in KEYS if key not in known and key not in answers)


def datasheet(manifest: Mapping[str, Any], facts: Facts, about: AboutSettings, answers: Mapping[str, str]) -> str:
    """DATASHEET.md. An answer by a person stands before what the workspace knows."""
    known = dict(_known_answers(manifest, facts, about))
    lines = [f"# Datasheet of {about.title or manifest['name']} {manifest['version']}", ""]
    lines += ['After Gebru et al., "Datasheets for Datasets", Communications of the ACM 64 (12), 2021.', ""]
    for section, questions in SECTIONS.items():
        lines += [f"## {section}", ""]
        for question in questions:
            answer = "\n\n".join(filter(None, (answers.get(question.key, ""), known.get(question.key, ""))))
            lines += [f"**{question.text}**", "", answer or UNANSWERED.format(key=question.key), ""]
    return "\n".join(lines)


def _known_answers(manifest: Mapping[str, Any], facts: Facts, about: AboutSettings) -> Iterator[tuple[str, str]]:
    """What the workspace knows. It must answer the same questions whatever the manifest says."""
    per_image = manifest.get("captions_per_image", 0)
    ratios = manifest.get("splits", {}).get("ratios", [])
    yield "creators", "; ".join(about.authors)
    totals = {split: sum(facts.counts[split].values()) for split in ("train", "val", "test")}
    warnings = sum(rule["findings"] for rule in manifest.get("rules", []))
    parts = ", ".join(f"{part} ({count})" for part, count in sorted(facts.parts.items()))
    yield from {
        "instances": f"Images of mass gatherings, each with {per_image} captions and one event type.",
        "size": f"{facts.records} images: {', '.join(f'{count} {split}' for split, count in totals.items())}.",
        "data": "The image file, its captions with their origin and a pseudonym of their author, the event type with "
        "the votes for it, where the image came from, its licence and attribution.",
        "labels": "The event type, with the annotators' votes.",
        "missing": f"{facts.records - facts.attributions} images have no attribution, "
        f"{facts.records - facts.urls} no URL.",
        "relationships": "Near-duplicates (by perceptual hash) are kept in one split.",
        "splits": f"train, val and test in the ratio {' : '.join(map(str, ratios))}, drawn by a stable hash within "
        "each event type; a record that has a split keeps it in every later version.",
        "noise": f"{warnings} warnings were left when the rules ran; release.json counts them by rule.",
        "self_contained": "Self-contained: the image files are part of it."
        if manifest.get("images", True)
        else "It holds no images: they are found by their source.",
        "identifiable": f"People can be seen. {_faces(manifest.get('faces'))}Camera metadata (EXIF, GPS) was removed; "
        "authors are pseudonyms.",
        "acquisition": f"Parts: {parts}.",
        "revocation": _revocation(about),
        "preprocessing": "Metadata was cut out of the image files without encoding them anew (turned upright where "
        "EXIF said so); captions and types were checked by rules; images that annotators found to be no gathering were "
        "left out.",
        "raw": "The bytes as received are not part of the release; their sha256 is (source.sha256).",
        "software": f"{manifest.get('tool', 'gatherset')}, Apache-2.0.",
        "license": _licence(facts, about),
        "maintainer": about.contact,
        "contact": about.contact,
        "erratum": "CHANGES.md lists every record that was corrected, word by word.",
        "updates": "Versions: MAJOR when records are edited, removed or change split, MINOR when records are added, "
        "PATCH when the same records are packaged again.",
        "old_versions": "A published version never changes, but retracted records are taken out of all of them.",
    }.items()


def _faces(blurred: Mapping[str, Any] | None) -> str:
    if not blurred:
        return "Faces were not blurred. "
    return (
        f"{blurred['faces']} faces in {blurred['images']} images were found by {blurred['detector']} and blurred; "
        "a detector misses some, small and turned ones above all. "
    )


def _revocation(about: AboutSettings) -> str:
    to = f" Write to {about.contact}." if about.contact else ""
    return f"Yes: a record is retracted from every version, and purged from the published files on request.{to}"


def _licence(facts: Facts, about: AboutSettings) -> str:
    images = ", ".join(f"{name} ({count})" for name, count in sorted(facts.all_licenses.items()))
    own = f"Captions, labels and papers: {about.license}. " if about.license else ""
    return f"{own}Images, each under its own licence: {images}."
