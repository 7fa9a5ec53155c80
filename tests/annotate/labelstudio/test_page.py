"""Label Studio's own page, in a real browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gatherset.annotate.labelstudio.client import Client
from gatherset.annotate.labelstudio.project import Wanted, set_up
from gatherset.annotate.labelstudio.pull import pull
from gatherset.annotate.labelstudio.push import push
from gatherset.dataset.catalog.tables import submissions
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.workspace import Workspace
from tests.browser import PATIENCE
from tests.conftest import draw
from tests.labelstudio_server import EMAIL, PASSWORD, LabelStudioServer, annotate
from tests.labelstudio_workspace import SENTENCES, results

pytestmark = pytest.mark.labelstudio


@pytest.fixture
def page(server: LabelStudioServer, browser: Any) -> Iterator[Any]:
    """A page in which the lead is signed in."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(2 * PATIENCE)  # its first page takes seconds
    page.goto(f"{server.url}/user/login/")
    page.locator("input[name=email]").fill(EMAIL)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("button[type=submit]").first.click()
    page.wait_for_url(lambda url: "login" not in url)
    yield page
    context.close()


def test_what_is_labelled_in_the_page_is_found_in_the_workspace(
    page: Any, server: LabelStudioServer, client: Client, document_root: Path
) -> None:
    workspace = Workspace.create(document_root / "labelled" / "mg", overlap=1)
    draw(document_root / "labelled" / "photos" / "1.jpg", 1, size=(640, 480))
    ingest(workspace, document_root / "labelled" / "photos", Provenance(license="CC-BY-4.0"))
    link, _ = set_up(workspace, client, Wanted(title="labelled in the page", document_root=document_root))
    push(workspace, client, link)
    [task] = client.tasks_after(link.project, 0, 1)
    [lead] = [number for number, email in client.people().items() if email == EMAIL]
    annotate(client, task["id"], results(1)[:5], lead)
    assert pull(workspace, client, link).sent_back == 1

    images: list[int] = []
    page.on("response", lambda answer: images.append(answer.status) if "/data/local-files/" in answer.url else None)
    page.goto(f"{server.url}/projects/{link.project}/data?labeling=1")
    page.get_by_text("Labeling Instructions").wait_for()
    page.keyboard.press("Escape")
    page.get_by_text("4 captions instead of 5").wait_for()  # the task came back, with the reason
    page.get_by_text("Protest", exact=False).first.click()
    for number, sentence in enumerate(SENTENCES, 1):
        page.locator(f"textarea[name=caption{number}]").fill(sentence.format(1))
    assert images == [200]  # from the workspace's store
    with page.expect_response(lambda answer: "/annotations" in answer.url and answer.request.method == "POST") as sent:
        page.get_by_role("button", name="Submit").first.click()
    assert sent.value.status == 201

    assert pull(workspace, client, link).stored == 1
    with workspace.catalog.read() as connection:
        [row] = connection.execute(sa.select(submissions)).all()
    assert row.answer["event_type"] == "protest"
    assert row.answer["captions"] == [sentence.format(1) for sentence in SENTENCES]
    assert row.started_at < row.submitted_at
    workspace.catalog.close()
