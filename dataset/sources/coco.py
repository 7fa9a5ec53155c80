"""COCO captions (captions_val2017.json): images, captions of them, and the licence of each image."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gatherset.dataset.caption_file import Entries, Entry, as_entry
from gatherset.dataset.errors import InputError
from gatherset.dataset.findings import Finding
from gatherset.dataset.licenses import is_license

_CREATIVE_COMMONS = re.compile(
    r"(?:https?:)?//(?:www\.)?creativecommons\.org/(?:licenses|publicdomain)/([a-z+-]+)/(\d\.\d)"
    r"(?:/(?!deed|legalcode)([a-z]+))?(?:/(?:deed|legalcode)\b.*)?/?",
    re.IGNORECASE,
)
_OTHER_NAMES = {"zero": "CC0", "mark": "CC-PDM", "by-nd-nc": "CC-BY-NC-ND", "sampling+": "CC-SAMPLING-PLUS"}


def read(path: Path, document: Any) -> tuple[dict[str, Entry], list[Finding]]:
    """The entries of a COCO file, each with the licence of its image as an SPDX id and the address it was taken from.

    A caption of an image that is not in the file is a finding. Raises InputError for a file of another form.
    """
    if not isinstance(document, dict) or not all(isinstance(document.get(k), list) for k in ("images", "annotations")):
        raise InputError(f"{path} has no lists of images and annotations", "Name a file like captions_val2017.json")
    entries = Entries(path, unit="image")
    there = document.get("licenses")
    listed = [entry for entry in there if _has_id(entry)] if isinstance(there, list) else []
    licenses = {entry["id"]: spdx(entry) for entry in listed}
    texts: defaultdict[Any, list[Any]] = defaultdict(list)
    names = {image["id"]: image.get("file_name") for image in document["images"] if _has_id(image)}
    for number, annotation in enumerate(document["annotations"], 1):
        known = _has_id(annotation, "image_id") and annotation["image_id"] in names
        if not isinstance(annotation, dict) or not isinstance(annotation.get("caption"), str):
            entries.findings.append(_of_annotation(path, number, "it has no caption: is it a file of boxes?"))
            if known:
                entries.incomplete.add(str(names[annotation["image_id"]]))
        elif not known:
            message = f"there is no image {annotation.get('image_id')!r} in the file"
            entries.findings.append(_of_annotation(path, number, message))
        else:
            texts[annotation["image_id"]].append(annotation["caption"])
    seen: dict[Any, int] = {}
    for number, image in enumerate(document["images"], 1):
        try:
            if (first := seen.setdefault(image["id"], number)) != number:
                raise ValueError(f"its id {image['id']} is that of image {first}")
            entries.add(as_entry(number, _fields(image, texts[image["id"]], licenses), entries.unit))
        except KeyError as error:
            entries.refuse(number, f"it has no {error}")
        except (ValueError, TypeError, AttributeError) as error:
            entries.refuse(number, error)
    return entries.by_image, entries.findings


def _has_id(entry: Any, name: str = "id") -> bool:
    return isinstance(entry, dict) and isinstance(entry.get(name), int | str)


def _of_annotation(path: Path, number: int, message: str) -> Finding:
    return Finding("GS100", "error", f"{path}, annotation {number}", message, "Mend the annotation")


def _fields(image: Mapping[str, Any], texts: list[str], licenses: Mapping[Any, str | None]) -> dict[str, Any]:
    number = image.get("license")
    if licenses and number is not None and number not in licenses:
        raise ValueError(f"its licence {number!r} is not among those of the file")
    return {
        "image": image["file_name"],
        "captions": texts,
        "license": licenses.get(number),
        "url": image.get("flickr_url") or image.get("coco_url"),
    }


def spdx(license: Mapping[str, Any]) -> str | None:
    """The SPDX id, else LicenseRef-…, of one of COCO's licences: {"url": …, "name": …}; None where it names none."""
    url, name = str(license.get("url") or "").strip(), str(license.get("name") or "").strip()
    if match := _CREATIVE_COMMONS.fullmatch(url):
        terms, version, port = match.groups()
        known = _OTHER_NAMES.get(terms.lower(), f"CC-{terms.upper()}")
        name = f"{known}-{version}" + (f"-{port.upper()}" if port else "")  # a port to the law of a country is another
    if is_license(name):
        return name
    words = re.sub(r"[^A-Za-z0-9.]+", "-", name or url).strip("-.")
    return f"LicenseRef-{words}" if words else None
