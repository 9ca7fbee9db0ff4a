from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.repositories.account_tokens import AccountTokenRepository
from app.repositories.auth import AuthSessionRepository
from app.services.lockout import Lockout
from app.services.use_case import use_case


class CleanupService:
    """Rows that nobody can use any more."""

    def __init__(self, session: AsyncSession, settings: Settings) -> None:
        self.session = session
        self.auth_sessions = AuthSessionRepository(session)
        self.tokens = AccountTokenRepository(session)
        self.lockout = Lockout(session, settings.lockout)

    @use_case
    async def purge(self) -> int:
        """Delete expired sessions and tokens, and old counts of failures; return how many rows."""
        return (
            await self.auth_sessions.purge()
            + await self.tokens.purge()
            + await self.lockout.purge()
        )
