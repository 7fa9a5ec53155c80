"""What the lead of a team changes."""

import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from gatherset.annotate import team
from gatherset.annotate.answer import Answer
from gatherset.annotate.desk import next_desk
from gatherset.annotate.queue import next_task, skip
from gatherset.annotate.reasons import open_reasons
from gatherset.annotate.review import Verdict, decide_review, seen_version, send_back
from gatherset.annotate.review_queue import gather, next_review, waiting_reviews
from gatherset.annotate.standing import standing
from gatherset.annotate.submissions import GoneError, submit
from gatherset.annotate.team import (
    change_queue,
    groups,
    hand_over,
    last_change,
    pause,
    put_first,
    reinstate,
    resume,
    retire,
)
from gatherset.dataset.catalog.tables import annotators, images, leases, submissions, tasks
from gatherset.dataset.errors import InputError, WorkspaceError
from gatherset.dataset.ingest import Provenance, ingest
from gatherset.dataset.settings import read_settings
from gatherset.dataset.workspace import Workspace
from tests.annotate.conftest import say, some_image

Photos = Callable[..., Path]


@contextmanager
def cut_off(workspace: Workspace, *, after: int) -> Iterator[None]:
    """Ctrl-C when the catalog is to be written once more after so many writes."""
    left = iter(range(after))

    def cut(connection: sa.Connection) -> None:
        if connection.get_execution_options().get("gatherset_write") and next(left, None) is None:
            raise KeyboardInterrupt

    sa.event.listen(workspace.catalog.engine, "begin", cut)
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        sa.event.remove(workspace.catalog.engine, "begin", cut)


def test_who_is_paused_gets_nothing_and_is_told_why(photos: Workspace) -> None:
    say(photos, 1, anna="protest")
    assert next_task(photos, "anna") is not None
    pause(photos, "anna", "Please call me", "lea")
    desk = next_desk(photos, "anna")
    assert (desk["task"], desk["rest"]) == (None, "Please call me")
    with photos.catalog.read() as connection:
        assert connection.execute(sa.select(leases)).all() == []
    resume(photos, "anna", "lea")
    assert next_task(photos, "anna") is not None


def test_retired_work_is_kept_and_asks_others_again(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="")
    say(photos, 2, anna="", ben="")
    assert standing(photos)["rejected"] == 1
    assert retire(photos, "ben", "guessed", "lea") == 2
    assert standing(photos)["rejected"] == 0
    with photos.catalog.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(submissions)).scalar_one() == 4
        assert connection.execute(sa.select(tasks.c.answers).where(tasks.c.id.in_([1, 2]))).scalars().all() == [1, 1]
    say(photos, 1, cleo="protest")
    assert standing(photos)["records"] == 1
    assert next_task(photos, "ben") is None


def test_a_record_that_rests_on_retired_work_goes_to_review(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="protest")
    say(photos, 2, anna="protest", cleo="protest")
    retire(photos, "ben", "guessed", "lea")
    with photos.catalog.read() as connection:
        assert waiting_reviews(connection) == {"retired": 1}
    assert standing(photos)["records"] == 2


def test_what_a_reviewer_has_decided_does_not_rest_on_anybody(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="political_rally")
    image = some_image(photos)
    with photos.catalog.read() as connection:
        texts = tuple(
            e["text"] for e in connection.execute(sa.select(images).where(images.c.id == image)).one().captions
        )
        version = seen_version(connection, image)
    decide_review(photos, image, "rita", Verdict(True, "protest", texts), key="a-key-of-16-signs", version=version)
    retire(photos, "anna", "guessed", "lea")
    with photos.catalog.read() as connection:
        assert waiting_reviews(connection) == {}


def test_reinstated_answers_count_again(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="")
    retire(photos, "ben", "guessed", "lea")
    reinstate(photos, "ben", "lea")
    say(photos, 1, cleo="")
    assert standing(photos)["rejected"] == 1


def test_reinstating_settles_what_retiring_had_put_before_the_reviewers(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="protest")
    retire(photos, "ben", "guessed", "lea")
    reinstate(photos, "ben", "lea")
    assert next_review(photos, "rita") is None


def test_a_record_that_still_rests_on_retired_work_stays_before_the_reviewers(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="protest")
    for name in ("anna", "ben"):
        retire(photos, name, "guessed", "lea")
    reinstate(photos, "ben", "lea")
    image = next_review(photos, "rita")
    assert image == some_image(photos)
    with photos.catalog.read() as connection:
        [reason] = open_reasons(connection, image)
    assert reason.note == "rests on work that was retired, though ben was reinstated"


def test_reinstating_doubts_no_record_that_was_made_meanwhile(photos: Workspace) -> None:
    say(photos, 1, ben="political_rally")
    retire(photos, "ben", "guessed", "lea")
    say(photos, 1, anna="protest", cleo="protest")
    say(photos, 1, anna="political_rally")  # late: the record stays
    reinstate(photos, "ben", "lea")
    assert next_review(photos, "rita") is None


@pytest.mark.parametrize("after", [1, 2])  # he is marked; and one of his two images is counted anew
def test_retiring_again_after_a_crash_goes_on(photos: Workspace, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(team, "BATCH", 1)
    say(photos, 1, anna="protest", ben="")
    say(photos, 2, anna="", ben="")
    with cut_off(photos, after=after):
        retire(photos, "ben", "guessed", "lea")
    assert retire(photos, "ben", "guessed", "lea") == 2
    with photos.catalog.read() as connection:
        assert connection.execute(sa.select(tasks.c.answers).where(tasks.c.id.in_([1, 2]))).scalars().all() == [1, 1]
    assert standing(photos)["rejected"] == 0


def test_what_one_holds_is_handed_over(photos: Workspace) -> None:
    say(photos, 4, anna="protest", ben="sports_event")
    held = next_task(photos, "anna")
    assert held is not None
    assert hand_over(photos, "anna", "ben", "lea") == 1
    again = next_task(photos, "ben")
    assert again is not None
    assert again.id == held.id


def test_what_was_sent_back_is_handed_over_as_one_more_opinion(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="political_rally")
    say(photos, 2, cleo="protest")
    send(photos, "ben")
    assert hand_over(photos, "ben", "cleo", "lea") == 1
    taken = next_task(photos, "cleo")
    assert taken is not None
    assert taken.id == 1
    say(photos, 1, cleo="protest")
    assert standing(photos)["records"] == 1


def send(workspace: Workspace, *names: str, comment: str = "Look again", key: str = "a-key-of-16-signs") -> str:
    """Send the first image back to `names`; the image's id."""
    image = some_image(workspace)
    with workspace.catalog.read() as connection:
        version = seen_version(connection, image)
    send_back(workspace, image, "rita", names, comment, key=key, version=version)
    return image


@pytest.mark.parametrize("rest", [pause, retire])
def test_nothing_is_handed_over_to_who_is_paused_or_retired(photos: Workspace, rest: Callable[..., object]) -> None:
    say(photos, 1, anna="protest", ben="political_rally")
    say(photos, 2, cleo="protest")
    send(photos, "ben")
    rest(photos, "cleo", "away", "lea")
    with pytest.raises(InputError, match="nothing can be handed over to cleo"):
        hand_over(photos, "ben", "cleo", "lea")
    desk = next_desk(photos, "ben")
    assert desk["returned"]["comment"] == "Look again"


def test_who_takes_over_reads_the_comment_and_the_reviewer_waits_for_them(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="political_rally")
    say(photos, 2, cleo="protest")
    gather(photos)
    image = send(photos, "ben", comment="Is there a speaker?")
    assert hand_over(photos, "ben", "cleo", "lea") == 1
    assert next_review(photos, "rita") is None
    desk = next_desk(photos, "cleo")
    assert desk["returned"] == {"by": "rita", "comment": "Is there a speaker?"}
    assert "answer" not in desk
    answer = Answer("event", True, "sports_event")
    submit(photos, desk["task"]["id"], "cleo", answer, key="cleo-takes-over", version=0)
    assert next_review(photos, "rita") == image


def test_handing_over_an_image_with_a_record_asks_nobody_else(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="protest")
    say(photos, 2, cleo="protest")
    send(photos, "ben")
    hand_over(photos, "ben", "cleo", "lea")
    submit(photos, 1, "cleo", Answer("event", True, "sports_event"), key="cleo-takes-over", version=0)
    with photos.catalog.read() as connection:
        state = connection.execute(sa.select(tasks.c.state, tasks.c.answers).where(tasks.c.id == 1)).one()
    assert tuple(state) == ("done", 3)
    assert next_review(photos, "rita") == some_image(photos)


def test_who_was_asked_too_and_has_answered_is_not_asked_twice(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="political_rally")
    image = send(photos, "anna", "ben")
    submit(photos, 1, "anna", Answer("event", True, "protest"), key="anna stands by it")
    assert hand_over(photos, "ben", "anna", "lea") == 0
    assert next_review(photos, "rita") == image


def test_what_was_handed_to_one_who_is_retired_comes_back_to_the_reviewer(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="political_rally")
    say(photos, 2, kim="protest")
    image = send(photos, "ben")
    hand_over(photos, "ben", "kim", "lea")
    assert next_review(photos, "rita") is None
    retire(photos, "kim", "guessed", "lea")
    assert next_review(photos, "rita") == image


def test_who_lays_aside_what_they_took_over_brings_it_back_to_the_reviewer(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="political_rally")
    say(photos, 2, cleo="protest")
    image = send(photos, "ben")
    hand_over(photos, "ben", "cleo", "lea")
    skip(photos, 1, "cleo", "too dark")
    assert next_review(photos, "rita") == image
    other = next_task(photos, "cleo")
    assert other is None or other.id != 1


def test_it_is_kept_who_has_handed_over(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="political_rally")
    hand_over(photos, "anna", "ben", "lea")
    with photos.catalog.read() as connection:
        assert (
            connection.execute(sa.select(annotators.c.changed_by).where(annotators.c.name == "anna")).scalar() == "lea"
        )


def test_nobody_hands_over_to_themselves_or_to_a_stranger(photos: Workspace) -> None:
    say(photos, 1, anna="protest")
    for to in ("anna", "nobody"):
        with pytest.raises(InputError):
            hand_over(photos, "anna", to, "lea")


def test_what_is_put_first_is_handed_out_first(photos: Workspace, make_photos: Photos) -> None:
    ingest(photos, make_photos(6, folder="urgent"), Provenance("synthetic", "CC-BY-4.0", "rescue"))
    assert [(one.part, one.dataset, one.waiting, one.first) for one in groups(photos)] == [
        ("collected", "photos", 4, False),
        ("synthetic", "rescue", 2, False),
    ]
    put_first(photos, "synthetic", "rescue", "lea", first=True)
    task = next_task(photos, "anna")
    assert task is not None
    assert task.id > 4
    put_first(photos, "synthetic", "rescue", "lea", first=False)
    other = next_task(photos, "ben")
    assert other is not None
    assert other.id <= 4 or other.id == task.id


def test_what_is_before_a_reviewer_does_not_wait_for_annotators(photos: Workspace) -> None:
    change_queue(photos, "lea", overlap=2, max_overlap=2, gold_rate=0.1)
    say(photos, 1, anna="protest", ben="political_rally")
    gather(photos)
    assert [one.waiting for one in groups(photos)] == [3]


def test_fewer_opinions_send_what_is_disputed_to_review_and_the_file_keeps_its_comments(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="political_rally")
    change_queue(photos, "lea", overlap=2, max_overlap=2, gold_rate=0.1)
    text = (photos.root / "gatherset.toml").read_text()
    queue = tomllib.loads(text)["queue"]
    assert (queue["overlap"], queue["max_overlap"], queue["gold_rate"]) == (2, 2, 0.1)
    assert "# different annotators an image goes to" in text
    assert standing(photos)["in review"] == 1
    assert photos.settings.queue.max_overlap == 2


def test_more_opinions_are_asked_of_what_is_not_done(photos: Workspace) -> None:
    say(photos, 1, anna="protest")
    change_queue(photos, "lea", overlap=3, max_overlap=5, gold_rate=0.05)
    say(photos, 1, ben="protest")
    assert standing(photos)["records"] == 0
    say(photos, 1, cleo="protest")
    assert standing(photos)["records"] == 1


def sentence(name: str) -> str:
    return f"{name.title()} sees a long march under many flags."


@pytest.fixture
def one_each(workspace: Workspace, make_photos: Photos) -> Workspace:
    """Where each of five annotators writes one caption of an image."""
    path = workspace.root / "gatherset.toml"
    path.write_text("captions_per_submission = 1\n" + path.read_text())
    workspace.settings = read_settings(path)
    ingest(workspace, make_photos(1, captions=False), Provenance(license="CC-BY-4.0"))
    return workspace


def asked(workspace: Workspace) -> tuple[int, str]:
    """How many annotators the first task goes to, and its state."""
    with workspace.catalog.read() as connection:
        row = connection.execute(sa.select(tasks.c.overlap, tasks.c.state).where(tasks.c.id == 1)).one()
    return row.overlap, row.state


@pytest.mark.parametrize("queue", [{"overlap": 2, "max_overlap": 3}, {"overlap": 1, "max_overlap": 1}])
def test_fewer_opinions_still_ask_as_many_as_write_the_captions(one_each: Workspace, queue: dict[str, int]) -> None:
    change_queue(one_each, "lea", **queue, gold_rate=0.05)
    for number, name in enumerate(("anna", "ben", "cleo", "dan", "eve"), 1):
        assert asked(one_each) == (5, "open")
        answer = Answer("caption", True, "protest", (sentence(name),))
        submit(one_each, 1, name, answer, key=name)
        assert standing(one_each)["in review"] == 0, number
    assert standing(one_each)["records"] == 1


def test_where_all_wrote_and_one_took_it_for_no_gathering_a_reviewer_decides(one_each: Workspace) -> None:
    change_queue(one_each, "lea", overlap=2, max_overlap=3, gold_rate=0.05)
    submit(one_each, 1, "anna", Answer("caption", is_gathering=False), key="anna")
    for name in ("ben", "cleo", "dan", "eve"):
        submit(one_each, 1, name, Answer("caption", True, "protest", (sentence(name),)), key=name)
    assert standing(one_each)["in review"] == 1


def test_one_opinion_is_enough_from_now_on(photos: Workspace) -> None:
    say(photos, 1, anna="protest")
    change_queue(photos, "lea", overlap=1, max_overlap=5, gold_rate=0.05)
    assert standing(photos)["records"] == 1


def test_what_the_lead_says_holds_whatever_was_written_into_the_file_by_hand(photos: Workspace) -> None:
    path = photos.root / "gatherset.toml"
    path.write_text(path.read_text().replace("overlap = 2 ", "overlap = 4 ", 1))
    change_queue(photos, "lea", overlap=2, max_overlap=5, gold_rate=0.05)
    assert read_settings(path).queue.overlap == 2


def test_a_change_that_was_cut_off_is_done_when_it_is_asked_for_again(photos: Workspace) -> None:
    change_queue(photos, "lea", overlap=4, max_overlap=5, gold_rate=0.05)
    say(photos, 1, anna="protest")
    with cut_off(photos, after=0):  # the file is written, the tasks are not
        change_queue(photos, "lea", overlap=2, max_overlap=5, gold_rate=0.05)
    again = Workspace.open(photos.root)
    assert (again.settings.queue.overlap, asked(again)) == (2, (4, "open"))
    change_queue(again, "lea", overlap=2, max_overlap=5, gold_rate=0.05)
    assert asked(again) == (2, "open")
    again.catalog.close()


def test_who_disagree_are_asked_one_more_whatever_was_asked_before(photos: Workspace) -> None:
    change_queue(photos, "lea", overlap=4, max_overlap=5, gold_rate=0.05)
    say(photos, 1, anna="protest", ben="political_rally")
    change_queue(photos, "lea", overlap=2, max_overlap=5, gold_rate=0.05)
    assert asked(photos) == (3, "open")


def test_it_is_kept_who_changed_the_queue(photos: Workspace) -> None:
    assert last_change(photos) == ""
    change_queue(photos, "lea", overlap=2, max_overlap=4, gold_rate=0.05)
    assert last_change(photos).endswith("lea: overlap 2, max_overlap 4, gold_rate 0.05")
    put_first(photos, "collected", "photos", "mo", first=True)
    assert last_change(photos).endswith("mo: collected photos: first of all")


def test_settings_that_cannot_be_change_nothing(photos: Workspace) -> None:
    before = (photos.root / "gatherset.toml").read_text()
    with pytest.raises(WorkspaceError):
        change_queue(photos, "lea", overlap=3, max_overlap=2, gold_rate=0.1)
    assert (photos.root / "gatherset.toml").read_text() == before
    assert not list(photos.root.glob("*.partial"))


def test_what_was_sent_back_to_who_is_retired_is_before_the_reviewer_again(photos: Workspace) -> None:
    say(photos, 1, anna="protest", ben="political_rally")
    gather(photos)
    image = send(photos, "ben")
    assert next_review(photos, "rita") is None
    retire(photos, "ben", "guessed", "lea")
    assert next_review(photos, "rita") == image


def test_a_record_that_was_sent_back_to_who_is_retired_is_before_the_reviewer_again(photos: Workspace) -> None:
    say(photos, 1, anna="protest", cleo="protest", ben="protest")
    image = send(photos, "ben")
    retire(photos, "ben", "guessed", "lea")  # the record is the same without ben
    assert next_review(photos, "rita") == image


def test_what_a_retired_annotator_still_sends_is_kept_and_counts_for_nothing(photos: Workspace) -> None:
    say(photos, 1, anna="protest")
    say(photos, 2, ben="protest")
    retire(photos, "ben", "guessed", "lea")
    say(photos, 1, ben="protest")
    assert standing(photos)["records"] == 0
    with photos.catalog.read() as connection:
        assert connection.execute(sa.select(tasks.c.answers).where(tasks.c.id == 1)).scalar_one() == 1
    with pytest.raises(GoneError):
        submit(photos, 3, "ben", Answer("event", True, "protest"), key="a page that was open", version=0)
