"""A task of an owner's: gives a user another name."""

from uuid import UUID

from app.repositories.users import UserRepository
from app.services.tasks import Job, task


async def rename(job: Job) -> None:
    users = UserRepository(job.session)
    user = await users.get(UUID(job.arguments["user_id"]))
    user.full_name = job.arguments["name"]
    await users.update(user)


task()(rename)
