from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.dialects.postgresql import insert

from app.db.base import new_id, utc_now
from app.models.auth import UNKNOWN_DEVICE, LoginAttempt
from app.repositories.base import Repository, delete_where


class LoginAttemptRepository(Repository[LoginAttempt]):
    model = LoginAttempt

    async def find_locked(self, account: str, device: str) -> LoginAttempt | None:
        """Find a counter, for which others wait until the transaction ends."""
        return await self.session.scalar(
            select(LoginAttempt)
            .where(LoginAttempt.account == account, LoginAttempt.device == device)
            .with_for_update()
            .execution_options(populate_existing=True)
        )

    async def get_locked(self, account: str, device: str) -> LoginAttempt:
        """Return a counter, a new one if need be; others wait for it until the transaction ends."""
        statement = insert(LoginAttempt).values(
            id=new_id(), account=account, device=device, failures=0, last_attempt_at=utc_now()
        )
        # An update that changes nothing locks the row, whoever has inserted it.
        statement = statement.on_conflict_do_update(
            index_elements=[LoginAttempt.account, LoginAttempt.device],
            set_={"account": statement.excluded.account},
        )
        found = await self.session.scalars(
            statement.returning(LoginAttempt).execution_options(populate_existing=True)
        )
        return found.one()

    async def trim(self, account: str, *, keep: int) -> None:
        """Forget the devices of an account but those that were used last."""
        devices = (LoginAttempt.account == account, LoginAttempt.device != UNKNOWN_DEVICE)
        kept = select(LoginAttempt.id).where(*devices).order_by(LoginAttempt.last_attempt_at.desc())
        await self.session.execute(
            delete(LoginAttempt).where(*devices, LoginAttempt.id.not_in(kept.limit(keep)))
        )

    async def forget(self, account: str) -> Sequence[datetime | None]:
        """Delete all counters of an account; return until when each was locked."""
        found = await self.session.scalars(
            delete(LoginAttempt)
            .where(LoginAttempt.account == account)
            .returning(LoginAttempt.locked_until)
        )
        return found.all()

    async def purge(self, *, strangers_before: datetime, devices_before: datetime) -> int:
        """Delete the counters that were not used since; return how many."""
        strangers = LoginAttempt.device == UNKNOWN_DEVICE
        return await delete_where(
            self.session,
            LoginAttempt,
            or_(
                LoginAttempt.last_attempt_at <= devices_before,
                and_(strangers, LoginAttempt.last_attempt_at <= strangers_before),
            ),
        )
