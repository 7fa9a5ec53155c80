"""A small release that lives in memory, and features that its captions follow from."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gatherset.dataset.features import ExtractorIdentity, FeatureFile, FeatureWriter, Header

torch.set_num_threads(1)  # for models this small, threads cost more than they bring

K, DIM = 4, 24
PLACES = ("street", "square", "park", "church", "stadium", "beach")
THINGS = ("banner", "stage", "candle", "ball", "smoke", "cake")
COLOURS = ("red", "blue", "green", "white")
TYPES = ("protest", "holiday_party")


@dataclass
class TinySplit:
    ids: list[str]
    captions: list[list[str]]
    event_types: list[str]

    def image_bytes(self, i: int) -> bytes:
        seed = int(self.ids[i].rpartition("-")[2])
        pixels = np.random.default_rng(seed).integers(0, 256, (8, 12, 3), dtype=np.uint8)
        raw = io.BytesIO()
        Image.fromarray(pixels).resize((96, 72)).save(raw, "JPEG")
        return raw.getvalue()

    def __len__(self) -> int:
        return len(self.ids)


class TinyRelease:
    """As `gatherset.dataset.loading.Release`, without a folder."""

    name, version, content_hash = "tiny", "1.0.0", "ab" * 32

    def __init__(self, sizes: dict[str, int]) -> None:
        self.event_types = list(TYPES)
        self.splits = {}
        first = 0
        for split, n in sizes.items():
            numbers = range(first, first + n)
            first += n
            contents = [content(number) for number in numbers]
            captions = [
                [sentence(place, thing, colour, turn) for turn in range(5)] for place, thing, colour in contents
            ]
            types = [TYPES[THINGS.index(thing) % 2] for _, thing, _ in contents]
            self.splits[split] = TinySplit([f"gs-{number}" for number in numbers], captions, types)

    def __getitem__(self, split: str) -> TinySplit:
        return self.splits[split]


def content(number: int) -> tuple[str, str, str]:
    """What image `number` shows."""
    generator = np.random.default_rng([7, number])
    return tuple(str(generator.choice(words)) for words in (PLACES, THINGS, COLOURS))


def sentence(place: str, thing: str, colour: str, turn: int) -> str:
    return (
        f"People with a {colour} {thing} in the {place}.",
        f"A {thing}, {colour}, at the {place}",
        f"The {place} is full of people around a {colour} {thing}.",
        f"{colour} {thing} seen in a {place}",
        f"Many people gather in the {place} by the {colour} {thing}.",
    )[turn]


def write_features(release: TinyRelease, path: Path) -> FeatureFile:
    """Regions that show place, thing and colour, each as a direction of its own, and noise."""
    ids = [record for split in release.splits.values() for record in split.ids]
    identity = ExtractorIdentity("tiny", {}, "00" * 32)
    header = Header(identity, release.name, release.version, release.content_hash, K, DIM, ids)
    words = (*PLACES, *THINGS, *COLOURS)
    with FeatureWriter(path, header) as writer:
        for record in ids:
            number = int(record.rpartition("-")[2])
            regions = np.random.default_rng([8, number]).random((1, K, DIM)) * 0.2
            for region, word in enumerate(content(number)):
                regions[0, region, words.index(word)] += 2
            writer.append(regions, np.tile(np.array([0, 0, 1, 1.0]), (1, K, 1)))
    return FeatureFile.open(path)


@pytest.fixture(scope="session")
def release() -> TinyRelease:
    return TinyRelease({"train": 60, "val": 20, "test": 20})


@pytest.fixture(scope="session")
def features(release: TinyRelease, tmp_path_factory: pytest.TempPathFactory) -> FeatureFile:
    return write_features(release, tmp_path_factory.mktemp("features") / "tiny.feat")
