"""Which limits a request counts towards: by its route, by who asks, and by the account tried."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, get_args

from fastapi import APIRouter, FastAPI, Request, params
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from app.api.dependencies.auth import CurrentUser
from app.api.dependencies.caller import device_token_of, user_of
from app.api.dependencies.origin import read_origin
from app.api.dependencies.resources import Resources, ResourcesDep
from app.api.errors import errors
from app.core.rate_limit import RateLimited, Verdict
from app.core.security.opaque_tokens import digest
from app.schemas.base import login_key
from app.services.rate_limit import is_known_device

# Routes with another policy than their kind, by operation id.
POLICIES = {
    # They try a password.
    "users_change_email": "auth",
    "users_change_password": "auth",
}
SAFE_METHODS = {"GET", "HEAD"}
IDENTIFY = get_args(CurrentUser)[1].dependency
# The members of a body that name an account, and how long a name can be.
NAMES = ("username", "email")
LONGEST_NAME = 320
FORMS = {"application/x-www-form-urlencoded", "multipart/form-data"}
# The least that a site is given of IPv6 (RFC 6177): whoever holds one address holds all of these.
PREFIX = 64


@dataclass(frozen=True, slots=True)
class Operation:
    """A route, by its operation id; `asks_who` tells whether somebody has to be signed in."""

    id: str
    asks_who: bool


async def _limit_rate(request: Request, resources: ResourcesDep) -> None:
    """Count a request; raise `RateLimited` where there are too many."""
    operation = _operations_of(request.app)[request.scope["endpoint"]]
    if request.method in SAFE_METHODS:
        verdict = await _limit_caller(request, resources, operation, "default")
    elif operation.asks_who:
        verdict = await _limit_caller(request, resources, operation, "writes")
    else:
        verdict = await _limit_sign_in(request, resources, operation)
    if verdict is None:
        return
    request.state.rate_limit = verdict
    if not verdict.allowed:
        raise RateLimited(verdict)


async def _limit_caller(
    request: Request, resources: Resources, operation: Operation, kind: str
) -> Verdict | None:
    """Count a request by the user, so that who shares an address does not share a limit."""
    who = await user_of(request, resources) or _address_of(request)
    policy = POLICIES.get(operation.id, kind)
    window = resources.rate_limiter.window(policy, operation.id, who)
    return await resources.rate_limiter.take([window])


async def _limit_sign_in(
    request: Request, resources: Resources, operation: Operation
) -> Verdict | None:
    """Count what nobody has to be signed in for, by the address and by the account tried."""
    limiter = resources.rate_limiter
    windows = [limiter.window("auth", operation.id, _address_of(request))]
    body = await _read_body(request)
    account = _account_in(body)
    if account is None:
        return await limiter.take(windows)
    windows.append(limiter.window("account", operation.id, digest(account)))
    verdict = await limiter.take(windows)
    if verdict is None or verdict.allowed or verdict.window is windows[0]:
        return verdict
    # Others have used the account's limit up; that must not keep its owner out.
    token = device_token_of(request, resources, body)
    if token is None or not await _is_known(resources, account, token):
        return verdict
    device = limiter.window("account", operation.id, digest(f"{account} {token}"))
    return await limiter.take([device])


async def _is_known(resources: Resources, account: str, token: str) -> bool:
    async with resources.sessions() as session:
        return await is_known_device(session, account, token)


def limit_rate(router: APIRouter) -> None:
    """Have all routes that are included later count requests, before they ask for anything else."""
    router.dependencies.insert(0, params.Depends(_limit_rate))
    router.responses = {**errors(RateLimited), **router.responses}


@lru_cache(maxsize=1)
def _operations_of(app: FastAPI) -> dict[Any, Operation]:
    return {
        context.endpoint: Operation(context.unique_id, _asks_who(context.dependant))
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, APIRoute)
    }


def _asks_who(dependant: Dependant) -> bool:
    return dependant.call is IDENTIFY or any(map(_asks_who, dependant.dependencies))


def _address_of(request: Request) -> str:
    host = read_origin(request).ip_address or ""
    try:
        address = ip_address(host)
    except ValueError:
        return f"address:{host}"
    if not isinstance(address, IPv6Address):
        return f"address:{address}"
    # Where a socket listens for both kinds, an address of IPv4 looks like one of IPv6.
    return f"address:{address.ipv4_mapped or ip_network((address, PREFIX), strict=False)}"


async def _read_body(request: Request) -> Mapping[str, Any]:
    """Return the body, which FastAPI has parsed before; nothing where it is no object."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() in FORMS:
        return await request.form()
    try:
        body = await request.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _account_in(body: Mapping[str, Any]) -> str | None:
    for name in NAMES:
        value = body.get(name)
        # A route ignores the space around a name, however much it is.
        stripped = value.strip() if isinstance(value, str) else None
        if stripped is not None and len(stripped) <= LONGEST_NAME:
            # It is not checked yet: it may hold what no digest can be made of.
            return login_key(stripped).encode(errors="replace").decode()
    return None
