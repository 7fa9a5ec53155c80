"""Karpathy's files (dataset_flickr8k.json, dataset_coco.json) and those that a release has in the same form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gatherset.dataset.caption_file import Entries, Entry, as_entry
from gatherset.dataset.errors import InputError
from gatherset.dataset.findings import Finding


def read(path: Path, document: Any) -> tuple[dict[str, Entry], list[Finding]]:
    """The entries of the images in such a file. Raises InputError for another one."""
    images = document.get("images") if isinstance(document, dict) else None
    if not isinstance(images, list):
        raise InputError(f"{path} has no list of images", "Karpathy's files have one, with sentences in it")
    entries = Entries(path, unit="image")
    for number, image in enumerate(images, 1):
        try:
            entries.add(as_entry(number, _fields(image), entries.unit))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            entries.refuse(number, f"{error!r}" if isinstance(error, KeyError) else error)
    return entries.by_image, entries.findings


def _fields(image: Any) -> dict[str, Any]:
    name, folder = image["filename"], image.get("filepath")
    texts = [sentence.get("raw") or " ".join(sentence["tokens"]) for sentence in image["sentences"]]
    return {"image": f"{folder}/{name}" if folder else name, "captions": texts}
