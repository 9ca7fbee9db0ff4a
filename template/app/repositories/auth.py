from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, select, update

from app.core.security.permissions import Principal
from app.db.base import utc_now
from app.models.auth import AuthSession
from app.models.users import User
from app.repositories.base import Repository, Slice, delete_where
from app.schemas.base import PageQuery

# Built once, since every request of a signed-in user runs it.
PRINCIPAL = (
    select(
        User.id,
        User.email,
        User.username,
        User.full_name,
        User.role,
        User.is_active,
        User.email_verified_at,
        User.created_at,
        User.updated_at,
        AuthSession.id.label("session_id"),
    )
    .join(AuthSession, AuthSession.user_id == User.id)
    .where(
        AuthSession.id == bindparam("session_id"),
        AuthSession.user_id == bindparam("user_id"),
        AuthSession.revoked_at.is_(None),
        AuthSession.expires_at > bindparam("now"),
        User.is_active,
        User.deleted_at.is_(None),
    )
)


class AuthSessionRepository(Repository[AuthSession]):
    model = AuthSession

    async def find_principal(self, session_id: UUID, user_id: UUID) -> Principal | None:
        """Find who is signed in on a device that is neither revoked nor expired."""
        found = await self.session.execute(
            PRINCIPAL, {"session_id": session_id, "user_id": user_id, "now": utc_now()}
        )
        row = found.one_or_none()
        return Principal(**row._asdict()) if row else None

    async def list(self, query: PageQuery, *, user_id: UUID) -> Slice[AuthSession]:
        """Return the devices that are signed in, the last used one first."""
        statement = select(AuthSession).where(*_live(user_id))
        return await self.page(statement, query, ["-last_used_at"])

    async def revoke(self, session_id: UUID, *, user_id: UUID) -> bool:
        """Sign a device out; tell whether it is the user's and was signed in."""
        return bool(await self._revoke(*_live(user_id), AuthSession.id == session_id))

    async def revoke_all(self, user_id: UUID, *, keep: UUID | None = None) -> None:
        """Sign all devices of a user out, but for the one to keep."""
        kept = () if keep is None else (AuthSession.id != keep,)
        await self._revoke(*_live(user_id), *kept)

    async def revoke_oldest(self, user_id: UUID, *, keep: int) -> None:
        """Sign out all devices of a user but the newest ones."""
        newest = select(AuthSession.id).where(*_live(user_id)).order_by(AuthSession.id.desc())
        await self._revoke(*_live(user_id), AuthSession.id.not_in(newest.limit(keep)))

    async def touch(self, session_id: UUID, used_at: datetime) -> None:
        await self.session.execute(
            update(AuthSession).where(AuthSession.id == session_id).values(last_used_at=used_at)
        )

    async def purge(self) -> int:
        """Delete what has expired, and with it what hangs on it; return how many devices."""
        return await delete_where(self.session, AuthSession, AuthSession.expires_at <= utc_now())

    async def _revoke(self, *conditions: ColumnElement[bool]) -> int:
        found = await self.session.execute(
            update(AuthSession)
            .where(*conditions)
            .values(revoked_at=utc_now())
            .returning(AuthSession.id)
        )
        return len(found.all())


def _live(user_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return (
        AuthSession.user_id == user_id,
        AuthSession.revoked_at.is_(None),
        AuthSession.expires_at > utc_now(),
    )
