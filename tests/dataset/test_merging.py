import json
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from gatherset.cli import main
from gatherset.dataset.caption_likeness import alike_captions
from gatherset.dataset.catalog.tables import images, records, tasks
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.merging import NEAR, SAME_CAPTIONS, _Item, _same_captions, drop_copies, find_copies, join
from gatherset.dataset.records import current_records
from gatherset.dataset.workspace import Workspace
from tests.dataset.conftest import Photos, make_all, picture

words = st.sampled_from(["crowd", "street", "dog", "march", "a", "the", "banner"])


def all_pairs(sets: list[list[str]], cosine: float) -> list[tuple[int, int, float]]:
    blocks = alike_captions(sets, cosine, np.zeros(len(sets), bool))
    return [pair for block in blocks for pair in zip(*map(np.ndarray.tolist, block), strict=True)]


@settings(max_examples=60)
@given(st.lists(st.lists(words, min_size=1, max_size=8).map(" ".join), min_size=2, max_size=12))
def test_alike_caption_sets_are_those_that_comparing_all_pairs_finds(texts: list[str]) -> None:
    sets = [[text] for text in texts]
    near = all_pairs(sets, 0.7)
    assert {pair[:2] for pair in near} == {pair[:2] for pair in all_pairs(sets, 1e-6) if pair[2] >= 0.7}
    assert all(value <= 1 + 1e-9 for _, _, value in near)


def test_the_same_words_in_another_order_are_the_same_captions() -> None:
    [pair] = all_pairs([["A crowd waits.", "A bus."], ["Waits a bus.", "A crowd"], ["A dog."]], 0.9)
    assert pair == (0, 1, pytest.approx(1))


@pytest.fixture
def twice(workspace: Workspace, make_photos: Photos) -> Workspace:
    """Four images of their own; the last two repeat the first as a picture and the second in words."""
    folder = make_photos(4)
    picture(0, (192, 160)).save(folder / "images" / "2.jpg", quality=80)
    distinct = ("Bakers sell bread.", "A tram stops.", "", "Monks walk uphill.")
    lines = [json.loads(line) for line in (folder / "captions.jsonl").read_text().splitlines()]
    for number, line in enumerate(lines):
        line["captions"] = [f"{distinct[number]} {text} {number * 7}" for text in line["captions"][:1]] * 5
        line["part"] = "collected" if number < 2 else "filtered"
    lines[2]["captions"] = ["Children watch a puppet theatre in the rain."] * 5
    lines[3]["captions"] = lines[1]["captions"]
    (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, lines)))
    ingest(workspace, folder, Provenance())
    return workspace


def refs(workspace: Workspace, *ids: str) -> list[str]:
    with workspace.catalog.read() as connection:
        known = dict(connection.execute(sa.select(images.c.id, images.c.ref)).all())
    return [known[identity] for identity in ids]


def test_copies_are_found_by_picture_and_by_words_with_the_overlap_of_the_parts(twice: Workspace) -> None:
    merge = find_copies(twice, likeness=0.9)
    kinds = {frozenset(refs(twice, copy.image, copy.kept)): copy.kind for copy in merge.copies}
    assert kinds == {frozenset({"0.jpg", "2.jpg"}): NEAR, frozenset({"1.jpg", "3.jpg"}): SAME_CAPTIONS}
    assert sum(merge.overlap.values()) == 2
    assert merge.parts == {"collected (photos)": 2, "filtered (photos)": 2}


def test_a_copy_is_rejected_with_its_reason_and_asked_no_more(twice: Workspace) -> None:
    copies = find_copies(twice, likeness=0.9).copies
    assert drop_copies(twice, copies) == 2
    with twice.catalog.read() as connection:
        rejected = set(connection.execute(sa.select(images.c.id).where(images.c.rejected.is_not(None))).scalars())
        of_them = sa.select(tasks.c.state).where(tasks.c.image_id.in_(rejected))
        assert set(connection.execute(of_them).scalars()) == {"done"}
    assert rejected == {copy.image for copy in copies}
    assert find_copies(twice, likeness=0.9).copies == []
    assert drop_copies(twice, copies) == 0


def item(number: int, *captions: str) -> _Item:
    return _Item(f"gs-{number:016x}", "web", 0, captions, (number,))


def test_thousands_of_equal_texts_are_compared_once_and_one_sentence_is_no_sign_of_a_copy() -> None:
    """The second would leave one of all photographs that share the sentence of a template."""
    items = [item(number, "A march.", "A crowd with banners.") for number in range(4000)]
    others = [item(4000, "A dog.", "A beach."), item(4001, "A march."), item(4002, "A march.")]
    others += [item(4003, "", "…"), item(4004, "", "…")]
    assert list(_same_captions([*items, *others], 0.9)) == [(0, copy, 1.0) for copy in range(1, 4000)]


def test_a_copy_is_near_the_image_that_is_kept_and_not_merely_near_another_copy() -> None:
    texts = ["crowd street", "crowd street march", "street march", "crowd street"]
    found = list(_same_captions([item(number, "A", text) for number, text in enumerate(texts)], 0.7))
    assert sorted((kept, copy) for kept, copy, _ in found) == [(0, 1), (0, 3)]


def test_a_record_is_kept_before_an_image_and_withdrawn_where_it_is_a_copy(twice: Workspace) -> None:
    make_all(twice)
    copies = find_copies(twice, likeness=0.9).copies
    drop_copies(twice, copies)
    with twice.catalog.read() as connection:
        withdrawn = dict(connection.execute(sa.select(records.c.id, records.c.withdrawn)).all())
    assert {identity for identity, why in withdrawn.items() if why} == {copy.image for copy in copies}
    assert withdrawn[copies[0].image].startswith("near-duplicate of gs-")


def test_another_workspace_joins_with_its_records_once(
    workspace: Workspace, make_photos: Photos, tmp_path: Path
) -> None:
    ingest(workspace, make_photos(2), Provenance())
    other = Workspace.create(tmp_path / "other")
    ingest(other, make_photos(4, folder="more"), Provenance())
    make_all(other)
    joined = join(workspace, other)
    assert (joined.images, joined.records, joined.there, joined.findings) == (2, 2, 2, [])
    with workspace.catalog.read() as connection:
        assert len(list(current_records(connection))) == 2
        stored = connection.execute(sa.select(images.c.sha256, images.c.format)).all()
    assert all(workspace.store.path(*row).exists() for row in stored)
    assert join(workspace, other).images == 0


def test_a_stored_copy_that_is_not_the_one_its_name_says_does_not_join(
    workspace: Workspace, make_photos: Photos, tmp_path: Path
) -> None:
    other = Workspace.create(tmp_path / "other")
    ingest(other, make_photos(2), Provenance())
    damaged = sorted((other.root / "images").rglob("*.jpg"))[0]
    damaged.write_bytes(b"something else")
    joined = join(workspace, other)
    assert (joined.images, [finding.rule for finding in joined.findings]) == (1, ["GS202"])
    assert not list((workspace.root / "images").rglob(damaged.name))


def test_the_command_lists_copies_and_drops_them_when_told(twice: Workspace) -> None:
    listed = CliRunner().invoke(main, ["merge", "-w", str(twice.root)])
    assert (listed.exit_code, "2 copies found; --drop keeps them out." in listed.output) == (0, True)
    done = CliRunner().invoke(main, ["merge", "-w", str(twice.root), "--drop", "--json"])
    assert json.loads(done.output)["dropped"] == 2
