from app.core.logging import get_logger
from app.services.cleanup import CleanupService
from app.services.tasks import Job, TaskService, task

log = get_logger("app.tasks")


@task(cron="17 3 * * *")
async def cleanup_tokens(job: Job) -> None:
    """Delete expired sessions and tokens, and old counts of failures."""
    log.info("tokens cleaned up", rows=await CleanupService(job.session, job.settings).purge())


@task(cron="47 3 * * *")
async def purge_outbox(job: Job) -> None:
    """Delete what was given up so long ago that nobody will try it again."""
    days = job.settings.tasks.failed_days
    log.info("outbox purged", rows=await TaskService(job.session).purge(days=days))
