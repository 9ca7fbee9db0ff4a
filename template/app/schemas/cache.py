from app.schemas.base import View


class CacheStatus(View):
    """The cache as a whole, and what this process has found there since it was started."""

    entries: int
    hits: int
    misses: int


class CacheDeleted(View):
    entries: int
