import asyncio
import base64
import hmac
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.auth_providers.provider import (
    Authorization,
    CodeRefused,
    ExternalIdentity,
    ProviderAway,
    ProviderFailed,
)
from app.core.auth_providers.registry import Client
from app.core.config.app import AppSettings
from app.core.events import Listener
from app.core.exceptions import (
    AppError,
    BadRequest,
    EmailTaken,
    Forbidden,
    ServiceUnavailable,
    TokenInvalid,
)
from app.core.logging import get_logger
from app.core.security.opaque_tokens import digest, new_token
from app.core.security.passwords import Proof
from app.core.security.permissions import Principal
from app.db.base import utc_now
from app.models.oauth import OAuthCode, OAuthState
from app.repositories.auth import AuthSessionRepository
from app.repositories.oauth import OAuthCodeRepository, OAuthStateRepository
from app.repositories.users import UserRepository
from app.schemas.oauth import LinkRequest, ProviderAnswer
from app.services.confirmation import PasswordConfirmation
from app.services.identities import IdentityService, IdentityTaken
from app.services.lockout import account_of
from app.services.sign_in import Credentials_co, Device, SignIn
from app.services.use_case import use_case

T = TypeVar("T")

STATE_LIFETIME = timedelta(minutes=10)
CODE_LIFETIME = timedelta(seconds=60)

log = get_logger("app.oauth")


class OAuthStateInvalid(BadRequest):
    code, title = "oauth_state_invalid", "This sign-in is over, or was begun in another browser"


class OAuthDenied(Forbidden):
    code, title = "oauth_denied", "The provider has not let this sign-in pass"


class BadGateway(AppError):
    status, code, title = 502, "provider_failed", "The provider has answered what it must not"


class ProviderUnavailable(ServiceUnavailable):
    code, title = "provider_unavailable", "The provider does not answer at the moment"


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in that was begun here, once its state was used up."""

    next: str
    session_id: UUID | None


class OAuthService:
    """Sends people to a provider, and takes them back from there.

    A state is good once, for one provider and in the browser in which it was made; what proves the
    rest to the provider is derived from it. No connection to the database is held while a provider
    is asked.
    """

    def __init__(
        self,
        session: AsyncSession,
        settings: AppSettings,
        client: Client,
        *,
        listeners: Sequence[Listener],
    ) -> None:
        self.session = session
        self.key = settings.derive_key("oauth-state")
        self.settings = client.settings
        self.provider = client.provider
        self.identities = IdentityService(session, listeners=listeners)
        self.auth_sessions = AuthSessionRepository(session)
        self.states = OAuthStateRepository(session)
        self.codes = OAuthCodeRepository(session)

    async def begin(
        self,
        browser: str,
        *,
        next: str,  # noqa: A002
        linking: Principal | None = None,
    ) -> str:
        """Return where to send the browser to; `linking` is who wants to link an account there."""
        state = new_token()
        url = await self._bounded(self.provider.authorization_url(self._authorize(state)))
        await self._put(state, browser, next, linking.session_id if linking else None)
        return url

    async def finish(self, browser: str | None, answer: ProviderAnswer) -> str:
        """Return the page of the front end that goes on, with a code for `exchange` in it.

        Who is linking an account comes back to that page without a code.
        """
        state = answer.state or ""
        pending = await self._redeem(state, browser or "")
        if answer.error or not answer.code:
            raise OAuthDenied
        identity = await self._bounded(
            self.provider.identify(answer.code, self._authorize(state), issuer=answer.iss)
        )
        if pending.session_id is not None:
            await self._link(identity, pending.session_id)
            linked = {"linked": self.settings.provider, "next": pending.next}
            return self.settings.page(urlencode(linked))
        user_id = await self._admit(identity)
        code = await self._make_code(browser or "", user_id)
        return self.settings.page(urlencode({"code": code, "next": pending.next}))

    def _authorize(self, state: str) -> Authorization:
        def derive(purpose: str) -> str:
            drawn = hmac.digest(self.key, f"{purpose}.{state}".encode(), "sha256")
            return base64.urlsafe_b64encode(drawn).rstrip(b"=").decode()

        uri = self.settings.redirect_uri
        return Authorization(state, derive("verifier"), derive("nonce"), uri)

    @use_case
    async def _put(
        self,
        state: str,
        browser: str,
        next: str,  # noqa: A002
        session_id: UUID | None,
    ) -> None:
        await self.states.put(
            OAuthState(
                state_hash=digest(state),
                browser_hash=digest(browser),
                provider=self.settings.provider,
                next=next,
                session_id=session_id,
                expires_at=utc_now() + STATE_LIFETIME,
            )
        )

    @use_case
    async def _redeem(self, state: str, browser: str) -> Pending:
        row = await self.states.redeem(digest(state), digest(browser), self.settings.provider)
        if row is None:
            raise OAuthStateInvalid
        return Pending(row.next, row.session_id)

    @use_case
    async def _link(self, identity: ExternalIdentity, session_id: UUID) -> None:
        auth_session = await self.auth_sessions.find(session_id)
        if auth_session is None or not await self.auth_sessions.find_principal(
            session_id, auth_session.user_id
        ):
            raise OAuthStateInvalid
        provider = self.settings.provider
        await self.identities.link(provider, identity, user_id=auth_session.user_id)

    async def _admit(self, identity: ExternalIdentity) -> UUID:
        try:
            return await self.identities.admit(self.settings.provider, identity)
        except (EmailTaken, IdentityTaken):
            # The same person may have signed in for the first time twice at once.
            return await self.identities.admit(self.settings.provider, identity)

    @use_case
    async def _make_code(self, browser: str, user_id: UUID) -> str:
        code = new_token()
        await self.codes.put(
            OAuthCode(
                code_hash=digest(code),
                browser_hash=digest(browser),
                user_id=user_id,
                expires_at=utc_now() + CODE_LIFETIME,
            )
        )
        return code

    async def _bounded(self, asked: Awaitable[T]) -> T:
        """Wait for a provider as long as the settings say; raise what clients are told about it."""
        try:
            async with asyncio.timeout(self.settings.timeout):
                return await asked
        except CodeRefused as error:
            raise OAuthDenied from error
        except (ProviderFailed, TimeoutError) as error:
            cause = f"{type(error).__name__}: {error}"
            log.warning("no sign-in", provider=self.settings.provider, cause=cause)
            away = isinstance(error, ProviderAway | TimeoutError)
            raise (ProviderUnavailable if away else BadGateway) from error


class OAuthLinking:
    """Lets who is signed in add an account at a provider, which lasts: so it takes a password."""

    def __init__(self, oauth: OAuthService, confirmation: PasswordConfirmation) -> None:
        self.session = oauth.session
        self.oauth = oauth
        self.confirmation = confirmation

    async def begin(self, browser: str, request: LinkRequest, *, principal: Principal) -> str:
        """Return where to send the browser to; raise what `PasswordConfirmation` does."""
        proof = await self.confirmation.prove(principal, request.password)
        await self._accept(principal, proof)
        return await self.oauth.begin(browser, next=request.next, linking=principal)

    @use_case
    async def _accept(self, principal: Principal, proof: Proof) -> None:
        await self.confirmation.accept(principal, proof)


class OAuthSignIn(Generic[Credentials_co]):
    """Ends a sign-in at a provider like any other: further steps may ask for more."""

    def __init__(self, session: AsyncSession, sign_in: SignIn[Credentials_co]) -> None:
        self.session = session
        self.sign_in = sign_in
        self.lockout = sign_in.lockout
        self.users = UserRepository(session)
        self.codes = OAuthCodeRepository(session)

    @use_case
    async def exchange(
        self, code: str, browser: str | None, device: Device, *, device_token: str | None
    ) -> Credentials_co:
        """Open the session that a code stands for, in the browser that it was made in.

        Raise `TokenInvalid`.
        """
        user_id = await self.codes.redeem(digest(code), digest(browser or ""))
        if user_id is None:
            raise TokenInvalid
        attempt = await self.lockout.enter(account_of(user_id), device_token)
        user = await self.users.find_locked(user_id)
        if user is None or not user.is_active:
            raise TokenInvalid
        return await self.sign_in.complete(user, attempt, device, device_token)
