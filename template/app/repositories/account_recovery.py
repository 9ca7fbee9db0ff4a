from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from app.models.auth import AccountToken
from app.repositories.account_tokens import AccountTokenRepository


class MailedTokenRepository(AccountTokenRepository):
    async def find_created_at(self, user_id: UUID, purpose: str) -> datetime | None:
        """Find when the user's token for a purpose was made."""
        return await self.session.scalar(
            select(AccountToken.created_at).where(
                AccountToken.user_id == user_id, AccountToken.purpose == purpose
            )
        )

    async def prolong(self, token_hash: str, expires_at: datetime) -> bool:
        """Let a token live on that nobody has used; tell whether there is such a one."""
        found = await self.session.scalar(
            update(AccountToken)
            .where(AccountToken.token_hash == token_hash)
            .values(expires_at=expires_at)
            .returning(AccountToken.id)
        )
        return found is not None
