"""Annotating: drafts, skips, known answers, practice, suggestions; indexes that hand out the next task at once.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("annotators", sa.Column("position", sa.Integer))
    for name, answers in (("ix_tasks_fresh", "answers = 0"), ("ix_tasks_started", "answers > 0")):
        where = sa.text(f"state = 'open' AND kind <> 'review' AND {answers}")
        op.create_index(name, "tasks", ["id"], sqlite_where=where, postgresql_where=where)
    op.drop_index("ix_tasks_state_id", "tasks")  # the database would prefer it, and it grows with all tasks ever done
    op.create_index("ix_submissions_annotator_id_id", "submissions", ["annotator_id", "id"])
    _of_task_and_annotator(
        "drafts",
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
        sa.Column("saved_at", sa.Text, nullable=False),
    )
    op.create_index("ix_drafts_annotator_id", "drafts", ["annotator_id"])
    _of_task_and_annotator(
        "skips",
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("skipped_at", sa.Text, nullable=False),
    )
    op.create_table(
        "gold",
        sa.Column("task_id", sa.Integer, nullable=False),
        sa.Column("answer", sa.JSON, nullable=False),
        sa.Column("explanation", sa.Text, nullable=False),
        sa.Column("practice", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("task_id", name="pk_gold"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name="fk_gold_task_id"),
    )
    _of_task_and_annotator(
        "practice_answers",
        sa.Column("answer", sa.JSON, nullable=False),
        sa.Column("right", sa.Boolean, nullable=False),
        sa.Column("answered_at", sa.Text, nullable=False),
    )
    op.create_table(
        "suggestions",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("image_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("score", sa.Float),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_suggestions"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_suggestions_image_id"),
    )
    op.create_index("ix_suggestions_image_id", "suggestions", ["image_id"])


def _of_task_and_annotator(name: str, *columns: sa.Column[object]) -> None:
    op.create_table(
        name,
        sa.Column("task_id", sa.Integer, nullable=False),
        sa.Column("annotator_id", sa.Integer, nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("task_id", "annotator_id", name=f"pk_{name}"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=f"fk_{name}_task_id"),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotators.id"], name=f"fk_{name}_annotator_id"),
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup instead: an older Gatherset cannot read newer work.")
