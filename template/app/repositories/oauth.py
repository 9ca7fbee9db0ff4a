from typing import TypeVar
from uuid import UUID

from sqlalchemy import delete, select

from app.db.base import utc_now
from app.models.oauth import OAuthCode, OAuthState
from app.repositories.base import Repository, delete_where

Pending = TypeVar("Pending", OAuthState, OAuthCode)

PURGED_AT_ONCE = 100


class PendingRepository(Repository[Pending]):
    """What is good for a short time, once; anybody can ask for one, so that old ones go by it."""

    async def put(self, row: Pending) -> None:
        """Store a row, and delete some that have expired."""
        expired = (
            select(self.model.id)
            .where(self.model.expires_at <= utc_now())
            .limit(PURGED_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        await delete_where(self.session, self.model, self.model.id.in_(expired))
        await self.create(row)


class OAuthStateRepository(PendingRepository[OAuthState]):
    model = OAuthState

    async def redeem(self, state_hash: str, browser_hash: str, provider: str) -> OAuthState | None:
        """Use a state up, once however many try at the same time; other browsers leave it."""
        return await self.session.scalar(
            delete(OAuthState)
            .where(
                OAuthState.state_hash == state_hash,
                OAuthState.browser_hash == browser_hash,
                OAuthState.provider == provider,
                OAuthState.expires_at > utc_now(),
            )
            .returning(OAuthState)
        )


class OAuthCodeRepository(PendingRepository[OAuthCode]):
    model = OAuthCode

    async def redeem(self, code_hash: str, browser_hash: str) -> UUID | None:
        """Use a code up, likewise; return whom it signs in."""
        return await self.session.scalar(
            delete(OAuthCode)
            .where(
                OAuthCode.code_hash == code_hash,
                OAuthCode.browser_hash == browser_hash,
                OAuthCode.expires_at > utc_now(),
            )
            .returning(OAuthCode.user_id)
        )
