"""The composition root: what lives as long as the application, and what services are made of."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from alembic.script import ScriptDirectory
from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from app.api.dependencies import project
from app.core.config import Settings
from app.core.events import Listener, LoginStep
from app.core.security.password_policy import PasswordPolicy
from app.core.security.passwords import PasswordHasher
from app.core.security.refresh_tokens import RefreshTokens
from app.core.security.tokens import AccessTokens
from app.db.engine import create_engine, create_sessions
from app.db.migrations import load_revisions
from app.schemas.auth import LoginTokens
from app.services.auth import AuthService
from app.services.credentials import CredentialService
from app.services.health import HealthService
from app.services.lockout import Lockout
from app.services.refresh_tokens import TokenService
from app.services.users import UserService

AUTH_LISTENERS: tuple[Listener, ...] = (*project.AUTH_LISTENERS,)
LOGIN_STEPS: tuple[LoginStep, ...] = (*project.LOGIN_STEPS,)


@dataclass(frozen=True, slots=True)
class Resources:
    """Opened once by the lifespan, or by a command of the command line."""

    settings: Settings
    engine: AsyncEngine
    sessions: async_sessionmaker[AsyncSession]
    passwords: PasswordHasher
    password_policy: PasswordPolicy
    access_tokens: AccessTokens
    refresh_tokens: RefreshTokens
    revisions: ScriptDirectory


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Open what the services need, without asking the database for anything yet."""
    engine = create_engine(settings.database)
    try:
        yield Resources(
            settings=settings,
            engine=engine,
            sessions=create_sessions(engine),
            passwords=PasswordHasher(settings.passwords),
            password_policy=PasswordPolicy(settings.passwords),
            access_tokens=AccessTokens(settings.jwt),
            refresh_tokens=RefreshTokens(settings.app),
            revisions=load_revisions(),
        )
    finally:
        await engine.dispose()


async def _get_resources(request: Request) -> Resources:
    resources: Resources = request.state.resources
    return resources


ResourcesDep = Annotated[Resources, Depends(_get_resources)]


async def _open_session(resources: ResourcesDep) -> AsyncIterator[AsyncSession]:
    async with resources.sessions() as session:
        yield session


# Closed before the answer is sent, so that a slow client keeps no connection.
DbSession = Annotated[AsyncSession, Depends(_open_session, scope="function")]


async def token_service(session: DbSession, resources: ResourcesDep) -> TokenService:
    return TokenService(
        session,
        resources.settings.jwt,
        resources.access_tokens,
        resources.refresh_tokens,
        listeners=AUTH_LISTENERS,
    )


TokenServiceDep = Annotated[TokenService, Depends(token_service)]


async def auth_service(
    session: DbSession, resources: ResourcesDep, tokens: TokenServiceDep
) -> AuthService[LoginTokens]:
    return AuthService(
        session,
        tokens,
        resources.passwords,
        Lockout(session, resources.settings.lockout),
        sessions_per_user=resources.settings.app.sessions_per_user,
        listeners=AUTH_LISTENERS,
        steps=LOGIN_STEPS,
    )


AuthServiceDep = Annotated[AuthService[LoginTokens], Depends(auth_service)]


async def credential_service(session: DbSession, resources: ResourcesDep) -> CredentialService:
    return CredentialService(
        session,
        resources.passwords,
        resources.password_policy,
        Lockout(session, resources.settings.lockout),
        listeners=AUTH_LISTENERS,
    )


CredentialServiceDep = Annotated[CredentialService, Depends(credential_service)]


async def user_service(session: DbSession, resources: ResourcesDep) -> UserService:
    return UserService(
        session, resources.passwords, resources.password_policy, listeners=AUTH_LISTENERS
    )


UserServiceDep = Annotated[UserService, Depends(user_service)]


async def health_service(resources: ResourcesDep) -> HealthService:
    return HealthService(resources.engine, resources.revisions, resources.settings.app)


HealthServiceDep = Annotated[HealthService, Depends(health_service)]
