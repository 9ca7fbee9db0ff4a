"""The second factor of a sign-in: the step that asks for it, and the sign-in that goes on."""

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar, Generic, NoReturn
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.events import (
    AccountDeleted,
    AccountLocked,
    ActivationChanged,
    EmailChanged,
    Event,
    Listener,
    PasswordChanged,
    PasswordReset,
    SessionsRevoked,
    publish,
)
from app.core.exceptions import NotAuthenticated, StepRefused
from app.core.logging import get_logger
from app.core.mfa import MfaFailed, RecoveryCodeUsed
from app.core.security.mfa import TotpSecrets, is_totp, recovery_digest, step_of
from app.core.security.opaque_tokens import digest, new_token
from app.db.base import utc_now
from app.models.auth import LoginAttempt
from app.models.mfa import MfaChallenge, TotpFactor
from app.models.users import User
from app.repositories.mfa import ChallengeRepository, RecoveryCodeRepository, TotpRepository
from app.repositories.users import UserRepository
from app.schemas.base import email_key
from app.schemas.second_factor import MfaVerifyRequest
from app.services.lockout import Lockout, account_of
from app.services.sign_in import Credentials_co, Device, SignIn
from app.services.use_case import use_case

CHALLENGE_LIFETIME = timedelta(minutes=5)
FAILURES_PER_CHALLENGE = 5
# What a sign-in that was begun, or an app that is not confirmed, does not outlive.
ENDS_WHAT_WAITS = (ActivationChanged, EmailChanged, PasswordChanged, PasswordReset, SessionsRevoked)

log = get_logger("app.mfa")


class MfaRequired(StepRefused, NotAuthenticated):
    """The password was right; the challenge goes back with a code."""

    code, title = "mfa_required", "A code of the second factor is required"
    members: ClassVar = {
        "challenge": {"type": "string"},
        "expires_in": {"type": "integer", "description": "Seconds until the challenge expires"},
    }

    def __init__(self, challenge: str) -> None:
        super().__init__()
        seconds = int(CHALLENGE_LIFETIME.total_seconds())
        self.extensions = {"challenge": challenge, "expires_in": seconds}


class MfaCodeInvalid(NotAuthenticated):
    """One answer, whether it was the code that was wrong or the challenge that is no more."""

    code, title = "mfa_code_invalid", "The code is wrong, or the sign-in has to begin anew"
    commits = True


class SecondFactor:
    """The step of a sign-in that asks for a code where the account has a second factor."""

    async def __call__(self, session: AsyncSession, user_id: UUID) -> None:
        """Raise `MfaRequired` with a challenge, which stands for the proof so far."""
        if not await TotpRepository(session).is_enabled(user_id):
            return
        token = new_token()
        expires_at = utc_now() + CHALLENGE_LIFETIME
        await ChallengeRepository(session).put(
            MfaChallenge(user_id=user_id, token_hash=digest(token), expires_at=expires_at)
        )
        raise MfaRequired(token)


async def guard_second_factor(session: AsyncSession, event: Event) -> None:
    """Let nothing that waits outlive what changes an account, and nothing at all its end."""
    match event:
        case AccountDeleted(user_id=user_id):
            await forget(session, user_id)
        case _ if isinstance(event, ENDS_WHAT_WAITS):
            await ChallengeRepository(session).delete_all(event.user_id)
            await TotpRepository(session).delete_unconfirmed(event.user_id)
        case _:
            pass


async def forget(session: AsyncSession, user_id: UUID) -> bool:
    """Delete all that an account has of a second factor; tell whether it was asked for."""
    enabled = await TotpRepository(session).delete_all(user_id)
    await RecoveryCodeRepository(session).delete_all(user_id)
    await ChallengeRepository(session).delete_all(user_id)
    return enabled


def mfa_account_of(user_id: UUID) -> str:
    """Return what failures of codes are counted by, apart from those of passwords."""
    return digest(f"mfa:{user_id}")


class MfaCodes:
    """Accepts a code once, and counts those that are wrong, within the use case of its caller."""

    def __init__(
        self,
        session: AsyncSession,
        lockout: Lockout,
        secrets: TotpSecrets,
        *,
        listeners: Sequence[Listener],
    ) -> None:
        self.session = session
        self.lockout = lockout
        self.secrets = secrets
        self.listeners = listeners
        self.totp = TotpRepository(session)
        self.recovery_codes = RecoveryCodeRepository(session)

    async def accept(
        self,
        user: User,
        code: str,
        attempt: LoginAttempt,
        *,
        also_recovery: bool = True,
    ) -> bool:
        """Use a code up; tell whether it was right, and count it in `attempt` if it was not.

        The user has to be locked, and the counter before.
        """
        if not self.lockout.is_locked(attempt):
            factor = await self.totp.find_locked(user.id)
            if factor is not None and await self._redeem(factor, code, also_recovery=also_recovery):
                await self.lockout.clear(attempt)
                return True
            if self.lockout.fail(attempt):
                event = AccountLocked(email_key(user.email), user.id)
                await publish(self.session, event, self.listeners)
        await publish(self.session, MfaFailed(user.id), self.listeners)
        return False

    async def redeem_totp(self, factor: TotpFactor, code: str) -> bool:
        """Use a code of the app up: neither it nor an older one is accepted again."""
        secret = self.secrets.decrypt(factor.secret_encrypted, factor.user_id)
        if secret is None:
            log.error("no key of MFA_SECRET_KEYS reads a secret", user_id=str(factor.user_id))
            return False
        step = step_of(secret, code, utc_now())
        if step is None or step <= factor.last_step:
            return False
        factor.last_step = step
        await self.totp.update(factor)
        return True

    async def _redeem(self, factor: TotpFactor, code: str, *, also_recovery: bool) -> bool:
        if is_totp(code):
            return await self.redeem_totp(factor, code)
        user_id = factor.user_id
        code_hash = recovery_digest(code, user_id)
        if not also_recovery or not await self.recovery_codes.redeem(user_id, code_hash):
            return False
        left = await self.recovery_codes.count(user_id)
        await publish(self.session, RecoveryCodeUsed(user_id, user_id, left), self.listeners)
        return True


class SecondFactorService(Generic[Credentials_co]):
    """Ends the sign-ins that `SecondFactor` has stopped."""

    def __init__(
        self, session: AsyncSession, sign_in: SignIn[Credentials_co], codes: MfaCodes
    ) -> None:
        self.session = session
        self.sign_in = sign_in
        self.codes = codes
        self.lockout = sign_in.lockout
        self.users = UserRepository(session)
        self.challenges = ChallengeRepository(session)

    @use_case
    async def verify(
        self, request: MfaVerifyRequest, device: Device, *, device_token: str | None
    ) -> Credentials_co:
        """Sign in on a device; raise `MfaCodeInvalid`, or what the other steps ask for."""
        token_hash = digest(request.challenge)
        user_id = await self.challenges.find_owner(token_hash)
        if user_id is None:
            raise MfaCodeInvalid
        attempt = await self.lockout.enter(account_of(user_id), device_token)
        # A device that is known has a counter of its own here as well.
        failures = await self.lockout.attempts.get_locked(mfa_account_of(user_id), attempt.device)
        user = await self.users.find_locked(user_id)
        # While this waited, the account may have changed, or the challenge have been used.
        challenge = await self.challenges.find_locked(token_hash)
        if user is None or not user.is_active or challenge is None:
            raise MfaCodeInvalid
        if not await self.codes.accept(user, request.code, failures):
            await self._refuse(challenge)
        await self.challenges.delete(challenge)
        return await self.sign_in.complete(user, attempt, device, device_token)

    async def _refuse(self, challenge: MfaChallenge) -> NoReturn:
        challenge.failures += 1
        if challenge.failures < FAILURES_PER_CHALLENGE:
            await self.challenges.update(challenge)
        else:
            await self.challenges.delete(challenge)
        raise MfaCodeInvalid
