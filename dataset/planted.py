"""Known faults among specimens, to see what finds them: near-duplicates, wrong types, swapped and copied captions."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from gatherset.dataset.errors import InputError
from gatherset.dataset.scene_captions import write_captions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gatherset.dataset.specimens import Specimen

IMAGES_A_FAULT = 7  # that one fault of each kind takes: no image has two of them


@dataclass(frozen=True)
class Fault:
    """One planted fault, a line of planted.jsonl."""

    kind: str  # near_duplicate, wrong_label, swapped_caption, copied_caption
    image: str  # file name of the specimen that is wrong, or is the copy
    position: int | None  # of the wrong caption, from 0
    other: str | None  # the specimen that has the caption, or is the original
    right: str | None  # the type or caption that belongs there

    def line(self) -> dict[str, str | int | None]:
        return asdict(self)


@dataclass(frozen=True)
class _Borrowed:
    """A caption that stands where it does not belong."""

    position: int  # where it stands now
    other: int  # number of the specimen it is from
    theirs: int  # where it stood there
    kind: str  # swapped_caption, copied_caption


class Faults:
    """Which of `count` specimens are told or drawn wrongly: `each` of every kind, chosen by the seed alone.

    `make` gives the specimen of a number as it should be. Raises InputError where there are too few specimens.
    """

    def __init__(self, count: int, each: int, seed: int, make: Callable[[int], Specimen], types: Sequence[str]) -> None:
        if IMAGES_A_FAULT * each > count:
            raise InputError(
                f"{each} faults of each kind need {IMAGES_A_FAULT * each} annotated specimens, not {count}",
                "Ask for fewer faults or more specimens",
            )
        rng = Random(f"faults/{seed}/{count}/{each}")
        chosen = rng.sample(range(count), IMAGES_A_FAULT * each)
        labels, left, right, copies, sources, twins, originals = (chosen[i::IMAGES_A_FAULT] for i in range(7))
        self.wrong_types = {i: rng.choice([name for name in types if name != make(i).event_type]) for i in labels}
        self.captions: dict[int, _Borrowed] = {}
        for a, b in zip(left, right, strict=True):
            here, there = rng.randrange(len(make(a).captions)), rng.randrange(len(make(b).captions))
            self.captions[a] = _Borrowed(here, b, there, "swapped_caption")
            self.captions[b] = _Borrowed(there, a, here, "swapped_caption")
        for a, b in zip(copies, sources, strict=True):
            here, there = rng.randrange(len(make(a).captions)), rng.randrange(len(make(b).captions))
            self.captions[a] = _Borrowed(here, b, there, "copied_caption")
        self.originals = dict(zip(twins, originals, strict=True))
        self._make, self._seed = make, seed

    def specimen(self, index: int) -> Specimen:
        """Specimen number `index` with the faults that were planted in it."""
        item = self._make(index)
        if index in self.wrong_types:
            return replace(item, event_type=self.wrong_types[index])
        if index in self.captions:
            borrowed, told = self.captions[index], list(item.captions)
            told[borrowed.position] = self._make(borrowed.other).captions[borrowed.theirs]
            return replace(item, captions=tuple(told))
        if index in self.originals:
            # The same picture again, told by somebody else.
            original = self._make(self.originals[index])
            captions = write_captions(original.scene, len(item.captions), Random(f"twin/{self._seed}/{index}"))
            return replace(original, name=item.name, captions=captions)
        return item

    def lines(self) -> Iterator[Fault]:
        """All of them, by number of the specimen."""
        for index in sorted({*self.wrong_types, *self.captions, *self.originals}):
            item = self._make(index)
            if index in self.wrong_types:
                yield Fault("wrong_label", item.name, None, None, item.event_type)
            elif index in self.captions:
                borrowed = self.captions[index]
                position, other = borrowed.position, self._make(borrowed.other).name
                yield Fault(borrowed.kind, item.name, position, other, item.captions[position])
            else:
                yield Fault("near_duplicate", item.name, None, self._make(self.originals[index]).name, None)
