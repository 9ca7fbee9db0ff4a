from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, bindparam, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.core.security.permissions import Principal
from app.db.base import new_id, utc_now
from app.models.auth import UNKNOWN_DEVICE, AccountToken, AuthSession, LoginAttempt
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

    async def forget(self, account: str) -> None:
        """Delete all counters of an account."""
        await delete_where(self.session, LoginAttempt, LoginAttempt.account == account)

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
        await delete_where(self.session, AccountToken, AccountToken.user_id == user_id)

    async def purge(self) -> int:
        """Delete what has expired; return how many."""
        return await delete_where(self.session, AccountToken, AccountToken.expires_at <= utc_now())


def _live(user_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return (
        AuthSession.user_id == user_id,
        AuthSession.revoked_at.is_(None),
        AuthSession.expires_at > utc_now(),
    )
