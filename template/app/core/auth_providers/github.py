from collections.abc import Iterator
from urllib.parse import urlencode

from pydantic import BaseModel, Field, HttpUrl, TypeAdapter, ValidationError

from app.core.auth_providers.provider import (
    Authorization,
    ExternalIdentity,
    ProviderFailed,
    Transport,
)
from app.core.config.base import group_config
from app.core.config.oauth import ProviderSettings

SCOPE = "read:user user:email"


class GitHubSettings(ProviderSettings):
    """GitHub, or a GitHub Enterprise Server, whose API is below `/api/v3`."""

    provider = "github"
    title = "GitHub"
    model_config = group_config("OAUTH_GITHUB_")

    url: HttpUrl = HttpUrl("https://github.com")
    api_url: HttpUrl = HttpUrl("https://api.github.com")

    def make(self, transport: Transport) -> "GitHubProvider":
        return GitHubProvider(self, transport)

    def production_faults(self) -> Iterator[str]:
        yield from super().production_faults()
        for field in ("url", "api_url"):
            if getattr(self, field).scheme != "https":
                yield f"{self.variable(field)} must start with https://: it vouches for people."


class Tokens(BaseModel):
    # What may stand in a header (RFC 6750, 2.1).
    access_token: str = Field(pattern="^[A-Za-z0-9._~+/=-]+$")


class Person(BaseModel):
    id: int = Field(strict=True, gt=0)
    name: str | None = None


class Address(BaseModel):
    email: str
    primary: bool
    verified: bool


ADDRESSES = TypeAdapter(list[Address])


class GitHubProvider:
    """Signs in by what its API says of who has given the access: there are no id tokens."""

    def __init__(self, settings: GitHubSettings, transport: Transport) -> None:
        self.settings = settings
        self.transport = transport
        self.url = str(settings.url).rstrip("/")
        self.api_url = str(settings.api_url).rstrip("/")

    async def authorization_url(self, authorization: Authorization) -> str:
        query = authorization.query(self.settings.client_id, SCOPE)
        return f"{self.url}/login/oauth/authorize?{urlencode(query)}"

    async def identify(
        self,
        code: str,
        authorization: Authorization,
        *,
        issuer: str | None,
    ) -> ExternalIdentity:
        if issuer is not None and not issuer.startswith(f"{self.url}/"):
            raise ProviderFailed("the answer is of another issuer")
        secret = self.settings.client_secret.get_secret_value()
        form = authorization.form(code, self.settings.client_id, secret)
        found = await self.transport.exchange(f"{self.url}/login/oauth/access_token", form)
        try:
            token = Tokens.model_validate(found).access_token
            person = Person.model_validate(await self._ask("/user", token))
            addresses = ADDRESSES.validate_python(await self._ask("/user/emails", token))
        except ValidationError as error:
            raise ProviderFailed(f"GitHub says too little of {error.title}") from None
        primary = next((address for address in addresses if address.primary), None)
        return ExternalIdentity(
            subject=str(person.id),
            email=primary.email if primary else None,
            email_verified=primary is not None and primary.verified,
            name=person.name,
        )

    async def _ask(self, path: str, token: str) -> object:
        headers = {"Authorization": f"Bearer {token}", "X-GitHub-Api-Version": "2022-11-28"}
        return await self.transport.get(f"{self.api_url}{path}", headers=headers)
