from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, select, update

from app.core.security.permissions import Principal
from app.db.base import utc_now
from app.models.auth import AuthSession
from app.models.users import User
from app.repositories.base import Repository

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

    async def revoke(self, session_id: UUID) -> None:
        await self.session.execute(
            update(AuthSession)
            .where(AuthSession.id == session_id, AuthSession.revoked_at.is_(None))
            .values(revoked_at=utc_now())
        )

    async def touch(self, session_id: UUID, used_at: datetime) -> None:
        await self.session.execute(
            update(AuthSession).where(AuthSession.id == session_id).values(last_used_at=used_at)
        )
