import csv
import json
import re
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.dependencies.audit_log import audit_log_service
from app.api.dependencies.resources import Resources
from app.cli.database import explained
from app.cli.users import run
from app.models.audit_log import AuditLog
from app.schemas.audit_log import AuditLogFilter

audit_log_cli = typer.Typer(
    name="audit-log", help="Export the audit log, and delete old rows.", no_args_is_help=True
)

COLUMNS = (
    "id",
    "created_at",
    "action",
    "actor_id",
    "target_id",
    "ip_address",
    "user_agent",
    "request_id",
    "details",
)
# What a spreadsheet would run (OWASP CSV Injection), in full width as well.
FORMULA = re.compile(r"[\t\r\n]|\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")
Moment = Annotated[
    str | None, typer.Option(help="With its time zone.", metavar="2026-01-31T00:00:00Z")
]


@audit_log_cli.command()
def export(
    *,
    output: Annotated[
        typer.FileTextWrite,
        typer.Option("--output", "-o", encoding="utf-8", help="File to write, `-` for here."),
    ],
    since: Moment = None,
    until: Moment = None,
    action: Annotated[
        list[str] | None, typer.Option(help="Such as `login_failed`; may be repeated.")
    ] = None,
    actor: Annotated[str | None, typer.Option(help="The id of who did it.")] = None,
    target: Annotated[str | None, typer.Option(help="The id of whom it happened to.")] = None,
) -> None:
    """Write the rows as CSV, the newest first."""

    async def write(session: AsyncSession, resources: Resources) -> None:
        writer = csv.writer(output, quoting=csv.QUOTE_ALL)
        writer.writerow(COLUMNS)
        service = await audit_log_service(session, resources)
        async for row in service.scan(wanted):
            writer.writerow([_shown(row, column) for column in COLUMNS])

    with explained():
        wanted = AuditLogFilter.model_validate(
            {
                "since": since,
                "until": until,
                "action": action or (),
                "actor_id": actor,
                "target_id": target,
            }
        )
        run(write)


@audit_log_cli.command()
def purge() -> None:
    """Delete rows older than APP_AUDIT_LOG_RETENTION_DAYS; run it once a day."""

    async def clean(session: AsyncSession, resources: Resources) -> int:
        return await (await audit_log_service(session, resources)).purge()

    with explained():
        typer.echo(f"Rows deleted: {run(clean)}.")


def _shown(row: AuditLog, column: str) -> str:
    value = getattr(row, column)
    if column == "details":
        return json.dumps(value, sort_keys=True)
    text = "" if value is None else str(value)
    return f"'{text}" if FORMULA.match(text) else text
