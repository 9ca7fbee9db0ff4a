"""Requests that take effect once (draft-ietf-httpapi-idempotency-key-header)."""

import hashlib
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Annotated, Any

from fastapi import Depends, Header, Request

from app.api.dependencies.auth import CurrentUser
from app.api.dependencies.kept_answers import Endpoint, add_dependency, dump, respond
from app.api.dependencies.resources import DbSession
from app.core.exceptions import ValidationFailed
from app.core.security.opaque_tokens import digest
from app.services.idempotency import (
    IdempotencyKeyReused,
    IdempotencyService,
    KeyedRequest,
    RequestInProgress,
)

# What a route with a key may answer besides its own errors.
KEY_ERRORS = (RequestInProgress, IdempotencyKeyReused, ValidationFailed)
REPLAYED = {"Idempotency-Replayed": "true"}

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,255}$",
        description="Drawn by the client for each request that is to take effect once",
    ),
]


class Once:
    """What a request is known by, if it has a key."""

    def __init__(
        self, request: Request, session: DbSession, principal: CurrentUser, key: Key = None
    ) -> None:
        self.request = request
        self.service = IdempotencyService(session)
        self.principal = principal
        self.key = key

    async def run(self, call: Callable[[], Awaitable[object]]) -> object:
        """Make the answer, or find the one that was given before."""
        if self.key is None:
            return await call()

        async def make() -> bytes:
            return await dump(self.request, await call())

        answer, replayed = await self.service.run(await self._describe(self.key), make)
        return respond(self.request, answer, REPLAYED if replayed else None)

    async def _describe(self, key: str) -> KeyedRequest:
        scope = self.request.scope
        content = scope["query_string"] + b"\n" + await self.request.body()
        return KeyedRequest(
            user_id=self.principal.id,
            key_hash=digest(f"{scope['method']} {scope['path']} {key}"),
            content_hash=hashlib.sha256(content).hexdigest(),
        )


def idempotent(endpoint: Endpoint) -> Callable[..., Any]:
    """Let a route's use case take effect once for each `Idempotency-Key` of a signed-in user.

    The route documents `KEY_ERRORS` among its own.
    """

    @wraps(endpoint)
    async def run(*, once: Once, **arguments: object) -> object:
        return await once.run(lambda: endpoint(**arguments))

    add_dependency(run, endpoint, once=Annotated[Once, Depends(Once)])
    return run
