"""Suggestions say what kind of machine made them, and how.

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("suggestions", sa.Column("origin", sa.Text, nullable=False, server_default="model"))
    op.add_column("suggestions", sa.Column("made_with", sa.JSON))
