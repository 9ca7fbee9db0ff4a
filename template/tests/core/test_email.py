"""What may be set about mail and about its delivery."""

import pytest

from tests.fixtures import registration
from tests.fixtures.api import PRODUCTION, faults, load


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("EMAIL_SENDER", ""),
        ("EMAIL_SENDER", "nobody"),
        ("EMAIL_SENDER", "a@example.com\r\nBcc: b@example.com"),
        ("EMAIL_SENDER", "b\u00fcro@example.com"),
        ("EMAIL_SENDER_NAME", "a\nBcc: b@example.com"),
        ("EMAIL_SENDER_NAME", "a" * 101),
        ("EMAIL_VERIFICATION_LIFETIME", "59"),
        ("EMAIL_COOLDOWN", "-1"),
        ("APP_FRONTEND_URL", ""),
        ("OUTBOX_BATCH_SIZE", "0"),
        ("OUTBOX_SEND_TIMEOUT", "0"),
        ("OUTBOX_MAX_ATTEMPTS", "0"),
        ("OUTBOX_POLL_INTERVAL", "0"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(variable: str, value: str) -> None:
    [fault] = faults(PRODUCTION | {variable: value})
    assert fault.startswith(variable)
    assert len(value) < 5 or value not in fault


def test_what_is_safe_is_accepted() -> None:
    email = load(PRODUCTION | {"EMAIL_SENDER": "no-reply@ex\u00e4mple.com"}).email
    assert email.sender == "no-reply@xn--exmple-cua.com"
    assert email.verification_required


@pytest.mark.parametrize(
    ("frontend", "link"),
    [
        ("https://app.example.com", "https://app.example.com/verify-email#token=x.y"),
        ("https://app.example.com/", "https://app.example.com/verify-email#token=x.y"),
        ("https://example.com/app/", "https://example.com/app/verify-email#token=x.y"),
    ],
)
def test_links_lead_to_the_front_end(frontend: str, link: str) -> None:
    email = load(PRODUCTION | {"APP_FRONTEND_URL": frontend}).email
    assert email.link("verify-email", "x.y") == link


def test_in_development_nothing_has_to_be_set() -> None:
    unset = dict.fromkeys(registration.PRODUCTION, "")
    settings = load({**PRODUCTION, **unset, "APP_ENVIRONMENT": "development"})
    assert settings.email.address.addr_spec == "no-reply@localhost"
    assert not settings.mailer.is_configured
