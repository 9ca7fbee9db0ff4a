from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from pydantic import Field, TypeAdapter, ValidationError
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.auth_providers.events import IdentityLinked, IdentityUnlinked
from app.core.auth_providers.provider import ExternalIdentity
from app.core.events import AccountDeleted, Event, Listener, UserRegistered, publish
from app.core.exceptions import Conflict, EmailTaken, Forbidden, NotFound
from app.core.security.permissions import Principal
from app.db.base import utc_now
from app.models.oauth import OAuthIdentity
from app.models.users import User
from app.repositories.identities import OAuthIdentityRepository
from app.repositories.users import UserRepository
from app.schemas.base import Email, Line, email_key
from app.services.use_case import use_case

EMAIL = TypeAdapter(Email)
NAME = TypeAdapter(Annotated[Line, Field(min_length=1, max_length=200)])


class AddressNotVerified(Forbidden):
    """Nobody vouches for the address, so that it proves nothing about whose account it is."""

    code, title = "email_not_verified", "The address has to be verified first"


class AccountDisabled(Forbidden):
    code, title = "account_disabled", "The account is switched off"


class IdentityTaken(Conflict):
    code, title = "identity_taken", "Another account has this sign-in, or this one has another"


class LastCredential(Conflict):
    code, title = "last_credential", "Nothing else signs in to the account"


class IdentityService:
    """Which accounts at providers sign in to which accounts here.

    They are told apart by the provider's subject. An address decides nothing but where an account
    is opened, and joins one that is there only if both sides have verified it: who registers with
    somebody else's address must not be waiting in the account when its owner comes.
    """

    def __init__(self, session: AsyncSession, *, listeners: Sequence[Listener]) -> None:
        self.session = session
        self.listeners = listeners
        self.users = UserRepository(session)
        self.identities = OAuthIdentityRepository(session)

    async def list(self, principal: Principal) -> Sequence[OAuthIdentity]:
        return await self.identities.list(principal.id)

    @use_case
    async def unlink(self, provider: str, *, principal: Principal) -> None:
        """Raise `NotFound`, or `LastCredential` if nobody could sign in any more."""
        user = await self.users.get_locked(principal.id)
        linked = await self.identities.list(user.id)
        others = [row for row in linked if row.provider != provider]
        if len(others) == len(linked):
            raise NotFound
        if user.hashed_password is None and not others:
            raise LastCredential
        await self.identities.unlink(user.id, provider)
        event = IdentityUnlinked(user.id, user.id, provider)
        await publish(self.session, event, self.listeners)

    @use_case
    async def link(self, provider: str, identity: ExternalIdentity, *, user_id: UUID) -> None:
        """Link an account at a provider to the user's own; raise one of the errors above.

        Whose address nobody has verified can only be joined by that very address, and is verified
        by it: else whoever registered it first could come back by what he has linked.
        """
        user = await self.users.get_locked(user_id)
        known = await self.identities.find_by_subject(provider, identity.subject)
        if known is not None and known.user_id == user.id:
            return
        if known is not None or await self._has(user, provider):
            raise IdentityTaken
        if user.email_verified_at is None:
            if not identity.email_verified or email_key(identity.email or "") != user.email_key:
                raise AddressNotVerified
            user.email_verified_at = utc_now()
        await self._link(user, provider, identity)

    @use_case
    async def admit(self, provider: str, identity: ExternalIdentity) -> UUID:
        """Return whom an account at a provider signs in; open an account if there is none.

        Raise `AddressNotVerified`, `EmailTaken` or `AccountDisabled`.
        """
        known = await self.identities.find_by_subject(provider, identity.subject)
        if known is not None:
            user = await self.users.find_locked(known.user_id)
            if user is not None:
                known.last_used_at = utc_now()
                return _active(user)
            await self.identities.unlink(known.user_id, provider)
        if not identity.email_verified or (email := _valid(EMAIL, identity.email)) is None:
            raise AddressNotVerified("The provider has not verified the address")
        user = await self.users.find_by_login(email)
        user = await self.users.find_locked(user.id) if user else None
        if user is None:
            user = await self._register(email, _valid(NAME, identity.name))
        elif user.email_verified_at is None or await self._has(user, provider):
            raise EmailTaken
        await self._link(user, provider, identity)
        return _active(user)

    async def _has(self, user: User, provider: str) -> bool:
        linked = await self.identities.list(user.id)
        return any(identity.provider == provider for identity in linked)

    async def _register(self, email: str, name: str | None) -> User:
        user = await self.users.create(
            User(
                email=email,
                email_key=email_key(email),
                full_name=name,
                email_verified_at=utc_now(),
            )
        )
        await publish(self.session, UserRegistered(user.id, verified=True), self.listeners)
        return user

    async def _link(self, user: User, provider: str, identity: ExternalIdentity) -> None:
        row = OAuthIdentity(
            user_id=user.id,
            provider=provider,
            subject=identity.subject,
            email=_valid(EMAIL, identity.email),
        )
        try:
            await self.identities.create(row)
        except IntegrityError:  # another transaction was faster
            raise IdentityTaken from None
        event = IdentityLinked(user.id, user.id, provider)
        await publish(self.session, event, self.listeners)


async def forget_identities(session: AsyncSession, event: Event) -> None:
    """Let who has closed an account open another one with the same account at a provider."""
    if isinstance(event, AccountDeleted):
        await OAuthIdentityRepository(session).forget(event.user_id)


def _active(user: User) -> UUID:
    if not user.is_active:
        raise AccountDisabled
    return user.id


def _valid(kind: TypeAdapter[str], value: str | None) -> str | None:
    """Return what a provider says as it may be kept, or nothing."""
    try:
        return kind.validate_python(value)
    except ValidationError:
        return None
