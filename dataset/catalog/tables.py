"""All tables of a workspace. A change here needs a migration in `dataset/migrations/versions`."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, Table, Text, UniqueConstraint
from sqlalchemy import text as sql

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
# Times are text, "2026-11-20T10:00:00Z": they sort as they stand and are the same on every database.

properties = Table("properties", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

images = Table(
    "images",
    metadata,
    Column("id", Text, primary_key=True),  # gs-<first 16 hex digits of source.sha256>
    Column("sha256", Text, nullable=False, index=True),  # of the stored copy
    Column("phash", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("format", Text, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("language", Text, nullable=False),
    Column("captions", JSON, nullable=False),  # the imported ones: a list of record captions
    Column("source", JSON, nullable=False),  # as in the record
    Column("flags", JSON, nullable=False),
    Column("ref", Text, index=True),  # source.ref, to find images by the name they came with
    Column("rejected", Text),  # when it was found to be no gathering; null while it may become a record
    Column("added_at", Text, nullable=False),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("image_id", Text, ForeignKey("images.id"), nullable=False),
    Column("kind", Text, nullable=False),  # caption, event, screen, review
    Column("state", Text, nullable=False),  # waiting (for an earlier task of the image), open, done
    Column("overlap", Integer, nullable=False),
    Column("answers", Integer, nullable=False),  # annotators who have answered
    Column("note", Text, nullable=False),  # why it is here, for a reviewer
    Column("priority", Integer, nullable=False, server_default="0"),  # 1: before all that have 0
    UniqueConstraint("image_id", "kind"),
)
# What the queue looks through: tasks that nobody has answered, and those that wait for one more answer. Being partial,
# they stay as small as the queue is, and the next task is at their beginning.
FRESH = "state = 'open' AND kind <> 'review' AND answers = 0"
STARTED = "state = 'open' AND kind <> 'review' AND answers > 0"
URGENT = "state = 'open' AND kind <> 'review' AND priority > 0"
REVIEWS = "state = 'open' AND kind = 'review'"
for _name, _where in (
    ("ix_tasks_fresh", FRESH),
    ("ix_tasks_started", STARTED),
    ("ix_tasks_urgent", URGENT),
    ("ix_tasks_reviews", REVIEWS),
):
    Index(_name, tasks.c.id, sqlite_where=sql(_where), postgresql_where=sql(_where))

annotators = Table(
    "annotators",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("pseudonym", Text, nullable=False, unique=True),
    Column("created_at", Text, nullable=False),
    Column("position", Integer),  # the started task up to which the queue has looked for them; null: from the first
    Column("paused", Text),  # why the queue hands them nothing; null: it does
    Column("retired", Text),  # why their answers count no more, though they are kept; null: they count
    Column("changed_by", Text),  # who paused or retired them, took that back, or handed over what they held
    Column("changed_at", Text),
)

leases = Table(
    "leases",
    metadata,
    Column("task_id", Integer, ForeignKey("tasks.id"), primary_key=True),
    Column("annotator_id", Integer, ForeignKey("annotators.id"), primary_key=True),
    Column("expires_at", Text, nullable=False),
)
Index("ix_leases_annotator_id", leases.c.annotator_id)

submissions = Table(
    "submissions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("task_id", Integer, ForeignKey("tasks.id"), nullable=False),
    Column("annotator_id", Integer, ForeignKey("annotators.id"), nullable=False),
    Column("version", Integer, nullable=False),  # the highest of a task and annotator supersedes the others
    Column("key", Text, nullable=False, unique=True),  # chosen by the client: sending it twice stores it once
    Column("answer", JSON, nullable=False),  # schemas/submission.schema.json
    Column("started_at", Text),
    Column("submitted_at", Text, nullable=False),
    UniqueConstraint("task_id", "annotator_id", "version"),
)
Index("ix_submissions_annotator_id_id", submissions.c.annotator_id, submissions.c.id)

drafts = Table(
    "drafts",
    metadata,
    Column("task_id", Integer, ForeignKey("tasks.id"), primary_key=True),
    Column("annotator_id", Integer, ForeignKey("annotators.id"), primary_key=True),
    Column("revision", Integer, nullable=False),  # one more at each save: two tabs notice each other
    Column("content", JSON, nullable=False),  # an answer that may be incomplete
    Column("saved_at", Text, nullable=False),
)
Index("ix_drafts_annotator_id", drafts.c.annotator_id)

skips = Table(
    "skips",
    metadata,
    Column("task_id", Integer, ForeignKey("tasks.id"), primary_key=True),
    Column("annotator_id", Integer, ForeignKey("annotators.id"), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("skipped_at", Text, nullable=False),
)

gold = Table(
    "gold",
    metadata,
    Column("task_id", Integer, ForeignKey("tasks.id"), primary_key=True),
    Column("answer", JSON, nullable=False),  # the known one; what it leaves null is not judged
    Column("explanation", Text, nullable=False),  # shown after an answer in the practice round
    Column("practice", Boolean, nullable=False),  # in the practice round, instead of mixed into the queue
)

practice_answers = Table(
    "practice_answers",
    metadata,
    Column("task_id", Integer, ForeignKey("tasks.id"), primary_key=True),
    Column("annotator_id", Integer, ForeignKey("annotators.id"), primary_key=True),
    Column("answer", JSON, nullable=False),
    Column("right", Boolean, nullable=False),
    Column("answered_at", Text, nullable=False),
)

suggestions = Table(
    "suggestions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("image_id", Text, ForeignKey("images.id"), nullable=False, index=True),
    Column("kind", Text, nullable=False),  # caption, event
    Column("value", Text, nullable=False),  # the sentence, or the name of the event type
    Column("model", Text, nullable=False),
    Column("score", Float),  # 0 to 1, where the model says one
    Column("created_at", Text, nullable=False),
    Column("origin", Text, nullable=False, server_default="model"),  # of a caption: model, llm, imported
    Column("made_with", JSON(none_as_null=True)),  # temperature, prompt, weights: what it takes to make it again
)

records = Table(
    "records",
    metadata,
    Column("id", Text, ForeignKey("images.id"), primary_key=True),
    Column("revision", Integer, nullable=False),  # the current one
    Column("event_type", Text),  # of the current revision, which it repeats to be counted
    Column("split", Text),
    Column("split_at", Text),
    Column("withdrawn", Text),  # why it is kept out of the dataset
    Column("withdrawn_by", Text),
    Column("withdrawn_at", Text),
)

revisions = Table(
    "revisions",
    metadata,
    Column("record_id", Text, ForeignKey("records.id"), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("content", JSON, nullable=False),  # the record without its split
    Column("submissions", JSON, nullable=False),  # ids of those it came from
    Column("reason", Text, nullable=False),
    Column("decided_by", Text, nullable=False),  # "agreement", or the name of a reviewer
    Column("created_at", Text, nullable=False),
)

reasons = Table(
    "reasons",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("image_id", Text, ForeignKey("images.id"), nullable=False),
    Column("cause", Text, nullable=False),  # why it is before a reviewer: conflict, flag, suspect, …
    Column("evidence", Text, nullable=False),  # what the cause points at: raised once, it is not raised again
    Column("note", Text, nullable=False),  # in words, for the reviewer
    Column("raised_at", Text, nullable=False),
    Column("settled_at", Text),  # when a reviewer decided, or the annotators agreed; null while it is open
    UniqueConstraint("image_id", "cause", "evidence"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("image_id", Text, ForeignKey("images.id"), nullable=False, index=True),
    Column("key", Text, nullable=False, unique=True),  # chosen by the client: sending it twice decides once
    Column("kind", Text, nullable=False),  # accepted, rejected, returned
    Column("seen", JSON, nullable=False),  # ids of the submissions that lay before the reviewer
    Column("revision", Integer),  # of the record, where it was accepted
    Column("comment", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("decided_at", Text, nullable=False),
)

returns = Table(
    "returns",
    metadata,
    Column("decision_id", Integer, ForeignKey("decisions.id"), primary_key=True),
    Column("task_id", Integer, ForeignKey("tasks.id"), primary_key=True),
    Column("annotator_id", Integer, ForeignKey("annotators.id"), primary_key=True),
    Column("answered_at", Text),  # null: it waits for the annotator
)
UNANSWERED = "answered_at IS NULL"
Index(
    "ix_returns_unanswered",
    returns.c.annotator_id,
    sqlite_where=sql(UNANSWERED),
    postgresql_where=sql(UNANSWERED),
)

discussions = Table(
    "discussions",
    metadata,
    Column("image_id", Text, ForeignKey("images.id"), primary_key=True),
    Column("question", Text, nullable=False),
    Column("raised_by", Text, nullable=False),
    Column("raised_at", Text, nullable=False),
    Column("decision", Text),  # what the guidelines say of it from then on; null while it is open
    Column("decided_by", Text),
    Column("decided_at", Text),
)

remarks = Table(
    "remarks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("image_id", Text, ForeignKey("discussions.image_id"), nullable=False, index=True),
    Column("author", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("said_at", Text, nullable=False),
)

# What a workspace knows of its projects on a Label Studio server. "There" is that server.
labelstudio_projects = Table(
    "labelstudio_projects",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("url", Text, nullable=False),
    Column("project", Integer, nullable=False),  # its number there
    Column("kind", Text, nullable=False),  # of the tasks that go there
    Column("title", Text, nullable=False),
    Column("config", Text, nullable=False),  # the labelling configuration that was set there
    Column("images", Text, nullable=False),  # what the address of an image begins with
    Column("people", JSON, nullable=False),  # {e-mail there: annotator here}, where the two differ
    Column("foreign", Integer, nullable=False),  # tasks there that are not of this workspace
    Column("ended_at", Text),  # the project is gone, another took its place
)

labelstudio_tasks = Table(
    "labelstudio_tasks",
    metadata,
    Column("project_id", Integer, ForeignKey("labelstudio_projects.id"), primary_key=True),
    Column("task_id", Integer, ForeignKey("tasks.id"), primary_key=True),
    Column("remote", Integer),  # its number there; null: sent, and not known to have arrived
    Column("image", Text, nullable=False),  # the address of its image, as sent
    Column("until", Text),  # when that address ends
    Column("overlap", Integer, nullable=False),  # annotations that are asked for there
    Column("remarks", Text, nullable=False),  # what its annotators are told there
    Column("seen", Text),  # when it was changed there, as last pulled
    Column("deleted_at", Text),  # when it was found to be gone there
    Index("ix_labelstudio_tasks_project_id_remote", "project_id", "remote"),
)

labelstudio_annotations = Table(
    "labelstudio_annotations",
    metadata,
    Column("project_id", Integer, ForeignKey("labelstudio_projects.id"), primary_key=True),
    Column("remote", Integer, primary_key=True),  # its number there
    Column("task_id", Integer, ForeignKey("tasks.id"), nullable=False),
    Column("author", Text, nullable=False),  # the annotator's name here
    Column("state", Text, nullable=False),  # stored, refused (breaks a rule), surplus (had no place), skipped
    Column("digest", Text, nullable=False),  # of what was returned
    Column("returned", JSON(none_as_null=True)),  # what was returned, where it is not stored
    Column("findings", JSON, nullable=False),  # why it is not
    Column("submission_id", Integer, ForeignKey("submissions.id")),  # the last that came of it
    Column("sent_back_at", Text),
    Column("pulled_at", Text, nullable=False),
    Column("deleted_at", Text),  # when it was found to be gone there
    Index("ix_labelstudio_annotations_project_id_task_id", "project_id", "task_id"),
)

suspects = Table(
    "suspects",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("record_id", Text, ForeignKey("records.id"), nullable=False),
    Column("kind", Text, nullable=False),  # caption, event
    Column("position", Integer, nullable=False),  # which caption, from 0; 0 for an event
    Column("value", Text, nullable=False),  # the caption, or the name of the event type, that is doubted
    Column("score", Float, nullable=False),  # 0 to 1: how surely it is wrong
    Column("reason", Text, nullable=False),  # for a person
    Column("suggestion", Text),  # the event type that the model finds likelier
    Column("run", Text, nullable=False),  # what found it
    Column("state", Text, nullable=False),  # open, right (it stays as it is), mended, withdrawn
    Column("found_at", Text, nullable=False),
    Column("settled_by", Text),
    Column("settled_at", Text),
    UniqueConstraint("record_id", "kind", "position", "value"),
)
Index("ix_suspects_state_score", suspects.c.state, suspects.c.score)

# Who may come in. A workspace without accounts is open to whoever sits at its machine.
accounts = Table(
    "accounts",
    metadata,
    Column("annotator_id", Integer, ForeignKey("annotators.id"), primary_key=True),
    Column("role", Text, nullable=False),  # annotator, reviewer, maintainer
    Column("email", Text, unique=True),  # in lower case; by it a provider of identities says who it is
    Column("password", Text),  # argon2; null: none was chosen yet, or a provider says who it is
    Column("subject", Text, unique=True),  # of the person at the provider, once they have come from there
    Column("invitation", Text, unique=True),  # sha256 of what the link holds with which a password is chosen
    Column("invited_until", Text),
    Column("disabled", Text),  # why they cannot come in; null: they can
    Column("version", Integer, nullable=False),  # one more at each change: two maintainers notice each other
    Column("created_at", Text, nullable=False),
    Column("changed_by", Text),
    Column("changed_at", Text),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token", Text, primary_key=True),  # sha256 of what the browser holds
    Column("annotator_id", Integer, ForeignKey("accounts.annotator_id"), nullable=False, index=True),
    Column("started_at", Text, nullable=False),
    Column("expires_at", Text, nullable=False),
)
