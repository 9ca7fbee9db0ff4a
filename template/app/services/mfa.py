from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.events import Listener, publish
from app.core.exceptions import Conflict, Forbidden, NotFound
from app.core.mfa import MfaDisabled, MfaEnabled, RecoveryCodesRenewed
from app.core.security.mfa import (
    draw_qr_code,
    new_recovery_codes,
    new_secret,
    provisioning_uri,
    recovery_digest,
)
from app.core.security.passwords import Proof
from app.core.security.permissions import Principal
from app.db.base import utc_now
from app.models.mfa import TotpFactor
from app.models.users import User
from app.repositories.auth import AuthSessionRepository
from app.repositories.mfa import RecoveryCodeRepository, TotpRepository
from app.repositories.users import UserRepository
from app.schemas.mfa import MfaStatus, TotpEnrolment
from app.services.confirmation import PasswordConfirmation
from app.services.second_factor import MfaCodes, forget, mfa_account_of
from app.services.use_case import use_case

ENROLMENT_LIFETIME = timedelta(minutes=15)
ENCRYPTED_AT_ONCE = 500


class MfaAlreadyEnabled(Conflict):
    code, title = "mfa_enabled", "The second factor is set up already"


class MfaNotEnabled(Conflict):
    code, title = "mfa_not_enabled", "No second factor is set up, or it took too long to confirm"


class WrongCode(Forbidden):
    """The code that a change has to be confirmed with is wrong, or was used before."""

    code, title = "wrong_code", "The code is wrong"
    commits = True


class MfaService:
    """The second factor of who is signed in, and its end where somebody has lost it."""

    def __init__(
        self,
        session: AsyncSession,
        confirmation: PasswordConfirmation,
        codes: MfaCodes,
        *,
        issuer: str,
        listeners: Sequence[Listener],
    ) -> None:
        self.session = session
        self.confirmation = confirmation
        self.codes = codes
        self.lockout = codes.lockout
        self.secrets = codes.secrets
        self.issuer = issuer
        self.listeners = listeners
        self.users = UserRepository(session)
        self.auth_sessions = AuthSessionRepository(session)
        self.totp = TotpRepository(session)
        self.recovery_codes = RecoveryCodeRepository(session)

    async def get_status(self, principal: Principal) -> MfaStatus:
        enabled = await self.totp.is_enabled(principal.id)
        left = await self.recovery_codes.count(principal.id)
        return MfaStatus(enabled=enabled, recovery_codes_left=left)

    async def begin(self, password: SecretStr | None, *, principal: Principal) -> TotpEnrolment:
        """Make the secret for an app, in the place of one that was not confirmed.

        Raise `WrongPassword`, `RecentLoginRequired` or `MfaAlreadyEnabled`.
        """
        proof = await self.confirmation.prove(principal, password)
        secret = new_secret()
        await self._begin(principal, proof, self.secrets.encrypt(secret, principal.id))
        uri = provisioning_uri(secret, account=principal.email, issuer=self.issuer)
        return TotpEnrolment(secret=secret, otpauth_uri=uri, qr_svg=draw_qr_code(uri))

    @use_case
    async def confirm(self, code: str, *, principal: Principal) -> list[str]:
        """Ask for codes from now on, and sign out all other devices; return recovery codes.

        Raise `MfaNotEnabled`, `MfaAlreadyEnabled` or `WrongCode`.
        """
        user = await self.users.get_locked(principal.id)
        factor = await self.totp.find_locked(user.id)
        if factor is not None and factor.confirmed_at is not None:
            raise MfaAlreadyEnabled
        if factor is None or utc_now() - factor.created_at > ENROLMENT_LIFETIME:
            raise MfaNotEnabled
        # Not counted: whoever tries has been shown the secret.
        if not await self.codes.redeem_totp(factor, code):
            raise WrongCode
        factor.confirmed_at = utc_now()
        await self.totp.update(factor)
        await self.auth_sessions.revoke_all(user.id, keep=principal.session_id)
        codes = await self._renew_recovery_codes(user.id)
        await publish(self.session, MfaEnabled(user.id), self.listeners)
        return codes

    @use_case
    async def disable(self, code: str, *, principal: Principal) -> None:
        """Ask for no codes any more; raise `MfaNotEnabled` or `WrongCode`."""
        user = await self._accept(code, principal, also_recovery=True)
        await forget(self.session, user.id)
        await publish(self.session, MfaDisabled(user.id, principal.id), self.listeners)

    @use_case
    async def renew_recovery_codes(self, code: str, *, principal: Principal) -> list[str]:
        """Replace the recovery codes, by a code of the app; raise `MfaNotEnabled`, `WrongCode`."""
        user = await self._accept(code, principal, also_recovery=False)
        codes = await self._renew_recovery_codes(user.id)
        await publish(self.session, RecoveryCodesRenewed(user.id), self.listeners)
        return codes

    async def reset(self, user_id: UUID, *, principal: Principal) -> None:
        """Take the second factor off another's account; raise `NotFound`.

        Raise `Forbidden` for the own one: a session alone is not enough for that.
        """
        if user_id == principal.id:
            raise Forbidden("The own second factor is switched off with a code.")
        await self._reset(user_id, actor_id=principal.id)

    async def reset_by_login(self, login: str) -> bool:
        """Take the second factor off an account as an operator; tell whether it had one."""
        user = await self.users.find_by_login(login)
        if user is None:
            raise NotFound(f"Nobody has the name or the address {login}.")
        return await self._reset(user.id, actor_id=None)

    async def encrypt_anew(self) -> int:
        """Encrypt every secret by the first key that is set; return how many are not readable."""
        unreadable, after = 0, None
        while True:
            after, failed = await self._encrypt_some(after)
            unreadable += failed
            if after is None:
                return unreadable

    @use_case
    async def _begin(self, principal: Principal, proof: Proof, secret_encrypted: str) -> None:
        user = await self.confirmation.accept(principal, proof)
        factor = await self.totp.find_locked(user.id)
        if factor is not None:
            if factor.confirmed_at is not None:
                raise MfaAlreadyEnabled
            await self.totp.delete(factor)
        await self.totp.create(TotpFactor(user_id=user.id, secret_encrypted=secret_encrypted))

    @use_case
    async def _reset(self, user_id: UUID, *, actor_id: UUID | None) -> bool:
        await self.lockout.forget(mfa_account_of(user_id))
        user = await self.users.get_locked(user_id)
        enabled = await forget(self.session, user.id)
        if enabled:
            await publish(self.session, MfaDisabled(user.id, actor_id), self.listeners)
        return enabled

    @use_case
    async def _encrypt_some(self, after: UUID | None) -> tuple[UUID | None, int]:
        factors = await self.totp.list_locked(after=after, limit=ENCRYPTED_AT_ONCE)
        unreadable = 0
        for factor in factors:
            if self.secrets.is_current(factor.secret_encrypted):
                continue
            secret = self.secrets.decrypt(factor.secret_encrypted, factor.user_id)
            if secret is None:
                unreadable += 1
            else:
                factor.secret_encrypted = self.secrets.encrypt(secret, factor.user_id)
                await self.totp.update(factor)
        return (factors[-1].id if factors else None), unreadable

    async def _accept(self, code: str, principal: Principal, *, also_recovery: bool) -> User:
        account = mfa_account_of(principal.id)
        attempt = await self.lockout.enter_signed_in(account, principal.session_id)
        user = await self.users.get_locked(principal.id)
        if not await self.totp.is_enabled(user.id):
            raise MfaNotEnabled
        if not await self.codes.accept(user, code, attempt, also_recovery=also_recovery):
            raise WrongCode
        return user

    async def _renew_recovery_codes(self, user_id: UUID) -> list[str]:
        codes = new_recovery_codes()
        hashes = [recovery_digest(code, user_id) for code in codes]
        await self.recovery_codes.replace(user_id, hashes)
        return codes
