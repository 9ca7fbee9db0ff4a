from collections.abc import Iterator

from pydantic import HttpUrl

from app.core.auth_providers.openid import OpenIdProvider
from app.core.auth_providers.provider import Transport
from app.core.config.base import group_config
from app.core.config.oauth import ProviderSettings


class GoogleSettings(ProviderSettings):
    provider = "google"
    title = "Google"
    model_config = group_config("OAUTH_GOOGLE_")

    issuer: HttpUrl = HttpUrl("https://accounts.google.com")

    def make(self, transport: Transport) -> OpenIdProvider:
        return OpenIdProvider(self, self.issuer, transport)

    def production_faults(self) -> Iterator[str]:
        yield from super().production_faults()
        if self.issuer.scheme != "https":
            yield "OAUTH_GOOGLE_ISSUER must start with https://: it vouches for people."
