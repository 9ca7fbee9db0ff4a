from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.base import utc_now
from app.models.auth import AuthSession
from app.models.refresh_tokens import RefreshToken
from app.models.users import User
from app.repositories.base import delete_where


class RefreshTokenRepository:
    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def find(self, session_id: UUID, generation: int) -> RefreshToken | None:
        key = (session_id, generation)
        return await self.session.get(RefreshToken, key, populate_existing=True)

    async def create(self, row: RefreshToken) -> RefreshToken:
        self.session.add(row)
        await self.session.flush()
        return row

    async def spend(self, session_id: UUID, generation: int, token_hash: str) -> bool:
        """Spend a token, once however many ask at the same time; tell whether this call did."""
        found = await self.session.execute(
            update(RefreshToken)
            .where(
                RefreshToken.session_id == session_id,
                RefreshToken.generation == generation,
                RefreshToken.token_hash == token_hash,
                RefreshToken.spent_at.is_(None),
                RefreshToken.expires_at > utc_now(),
            )
            .values(spent_at=utc_now())
            .returning(RefreshToken.session_id)
        )
        return found.one_or_none() is not None

    async def find_session(self, session_id: UUID) -> AuthSession | None:
        """Find the device of a token, if it may still be used by an active account."""
        return await self.session.scalar(
            select(AuthSession)
            .join(User, User.id == AuthSession.user_id)
            .where(
                AuthSession.id == session_id,
                AuthSession.revoked_at.is_(None),
                AuthSession.expires_at > utc_now(),
                User.is_active,
                User.deleted_at.is_(None),
            )
        )

    async def purge(self, session_id: UUID) -> None:
        """Delete a device's expired tokens; a spent one is told from a forged one until then."""
        expired = (RefreshToken.session_id == session_id, RefreshToken.expires_at <= utc_now())
        await delete_where(self.session, RefreshToken, *expired)
