import asyncio
from typing import Annotated

import typer
from pydantic import SecretStr, ValidationError

from app.api.dependencies.services import open_resources, user_service
from app.core.config import Settings, load_settings
from app.core.exceptions import AppError
from app.core.security.permissions import ADMIN, USER
from app.schemas.users import UserRegister


def create_user(
    email: Annotated[str, typer.Argument(help="E-mail address.")],
    *,
    username: Annotated[str | None, typer.Option(help="User name.")] = None,
    admin: Annotated[bool, typer.Option(help="Give the role `admin`.")] = False,
    password: Annotated[
        str,
        typer.Option(
            prompt=True, confirmation_prompt=True, hide_input=True, envvar="NEW_USER_PASSWORD"
        ),
    ],
) -> None:
    """Open an account; the password is asked for, or taken from $NEW_USER_PASSWORD."""
    settings = load_settings()
    try:
        request = UserRegister(email=email, username=username, password=SecretStr(password))
        asyncio.run(_register(settings, request, ADMIN if admin else USER))
    except ValidationError as error:
        faults = [f"{entry['loc'][0]}: {entry['msg']}" for entry in error.errors()]
        raise _failed("\n".join(faults)) from None
    except AppError as error:
        raise _failed(error.detail) from None
    typer.echo(f"Created {email}.")


async def _register(settings: Settings, request: UserRegister, role: str) -> None:
    async with open_resources(settings) as resources, resources.sessions() as session:
        await (await user_service(session, resources)).register(request, role=role)


def _failed(message: str) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(1)
