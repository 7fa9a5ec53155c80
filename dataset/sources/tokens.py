"""Flickr8k.token.txt, results_20130124.token: a line a caption, `1000268201.jpg#0<tab>A child in a pink dress …`."""

from __future__ import annotations

import re
from pathlib import Path

from gatherset.dataset.caption_file import Entries, Entry, as_entry, lines_of
from gatherset.dataset.findings import Finding

LINE = re.compile(r"(?P<image>[^\t]+\.\w+)#(?P<number>\d{1,9})\t(?P<text>.*)")


def read(path: Path) -> tuple[dict[str, Entry], list[Finding]]:
    """The entries of a token file, each image's captions in the order of their numbers.

    A number that an image has twice is a finding where the captions differ. Raises InputError.
    """
    entries = Entries(path)
    found: dict[str, dict[int, str]] = {}
    first: dict[str, int] = {}
    for number, raw in lines_of(path):
        name, hash_, _ = raw.decode("utf-8-sig", "replace").partition("#")
        image = name if hash_ else None
        try:
            match = LINE.fullmatch(raw.decode("utf-8-sig").strip("\r\n"))
        except UnicodeDecodeError as error:
            entries.refuse(number, error, image)
            continue
        if match is None:
            entries.refuse(number, "it is not 'NAME.jpg#NUMBER<tab>CAPTION'", image)
            continue
        # Flickr8k's own file names one image 2258277193_586949ec62.jpg.1: there is no such image.
        own, text = found.setdefault(match["image"], {}), match["text"].strip()
        first.setdefault(match["image"], number)
        if own.setdefault(int(match["number"]), text) != text:
            message = f"caption {match['number']} of '{match['image']}' was another one before; this line is left out"
            entries.findings.append(Finding("GS103", "error", entries.where(number), message, "Keep one of the two"))
    for image, texts in found.items():
        entries.add(as_entry(first[image], {"image": image, "captions": [texts[n] for n in sorted(texts)]}))
    return entries.by_image, entries.findings
