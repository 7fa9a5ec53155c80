"""A release on its way: its records as they will be released, checked by all rules and written by all cores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import accumulate, groupby, repeat
from pathlib import Path
from typing import Any, TypeVar

from gatherset.dataset import formats
from gatherset.dataset.card import attribution_head, attribution_line
from gatherset.dataset.faces import Blurred
from gatherset.dataset.facts import Facts
from gatherset.dataset.loading import Release
from gatherset.dataset.membership import Membership
from gatherset.dataset.processes import Workers
from gatherset.dataset.progress import progress
from gatherset.dataset.record_lines import RecordLines, records_in
from gatherset.dataset.records import SPLITS, Record
from gatherset.dataset.retractions import retracted_in
from gatherset.dataset.rules.rule import Context
from gatherset.dataset.store import ImageStore
from gatherset.dataset.validation import Run, Seen
from gatherset.dataset.validation_report import Report
from gatherset.dataset.workspace import Workspace

RECORDS_WITH_IMAGES, RECORDS_WITHOUT = 500, 5_000  # in a chunk: a second or so of work for one process
T = TypeVar("T")


class Draft:
    """Use it as a context: it has processes and a file to give back."""

    def __init__(
        self,
        workspace: Workspace,
        records: Iterable[Record],
        *,
        blurred: Blurred | None,
        parent: Release | None,
        scratch: Path | None,
    ) -> None:
        """`parent` is the newest release; `scratch` the folder on whose disk the records wait (None: a temporary one).

        Raises OSError where there is no room for them.
        """
        self.blurred = blurred
        self.store: ImageStore = blurred.store if blurred else workspace.store
        self.facts = Facts()  # once it is validated
        self._context = Context(
            workspace.settings,
            workspace.taxonomy,
            # Without images in the release, whether they can be read is no question of the release.
            self.store if workspace.settings.release.images else None,
            parent=Membership(_memberships(parent)) if parent else None,
            retracted=retracted_in(workspace.root),
        )
        self.lines = RecordLines(records, scratch)
        self._size = RECORDS_WITH_IMAGES if workspace.settings.release.images else RECORDS_WITHOUT
        self._chunks = -(-len(self.lines) // self._size)
        self._numbers: list[formats.Numbers] = []  # of each chunk
        self._workers = Workers(self._context, self._chunks)

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.close()
        self.lines.close()

    def validate(self) -> Report:
        """All rules, and on the way the facts."""
        run = Run(self._context)
        with closing(self._workers.in_order(_check, self.lines.chunks(self._size))) as results:
            for seen, facts, numbers in self._progress(results, "validate"):
                run.merge(seen)
                self.facts.merge(facts)
                self._numbers.append(numbers)
        return run.close()

    def write(self, folder: Path, manifest: Mapping[str, Any]) -> None:
        """All files that hold records."""
        self._write_annotations(folder, manifest)
        if manifest["images"]:
            self._write_images(folder, manifest["buckets"])

    def _write_annotations(self, folder: Path, manifest: Mapping[str, Any]) -> None:
        licenses = {split: sorted(self.facts.licenses[split]) for split in SPLITS}
        before = accumulate(self._numbers, formats.Numbers.plus, initial=formats.Numbers())
        pieces = zip(self.lines.chunks(self._size), before, repeat(licenses), strict=False)
        with (
            formats.AnnotationFiles(folder, manifest, licenses) as annotations,
            (folder / "ATTRIBUTION.md").open("w", encoding="utf-8") as credits,
            closing(self._workers.in_order(_annotate, pieces)) as parts,
        ):
            credits.write(attribution_head(manifest, self.facts))
            for part, lines in self._progress(parts, "annotations"):
                annotations.add(part)
                credits.write(lines)

    def _write_images(self, folder: Path, buckets: int) -> None:
        """The tables with the image files, each by one process."""

        def pieces() -> Iterator[tuple[Path, Sequence[Record]]]:
            for bucket, members in groupby(self.lines, lambda record: formats.bucket_of(record["id"], buckets)):
                records = list(members)
                for split in SPLITS:
                    if those := [record for record in records if record["split"] == split]:
                        path = folder / formats.bucket_file(split, bucket)
                        path.parent.mkdir(parents=True, exist_ok=True)
                        yield path, those

        with closing(self._workers.in_order(_write_bucket, pieces())) as written:
            for _ in progress(written, total=buckets * len(SPLITS), label="images (files)"):
                pass

    def _progress(self, results: Iterable[T], label: str) -> Iterator[T]:
        return progress(results, total=self._chunks, label=f"{label} (parts)")


def _memberships(release: Release) -> Iterator[Record]:
    """Of each record its id and its split, which is all that `Membership` asks for."""
    return ({"id": identity, "split": split} for split in SPLITS for identity in release[split].ids)


# What processes do with a chunk or a file:


def _check(context: Context, chunk: bytes) -> tuple[Seen, Facts, formats.Numbers]:
    run, facts, numbers = Run(context), Facts(), formats.Numbers()
    run.feed(_looked_at(records_in(chunk), facts, numbers))
    return run.seen(), facts, numbers


def _looked_at(records: Iterator[Record], facts: Facts, numbers: formats.Numbers) -> Iterator[tuple[str, Record]]:
    damaged = False
    for record in records:
        yield str(record["id"]), record
        try:
            if not damaged:
                facts.add(record)
                numbers.add(record)
        except (KeyError, TypeError, AttributeError):  # of no shape: the rules have said so, nothing is built
            damaged = True


def _annotate(
    _context: Context, piece: tuple[bytes, formats.Numbers, Mapping[str, Sequence[str]]]
) -> tuple[formats.AnnotationPart, str]:
    chunk, before, licenses = piece
    records = list(records_in(chunk))
    return formats.annotation_part(records, before, licenses), "".join(map(attribution_line, records))


def _write_bucket(context: Context, piece: tuple[Path, Sequence[Record]]) -> None:
    assert context.store is not None
    formats.write_bucket(*piece, context.store)
