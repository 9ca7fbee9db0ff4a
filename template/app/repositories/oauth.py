from uuid import UUID

from sqlalchemy import delete

from app.db.base import utc_now
from app.models.oauth import OAuthCode, OAuthState
from app.repositories.expiring import ExpiringRepository


class OAuthStateRepository(ExpiringRepository[OAuthState]):
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


class OAuthCodeRepository(ExpiringRepository[OAuthCode]):
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
