from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, func, select

from app.db.base import utc_now
from app.models.mfa import MfaChallenge, RecoveryCode, TotpFactor
from app.repositories.base import Repository, delete_where
from app.repositories.expiring import ExpiringRepository

CONFIRMED = TotpFactor.confirmed_at.is_not(None)


class TotpRepository(Repository[TotpFactor]):
    model = TotpFactor

    async def is_enabled(self, user_id: UUID) -> bool:
        """Tell whether a sign-in has to ask for a code."""
        statement = select(TotpFactor.id).where(TotpFactor.user_id == user_id, CONFIRMED)
        return await self.session.scalar(statement) is not None

    async def find_locked(self, user_id: UUID) -> TotpFactor | None:
        """Find a user's secret as it is now; others wait for it until the transaction ends."""
        return await self.session.scalar(
            select(TotpFactor)
            .where(TotpFactor.user_id == user_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )

    async def delete_all(self, user_id: UUID) -> bool:
        """Delete a user's secret; tell whether it was confirmed."""
        found = await self.session.scalars(
            delete(TotpFactor)
            .where(TotpFactor.user_id == user_id)
            .returning(TotpFactor.confirmed_at)
        )
        return any(found)

    async def delete_unconfirmed(self, user_id: UUID) -> None:
        await delete_where(self.session, TotpFactor, TotpFactor.user_id == user_id, ~CONFIRMED)

    async def list_locked(self, *, after: UUID | None, limit: int) -> Sequence[TotpFactor]:
        """Return secrets of all users by their id, those that come after one."""
        statement = select(TotpFactor).order_by(TotpFactor.id).limit(limit).with_for_update()
        if after is not None:
            statement = statement.where(TotpFactor.id > after)
        return (await self.session.scalars(statement)).all()


class RecoveryCodeRepository(Repository[RecoveryCode]):
    model = RecoveryCode

    async def replace(self, user_id: UUID, hashes: Sequence[str]) -> None:
        """Store codes in the place of all that the user had."""
        await self.delete_all(user_id)
        self.session.add_all(RecoveryCode(user_id=user_id, code_hash=value) for value in hashes)
        await self.session.flush()

    async def redeem(self, user_id: UUID, code_hash: str) -> bool:
        """Use a code up, once however many try at the same time; tell whether there was one."""
        mine = (RecoveryCode.user_id == user_id, RecoveryCode.code_hash == code_hash)
        return bool(await delete_where(self.session, RecoveryCode, *mine))

    async def count(self, user_id: UUID) -> int:
        statement = select(func.count()).where(RecoveryCode.user_id == user_id)
        return (await self.session.scalars(statement)).one()

    async def delete_all(self, user_id: UUID) -> None:
        await delete_where(self.session, RecoveryCode, RecoveryCode.user_id == user_id)


class ChallengeRepository(ExpiringRepository[MfaChallenge]):
    """Sign-ins that wait, known by the digest of a token."""

    model = MfaChallenge

    async def find_owner(self, token_hash: str) -> UUID | None:
        """Find who is asked for a code."""
        return await self.session.scalar(
            select(MfaChallenge.user_id).where(
                MfaChallenge.token_hash == token_hash, MfaChallenge.expires_at > utc_now()
            )
        )

    async def find_locked(self, token_hash: str) -> MfaChallenge | None:
        """Find a sign-in that still waits; others wait for it until the transaction ends."""
        return await self.session.scalar(
            select(MfaChallenge)
            .where(MfaChallenge.token_hash == token_hash, MfaChallenge.expires_at > utc_now())
            .with_for_update()
            .execution_options(populate_existing=True)
        )

    async def delete_all(self, user_id: UUID) -> None:
        await delete_where(self.session, MfaChallenge, MfaChallenge.user_id == user_id)
