import hmac
import secrets
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config.jwt import JwtSettings
from app.core.events import Listener, publish
from app.core.exceptions import TokenInvalid
from app.core.security.permissions import Principal
from app.core.security.refresh_tokens import RefreshToken as RawToken
from app.core.security.refresh_tokens import RefreshTokenReused, TokenReused
from app.core.security.refresh_tokens import RefreshTokens as RawTokens
from app.core.security.tokens import AccessClaims, AccessTokens, TokenExpired
from app.db.base import utc_now
from app.models.auth import AuthSession
from app.models.refresh_tokens import RefreshToken
from app.repositories.auth import AuthSessionRepository
from app.repositories.refresh_tokens import RefreshTokenRepository
from app.schemas.tokens import LoginTokens, TokenPair
from app.services.use_case import use_case


class TokenService:
    """Carries a session as an access token and a family of refresh tokens, each good for one use.

    A token that comes back after it was spent ends its family, since a thief may have it (RFC 9700,
    4.14.2). Only the parent of the newest token may come again for a few seconds, and gets the same
    answer: requests cross, and answers get lost.
    """

    def __init__(
        self,
        session: AsyncSession,
        settings: JwtSettings,
        access_tokens: AccessTokens,
        refresh_tokens: RawTokens,
        *,
        listeners: Sequence[Listener],
    ) -> None:
        self.session = session
        self.lifetime = timedelta(seconds=settings.refresh_absolute_lifetime)
        self.idle_lifetime = timedelta(seconds=settings.refresh_idle_lifetime)
        self.grace = timedelta(seconds=settings.refresh_grace)
        self.access = access_tokens
        self.refresh_tokens = refresh_tokens
        self.listeners = listeners
        self.auth_sessions = AuthSessionRepository(session)
        self.tokens = RefreshTokenRepository(session)

    async def open(self, auth_session: AuthSession, device_token: str) -> LoginTokens:
        pair = await self._issue(auth_session, generation=1)
        return LoginTokens(**pair.model_dump(), device_token=device_token)

    async def renew(self, _: Principal) -> None:
        """Leave the tokens as they are: none of them is older than the sign-in."""

    @use_case
    async def refresh(self, token: str) -> TokenPair:
        """Spend a refresh token for a new pair; raise `Token…` for what can't be spent."""
        raw = RawToken.parse(token)
        if not await self.tokens.spend(raw.session_id, raw.generation, raw.hash):
            return await self._refresh_again(raw)
        auth_session = await self._get_session(raw)
        await self.auth_sessions.touch(auth_session.id, utc_now())
        await self.tokens.purge(auth_session.id)
        return await self._issue(auth_session, generation=raw.generation + 1)

    async def _refresh_again(self, raw: RawToken) -> TokenPair:
        row = await self.tokens.find(raw.session_id, raw.generation)
        if row is None or not hmac.compare_digest(row.token_hash, raw.hash):
            raise TokenInvalid
        if row.expires_at <= utc_now():
            raise TokenExpired
        child = await self.tokens.find(raw.session_id, raw.generation + 1)
        if row.spent_at is None or child is None:
            raise TokenInvalid
        auth_session = await self._get_session(raw)
        if child.spent_at is not None or row.spent_at + self.grace < utc_now():
            await self.auth_sessions.revoke(auth_session.id, user_id=auth_session.user_id)
            event = RefreshTokenReused(auth_session.user_id, auth_session.id)
            await publish(self.session, event, self.listeners)
            raise TokenReused
        return self._pair(auth_session, child)

    async def _get_session(self, raw: RawToken) -> AuthSession:
        auth_session = await self.tokens.find_session(raw.session_id)
        if auth_session is None:
            raise TokenInvalid
        return auth_session

    async def _issue(self, auth_session: AuthSession, *, generation: int) -> TokenPair:
        salt = secrets.token_hex(16)
        row = RefreshToken(
            session_id=auth_session.id,
            generation=generation,
            salt=salt,
            token_hash=self.refresh_tokens.derive(auth_session.id, generation, salt).hash,
            expires_at=min(utc_now() + self.idle_lifetime, auth_session.expires_at),
        )
        return self._pair(auth_session, await self.tokens.create(row))

    def _pair(self, auth_session: AuthSession, row: RefreshToken) -> TokenPair:
        claims = AccessClaims(auth_session.user_id, auth_session.id)
        raw = self.refresh_tokens.derive(row.session_id, row.generation, row.salt)
        return TokenPair(
            access_token=self.access.issue(claims),
            refresh_token=str(raw),
            expires_in=int(self.access.lifetime.total_seconds()),
        )
