from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config.session import SessionSettings
from app.core.events import Event, RoleChanged
from app.core.exceptions import NotAuthenticated, ServiceUnavailable
from app.core.security.opaque_tokens import digest, new_token
from app.core.security.permissions import Principal
from app.db.base import utc_now
from app.models.auth import AuthSession
from app.repositories.auth import AuthSessionRepository
from app.repositories.session_store import SessionStore, StoredSession
from app.services.use_case import use_case

NOTED_EVERY = timedelta(minutes=1)


class SessionExpired(NotAuthenticated):
    code, title = "session_expired", "The session has ended"


@dataclass(frozen=True, slots=True)
class SessionCredentials:
    """What a client gets in cookies, and who it is signed in as."""

    principal: Principal
    session_token: str
    device_token: str | None = None


async def end_sessions_of_new_role(session: AsyncSession, event: Event) -> None:
    """Sign out whose rights change: no session id outlives them (OWASP Session Management)."""
    if isinstance(event, RoleChanged):
        await AuthSessionRepository(session).revoke_all(event.user_id)


class SessionService:
    """Carries a session as a random id in a cookie, of which only the digest is kept."""

    def __init__(
        self, session: AsyncSession, settings: SessionSettings, store: SessionStore
    ) -> None:
        self.session = session
        self.lifetime = timedelta(seconds=settings.absolute_lifetime)
        self.store = store
        self.auth_sessions = AuthSessionRepository(session)

    async def open(self, auth_session: AuthSession, device_token: str) -> SessionCredentials:
        return replace(await self._carry(auth_session), device_token=device_token)

    async def find_principal(self, token: str) -> Principal:
        """Return who carries the id, by one read of Redis and one statement."""
        key = digest(token)
        stored = await self.store.find(key)
        if stored is None:
            raise SessionExpired
        principal = await self.auth_sessions.find_principal(stored.session_id, stored.user_id)
        if principal is None:
            raise SessionExpired
        now = utc_now()
        if now - stored.noted_at > NOTED_EVERY:
            await self._note_use(principal)
            await self.store.put(key, replace(stored, noted_at=now))
        return principal

    async def renew(self, principal: Principal) -> SessionCredentials:
        """Give a session another id, since what it stands for changes; the old one is dead.

        Raise `SessionExpired` if the session has ended in the meantime.
        """
        # The change has locked the account, as resets and new roles do: nothing slips through.
        if not await self.auth_sessions.revoke(principal.session_id, user_id=principal.id):
            raise SessionExpired
        old = await self.auth_sessions.get(principal.session_id)
        renewed = await self.auth_sessions.create(
            AuthSession(
                user_id=old.user_id,
                created_at=old.created_at,
                expires_at=old.expires_at,
                ip_address=old.ip_address,
                user_agent=old.user_agent,
            )
        )
        return await self._carry(renewed)

    async def end(self, token: str | None) -> None:
        """End the session that an id leads to, if there is one: another has taken its place."""
        stored = await self.store.find(digest(token)) if token else None
        if stored is not None:
            await self._revoke(stored)
            await self.close(token)

    async def close(self, token: str | None) -> None:
        """Forget an id, whose session the database has ended already."""
        if token is not None:
            with suppress(ServiceUnavailable):
                await self.store.delete(digest(token))

    @use_case
    async def _revoke(self, stored: StoredSession) -> None:
        await self.auth_sessions.revoke(stored.session_id, user_id=stored.user_id)

    @use_case
    async def _note_use(self, principal: Principal) -> None:
        await self.auth_sessions.touch(principal.session_id, utc_now())

    async def _carry(self, auth_session: AuthSession) -> SessionCredentials:
        token = new_token()
        stored = StoredSession(auth_session.id, auth_session.user_id, noted_at=utc_now())
        await self.store.put(digest(token), stored)
        principal = await self.auth_sessions.find_principal(auth_session.id, auth_session.user_id)
        if principal is None:
            raise SessionExpired
        return SessionCredentials(principal, token)
