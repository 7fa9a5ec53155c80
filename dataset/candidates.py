"""Candidates: the images that a folder or its shards offer to a workspace, with what is said of each."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from gatherset.dataset.caption_file import Entry, read_caption_file
from gatherset.dataset.errors import InputError
from gatherset.dataset.findings import Finding
from gatherset.dataset.images import SUFFIXES
from gatherset.dataset.places import Place
from gatherset.dataset.sources.known import read_captions
from gatherset.dataset.sources.shards import samples


@dataclass(frozen=True)
class CaptionFile:
    """A caption file of somebody else's, instead of the captions.jsonl in the folder."""

    path: Path
    form: str | None = None  # one of gatherset.dataset.sources.known.FORMS; None: what it looks like
    columns: Mapping[str, str] = field(default_factory=dict)  # {what Gatherset calls it: what the file calls it}


@dataclass(frozen=True)
class Candidate:
    place: Place
    where: str  # for people: the file, or the shard and the key in it
    ref: str  # its name there, which becomes source.ref
    entry: Entry | None
    selected: str | None = None  # how it was chosen among others, which becomes source.selected


@dataclass
class Offer:
    """What a folder offers, and what was found while looking."""

    candidates: list[Candidate] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    found: int = 0  # images, those that are left out included


def offered(folder: Path, captions: CaptionFile | None = None) -> Offer:
    """The images below `folder`, or its sub-folder `images`, or in its shards, with the captions that belong to them.

    Raises InputError for what is no such folder, for a caption file that cannot be read, and where something would
    have to be passed over: images beside shards, or a caption file beside captions that are in the shards.
    """
    if folder.suffix == ".tar" and folder.is_file():
        require_own_captions(folder, captions)
        return _in_shards([folder])
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder", "Name the folder that holds the images and captions.jsonl")
    offer = Offer()
    own, shards = folder / "captions.jsonl", sorted(folder.glob("*.tar"))
    entries: dict[str, Entry] = {}
    if captions:
        entries, offer.findings = read_captions(captions.path, captions.form, captions.columns)
    elif own.exists():
        entries, offer.findings = read_caption_file(own)
    elif shards:
        if images := _image_files(folder, Offer()):
            message = f"{folder} holds shards and image files: {shards[0].name} and {images[0].relative_to(folder)}"
            raise InputError(message, "Keep them in folders of their own, and name one at a time")
        return _in_shards(shards)
    root = folder / "images" if (folder / "images").is_dir() else folder
    paths = {path.relative_to(root).as_posix(): path for path in _image_files(root, offer)}
    caption_file = captions.path if captions else own
    if not paths:
        raise InputError(f"{root} holds no {', '.join(SUFFIXES)} files", "Name the folder that holds the images")
    entries = _fitted(entries, paths, caption_file, root, offer)
    if beside := [path for path in folder.iterdir() if root != folder and path.suffix.lower() in SUFFIXES]:
        message = f"{len(beside)} image files beside the folder 'images' are left out: '{beside[0].name}'…"
        offer.findings.append(Finding("GS201", "warning", str(folder), message, "Move them into 'images'"))
    if shards:
        message = f"{len(shards)} shards beside the images are left out: '{shards[0].name}'…"
        offer.findings.append(Finding("GS201", "warning", str(folder), message, "Move them into a folder of their own"))
    offer.found = len(paths)
    if any(finding.rule == "GS100" for finding in offer.findings):
        # One of them may belong to a line that could not be read; ingested now, it would never get its captions.
        left = [ref for ref in paths if ref not in entries]
        if left:
            message = f"{len(left)} images without a readable line are left out: '{left[0]}'…"
            step = "Mend the lines above and ingest again"
            offer.findings.append(Finding("GS201", "warning", str(caption_file), message, step))
        paths = {ref: path for ref, path in paths.items() if ref in entries}
    elif captions:
        for ref in sorted(paths.keys() - entries.keys()):
            message = f"there are no captions of it in {captions.path}; annotators are asked for them"
            step = "Nothing to do, unless it is the wrong file"
            offer.findings.append(Finding("GS102", "warning", str(paths[ref]), message, step))
    offer.candidates = [Candidate(Place(path), str(path), ref, entries.get(ref)) for ref, path in paths.items()]
    return offer


def require_own_captions(source: Path, captions: CaptionFile | None) -> None:
    """Raise InputError where a caption file is named beside what brings its captions along."""
    if captions is not None:
        message = f"{source} brings its captions along; those in {captions.path} would not be read"
        raise InputError(message, "Leave --captions out, or name a folder of images")


def _in_shards(shards: list[Path]) -> Offer:
    offer = Offer()
    for shard in shards:
        for ref, place, entry in samples(shard, offer.findings):
            offer.candidates.append(Candidate(place, f"{shard}, {PurePosixPath(ref).name}", ref, entry))
    offer.found = len(offer.candidates)
    if not offer.candidates and not offer.findings:
        raise InputError(f"{shards[0]} holds no images", "Name shards with .jpg, .txt and .json members")
    return offer


def _fitted(
    entries: Mapping[str, Entry], paths: Mapping[str, Path], caption_file: Path, root: Path, offer: Offer
) -> dict[str, Entry]:
    """The entries by the names that their images have below `root`; a finding for each whose image is not there.

    A file may know an image by another folder (COCO's val2014/…): then its file name counts, where one image and one
    entry have it; train/1.jpg and val/1.jpg are not both 1.jpg.
    """
    by_name: dict[str, list[str]] = {}
    for ref in paths:
        by_name.setdefault(PurePosixPath(ref).name, []).append(ref)
    named = Counter(PurePosixPath(image).name for image in entries)
    fitted: dict[str, Entry] = {}
    for image, entry in entries.items():
        name = PurePosixPath(image).name
        if image in paths:
            fitted[image] = entry
        elif len(others := by_name.get(name, [])) == 1 and named[name] == 1:
            fitted[others[0]] = entry
        else:
            where, message = entry.where(caption_file), f"'{image}' is not in {root}"
            if others:
                message += f", and '{name}' is the file name of {len(others)} there and of {named[name]} in the file"
            offer.findings.append(
                Finding("GS201", "error", where, message, f"Add the image or remove the {entry.unit}")
            )
    return fitted


def _image_files(root: Path, offer: Offer) -> list[Path]:
    """The image files below `root`, by name; a finding for each folder or name that cannot be read."""

    def leave_out(path: str, message: str, next_step: str) -> None:
        offer.findings.append(Finding("GS203", "error", path, message, next_step))

    def unreadable(error: OSError) -> None:
        leave_out(str(error.filename), f"the folder cannot be read: {error.strerror}", "Check its permissions")

    paths = []
    for folder, _, names in os.walk(root, onerror=unreadable):
        for path in (Path(folder, name) for name in names):
            hidden = path.name.startswith(".")  # such as the "._photo.jpg" that macOS leaves beside photo.jpg
            if hidden or path.suffix.lower() not in SUFFIXES or not path.is_file():
                continue
            try:
                str(path).encode()
            except UnicodeEncodeError:
                leave_out(str(path), "the file name is not UTF-8", "Rename the file")
            else:
                paths.append(path)
    return sorted(paths)
