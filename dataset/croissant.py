"""croissant.json: the release as programs find and judge it, in Croissant 1.1 with the RAI vocabulary 1.0."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gatherset.dataset.facts import Facts
from gatherset.dataset.settings import AboutSettings

# The context of the standard, word for word: readers compare it.
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TEXT_FIELDS = {
    "id": "the id of the record, gs- and 16 hex digits of the sha256 of the image as received",
    "event_type": "the type of gathering that the annotators chose",
    "part": "where the image came from: filtered, web, collected, or synthetic",
    "license": "the licence of the image",
    "attribution": "whom to credit for the image",
    "record": "the whole record as JSON",
}


def croissant(
    manifest: Mapping[str, Any],
    facts: Facts,
    about: AboutSettings,
    answers: Mapping[str, str],
    tables: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """The document. `tables` are the manifest's entries of the Parquet files; `answers` those of the datasheet."""
    kinds = ("captions", "data") if manifest["images"] else ("captions",)
    document = {
        "@context": CONTEXT,
        "@type": "Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": manifest["name"],
        "description": about.description
        or f"Images of mass gatherings with {manifest['captions_per_image']} captions and one event type each.",
        "version": manifest["version"],
        "datePublished": manifest["created"][:10],
        "inLanguage": manifest["language"],
        "license": [about.license] if about.license else sorted(facts.all_licenses),
        "url": about.homepage,  # left out where nobody has said one
        "creator": [{"@type": "Person", "name": author} for author in about.authors],
        "citeAs": f"{'; '.join(about.authors)}{': ' if about.authors else ''}{about.title or manifest['name']}, "
        f"version {manifest['version']}",
        "keywords": ["image captioning", "cross-modal retrieval", "mass gatherings", *sorted(_types(facts))],
        "isLiveDataset": False,
        "distribution": [part for kind in kinds for part in _distribution(kind, tables)],
        "recordSet": [_record_set(kind) for kind in kinds],
        **_responsible_ai(manifest, facts, answers),
    }
    return {key: value for key, value in document.items() if value not in ([], "")}


def _types(facts: Facts) -> set[str]:
    return {name for counts in facts.counts.values() for name in counts}


def _distribution(kind: str, tables: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """A file object for each table of this kind, for its checksum, and the set of all of them, for its records."""
    for entry in (table for table in tables if table["path"].startswith(f"{kind}/")):
        yield {
            "@type": "cr:FileObject",
            "@id": entry["path"],
            "name": entry["path"],
            "contentUrl": entry["path"],
            "contentSize": f"{entry['bytes']} B",
            "encodingFormat": "application/x-parquet",
            "sha256": entry["sha256"],
        }
    yield {
        "@type": "cr:FileSet",
        "@id": f"{kind}-files",
        "name": f"{kind}-files",
        "encodingFormat": "application/x-parquet",
        "includes": f"{kind}/*.parquet",
    }


def _record_set(kind: str) -> dict[str, Any]:
    fields = [_field(kind, name, "sc:Text", text) for name, text in _TEXT_FIELDS.items()]
    captions = _field(kind, "captions", "sc:Text", "what people wrote about the image")
    fields.append({**captions, "isArray": True, "arrayShape": "-1"})
    fields += [_field(kind, name, "sc:Integer", "of the image, in pixels") for name in ("width", "height")]
    if kind == "data":
        image = _field(kind, "image", "sc:ImageObject", "the image file")
        image["source"]["transform"] = {"jsonPath": "bytes"}
        fields.append(image)
    name = {"data": "images", "captions": "captions"}[kind]
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "key": {"@id": f"{name}/id"}, "field": fields}


def _field(kind: str, name: str, data_type: str, text: str) -> dict[str, Any]:
    record_set = {"data": "images", "captions": "captions"}[kind]
    return {
        "@type": "cr:Field",
        "@id": f"{record_set}/{name}",
        "name": name,
        "description": text,
        "dataType": data_type,
        "source": {"fileSet": {"@id": f"{kind}-files"}, "extract": {"column": name}},
    }


def _responsible_ai(manifest: Mapping[str, Any], facts: Facts, answers: Mapping[str, str]) -> dict[str, str]:
    """The rai: fields. What nobody has answered is left out rather than made up."""
    per_image = manifest["captions_per_image"]
    agreement = facts.agreement()
    machine = {name: facts.origins[name] for name in ("model", "llm") if facts.origins[name]}
    blurred = manifest.get("faces")
    faces = (
        f" Faces were blurred with {blurred['detector']}; some are missed." if blurred else " Faces are not blurred."
    )
    parts = ", ".join(f"{name} {count}" for name, count in sorted(facts.parts.items()))
    tools = ", ".join(f"{name}: {count} captions" for name, count in machine.items())
    values = {
        "dataCollection": answers.get("mechanisms", "") or f"Parts: {parts}",
        "dataCollectionTimeFrame": answers.get("timeframe", ""),
        "dataAnnotationProtocol": f"Annotators see an image, write {per_image} captions or read those it came with, "
        "and choose one event type of a fixed taxonomy; the majority decides, disagreement goes to review.",
        "dataAnnotationPlatform": manifest["tool"],
        "dataAnnotationAnalysis": f"{agreement.images} images with two votes or more: {agreement.agreed:.1%} of "
        f"pairs of votes agree, Krippendorff's alpha {agreement.alpha_text} (released records only)."
        if agreement
        else "",
        "annotationsPerItem": f"{per_image} captions; {_votes_per_item(facts)} votes on the event type",
        "annotatorDemographics": answers.get("collectors", ""),
        "machineAnnotationTools": tools or "none wrote captions",
        "dataPreprocessingProtocol": "Image metadata removed without re-encoding; images turned upright; "
        "near-duplicates kept in one split." + faces,
        "personalSensitiveInformation": "People can be seen; gatherings may show opinions, beliefs or origins."
        + faces
        + (f" {answers['sensitive']}" if "sensitive" in answers else ""),
        "dataUseCases": answers.get("other_uses", ""),
        "dataBiases": answers.get("noise", ""),
        "dataLimitations": answers.get("not_for", ""),
        "dataSocialImpact": answers.get("risks", ""),
        "dataReleaseMaintenancePlan": "Versions are immutable; records are retracted from every version on request."
        + (f" {answers['updates']}" if "updates" in answers else ""),
    }
    return {f"rai:{name}": text for name, text in values.items() if text}


def _votes_per_item(facts: Facts) -> str:
    sizes = {sum(count for _, count in ballot) for ballot in facts.votes} or {0}
    return str(min(sizes)) if len(sizes) == 1 else f"{min(sizes)} to {max(sizes)}"
