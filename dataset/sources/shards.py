"""WebDataset shards as img2dataset writes them: 00000.tar with 000000012.jpg, .txt (its caption), .json (the rest)."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatherset.dataset.caption_file import Entry, as_entry, parse
from gatherset.dataset.findings import Finding
from gatherset.dataset.images import SUFFIXES
from gatherset.dataset.places import Place

Complain = Callable[[str, str, str], None]  # where, what, next step
MOST = 1 << 24  # bytes of a .json or .txt; a larger one is none
NAMES = {
    "attribution": ("attribution", "author", "creator", "photographer"),
    "url": ("url",),
    "license": ("license",),
    "licence": ("licence",),
}


@dataclass
class Sample:
    """The members of a shard that share a key."""

    key: str
    places: list[Place] = field(default_factory=list)  # of the image; more than one are a finding
    text: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    suffixes: set[str] = field(default_factory=set)
    broken: bool = False  # a member cannot be used: what it says would be lost for ever if the image came in now


def samples(shard: Path, findings: list[Finding]) -> Iterator[tuple[str, Place, Entry | None]]:
    """The name, the place and the entry of each image in a shard; what cannot be used goes to `findings`.

    Nothing of the images is read: a place says where in the shard an image lies. A shard that ends early gives what
    is whole.
    """

    def complain(where: str, message: str, step: str) -> None:
        findings.append(Finding("GS203", "error", where, message, step))

    for number, sample in enumerate(_grouped(shard, complain), 1):
        where = f"{shard}, {sample.key}"
        if sample.broken:
            continue
        if len(sample.places) != 1:
            message = f"the sample has {len(sample.places)} images"
            complain(where, message, "A sample has one; was its download a failure?")
            continue
        try:
            entry = _entry(number, f"{shard.stem}/{sample.key}", sample)
        except ValueError as error:
            findings.append(Finding("GS100", "error", where, f"its .json cannot be used: {error}", "Mend it"))
            continue
        yield entry.image, sample.places[0], entry if entry.captions or sample.fields else None


def _grouped(shard: Path, complain: Complain) -> list[Sample]:
    """The samples of a shard. Their members may lie anywhere in it: tar *.jpg *.txt puts all images first."""
    size = shard.stat().st_size
    found: dict[str, Sample] = {}
    last, reached = "", -1
    try:
        with shard.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:") as tar:
            for member in tar:
                if member.size < 0 or member.offset_data <= reached:
                    raise tarfile.ReadError(f"{member.name} lies before what was read")  # and would be for ever
                reached = member.offset_data
                folder, _, name = member.name.rpartition("/")
                if not member.isfile() or name.startswith("."):  # macOS leaves ._photo.jpg beside photo.jpg
                    continue
                stem, _, suffix = name.partition(".")
                last = f"{folder}/{stem}" if folder else stem  # before it is found cut: the one before it is whole
                if member.offset_data + member.size > size:
                    raise tarfile.ReadError(f"{member.name} is not all there")
                sample = found.get(last) or found.setdefault(last, _new(last, shard, complain))
                if not sample.broken:
                    _take(sample, tar, member, shard, f".{suffix.lower()}", complain)
            # A tar ends with blocks of zeros. tarfile itself says nothing where it finds something else.
            raw.seek(tar.offset)
            if raw.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
                raise tarfile.ReadError("there is no end of the archive")
    except (tarfile.TarError, ValueError) as error:
        step = "Fetch the shard again; the samples that are whole are taken"
        complain(str(shard), f"the shard ends early, or is damaged: {error}", step)
        return _whole(found, last)
    except OSError as error:
        complain(str(shard), f"the shard cannot be read: {error.strerror or error}", "Check its permissions")
        return _whole(found, last)
    return list(found.values())


def _whole(found: Mapping[str, Sample], last: str) -> list[Sample]:
    """The samples of a shard that ends early of which nothing may be missing: neither the last, nor one that lacks a
    kind of member that another one has."""
    kinds = set().union(*(sample.suffixes for sample in found.values())) - set(SUFFIXES)
    return [sample for sample in found.values() if sample.key != last and kinds <= sample.suffixes]


def _new(key: str, shard: Path, complain: Complain) -> Sample:
    try:
        f"{shard} {key}".encode()
    except UnicodeEncodeError:
        complain(f"{shard}, {key}", "the name is not UTF-8", "Rename it")
        return Sample(key, broken=True)
    return Sample(key)


def _take(
    sample: Sample, tar: tarfile.TarFile, member: tarfile.TarInfo, shard: Path, suffix: str, complain: Complain
) -> None:
    sample.suffixes.add(suffix)
    if suffix in SUFFIXES:
        sample.places.append(Place(shard, member.offset_data, member.size))
        return
    if suffix not in (".json", ".txt"):
        return
    try:
        if member.size > MOST:
            raise ValueError(f"it has {member.size} bytes")
        file = tar.extractfile(member)
        data = file.read() if file else b""
        if suffix == ".txt":
            sample.text = data.decode()
        elif isinstance(value := parse(data), dict):
            sample.fields = value
        else:
            raise ValueError("it is not a JSON object")
    except (ValueError, RecursionError) as error:
        message = f"it cannot be used, and its image is left out: {error}"
        complain(f"{shard}, {member.name}", message, "Mend it, or fetch the shard again")
        sample.broken = True


def _entry(number: int, image: str, sample: Sample) -> Entry:
    said = sample.fields
    captions = said.get("captions")
    if not isinstance(captions, list):
        # Several lines are several captions: so a release is exported, and the captions of one image are one a line.
        text = said.get("caption") or sample.text or ""
        captions = [line for line in str(text).splitlines() if line.strip()]
    texts = [entry.get("text") if isinstance(entry, dict) else entry for entry in captions]
    values: dict[str, Any] = {"image": image, "captions": texts}
    for ours, names in NAMES.items():
        values[ours] = next((said[name] for name in names if isinstance(said.get(name), str) and said[name]), None)
    if isinstance(source := said.get("source"), dict):  # a record that a release has exported
        values |= {key: source.get(key) for key in ("license", "attribution", "url", "dataset", "part", "retrieved")}
    return as_entry(number, values)
