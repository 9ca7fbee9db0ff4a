from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.db.base import new_id, utc_now
from app.models.auth import AccountToken
from app.repositories.base import Repository, delete_where


class AccountTokenRepository(Repository[AccountToken]):
    """Tokens for one use, known by their digest."""

    model = AccountToken

    async def put(self, user_id: UUID, purpose: str, token_hash: str, expires_at: datetime) -> None:
        """Store a token in the place of the user's older one for the same purpose."""
        values = {"token_hash": token_hash, "created_at": utc_now(), "expires_at": expires_at}
        statement = insert(AccountToken).values(
            id=new_id(), user_id=user_id, purpose=purpose, **values
        )
        await self.session.execute(
            statement.on_conflict_do_update(
                index_elements=[AccountToken.user_id, AccountToken.purpose], set_=values
            )
        )

    async def find_owner(self, purpose: str, token_hash: str) -> UUID | None:
        """Find whom a token belongs to that can still be used."""
        return await self.session.scalar(
            select(AccountToken.user_id).where(
                AccountToken.purpose == purpose,
                AccountToken.token_hash == token_hash,
                AccountToken.expires_at > utc_now(),
            )
        )

    async def redeem(self, purpose: str, token_hash: str) -> UUID | None:
        """Use a token up, once however many try at the same time; return whom it belonged to."""
        return await self.session.scalar(
            delete(AccountToken)
            .where(
                AccountToken.purpose == purpose,
                AccountToken.token_hash == token_hash,
                AccountToken.expires_at > utc_now(),
            )
            .returning(AccountToken.user_id)
        )

    async def revoke_all(self, user_id: UUID) -> None:
        """End all tokens of a user; that and when they were made stays known until they expire."""
        await self.session.execute(
            update(AccountToken)
            .where(AccountToken.user_id == user_id)
            # No digest, so that no token leads there.
            .values(token_hash=func.concat("revoked:", AccountToken.id))
        )

    async def purge(self) -> int:
        """Delete what has expired; return how many."""
        return await delete_where(self.session, AccountToken, AccountToken.expires_at <= utc_now())
