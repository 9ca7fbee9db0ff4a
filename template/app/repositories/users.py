from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.core.exceptions import EmailTaken, NotFound, UsernameTaken
from app.core.security.permissions import managing_roles
from app.models.users import User
from app.repositories.base import Repository, Slice
from app.schemas.base import email_key, login_key
from app.schemas.users import UserQuery


class UserRepository(Repository[User]):
    model = User

    async def find_by_login(self, name: str) -> User | None:
        """Find an account by user name or address; the `@` decides."""
        column = User.email_key if "@" in name else User.username_key
        return await self.session.scalar(select(User).where(column == login_key(name)))

    async def find(self, key: UUID) -> User | None:
        """Find an account that is not deleted."""
        return await self.session.scalar(
            select(User).where(User.id == key, User.deleted_at.is_(None))
        )

    async def find_locked(self, key: UUID) -> User | None:
        """Find an account as it is now; others wait with changes until the transaction ends."""
        return await self.session.scalar(
            select(User)
            .where(User.id == key, User.deleted_at.is_(None))
            .with_for_update()
            .execution_options(populate_existing=True)
        )

    async def get_locked(self, key: UUID) -> User:
        """Return an account as `find_locked` does; raise `NotFound` if there is none."""
        user = await self.find_locked(key)
        if user is None:
            raise NotFound
        return user

    async def lock_managers(self) -> Sequence[UUID]:
        """Return the accounts that may manage users; none of them changes in the meantime."""
        found = await self.session.scalars(
            select(User.id)
            .where(User.role.in_(managing_roles()), User.is_active, User.deleted_at.is_(None))
            .order_by(User.id)
            .with_for_update()
        )
        return found.all()

    async def create(self, row: User) -> User:
        """Insert an account; raise `EmailTaken` or `UsernameTaken`."""
        try:
            return await super().create(row)
        except IntegrityError as error:
            raise _taken(error) from None

    async def update(self, row: User) -> User:
        """Write the changes of an account; raise `EmailTaken` or `UsernameTaken`."""
        try:
            return await super().update(row)
        except IntegrityError as error:
            raise _taken(error) from None

    async def list(self, query: UserQuery) -> Slice[User]:
        statement = select(User).where(User.deleted_at.is_(None))
        if query.email is not None:
            statement = statement.where(User.email_key == email_key(query.email))
        if query.role is not None:
            statement = statement.where(User.role == query.role)
        if query.is_active is not None:
            statement = statement.where(User.is_active.is_(query.is_active))
        return await self.page(statement, query, query.sort)


def _taken(error: IntegrityError) -> Exception:
    # The first line names the constraint; those below repeat what the client sent.
    message = str(error.orig).partition("\n")[0]
    if "email_key" in message:
        return EmailTaken()
    return UsernameTaken() if "username_key" in message else error
