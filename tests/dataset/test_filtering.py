import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from gatherset.cli import main
from gatherset.dataset.catalog.tables import images, tasks
from gatherset.dataset.filtering import Screened, figures, screened_in
from gatherset.dataset.gathering_dictionary import load_dictionary
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
    assert sources[0]["selected"].endswith(": 5 captions with crowd, march")
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
    run("filter", photos, "-w", workspace.root, "--draw", 2)
    assert "Nothing has been screened yet; 4 images wait" in run("filter", "-w", workspace.root).output
    with workspace.catalog.read() as connection:
        drawn = [ref for ref in connection.execute(sa.select(images.c.ref)).scalars() if ref not in ("0.jpg", "1.jpg")]
    screen(workspace, {"0.jpg": True, "1.jpg": False, drawn[0]: True, drawn[1]: False})
    known = screened_in(workspace)
    assert sorted(one.weight for one in known.images) == [1, 1, 2, 2]  # two of four were drawn
    done = json.loads(run("filter", "-w", workspace.root, "--json").output)
    assert done["precision"]["value"] == 0.5
    assert done["recall"]["value"] == pytest.approx(1 / 3)
    assert done["lost"] == 2


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


def test_a_workspaces_own_dictionary_is_used(workspace: Workspace, photos: Path) -> None:
    own = {"version": "1.0", "least_captions": 1, "least_weight": 1, "least_total": 1, "negative": []}
    terms = [{"words": "dog", "weight": 1}]
    (workspace.root / "gathering_dictionary.json").write_text(json.dumps({**own, "terms": terms}))
    assert "4 of 6 images match" in run("filter", photos, "-w", workspace.root).output
