"""All tables of a workspace. A change here needs a migration in `dataset/migrations/versions`."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, MetaData, Table, Text, UniqueConstraint

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
    UniqueConstraint("image_id", "kind"),
)
Index("ix_tasks_state_id", tasks.c.state, tasks.c.id)

annotators = Table(
    "annotators",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("pseudonym", Text, nullable=False, unique=True),
    Column("created_at", Text, nullable=False),
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

records = Table(
    "records",
    metadata,
    Column("id", Text, ForeignKey("images.id"), primary_key=True),
    Column("revision", Integer, nullable=False),  # the current one
    Column("split", Text),
    Column("split_at", Text),
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
