"""Index users by their time of creation, by which lists of them are sorted."""

from alembic import op

revision: str = "core_0002"
down_revision: str | None = "core_0001"
branch_labels: tuple[str, ...] | None = None
depends_on: str | tuple[str, ...] | None = None

INDEX = "ix_users_created_at_id"


def upgrade() -> None:
    with op.get_context().autocommit_block():  # so that writes go on meanwhile
        # One that was killed half way has left an index that is of no use.
        op.drop_index(INDEX, "users", if_exists=True, postgresql_concurrently=True)
        op.create_index(INDEX, "users", ["created_at", "id"], postgresql_concurrently=True)


def downgrade() -> None:
    op.drop_index(INDEX, "users")
