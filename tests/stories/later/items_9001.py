"""Add the rank of each item."""

import sqlalchemy as sa
from alembic import op

revision: str = "items_9001"
down_revision: str | None = "PREVIOUS"
branch_labels: tuple[str, ...] | None = None
depends_on: str | tuple[str, ...] | None = "core_9001"


def upgrade() -> None:
    if sa.inspect(op.get_bind()).has_table("items"):  # else it was dropped on purpose
        op.add_column("items", sa.Column("rank", sa.Integer(), server_default="0", nullable=False))
        op.create_index("ix_items_rank", "items", ["rank"])


def downgrade() -> None:
    if sa.inspect(op.get_bind()).has_table("items"):
        op.drop_index("ix_items_rank", "items")
        op.drop_column("items", "rank")
