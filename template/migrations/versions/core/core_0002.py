"""Index users by their time of creation, by which lists of them are sorted."""

from alembic import op

revision: str = "core_0002"
down_revision: str | None = "core_0001"
branch_labels: tuple[str, ...] | None = None
depends_on: str | tuple[str, ...] | None = None


def upgrade() -> None:
    op.create_index("ix_users_created_at_id", "users", ["created_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_users_created_at_id", "users")
