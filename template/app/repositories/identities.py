from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from app.models.oauth import OAuthIdentity
from app.repositories.base import Repository, delete_where


class OAuthIdentityRepository(Repository[OAuthIdentity]):
    model = OAuthIdentity

    async def find_by_subject(self, provider: str, subject: str) -> OAuthIdentity | None:
        """Find an account at a provider."""
        return await self.session.scalar(
            select(OAuthIdentity).where(
                OAuthIdentity.provider == provider, OAuthIdentity.subject == subject
            )
        )

    async def list(self, user_id: UUID) -> Sequence[OAuthIdentity]:
        found = await self.session.scalars(
            select(OAuthIdentity)
            .where(OAuthIdentity.user_id == user_id)
            .order_by(OAuthIdentity.provider)
        )
        return found.all()

    async def unlink(self, user_id: UUID, provider: str) -> None:
        mine = OAuthIdentity.user_id == user_id
        await delete_where(self.session, OAuthIdentity, mine, OAuthIdentity.provider == provider)

    async def forget(self, user_id: UUID) -> None:
        await delete_where(self.session, OAuthIdentity, OAuthIdentity.user_id == user_id)
