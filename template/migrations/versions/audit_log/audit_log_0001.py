"""Add the audit log, of which a trigger refuses to change anything."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision: str = "audit_log_0001"
down_revision: str | None = None
branch_labels: tuple[str, ...] | None = ("audit_log",)
depends_on: str | tuple[str, ...] | None = "core_0001"

# A purge names the time before which rows go, for its own transaction only. The path is set, since
# whoever asks could have a `now()` of their own in theirs.
FUNCTION = """
CREATE FUNCTION keep_audit_logs() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF OLD.created_at < now() - interval '30 days' AND
      OLD.created_at < nullif(current_setting('audit_log.purge_before', true), '')::timestamptz
    THEN
      RETURN OLD;
    END IF;
  END IF;
  RAISE EXCEPTION 'audit_logs is append-only: % refused', TG_OP
    USING ERRCODE = 'insufficient_privilege';
END $$
"""
ROWS = """
CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE ON audit_logs
FOR EACH ROW EXECUTE FUNCTION keep_audit_logs()
"""
TABLE = """
CREATE TRIGGER keep_table BEFORE TRUNCATE ON audit_logs
FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_logs()
"""


def upgrade() -> None:
    op.create_table(
        "audit_logs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("actor_id", sa.Uuid()),
        sa.Column("target_id", sa.Uuid()),
        sa.Column("ip_address", sa.String(45)),
        sa.Column("user_agent", sa.String(255)),
        sa.Column("request_id", sa.String(64)),
        sa.Column("details", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_logs"),
    )
    op.create_index("ix_audit_logs_created_at_id", "audit_logs", ["created_at", "id"])
    for column in ("action", "actor_id", "target_id"):
        columns = [column, "created_at", "id"]
        op.create_index(f"ix_audit_logs_{'_'.join(columns)}", "audit_logs", columns)
    for statement in (FUNCTION, ROWS, TABLE):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("audit_logs")
    op.execute("DROP FUNCTION keep_audit_logs()")
