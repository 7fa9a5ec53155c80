"""The short papers of a release: dataset card, list of changes, citation, credits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from gatherset.dataset.diff import Comparison
from gatherset.dataset.diff_report import change_lines
from gatherset.dataset.facts import NO_LICENCE, Facts
from gatherset.dataset.records import SPLITS, Record
from gatherset.dataset.settings import AboutSettings

_ESCAPES = {ord(sign): f"\\{sign}" for sign in "\\`*_{}[]<>#|~!&"}
LISTED_CHANGES = 10_000  # records in CHANGES.md; the others are counted there, and `release diff` names them
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
# The hub knows these licences by other names; one that it does not know is called "other" there.
_HUB_LICENSES = {"CC-BY-4.0", "CC-BY-2.0", "CC-BY-3.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC0-1.0"}


def dataset_card(manifest: Mapping[str, Any], facts: Facts, about: AboutSettings) -> str:
    """README.md with the YAML header that the Hugging Face hub reads: images by default, or captions alone."""
    title = about.title or manifest["name"]
    lines = ["---", *_header(manifest, facts, about), "---", f"# {title} {manifest['version']}", ""]
    lines += [about.description, ""] if about.description else []
    agreement = facts.agreement()
    said = f" Their votes agree with Krippendorff's alpha {agreement.alpha_text}." if agreement else ""
    lines += [
        f"{facts.records} images of mass gatherings with {manifest['captions_per_image']} captions and one event type "
        f"each, chosen by annotators.{said} Built with {manifest['tool']}; content hash `{manifest['content_hash']}`.",
        "",
        f"| event type | {' | '.join(SPLITS)} |",
        f"|---|{'---:|' * len(SPLITS)}",
        *_counts(manifest),
        "",
        "## Read it",
        "",
        "```python",
        "import datasets",
        'mg = datasets.load_dataset("parquet", data_dir="data")   # in this folder',
        "```",
        "",
        "Whole records are in the column `record` (JSON); `annotations/` has the forms of Karpathy and COCO, "
        "with images named `<id>.jpg`. Check the files with `sha256sum -c SHA256SUMS`.",
        "",
        "## Licences of the images",
        "",
        "| licence | images |",
        "|---|---:|",
        *(f"| {license} | {count} |" for license, count in sorted(facts.all_licenses.items())),
        "",
        f"Whom to credit for each image: ATTRIBUTION.md.{_own_license(about)}",
        "",
        "## Before you use it",
        "",
        "People can be seen in these images, often without having been asked. DATASHEET.md says how they were "
        "collected and what the dataset is not for; croissant.json says it to programs."
        + (f" Pictures that should not be here: {about.contact}." if about.contact else ""),
        "",
    ]
    return "\n".join(lines)


def _own_license(about: AboutSettings) -> str:
    return f" Captions, labels and papers: {about.license}." if about.license else ""


def _header(manifest: Mapping[str, Any], facts: Facts, about: AboutSettings) -> Iterator[str]:
    filled = [split for split in SPLITS if any(manifest["counts"][split].values())]
    yield f"pretty_name: {json.dumps(about.title or manifest['name'], ensure_ascii=False)}"
    yield f"language: [{json.dumps(manifest['language'])}]"  # quoted: no (Norwegian) is YAML's false
    known = about.license in _HUB_LICENSES
    yield f"license: {about.license.lower() if known else 'other'}"
    if not known:
        yield f"license_name: {json.dumps(about.license or 'by-image')}"
        yield "license_link: ATTRIBUTION.md"
    yield "task_categories: [image-to-text, text-to-image]"
    creators = _annotations_creators(facts, about)
    yield f"annotations_creators: [{', '.join(creators)}]" if creators else f"# annotations_creators: {UNSAID}"
    yield f"size_categories: [{next((name for limit, name in _SIZES if facts.records < limit), 'n>1M')}]"
    yield "tags: [image-captioning, cross-modal-retrieval, mass-gatherings]"
    yield "configs:"
    if manifest["images"]:
        yield from ("- config_name: images", "  default: true", "  data_files:")
        yield from (f"  - {{split: {_hub_name(split)}, path: data/{split}/*.parquet}}" for split in filled)
    yield from ("- config_name: captions", "  data_files:")
    yield from (f"  - {{split: {_hub_name(split)}, path: captions/{split}.parquet}}" for split in filled)


UNSAID = "a person must say who the annotators are, as [about] annotators in gatherset.toml"


def _annotations_creators(facts: Facts, about: AboutSettings) -> list[str]:
    """In the hub's words; none where the annotators wrote captions, and nobody has said who they are."""
    people = {"experts": ["expert-generated"], "crowd": ["crowdsourced"]}.get(about.annotators, [])
    if not people:  # they chose the event types at least
        return []
    found = ["found"] if facts.origins["imported"] else []
    return people + found + (["machine-generated"] if facts.origins["model"] or facts.origins["llm"] else [])


def _hub_name(split: str) -> str:
    return {"val": "validation"}.get(split, split)


def _counts(manifest: Mapping[str, Any]) -> list[str]:
    counts = manifest["counts"]
    used = [name for name in manifest["event_types"] if any(counts[split].get(name) for split in SPLITS)]
    rows = [f"| {name} | {' | '.join(str(counts[split].get(name, 0)) for split in SPLITS)} |" for name in used]
    totals = [str(sum(counts[split].values())) for split in SPLITS]
    return [*rows, f"| **all** | {' | '.join(totals)} |"]


def changes(manifest: Mapping[str, Any], facts: Facts, comparison: Comparison | None) -> str:
    """CHANGES.md: what was added, removed, edited or moved since the parent, a line each that names the record."""
    title = f"# {manifest['name']} {manifest['version']}\n\n"
    if comparison is None:
        return f"{title}The first release: {facts.records} records.\n"
    text = [f"{title}Since {comparison.before.partition('@')[2]}: {comparison.difference}.\n"]
    listed = comparison.changes[:LISTED_CHANGES]
    sections = {
        "Added": [change for change in listed if change.kinds == ("added",)],
        "Removed": [change for change in listed if change.kinds == ("removed",)],
        "Changed": [change for change in listed if change.kinds not in (("added",), ("removed",))],
    }
    for name, those in sections.items():
        if those:
            text.append(
                f"\n## {name}\n\n" + "".join(f"- {line}\n" for c in those for line in change_lines(c, _escaped))
            )
    if more := len(comparison.changes) - len(listed):
        text.append(f"\nAnd {more} more: `gatherset release diff` names them.\n")
    return "".join(text)


def citation(manifest: Mapping[str, Any], about: AboutSettings) -> str:
    """CITATION.cff. Quoted by JSON's rules, which are YAML's as well."""
    lines = [
        "cff-version: 1.2.0",
        "message: If you use this dataset, please cite it.",
        "type: dataset",
        f"title: {_quoted(about.title or manifest['name'])}",
        f"version: {manifest['version']}",
        f"date-released: {manifest['created'][:10]}",
        "authors:",
    ]
    lines += list(_authors(about)) or [f"- name: {_quoted('The authors of ' + (about.title or manifest['name']))}"]
    lines += [f"doi: {_quoted(about.doi)}"] if about.doi else []
    lines += [f"url: {_quoted(about.homepage)}"] if about.homepage else []
    lines += [f"license: {about.license}"] if about.license in _HUB_LICENSES else []
    lines += [f"abstract: {_quoted(about.description)}"] if about.description else []
    return "\n".join(lines) + "\n"


def _authors(about: AboutSettings) -> Iterator[str]:
    for author in about.authors:
        family, comma, given = author.partition(",")
        if comma:
            yield f"- family-names: {_quoted(family.strip())}"
            yield f"  given-names: {_quoted(given.strip())}"
        else:
            yield f"- name: {_quoted(author)}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def attribution_head(manifest: Mapping[str, Any], facts: Facts) -> str:
    """The beginning of ATTRIBUTION.md: the licences. What follows is `attribution_line` of each record."""
    rows = "".join(f"| {license} | {count} |\n" for license, count in sorted(facts.all_licenses.items()))
    title = f"# Licences and credits of {manifest['name']} {manifest['version']}"
    return f"{title}\n\n| licence | images |\n|---|---:|\n{rows}\n"


def attribution_line(record: Record) -> str:
    """Whom to credit for one image, on one line that names the record."""
    source = record["source"]
    credit, license, dataset = (
        _escaped(str(text)) for text in (source["attribution"] or "no attribution known", *_terms(source))
    )
    return f"- {record['id']}: {credit} ({license}; {dataset}{_link(source['url'])})\n"


def _terms(source: Mapping[str, Any]) -> tuple[str, str]:
    return source["license"] or NO_LICENCE, source["dataset"]


def _link(url: str | None) -> str:
    if not url:
        return ""
    kept = quote(" ".join(url.split()), safe=":/?#@!$&'()*+,;=%[]~")
    return f", <{kept}>" if kept.startswith(("http://", "https://")) else f", {_escaped(kept)}"


def _escaped(text: str) -> str:
    """Somebody else's text on one line of Markdown, as it is: no links, pictures or tags."""
    return " ".join(text.split()).translate(_ESCAPES)
