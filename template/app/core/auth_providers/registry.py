from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

from app.core.auth_providers.provider import Provider, Transport
from app.core.config import Settings
from app.core.config.oauth import ProviderSettings
from app.core.web_client import make_client


@dataclass(frozen=True, slots=True)
class Client:
    """A provider, and what it knows this application by."""

    settings: ProviderSettings
    provider: Provider


Providers: TypeAlias = Mapping[str, Client]


@asynccontextmanager
async def open_providers(settings: Settings) -> AsyncIterator[Providers]:
    """Open what talks to the providers that this application is registered with."""
    groups = [group for _, group in settings if isinstance(group, ProviderSettings)]
    async with make_client(max((group.timeout for group in groups), default=1)) as client:
        transport = Transport(client)
        yield {
            group.provider: Client(group, group.make(transport))
            for group in groups
            if group.client_id
        }
