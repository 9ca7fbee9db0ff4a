"""Answers of routes that are kept for a while, each under a key of who asks for what."""

from collections.abc import Callable, Sequence
from functools import wraps
from operator import itemgetter
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Request, Response

from app.api.dependencies import services
from app.api.dependencies.auth import require
from app.api.dependencies.kept_answers import Endpoint, add_dependency, dump, respond
from app.api.dependencies.resources import DbSession, ResourcesDep
from app.core.cache import MANAGE_CACHE
from app.core.security.opaque_tokens import digest
from app.core.security.permissions import Principal
from app.services.cache import CacheService

DAY = 86_400

CacheManager = Annotated[Principal, Depends(require(MANAGE_CACHE))]


async def _get_cache_service(session: DbSession, resources: ResourcesDep) -> CacheService:
    return CacheService(session, resources.cache, listeners=services.AUTH_LISTENERS)


CacheServiceDep = Annotated[CacheService, Depends(_get_cache_service)]


class Asked:
    """What a request asks for, and who it is that asks."""

    def __init__(self, request: Request, resources: ResourcesDep) -> None:
        self.request = request
        self.cache = resources.cache

    def key(self, prefix: str, *, shared: bool) -> str:
        """Return the key of the answer: all that a client can say, but for headers, is in it."""
        scope = self.request.scope
        if not shared and "user_id" not in scope["state"]:
            raise RuntimeError("without a signed-in user, only what is shared can be kept")
        who = "all" if shared else scope["state"]["user_id"]
        # Of a parameter that comes twice, the order counts.
        query = sorted(self.request.query_params.multi_items(), key=itemgetter(0))
        what = f"{scope['path']}?{urlencode(query)}"
        return f"{prefix}:{who}:{digest(what)[:32]}"


def cached(
    *, ttl: int, key_prefix: str, tags: Sequence[str], shared: bool = False
) -> Callable[[Endpoint], Callable[..., Any]]:
    """Keep the answers of a route that reads for `ttl` seconds, a day at most.

    `tags` are the tables that an answer is made of: a write to any of them voids it. An answer is
    for who is signed in, unless it is `shared` by all who may ask.
    """
    if not 0 < ttl <= DAY:
        raise ValueError(f"an answer is kept for up to {DAY} seconds, not for {ttl}")

    def decorate(endpoint: Endpoint) -> Callable[..., Any]:
        @wraps(endpoint)
        async def run(*, asked: Asked, **arguments: object) -> Response:
            async def make() -> bytes:
                return await dump(asked.request, await endpoint(**arguments))

            key = asked.key(key_prefix, shared=shared)
            body = await asked.cache.remember(key, make, ttl=ttl, tags=tags)
            return respond(asked.request, body)

        add_dependency(run, endpoint, asked=Annotated[Asked, Depends(Asked)])
        return run

    return decorate
