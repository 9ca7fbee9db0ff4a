from collections.abc import Sequence
from datetime import timedelta
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.events import AccountUnlocked, Listener, PasswordChanged, PasswordReset, publish
from app.core.exceptions import NotFound, TokenInvalid
from app.core.security.opaque_tokens import digest, new_token
from app.core.security.password_policy import PasswordPolicy
from app.core.security.passwords import Proof
from app.core.security.permissions import Principal
from app.db.base import utc_now
from app.models.users import User
from app.repositories.account_tokens import AccountTokenRepository
from app.repositories.auth import AuthSessionRepository
from app.repositories.users import UserRepository
from app.schemas.credentials import ChangePasswordRequest, ResetPasswordRequest
from app.services.confirmation import PasswordConfirmation
from app.services.lockout import account_of
from app.services.use_case import use_case

Renewed_co = TypeVar("Renewed_co", covariant=True)

PASSWORD_RESET = "password_reset"  # noqa: S105
RESET_LIFETIME = timedelta(minutes=30)


class Renewer(Protocol[Renewed_co]):
    """What carries the session of who changes something."""

    async def renew(self, principal: Principal, /) -> Renewed_co:
        """Make what the device goes on with, within the use case that changes its account."""


class CredentialService(Generic[Renewed_co]):
    """Changes of the password; each asks for the present one, or for a reset token."""

    def __init__(
        self,
        session: AsyncSession,
        renewer: Renewer[Renewed_co],
        confirmation: PasswordConfirmation,
        policy: PasswordPolicy,
        *,
        listeners: Sequence[Listener],
    ) -> None:
        self.session = session
        self.renewer = renewer
        self.confirmation = confirmation
        self.passwords = confirmation.passwords
        self.policy = policy
        self.lockout = confirmation.lockout
        self.listeners = listeners
        self.users = UserRepository(session)
        self.auth_sessions = AuthSessionRepository(session)
        self.tokens = AccountTokenRepository(session)

    async def change_password(
        self, request: ChangePasswordRequest, *, principal: Principal
    ) -> Renewed_co:
        """Change the password and sign out all other devices; raise `WrongPassword`, or a 422."""
        password = request.new_password.get_secret_value()
        personal = (principal.email, principal.username, principal.full_name)
        await self.policy.check(password, personal=personal, pointer="#/new_password")
        proof = await self.confirmation.prove(principal, request.current_password)
        return await self._change_password(principal, proof, await self.passwords.hash(password))

    async def get_by_login(self, login: str) -> User:
        """Return the account that has a name or an address; raise `NotFound` if none has it."""
        user = await self.users.find_by_login(login)
        if user is None:
            raise NotFound(f"Nobody has the name or the address {login}.")
        await self.session.close()
        return user

    async def set_password(self, login: str, password: str) -> None:
        """Set the password of an account as an operator; raise `NotFound`, or a 422."""
        user = await self.get_by_login(login)
        personal = (user.email, user.username, user.full_name)
        await self.policy.check(password, personal=personal)
        await self._set_password(user.id, await self.passwords.hash(password))

    async def make_reset_token(self, login: str) -> str:
        """Make the token with which an account can get a new password; raise `NotFound`."""
        user = await self.get_by_login(login)
        return await self._make_reset_token(user.id)

    async def reset_password(self, request: ResetPasswordRequest) -> None:
        """Set a new password and sign out all devices; raise `TokenInvalid`, or a 422.

        A password that is refused leaves the token as it was.
        """
        token_hash = digest(request.token)
        user_id = await self.tokens.find_owner(PASSWORD_RESET, token_hash)
        user = await self.users.find(user_id) if user_id else None
        if user is None:
            raise TokenInvalid
        await self.session.close()
        password = request.password.get_secret_value()
        await self.policy.check(password, personal=(user.email, user.username, user.full_name))
        await self._reset_password(user.id, token_hash, await self.passwords.hash(password))

    @use_case
    async def _change_password(self, principal: Principal, proof: Proof, hashed: str) -> Renewed_co:
        user = await self.confirmation.accept(principal, proof)
        await self._replace_password(user, hashed, keep=principal.session_id)
        await publish(self.session, PasswordChanged(user.id), self.listeners)
        return await self.renewer.renew(principal)

    @use_case
    async def _set_password(self, user_id: UUID, hashed: str) -> None:
        user = await self.users.get(user_id)
        await self._unlock(user.id)
        await self._replace_password(user, hashed)
        await publish(self.session, PasswordChanged(user.id), self.listeners)

    @use_case
    async def _make_reset_token(self, user_id: UUID) -> str:
        token = new_token()
        expires_at = utc_now() + RESET_LIFETIME
        await self.tokens.put(user_id, PASSWORD_RESET, digest(token), expires_at)
        return token

    @use_case
    async def _reset_password(self, user_id: UUID, token_hash: str, hashed: str) -> None:
        # Locked in the order of sign-ins and changes, so that no two wait for each other.
        await self._unlock(user_id)
        user = await self.users.find_locked(user_id)
        if user is None or await self.tokens.redeem(PASSWORD_RESET, token_hash) != user_id:
            raise TokenInvalid
        await self._replace_password(user, hashed)
        await publish(self.session, PasswordReset(user.id), self.listeners)

    async def _unlock(self, user_id: UUID) -> None:
        if await self.lockout.forget(account_of(user_id)):
            await publish(self.session, AccountUnlocked(user_id), self.listeners)

    async def _replace_password(self, user: User, hashed: str, *, keep: UUID | None = None) -> None:
        user.hashed_password = hashed
        user.password_changed_at = utc_now()
        await self.users.update(user)
        await self.auth_sessions.revoke_all(user.id, keep=keep)
        await self.tokens.revoke_all(user.id)
