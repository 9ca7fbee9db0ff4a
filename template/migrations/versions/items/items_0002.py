"""Index items by their time of creation, by which lists of them are sorted."""

import sqlalchemy as sa
from alembic import op

revision: str = "items_0002"
down_revision: str | None = "items_0001"
branch_labels: tuple[str, ...] | None = None
depends_on: str | tuple[str, ...] | None = None


def upgrade() -> None:
    if sa.inspect(op.get_bind()).has_table("items"):  # else it was dropped on purpose
        op.create_index("ix_items_created_at_id", "items", ["created_at", "id"])


def downgrade() -> None:
    if sa.inspect(op.get_bind()).has_table("items"):
        op.drop_index("ix_items_created_at_id", "items")
