import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from gatherset.cli import main
from gatherset.dataset.candidates import Offer, offered
from gatherset.dataset.catalog.tables import images, tasks
from gatherset.dataset.filtering import Screened, figures, screened_in, sift, workspace_dictionary
from gatherset.dataset.gathering_dictionary import load_dictionary
from gatherset.dataset.ingest import Provenance, bring_in
from gatherset.dataset.workspace import Workspace
from tests.conftest import draw

CROWD, DOG = "A crowd marches down the street.", "A dog runs on the beach."


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Six images, of which the first two are of a crowd."""
    lines = []
    for number in range(6):
        draw(tmp_path / "photos" / f"{number}.jpg", number)
        texts = [f"{CROWD if number < 2 else DOG[:-1]} {word}." for word in ("one", "two", "three", "four", "five")]
        lines.append(json.dumps({"image": f"{number}.jpg", "captions": texts, "license": "CC-BY-4.0"}))
    (tmp_path / "photos" / "captions.jsonl").write_text("\n".join(lines))
    return tmp_path / "photos"


def test_what_matches_comes_in_as_the_filtered_part_and_is_screened(workspace: Workspace, photos: Path) -> None:
    done = run("filter", photos, "-w", workspace.root)
    assert done.exit_code == 0, done.output
    assert "2 of 6 images match (33.3%)" in done.output
    with workspace.catalog.read() as connection:
        sources = connection.execute(sa.select(images.c.source).order_by(images.c.ref)).scalars().all()
        kinds = set(connection.execute(sa.select(tasks.c.kind, tasks.c.state)))
    assert [(source["ref"], source["part"]) for source in sources] == [("0.jpg", "filtered"), ("1.jpg", "filtered")]
    assert sources[0]["selected"].endswith(": 5 captions with crowd, march; from 6 captioned images of photos")
    assert kinds == {("screen", "open"), ("event", "waiting")}
    assert "0 added, 2 were there" in run("filter", photos, "-w", workspace.root).output


def screen(workspace: Workspace, said: dict[str, bool]) -> None:
    """As annotators who agree would leave it."""
    with workspace.catalog.write() as connection:
        for ref, gathering in said.items():
            found = sa.select(images.c.id).where(images.c.ref == ref)
            identity = connection.execute(found).scalar_one()
            if not gathering:
                connection.execute(sa.update(images).where(images.c.id == identity).values(rejected="2026"))
            connection.execute(sa.update(tasks).where(tasks.c.image_id == identity).values(state="done"))


def test_precision_and_recall_come_from_what_was_screened_and_drawn(workspace: Workspace, photos: Path) -> None:
    choose(workspace, photos, 2)
    assert "Nothing has been screened yet; 4 images wait" in run("filter", "-w", workspace.root).output
    with workspace.catalog.read() as connection:
        drawn = [ref for ref in connection.execute(sa.select(images.c.ref)).scalars() if ref not in ("0.jpg", "1.jpg")]
    screen(workspace, {"0.jpg": True, "1.jpg": False, drawn[0]: True, drawn[1]: False})
    known = screened_in(workspace, load_dictionary())
    assert sorted(one.weight for one in known.images) == [1, 1, 2, 2]  # two of four were drawn
    done = json.loads(run("filter", "-w", workspace.root, "--json").output)
    assert done["precision"]["value"] == 0.5
    assert done["recall"]["value"] == pytest.approx(1 / 3)
    assert done["lost"] == 2


def choose(workspace: Workspace, photos: Path, draw: int = 0, seed: int = 0) -> None:
    """As the command does it, without processes of their own."""
    offer = offered(photos)
    sifted = sift(offer.candidates, workspace_dictionary(workspace.root), photos.name, draw, seed)
    chosen = Offer(sifted.candidates, [], len(sifted.candidates))
    bring_in(workspace, chosen, Provenance("filtered"), photos.name)


def many_photos(folder: Path, count: int, crowds: int) -> Path:
    lines = []
    for number in range(count):
        draw(folder / f"{number}.jpg", number, size=(64, 64))
        text = CROWD if number < crowds else f"A dog runs on the beach, {number}."
        lines.append(json.dumps({"image": f"{number}.jpg", "captions": [text], "license": "CC-BY-4.0"}))
    (folder / "captions.jsonl").write_text("\n".join(lines))
    return folder


def test_recall_is_the_same_however_often_others_were_drawn(workspace: Workspace, tmp_path: Path) -> None:
    """Four gatherings of the eight match; all others are drawn in the end, so that the answer is known: one half."""
    photos = many_photos(tmp_path / "many", 24, 4)
    for count, seed in ((4, 0), (8, 1), (20, 2)):
        choose(workspace, photos, count, seed)
        with workspace.catalog.read() as connection:
            there = connection.execute(sa.select(images.c.ref).where(images.c.rejected.is_(None))).scalars().all()
        screen(workspace, {ref: int(ref.partition(".")[0]) < 8 for ref in there})
        known = screened_in(workspace, load_dictionary())
        assert sum(one.weight for one in known.images) == pytest.approx(24)
    done = json.loads(run("filter", "-w", workspace.root, "--json").output)
    assert (done["recall"]["value"], done["lost"]) == (0.5, 4)


def test_what_was_drawn_once_and_matches_another_dictionary_stands_for_itself(
    workspace: Workspace, photos: Path
) -> None:
    choose(workspace, photos, 2)
    own = {"version": "1.0", "least_captions": 1, "least_weight": 1, "least_total": 1, "negative": []}
    terms = [{"words": "dog", "weight": 1}]
    (workspace.root / "gathering_dictionary.json").write_text(json.dumps({**own, "terms": terms}))
    choose(workspace, photos)
    screen(workspace, {f"{number}.jpg": True for number in range(6)})
    dogs = load_dictionary(workspace.root / "gathering_dictionary.json")
    assert [one.weight for one in screened_in(workspace, dogs).images] == [1] * 6


def test_a_filtered_image_of_one_caption_is_screened_before_others_are_written(
    workspace: Workspace, tmp_path: Path
) -> None:
    choose(workspace, many_photos(tmp_path / "one", 2, 2))
    (tmp_path / "a.csv").write_text("image,is_gathering\n0.jpg,1\n1.jpg,0\n")
    states = []
    for name in ("a", "b"):
        with workspace.catalog.read() as connection:
            states.append(set(connection.execute(sa.select(tasks.c.kind, tasks.c.state))))
        assert run("submissions", "import", tmp_path / "a.csv", "--as", name, "-w", workspace.root).exit_code == 0
    assert states == [{("screen", "open"), ("caption", "waiting")}] * 2
    with workspace.catalog.read() as connection:
        left = connection.execute(sa.select(images.c.ref, tasks.c.kind).join(tasks).where(tasks.c.state == "open"))
        assert left.all() == [("0.jpg", "caption")]


def test_recall_is_unknown_where_nothing_else_was_screened() -> None:
    result = figures(load_dictionary(), [Screened((CROWD,), True), Screened((CROWD,), False)])
    assert (result.recall, result.precision and result.precision.value) == (None, 0.5)


def test_a_dictionary_is_measured_on_annotators_files_where_they_agree(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("image,is_gathering\n0.jpg,1\n1.jpg,1\n2.jpg,1\n")
    (tmp_path / "b.csv").write_text("image,is_gathering\n0.jpg,1\n1.jpg,0\n2.jpg,1\n")
    files = ("--screened", tmp_path / "a.csv", "--screened", tmp_path / "b.csv")
    done = json.loads(run("filter", photos / "captions.jsonl", *files, "--json").output)
    assert (done["screened"], done["matched"], done["recall"]["value"]) == (2, 1, 0.5)


def test_the_names_that_match_are_listed_without_a_workspace(photos: Path, tmp_path: Path) -> None:
    done = run("filter", photos / "captions.jsonl", "--list", tmp_path / "names.txt")
    assert (done.exit_code, (tmp_path / "names.txt").read_text()) == (0, "0.jpg\n1.jpg\n")


def test_the_columns_of_a_caption_file_that_is_filtered_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(f"picture,sentence_en\na.jpg,{CROWD}\nb.jpg,{DOG}\n")
    columns = ("--column", "image=picture", "--column", "captions=sentence_en")
    done = run("filter", tmp_path / "f.csv", "--list", tmp_path / "names.txt", *columns)
    assert (done.exit_code, (tmp_path / "names.txt").read_text()) == (0, "a.jpg\n")


def test_a_workspaces_own_dictionary_is_used(workspace: Workspace, photos: Path) -> None:
    own = {"version": "1.0", "least_captions": 1, "least_weight": 1, "least_total": 1, "negative": []}
    terms = [{"words": "dog", "weight": 1}]
    (workspace.root / "gathering_dictionary.json").write_text(json.dumps({**own, "terms": terms}))
    assert "4 of 6 images match" in run("filter", photos, "-w", workspace.root).output
