"""Projects on a Label Studio server, the tasks that were sent there and the annotations that came back.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "labelstudio_projects",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("project", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("config", sa.Text, nullable=False),
        sa.Column("images", sa.Text, nullable=False),
        sa.Column("people", sa.JSON, nullable=False),
        sa.Column("foreign", sa.Integer, nullable=False),
        sa.Column("ended_at", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_labelstudio_projects"),
    )
    op.create_table(
        "labelstudio_tasks",
        sa.Column("project_id", sa.Integer, nullable=False),
        sa.Column("task_id", sa.Integer, nullable=False),
        sa.Column("remote", sa.Integer),
        sa.Column("image", sa.Text, nullable=False),
        sa.Column("until", sa.Text),
        sa.Column("overlap", sa.Integer, nullable=False),
        sa.Column("remarks", sa.Text, nullable=False),
        sa.Column("seen", sa.Text),
        sa.Column("deleted_at", sa.Text),
        sa.ForeignKeyConstraint(["project_id"], ["labelstudio_projects.id"], name="fk_labelstudio_tasks_project_id"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name="fk_labelstudio_tasks_task_id"),
        sa.PrimaryKeyConstraint("project_id", "task_id", name="pk_labelstudio_tasks"),
    )
    op.create_index("ix_labelstudio_tasks_project_id_remote", "labelstudio_tasks", ["project_id", "remote"])
    op.create_table(
        "labelstudio_annotations",
        sa.Column("project_id", sa.Integer, nullable=False),
        sa.Column("remote", sa.Integer, nullable=False),
        sa.Column("task_id", sa.Integer, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("returned", sa.JSON),
        sa.Column("findings", sa.JSON, nullable=False),
        sa.Column("submission_id", sa.Integer),
        sa.Column("sent_back_at", sa.Text),
        sa.Column("pulled_at", sa.Text, nullable=False),
        sa.Column("deleted_at", sa.Text),
        sa.ForeignKeyConstraint(
            ["project_id"], ["labelstudio_projects.id"], name="fk_labelstudio_annotations_project_id"
        ),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name="fk_labelstudio_annotations_task_id"),
        sa.ForeignKeyConstraint(["submission_id"], ["submissions.id"], name="fk_labelstudio_annotations_submission_id"),
        sa.PrimaryKeyConstraint("project_id", "remote", name="pk_labelstudio_annotations"),
    )
    op.create_index(
        "ix_labelstudio_annotations_project_id_task_id", "labelstudio_annotations", ["project_id", "task_id"]
    )
