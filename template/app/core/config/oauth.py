from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field, SecretStr

from app.core.auth_providers.provider import Provider, Transport
from app.core.config.app import FrontendUrl
from app.core.config.base import SettingsGroup


class ProviderSettings(SettingsGroup):
    """What a provider knows this application by: `OAUTH_<PROVIDER>_…`; times are in seconds.

    Without an id nobody can sign in there. The settings below it are the same for all providers.
    """

    # Stands in URLs and in the database.
    provider: ClassVar[str]
    title: ClassVar[str]

    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    redirect_base_url: FrontendUrl | None = Field(
        default=None, validation_alias="OAUTH_REDIRECT_BASE_URL"
    )
    # What a sign-in waits for a provider in all.
    timeout: float = Field(default=8.0, gt=0, le=9, validation_alias="OAUTH_TIMEOUT")
    # The same variable as of `APP_…`: where people are sent in the end.
    frontend_url: FrontendUrl | None = Field(default=None, validation_alias="APP_FRONTEND_URL")

    @property
    def redirect_uri(self) -> str:
        """Return where the provider sends people back to, as it has to be registered there."""
        base = str(self.redirect_base_url or "http://localhost:8000").rstrip("/")
        return f"{base}/api/v1/oauth/{self.provider}/callback"

    def page(self, fragment: str) -> str:
        """Return the page of the front end that goes on with a sign-in.

        What follows a # is sent to no server, and so is in no log.
        """
        base = str(self.frontend_url or "http://localhost:3000").rstrip("/")
        return f"{base}/oauth/callback#{fragment}"

    def make(self, transport: Transport) -> Provider:
        """Make what talks to the provider."""
        raise NotImplementedError

    def production_faults(self) -> Iterator[str]:
        for field in ("client_id", "client_secret"):
            if not getattr(self, field):
                yield f"{self.variable(field)} is missing: nobody could sign in with {self.title}."
        if self.redirect_base_url is None:
            yield "OAUTH_REDIRECT_BASE_URL is missing: providers send people back there."
        elif self.redirect_base_url.scheme != "https":
            yield "OAUTH_REDIRECT_BASE_URL must start with https://: sign-ins pass there."
        if self.frontend_url is None:
            yield "APP_FRONTEND_URL is missing: people are sent there."
        elif self.frontend_url.scheme != "https":
            yield "APP_FRONTEND_URL must start with https://: links there carry tokens."
