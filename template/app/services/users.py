from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.events import Listener, UserRegistered, publish
from app.core.security.passwords import PasswordHasher, PasswordPolicy
from app.core.security.permissions import USER
from app.models.users import User
from app.repositories.base import Slice
from app.repositories.users import UserRepository
from app.schemas.base import email_key, username_key
from app.schemas.users import UserQuery, UserRegister, UserUpdate
from app.services.use_case import use_case


class UserService:
    def __init__(
        self,
        session: AsyncSession,
        policy: PasswordPolicy,
        passwords: PasswordHasher,
        *,
        listeners: Sequence[Listener],
    ) -> None:
        self.session = session
        self.policy = policy
        self.passwords = passwords
        self.listeners = listeners
        self.users = UserRepository(session)

    async def register(self, request: UserRegister, *, role: str = USER) -> User:
        """Open an account; raise `EmailTaken`, `UsernameTaken` or, for the password, a 422."""
        password = request.password.get_secret_value()
        await self.policy.check(password, personal=_personal(request))
        return await self._register(request, await self.passwords.hash(password), role)

    async def ensure(self, request: UserRegister, *, role: str) -> User:
        """Open an account, or give the one that has the address this password and role."""
        hashed = await self.passwords.hash(request.password.get_secret_value())
        return await self._ensure(request, hashed, role)

    async def list(self, query: UserQuery) -> Slice[User]:
        return await self.users.list(query)

    @use_case
    async def update(self, user_id: UUID, changes: UserUpdate) -> User:
        """Change what `changes` names; raise `UsernameTaken`."""
        user = await self.users.get(user_id)
        if "username" in changes.model_fields_set:
            user.username = changes.username
            user.username_key = username_key(changes.username) if changes.username else None
        if "full_name" in changes.model_fields_set:
            user.full_name = changes.full_name
        return await self.users.update(user)

    @use_case
    async def _ensure(self, request: UserRegister, hashed: str, role: str) -> User:
        user = await self.users.find_by_login(request.email)
        if user is None:
            return await self._register(request, hashed, role)
        user.hashed_password = hashed
        user.role = role
        return await self.users.update(user)

    @use_case
    async def _register(self, request: UserRegister, hashed: str, role: str) -> User:
        user = await self.users.create(
            User(
                email=request.email,
                email_key=email_key(request.email),
                username=request.username,
                username_key=username_key(request.username) if request.username else None,
                full_name=request.full_name,
                hashed_password=hashed,
                role=role,
            )
        )
        await publish(self.session, UserRegistered(user.id), self.listeners)
        return user


def _personal(request: UserRegister) -> list[str]:
    return [text for text in (request.email, request.username, request.full_name) if text]
