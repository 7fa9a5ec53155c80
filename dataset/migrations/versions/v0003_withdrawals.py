"""Records can be withdrawn.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("withdrawn", "withdrawn_by", "withdrawn_at"):
        op.add_column("records", sa.Column(name, sa.Text))
