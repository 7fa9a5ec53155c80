from __future__ import annotations

import csv
import json
import re
import signal
from collections import Counter
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

import imagehash
import pytest
from PIL import Image

from gatherset.dataset.caption_file import read_caption_file
from gatherset.dataset.errors import InputError
from gatherset.dataset.scene_captions import PEOPLE, PLACES, THINGS, VERBS
from gatherset.dataset.scene_drawing import composition, interiors, places, things
from gatherset.dataset.scene_drawing.canvas import Canvas
from gatherset.dataset.scene_drawing.sketches import sketchbook
from gatherset.dataset.scenes import CLOTHES, RAINWEAR, SURROUNDINGS, THEMES, make_scene
from gatherset.dataset.specimens import SHARES, Specimen, draw, specimens, write_specimens
from gatherset.dataset.taxonomy import load_taxonomy

ALL_THEMES = [theme for themes in THEMES.values() for theme in themes]
# Colours that captions name although they are no choice of the scene: they are always drawn so
FIXED_COLOURS = {
    "wedding couple": {"white"},
    "ghosts": {"white"},
    "goal": {"white"},
    "pitch": {"green"},
    "ambulance": {"blue"},
}


@pytest.fixture(scope="module")
def many() -> list[Specimen]:
    return list(specimens(600, seed=7))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("specimens") / "photos"
    write_specimens(folder, 60, seed=3, unannotated=10)
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_themes_and_shares_cover_the_taxonomy() -> None:
    names = set(load_taxonomy().names)
    assert set(THEMES) == names
    assert set(SHARES) == names


def test_everything_offered_can_be_told_and_drawn() -> None:
    kinds = {offer.kind for theme in ALL_THEMES for offer in theme.offers}
    kinds |= {offer.kind for offer in (*SURROUNDINGS, RAINWEAR)}
    book = sketchbook()
    drawn = {*book["standing"], *book["carried"], *things.BACKGROUND, *composition.TEAMS, *composition.WORN}
    assert kinds - set(THINGS) == set()
    assert kinds - drawn - {"tennis players", "confetti"} == set()


def test_every_place_and_doing_can_be_told_and_drawn() -> None:
    assert {place for theme in ALL_THEMES for place in theme.places} == set(PLACES)
    assert set(PLACES) == {*places.PLACES, *interiors.INTERIORS}
    assert {doing for theme in ALL_THEMES for doing in theme.doings} == set(VERBS) == set(composition.DOINGS)
    assert {theme.name for theme in ALL_THEMES} == set(PEOPLE)


def test_ten_specimens_are_the_first_of_many(many: list[Specimen]) -> None:
    assert list(specimens(10, seed=7)) == many[:10]


def test_another_seed_gives_other_specimens(many: list[Specimen]) -> None:
    assert {item.captions for item in specimens(50, seed=8)}.isdisjoint(item.captions for item in many)


def test_no_type_is_thin(many: list[Specimen]) -> None:
    counts = Counter(item.event_type for item in many)
    assert min(counts[name] for name in THEMES) >= 0.06 * len(many)


def test_captions_differ_and_have_6_to_22_words(many: list[Specimen]) -> None:
    for item in many:
        assert len(set(item.captions)) == 5
        assert all(6 <= len(caption.split()) <= 22 for caption in item.captions)


def test_captions_are_sentences(many: list[Specimen]) -> None:
    for caption in (caption for item in many for caption in item.captions):
        assert re.fullmatch(r"[A-Z][A-Za-z ,:-]+\.", caption)
        assert "  " not in caption
        assert not re.search(r"\ban? (?:an? |the )|\ba orange", caption)


def test_captions_do_not_give_the_event_type_away_as_a_token(many: list[Specimen]) -> None:
    titles = {kind.name: kind.title.lower() for kind in load_taxonomy().types}
    for item in many:
        words = " ".join(item.captions).lower()
        assert not re.search(
            rf"\b({item.event_type}|{item.event_type.replace('_', ' ')}|{titles[item.event_type]})\b", words
        )


def test_captions_name_only_colours_of_the_scene(many: list[Specimen]) -> None:
    for item in many:
        scene = item.scene
        own = {scene.tint, *scene.clothes, *(thing.colour for thing in scene.things)}
        own |= {colour for thing in scene.things for colour in FIXED_COLOURS.get(thing.kind, ())}
        own |= {"blue"} if (scene.time, scene.weather) == ("day", "clear") else set()  # the sky
        named = set(re.findall(rf"\b({'|'.join(CLOTHES)}|brown)\b", " ".join(item.captions)))
        assert named <= own, item


def test_picture_depends_on_the_scene_alone(many: list[Specimen]) -> None:
    first, again = draw(many[0].scene), draw(many[0].scene)
    assert first.tobytes() == again.tobytes()
    assert (first.mode, first.size) == ("RGB", (384, 288))
    assert draw(many[0].scene, (200, 150)).size == (200, 150)


@pytest.mark.parametrize("event_type", THEMES)
def test_crowd_has_as_many_people_as_told(event_type: str) -> None:
    for number in range(6):
        scene = make_scene(event_type, Random(f"crowd {number}"))
        assert len(composition.crowd_spots(Canvas(scene), [])) == scene.crowd
        draw(scene)


def test_pictures_are_no_near_duplicates(many: list[Specimen]) -> None:
    hashes = [imagehash.phash(draw(item.scene)) for item in many[:60]]
    assert all(a - b > 6 for a, b in combinations(hashes, 2))


def test_written_folder_has_pictures_and_captions(written: Path) -> None:
    entries, findings = read_caption_file(written / "captions.jsonl")
    assert findings == []
    assert list(entries) == sorted(path.name for path in (written / "images").iterdir())
    assert {(entry.part, entry.dataset, entry.license) for entry in entries.values()} == {
        ("synthetic", "specimens", "CC0-1.0")
    }
    with Image.open(written / "images" / "specimen-000000.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (384, 288))


def test_last_specimens_stay_unannotated(written: Path) -> None:
    entries, _ = read_caption_file(written / "captions.jsonl")
    assert [len(entry.captions) for entry in entries.values()] == [5] * 50 + [0] * 10
    assert len(rows(written / "annotator_a.csv")) == len(rows(written / "annotator_b.csv")) == 50


def test_first_annotator_is_right_and_the_second_unsure_where_wrong(written: Path) -> None:
    truth = {item.name: item.event_type for item in specimens(50, seed=3)}
    assert [(row["image"], row["event_type"]) for row in rows(written / "annotator_a.csv")] == list(truth.items())
    others = rows(written / "annotator_b.csv")
    assert 0 < sum(row["event_type"] != truth[row["image"]] for row in others) < 8
    for row in others:
        assert row["is_gathering"] == "1"
        assert row["confidence"] == ("3" if row["event_type"] == truth[row["image"]] else "2")


def test_folder_with_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not an empty folder"):
        write_specimens(tmp_path, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_more_unannotated_than_specimens_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unannotated"):
        write_specimens(tmp_path / "photos", 3, unannotated=4)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timers on this system")
def test_interrupted_writing_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(KeyboardInterrupt):
            write_specimens(tmp_path / "photos", 100_000)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faulty") / "photos"
    write_specimens(folder, 40, seed=3, unannotated=5, faults=4)
    return folder


def planted(folder: Path, kind: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "planted.jsonl").read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line["kind"] == kind]


def told(folder: Path) -> dict[str, tuple[str, ...]]:
    entries, _ = read_caption_file(folder / "captions.jsonl")
    return {name: tuple(entry.captions) for name, entry in entries.items()}


def test_every_planted_fault_is_another_specimen(faulty: Path) -> None:
    lines = [json.loads(line) for line in (faulty / "planted.jsonl").read_text(encoding="utf-8").splitlines()]
    kinds = {"near_duplicate": 4, "wrong_label": 4, "swapped_caption": 8, "copied_caption": 4}
    assert Counter(line["kind"] for line in lines) == kinds
    assert len({line["image"] for line in lines}) == len(lines)


def test_planted_captions_stand_where_the_list_says(faulty: Path) -> None:
    truth = {item.name: item for item in specimens(40, seed=3)}
    for line in planted(faulty, "swapped_caption") + planted(faulty, "copied_caption"):
        told_now = told(faulty)[line["image"]][line["position"]]
        assert told_now in truth[line["other"]].captions
        assert truth[line["image"]].captions[line["position"]] == line["right"] != told_now
    wrong = {line["image"] for line in planted(faulty, "swapped_caption") + planted(faulty, "copied_caption")}
    twins = {line["image"] for line in planted(faulty, "near_duplicate")}
    right = [name for name, item in truth.items() if told(faulty)[name] == item.captions]
    assert {*right} == {*list(truth)[:35]} - wrong - twins


def test_both_annotators_give_a_planted_type(faulty: Path) -> None:
    truth = {item.name: item.event_type for item in specimens(40, seed=3)}
    for name in ("annotator_a.csv", "annotator_b.csv"):
        given = {row["image"]: row["event_type"] for row in rows(faulty / name)}
        for line in planted(faulty, "wrong_label"):
            assert line["right"] == truth[line["image"]] != given[line["image"]]


def test_planted_near_duplicates_look_alike_and_are_told_anew(faulty: Path) -> None:
    for line in planted(faulty, "near_duplicate"):
        one, other = (imagehash.phash(Image.open(faulty / "images" / line[name])) for name in ("image", "other"))
        assert one - other <= 6
        assert set(told(faulty)[line["image"]]) != set(told(faulty)[line["other"]])


def test_without_faults_there_is_no_list(written: Path) -> None:
    assert not (written / "planted.jsonl").exists()


def test_more_faults_than_specimens_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="14 annotated specimens, not 10"):
        write_specimens(tmp_path / "photos", 12, unannotated=2, faults=2)
