import html
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import sqlalchemy as sa

from gatherset import schemas
from gatherset.annotate.access import is_signed
from gatherset.annotate.discussions import decide_discussion, raise_discussion
from gatherset.annotate.labelstudio.client import Client
from gatherset.annotate.labelstudio.configuration import configuration, controls
from gatherset.annotate.labelstudio.links import current_links
from gatherset.annotate.labelstudio.project import Wanted, require_unchanged, set_up
from gatherset.dataset.catalog.tables import images, labelstudio_projects
from gatherset.dataset.errors import InputError, ServerError
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.labelstudio import text
from gatherset.dataset.workspace import Workspace
from tests.conftest import draw
from tests.labelstudio_server import TOKEN, LabelStudioServer
from tests.labelstudio_workspace import Over, results

pytestmark = pytest.mark.labelstudio
Make = Callable[..., Over]
APP = "http://127.0.0.1:8501"
OTHER = (
    '<View><Image name="image" value="$image"/>'
    '<Choices name="mood" toName="image"><Choice value="good"/></Choices></View>'
)


@pytest.fixture
def below(document_root: Path, request: pytest.FixtureRequest) -> Iterator[Workspace]:
    """A workspace with two real images below the server's document root."""
    folder = document_root / request.node.name[:60]
    made = Workspace.create(folder / "mg")
    for number in range(2):
        draw(folder / "photos" / f"{number}.jpg", number)
    ingest(made, folder / "photos", Provenance(license="CC-BY-4.0"))
    yield made
    made.catalog.close()


def wanted(title: str, **more: Any) -> Wanted:
    return Wanted(title=title, images_url=APP, **more)


def test_a_project_is_made_from_the_workspace(workspace: Workspace, client: Client) -> None:
    link, done = set_up(workspace, client, wanted("made from it"))
    there = client.project(link.project)
    assert done == "made"
    assert there["label_config"] == configuration(workspace, "caption")
    assert (there["maximum_annotations"], there["skip_queue"]) == (2, "REQUEUE_FOR_ME")
    assert "mass gathering" in there["expert_instruction"]
    assert set_up(workspace, client, wanted("made from it"))[1] == "as it was"


def test_an_empty_project_of_the_title_is_adopted(workspace: Workspace, client: Client) -> None:
    number = client.make_project(title="empty one")["id"]
    link, done = set_up(workspace, client, wanted("empty one"))
    assert (link.project, done) == (number, "adopted")


def test_of_two_projects_of_one_title_neither_is_taken(workspace: Workspace, client: Client) -> None:
    numbers = [client.make_project(title="twice")["id"] for _ in range(2)]
    with pytest.raises(ServerError, match=f"2 projects .* are called 'twice': {numbers[0]} and {numbers[1]}"):
        set_up(workspace, client, wanted("twice"))
    assert set_up(workspace, client, wanted("twice", project=numbers[1]))[0].project == numbers[1]


def test_a_project_of_another_shape_is_left_alone(workspace: Workspace, client: Client) -> None:
    number = client.make_project(title="of another shape", label_config=OTHER)["id"]
    client.add_tasks(number, [{"data": {"image": "http://127.0.0.1/x.jpg"}}])
    with pytest.raises(ServerError, match="is of another shape: it asks nothing under the name"):
        set_up(workspace, client, wanted("of another shape"))
    assert client.project(number)["label_config"] == OTHER
    with workspace.catalog.read() as connection:
        assert connection.execute(sa.select(labelstudio_projects)).all() == []


def taxonomy_without(workspace: Workspace, *names: str) -> Workspace:
    """The workspace opened anew, with fewer event types."""
    document = schemas.read("event_types.json")
    document = {**document, "types": [kind for kind in document["types"] if kind["name"] not in names]}
    (workspace.root / "event_types.json").write_text(json.dumps(document))
    return Workspace(workspace.root)


def test_a_change_that_orphans_annotations_is_refused(over: Make) -> None:
    there = over(2)
    there.annotate(1)
    smaller = taxonomy_without(there.workspace, "protest")
    with pytest.raises(ServerError, match=r"would orphan annotations that use 'protest' of 'event_type' \(1 annot"):
        set_up(smaller, there.client, Wanted(images_url=APP))
    assert "protest" in controls(there.client.project(there.link.project)["label_config"])["event_type"].values
    smaller.catalog.close()


def test_a_change_that_orphans_nothing_is_made(over: Make) -> None:
    there = over(2)
    there.annotate(1)
    smaller = taxonomy_without(there.workspace, "holiday_party")
    _, done = set_up(smaller, there.client, Wanted(images_url=APP))
    choices = controls(there.client.project(there.link.project)["label_config"])["event_type"].values
    assert (done, len(choices)) == ("changed", 9)
    smaller.catalog.close()


def test_unknown_names_in_annotations_are_named_when_the_configuration_changes(over: Make) -> None:
    there = over(1)
    there.annotate(1, said=[*results(1), text("colour", "red")])
    smaller = taxonomy_without(there.workspace, "holiday_party")
    with pytest.raises(ServerError, match=r"'colour' \(1 annotations\)"):
        set_up(smaller, there.client, Wanted(images_url=APP))
    smaller.catalog.close()


def test_another_project_can_be_begun(over: Make) -> None:
    there = over(2)
    there.annotate(1)
    there.pull()
    link, done = set_up(there.workspace, there.client, Wanted(title="begun anew", images_url=APP, new=True))
    assert (done, link.project != there.link.project) == ("made", True)
    assert current_links(there.workspace) == [link]
    anew = Over(there.workspace, there.client, link, there.people)
    assert anew.push().sent == 2


def test_a_configuration_changed_there_stops_push_and_pull(over: Make) -> None:
    there = over(1)
    there.client.change_project(there.link.project, label_config=OTHER)
    for act in (there.push, there.pull):
        with pytest.raises(ServerError, match=r"the labelling configuration of project .* was changed there"):
            act()
    assert set_up(there.workspace, there.client, Wanted(images_url=APP))[1] == "changed"
    assert there.push().sent == 0


def test_more_than_ours_in_a_configuration_does_no_harm(over: Make) -> None:
    there = over(1)
    config = configuration(there.workspace, "caption").removesuffix("</View>")
    config += '<TextArea name="extra" toName="image"/></View>'
    there.client.change_project(there.link.project, label_config=config)
    assert require_unchanged(there.client, there.link)["id"] == there.link.project


def test_a_project_deleted_there_is_made_anew_and_keeps_what_came(over: Make) -> None:
    there = over(1)
    there.annotate(1)
    there.pull()
    there.client.call("DELETE", f"/api/projects/{there.link.project}/")
    with pytest.raises(ServerError, match="was deleted there"):
        there.push()
    link, done = set_up(there.workspace, there.client, Wanted(images_url=APP))
    assert (done, link.title) == ("made", there.link.title)
    assert link.project != there.link.project


def test_another_project_for_the_same_tasks_needs_a_word(over: Make) -> None:
    there = over(1)
    with pytest.raises(ServerError, match="are in project"):
        set_up(there.workspace, there.client, Wanted(title="another one", images_url=APP))


def test_images_are_served_without_copying(below: Workspace, client: Client, document_root: Path) -> None:
    link, _ = set_up(below, client, Wanted(title="served here", document_root=document_root))
    over = Over(below, client, link, {})
    over.push()
    for row in client.tasks_after(link.project, 0, 10):
        assert row["data"]["image"].startswith("/data/local-files/?d=")
        assert client.shows(row["data"]["image"])


def decide_cases(workspace: Workspace) -> None:
    """Discuss both images, of which the second is sensitive, and decide."""
    with workspace.catalog.write() as connection:
        ids = connection.execute(sa.select(images.c.id).order_by(images.c.id)).scalars().all()
        connection.execute(sa.update(images).where(images.c.id == ids[1]).values(flags=["sensitive"]))
    for number in ids:
        raise_discussion(workspace, number, "rita", "Is it one?")
        decide_discussion(workspace, number, "lea", "It is")


def pictures_in(instructions: str) -> list[str]:
    return [html.unescape(address) for address in re.findall(r'<img src="([^"]*)"', instructions)]


def test_the_picture_of_a_decided_case_is_seen_in_the_instructions(
    below: Workspace, client: Client, document_root: Path
) -> None:
    decide_cases(below)
    link, _ = set_up(below, client, Wanted(title="with a case", document_root=document_root))
    instructions = client.project(link.project)["expert_instruction"]
    [picture] = pictures_in(instructions)
    assert instructions.count("A decided case") == 2
    assert client.shows(picture)


def test_the_picture_of_a_decided_case_from_the_app_carries_a_seal(below: Workspace, client: Client) -> None:
    decide_cases(below)
    link, _ = set_up(below, client, wanted("with a sealed case"))
    [picture] = pictures_in(client.project(link.project)["expert_instruction"])
    path, _, query = picture.removeprefix(APP).partition("?")
    assert is_signed(below, path, dict(parse_qsl(query)))


def test_a_document_root_without_the_workspace_is_refused(below: Workspace, client: Client, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not below"):
        set_up(below, client, Wanted(title="elsewhere", document_root=tmp_path / "other"))
    assert client.projects("elsewhere") == []


def test_without_a_way_to_show_images_nothing_is_made(workspace: Workspace, client: Client) -> None:
    with pytest.raises(InputError, match="nothing says how the annotators get to see the images"):
        set_up(workspace, client, Wanted(title="no images"))
    assert client.projects("no images") == []


def test_a_wrong_token_is_said_in_one_line(workspace: Workspace, server: LabelStudioServer) -> None:
    with Client(server.url, "f" * 40) as wrong, pytest.raises(ServerError, match="does not accept the token"):
        set_up(workspace, wrong, wanted("wrong token"))


def test_a_dead_server_is_said_in_one_line(workspace: Workspace) -> None:
    with Client("http://127.0.0.1:9", TOKEN) as dead, pytest.raises(ServerError, match="cannot be reached"):
        set_up(workspace, dead, wanted("dead"))


def test_a_personal_access_token_works_too(workspace: Workspace, server: LabelStudioServer) -> None:
    with server.client() as lead:
        made = lead.call("POST", "/api/token/")
    with Client(server.url, made["token"]) as client:
        assert set_up(workspace, client, wanted("by a personal token"))[1] == "made"
