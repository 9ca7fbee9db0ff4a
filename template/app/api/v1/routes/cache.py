from fastapi import APIRouter, status

from app.api.dependencies.cache import CacheManager, CacheServiceDep
from app.api.errors import errors
from app.core.exceptions import Forbidden, NotFound
from app.schemas.cache import CacheDeleted, CacheStatus

router = APIRouter()


@router.get("/status", summary="Show the cache", responses=errors(Forbidden))
async def show_cache(_: CacheManager, cache: CacheServiceDep) -> CacheStatus:
    return await cache.describe()


@router.post("/clear", summary="Delete all entries", responses=errors(Forbidden))
async def clear_cache(_: CacheManager, cache: CacheServiceDep) -> CacheDeleted:
    """Only those of the cache: whatever else is in Redis stays."""
    return CacheDeleted(entries=await cache.clear())


@router.delete(
    "/{key}",
    summary="Delete an entry",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=errors(Forbidden, NotFound),
)
async def delete_entry(key: str, _: CacheManager, cache: CacheServiceDep) -> None:
    await cache.delete(key)
