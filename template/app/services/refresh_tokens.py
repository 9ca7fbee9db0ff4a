import secrets
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config.jwt import JwtSettings
from app.core.exceptions import TokenInvalid
from app.core.security.tokens import AccessClaims, AccessTokens
from app.core.security.tokens import RefreshToken as RawToken
from app.core.security.tokens import RefreshTokens as RawTokens
from app.db.base import utc_now
from app.models.auth import AuthSession
from app.models.refresh_tokens import RefreshToken
from app.repositories.auth import AuthSessionRepository
from app.repositories.refresh_tokens import RefreshTokenRepository
from app.schemas.auth import TokenPair
from app.services.use_case import use_case


class TokenService:
    """Carries a session as an access token and a refresh token that is spent at each use."""

    def __init__(
        self,
        session: AsyncSession,
        settings: JwtSettings,
        access_tokens: AccessTokens,
        refresh_tokens: RawTokens,
    ) -> None:
        self.session = session
        self.lifetime = timedelta(seconds=settings.refresh_absolute_lifetime)
        self.idle_lifetime = timedelta(seconds=settings.refresh_idle_lifetime)
        self.access = access_tokens
        self.refresh_tokens = refresh_tokens
        self.auth_sessions = AuthSessionRepository(session)
        self.tokens = RefreshTokenRepository(session)

    async def open(self, auth_session: AuthSession) -> TokenPair:
        return await self._issue(auth_session, generation=1)

    @use_case
    async def refresh(self, token: str) -> TokenPair:
        """Spend a refresh token for a new pair; raise `TokenInvalid` if it can't be spent."""
        raw = RawToken.parse(token)
        if not await self.tokens.spend(raw.session_id, raw.generation, raw.hash):
            raise TokenInvalid
        auth_session = await self.tokens.find_session(raw.session_id)
        if auth_session is None:
            raise TokenInvalid
        await self.auth_sessions.touch(auth_session.id, utc_now())
        return await self._issue(auth_session, generation=raw.generation + 1)

    async def _issue(self, auth_session: AuthSession, *, generation: int) -> TokenPair:
        salt = secrets.token_hex(16)
        raw = self.refresh_tokens.derive(auth_session.id, generation, salt)
        await self.tokens.create(
            RefreshToken(
                session_id=auth_session.id,
                generation=generation,
                salt=salt,
                token_hash=raw.hash,
                expires_at=min(utc_now() + self.idle_lifetime, auth_session.expires_at),
            )
        )
        claims = AccessClaims(auth_session.user_id, auth_session.id)
        return TokenPair(
            access_token=self.access.issue(claims),
            refresh_token=str(raw),
            expires_in=int(self.access.lifetime.total_seconds()),
        )
