from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.core.exceptions import EmailTaken, UsernameTaken
from app.models.users import User
from app.repositories.base import Repository, Slice
from app.schemas.base import email_key, username_key
from app.schemas.users import UserQuery


class UserRepository(Repository[User]):
    model = User

    async def find_by_login(self, name: str) -> User | None:
        """Find an account by user name or address; the `@` decides."""
        column, key = (
            (User.email_key, email_key(name))
            if "@" in name
            else (User.username_key, username_key(name))
        )
        return await self.session.scalar(select(User).where(column == key))

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
