"""Add the language of each user."""

import sqlalchemy as sa
from alembic import op

revision: str = "core_9001"
down_revision: str | None = "PREVIOUS"
branch_labels: tuple[str, ...] | None = None
depends_on: str | tuple[str, ...] | None = None


def upgrade() -> None:
    op.add_column("users", sa.Column("locale", sa.String(35)))
    op.execute("UPDATE users SET locale = 'en'")
    op.alter_column("users", "locale", nullable=False)
    op.create_index("ix_users_locale", "users", ["locale"])


def downgrade() -> None:
    op.drop_index("ix_users_locale", "users")
    op.drop_column("users", "locale")
