from sqlalchemy.ext.asyncio import AsyncSession

from app.core.security.opaque_tokens import digest
from app.repositories.login_attempts import LoginAttemptRepository
from app.repositories.users import UserRepository
from app.services.lockout import account_of


async def is_known_device(session: AsyncSession, name: str, device_token: str) -> bool:
    """Tell whether a device has signed in before to the account of a name."""
    user = await UserRepository(session).find_by_login(name)
    if user is None:
        return False
    attempts = LoginAttemptRepository(session)
    return await attempts.find_locked(account_of(user.id), digest(device_token)) is not None
