import typer
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.dependencies.mfa import mfa_service
from app.api.dependencies.resources import Resources
from app.cli.database import explained
from app.cli.users import Login, run

mfa_cli = typer.Typer(
    name="mfa",
    help="Help who has lost the second factor, and change its keys.",
    no_args_is_help=True,
)


@mfa_cli.command()
def reset(login: Login) -> None:
    """Let an account sign in without its second factor, until one is set up anew."""

    async def take_off(session: AsyncSession, resources: Resources) -> bool:
        return await (await mfa_service(session, resources)).reset_by_login(login)

    with explained():
        had_one = run(take_off)
    typer.echo(f"{login} signs in without a code." if had_one else f"{login} has no second factor.")


@mfa_cli.command()
def rotate_keys() -> None:
    """Encrypt all secrets by the first key of MFA_SECRET_KEYS, so that the others can go."""

    async def encrypt(session: AsyncSession, resources: Resources) -> int:
        return await (await mfa_service(session, resources)).encrypt_anew()

    with explained():
        unreadable = run(encrypt)
    if unreadable:
        typer.echo(f"No key reads {unreadable} of the secrets: is one missing?", err=True)
        raise typer.Exit(1)
    typer.echo("The first key of MFA_SECRET_KEYS reads all secrets.")
