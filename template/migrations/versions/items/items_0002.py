"""Index items by their time of creation, by which lists of them are sorted."""

import sqlalchemy as sa
from alembic import op

revision: str = "items_0002"
down_revision: str | None = "items_0001"
branch_labels: tuple[str, ...] | None = None
depends_on: str | tuple[str, ...] | None = None

INDEX = "ix_items_created_at_id"


def upgrade() -> None:
    if not sa.inspect(op.get_bind()).has_table("items"):
        return  # it was dropped on purpose
    with op.get_context().autocommit_block():  # so that writes go on meanwhile
        # One that was killed half way has left an index that is of no use.
        op.drop_index(INDEX, "items", if_exists=True, postgresql_concurrently=True)
        op.create_index(INDEX, "items", ["created_at", "id"], postgresql_concurrently=True)


def downgrade() -> None:
    if sa.inspect(op.get_bind()).has_table("items"):
        op.drop_index(INDEX, "items")
