"""Review: why an image is before a reviewer, what was decided, what was sent back; priorities, pauses, discussions.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tasks", sa.Column("priority", sa.Integer, nullable=False, server_default="0"))
    for name in ("paused", "retired", "changed_by", "changed_at"):
        op.add_column("annotators", sa.Column(name, sa.Text))
    for name, condition in (("urgent", "kind <> 'review' AND priority > 0"), ("reviews", "kind = 'review'")):
        where = sa.text(f"state = 'open' AND {condition}")
        op.create_index(f"ix_tasks_{name}", "tasks", ["id"], sqlite_where=where, postgresql_where=where)
    op.add_column("records", sa.Column("event_type", sa.Text))
    current = sa.table("revisions", sa.column("record_id"), sa.column("revision"), sa.column("content", sa.JSON))
    record = sa.table("records", sa.column("id"), sa.column("revision"), sa.column("event_type"))
    of_record = (current.c.record_id == record.c.id, current.c.revision == record.c.revision)
    kind = sa.select(current.c.content["event"]["type"].as_string()).where(*of_record).scalar_subquery()
    op.execute(sa.update(record).values(event_type=kind))
    op.create_table(
        "reasons",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("image_id", sa.Text, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("raised_at", sa.Text, nullable=False),
        sa.Column("settled_at", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_reasons"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_reasons_image_id"),
        sa.UniqueConstraint("image_id", "cause", "evidence", name="uq_reasons_image_id_cause_evidence"),
    )
    # What waits for review already waits for a reason: the one that its task names.
    op.execute(
        "INSERT INTO reasons (image_id, cause, evidence, note, raised_at) "
        "SELECT tasks.image_id, 'conflict', '', tasks.note, images.added_at FROM tasks "
        "JOIN images ON images.id = tasks.image_id WHERE tasks.kind = 'review' AND tasks.state = 'open'"
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("image_id", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("seen", sa.JSON, nullable=False),
        sa.Column("revision", sa.Integer),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.Column("decided_at", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_decisions_image_id"),
        sa.UniqueConstraint("key", name="uq_decisions_key"),
    )
    op.create_index("ix_decisions_image_id", "decisions", ["image_id"])
    op.create_table(
        "returns",
        sa.Column("decision_id", sa.Integer, nullable=False),
        sa.Column("task_id", sa.Integer, nullable=False),
        sa.Column("annotator_id", sa.Integer, nullable=False),
        sa.Column("answered_at", sa.Text),
        sa.PrimaryKeyConstraint("decision_id", "task_id", "annotator_id", name="pk_returns"),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name="fk_returns_decision_id"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name="fk_returns_task_id"),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotators.id"], name="fk_returns_annotator_id"),
    )
    where = sa.text("answered_at IS NULL")
    op.create_index("ix_returns_unanswered", "returns", ["annotator_id"], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "discussions",
        sa.Column("image_id", sa.Text, nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("raised_by", sa.Text, nullable=False),
        sa.Column("raised_at", sa.Text, nullable=False),
        sa.Column("decision", sa.Text),
        sa.Column("decided_by", sa.Text),
        sa.Column("decided_at", sa.Text),
        sa.PrimaryKeyConstraint("image_id", name="pk_discussions"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_discussions_image_id"),
    )
    op.create_table(
        "remarks",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("image_id", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("said_at", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_remarks"),
        sa.ForeignKeyConstraint(["image_id"], ["discussions.image_id"], name="fk_remarks_image_id"),
    )
    op.create_index("ix_remarks_image_id", "remarks", ["image_id"])


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: an older Gatherset cannot read newer work.")
