from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.events import (
    AccountDeleted,
    ActivationChanged,
    Listener,
    RoleChanged,
    UserRegistered,
    publish,
)
from app.core.exceptions import Forbidden, LastAdmin, NotFound
from app.core.security.password_policy import PasswordPolicy
from app.core.security.passwords import PasswordHasher
from app.core.security.permissions import MANAGE_USERS, USER, Principal, grants
from app.db.base import utc_now
from app.models.users import User
from app.repositories.account_tokens import AccountTokenRepository
from app.repositories.auth import AuthSessionRepository
from app.repositories.base import Slice
from app.repositories.users import UserRepository
from app.schemas.base import email_key, username_key
from app.schemas.users import ManagedUserUpdate, UserQuery, UserRegister, UserUpdate
from app.services.use_case import use_case


class UserService:
    """Accounts: who may manage users sees and changes all, anybody else only the own one."""

    def __init__(
        self,
        session: AsyncSession,
        passwords: PasswordHasher,
        policy: PasswordPolicy,
        *,
        listeners: Sequence[Listener],
    ) -> None:
        self.session = session
        self.passwords = passwords
        self.policy = policy
        self.listeners = listeners
        self.users = UserRepository(session)
        self.auth_sessions = AuthSessionRepository(session)
        self.tokens = AccountTokenRepository(session)

    async def register(
        self, request: UserRegister, *, role: str = USER, verified: bool = False
    ) -> User:
        """Open an account; raise `EmailTaken`, `UsernameTaken` or, for the password, a 422.

        `verified` says that somebody vouches for the address, such as an operator.
        """
        password = request.password.get_secret_value()
        personal = (request.email, request.username, request.full_name)
        await self.policy.check(password, personal=personal)
        hashed = await self.passwords.hash(password)
        return await self._register(request, hashed, role, verified=verified)

    async def ensure(self, request: UserRegister, *, role: str) -> User:
        """Open an account, or give the one that has the address this password and role.

        Whoever does that vouches for the address.
        """
        hashed = await self.passwords.hash(request.password.get_secret_value())
        return await self._ensure(request, hashed, role)

    async def list(self, query: UserQuery) -> Slice[User]:
        return await self.users.list(query)

    async def get(self, user_id: UUID, *, principal: Principal) -> User:
        """Return an account; raise `NotFound` if there is none that the principal may see."""
        _check_visible(user_id, principal)
        return await self.users.get(user_id)

    @use_case
    async def update(
        self, user_id: UUID, changes: UserUpdate | ManagedUserUpdate, *, principal: Principal
    ) -> User:
        """Change what `changes` names; raise `NotFound`, `UsernameTaken` or `LastAdmin`.

        Roles and activation are for who may manage users; `Forbidden` for anybody else.
        """
        _check_visible(user_id, principal)
        if isinstance(changes, ManagedUserUpdate) and changes.names_access:
            if not principal.may(MANAGE_USERS):
                raise Forbidden
            managers = await self.users.lock_managers()
            user = await self.users.get_locked(user_id)
            await self._update_access(user, changes, principal, managers)
        else:
            user = await self.users.get_locked(user_id)
        if "username" in changes.model_fields_set:
            user.username = changes.username
            user.username_key = username_key(changes.username) if changes.username else None
        if "full_name" in changes.model_fields_set:
            user.full_name = changes.full_name
        return await self.users.update(user)

    @use_case
    async def delete(self, user_id: UUID, *, principal: Principal) -> None:
        """Close an account for good; raise `NotFound` or `LastAdmin`.

        The row stays for what refers to it; its address and its name are free again.
        """
        _check_visible(user_id, principal)
        managers = await self.users.lock_managers()
        user = await self.users.get_locked(user_id)
        _keep_a_manager(user, managers)
        user.deleted_at = utc_now()
        user.email_key = user.username_key = user.hashed_password = None
        await self.users.update(user)
        await self._end_access(user)
        await publish(self.session, AccountDeleted(user.id, principal.id), self.listeners)

    async def _update_access(
        self,
        user: User,
        changes: ManagedUserUpdate,
        principal: Principal,
        managers: Sequence[UUID],
    ) -> None:
        role = user.role if changes.role is None else changes.role
        is_active = user.is_active if changes.is_active is None else changes.is_active
        if not (is_active and grants(role, MANAGE_USERS)):
            _keep_a_manager(user, managers)
        if role != user.role:
            changed = RoleChanged(user.id, principal.id, former=user.role, role=role)
            user.role = role
            await publish(self.session, changed, self.listeners)
        if is_active != user.is_active:
            user.is_active = is_active
            await self._end_access(user)
            switched = ActivationChanged(user.id, principal.id, is_active)
            await publish(self.session, switched, self.listeners)

    async def _end_access(self, user: User) -> None:
        await self.auth_sessions.revoke_all(user.id)
        await self.tokens.revoke_all(user.id)

    @use_case
    async def _ensure(self, request: UserRegister, hashed: str, role: str) -> User:
        user = await self.users.find_by_login(request.email)
        if user is None:
            return await self._register(request, hashed, role, verified=True)
        user.hashed_password = hashed
        user.role = role
        user.email_verified_at = user.email_verified_at or utc_now()
        return await self.users.update(user)

    @use_case
    async def _register(
        self, request: UserRegister, hashed: str, role: str, *, verified: bool
    ) -> User:
        user = await self.users.create(
            User(
                email=request.email,
                email_key=email_key(request.email),
                username=request.username,
                username_key=username_key(request.username) if request.username else None,
                full_name=request.full_name,
                hashed_password=hashed,
                role=role,
                email_verified_at=utc_now() if verified else None,
            )
        )
        await publish(self.session, UserRegistered(user.id, verified), self.listeners)
        return user


def _check_visible(user_id: UUID, principal: Principal) -> None:
    if user_id != principal.id and not principal.may(MANAGE_USERS):
        raise NotFound


def _keep_a_manager(user: User, managers: Sequence[UUID]) -> None:
    """Raise `LastAdmin` if there is nobody else who manages users; they must be locked."""
    if managers == [user.id]:
        raise LastAdmin
