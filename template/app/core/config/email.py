from collections.abc import Iterator
from email.headerregistry import Address
from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field

from app.core.config.app import TITLE, FrontendUrl
from app.core.config.base import SettingsGroup, group_config


def _check_address(value: str) -> str:
    """Return an address as every mail server understands it, the domain as DNS has it."""
    try:
        found = validate_email(value, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        raise ValueError("must be an address such as no-reply@example.com") from None
    return found.ascii_email or found.normalized


class EmailSettings(SettingsGroup):
    """Mail to the owners of accounts: `EMAIL_…`; times are in seconds."""

    model_config = group_config("EMAIL_")

    sender: Annotated[str, AfterValidator(_check_address)] | None = None
    sender_name: str = Field(default=TITLE, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")
    verification_required: bool = True
    verification_lifetime: int = Field(default=24 * 3600, ge=60)
    # At most one mail with a token for each purpose is sent to an account in this time.
    cooldown: int = Field(default=60, ge=0)
    # The same variable as of `APP_…`, without which links lead nowhere.
    frontend_url: FrontendUrl | None = Field(default=None, validation_alias="APP_FRONTEND_URL")

    @property
    def address(self) -> Address:
        """Return what mails are from."""
        return Address(self.sender_name, addr_spec=self.sender or "no-reply@localhost")

    def link(self, page: str, token: str = "") -> str:
        """Return the address of a page of the front end.

        What follows a # is sent to no server, and so is in no log.
        """
        base = str(self.frontend_url or "http://localhost:3000").rstrip("/")
        return f"{base}/{page}#token={token}" if token else f"{base}/{page}"

    def production_faults(self) -> Iterator[str]:
        if self.sender is None:
            yield "EMAIL_SENDER is missing: mails are from this address."
        if self.frontend_url is None:
            yield "APP_FRONTEND_URL is missing: people are sent there."
        elif self.frontend_url.scheme != "https":
            yield "APP_FRONTEND_URL must start with https://: links there carry tokens."
