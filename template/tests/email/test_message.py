"""Mails as their templates put them into words."""

from html.parser import HTMLParser
from uuid import UUID

import pytest

from app.core.account_recovery import Mail
from app.core.config.app import TITLE
from app.email import message as messages
from app.email.message import TEMPLATES, Message, render
from app.services.email import Draft
from tests.fixtures.api import PRODUCTION, faults, load

LINK = "https://app.example.com/page#token=abc-def.ghi"
VALUES = {
    "link": LINK,
    "time": "2030-01-02 03:04 UTC",
    "ip_address": "192.0.2.1",
    "user_agent": "Browser/1.0",
}
HOSTILE = '"><script>alert(1)</script><a href="https://evil.example/">{{7777*7777}}'


def write(mail: Mail, **changes: str) -> Message:
    return render(Draft(mail, "ada@example.com", VALUES | changes), UUID(int=1))


class Page(HTMLParser):
    """The elements of a page, where its links lead, and what is read."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.links: list[str | None] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.links += [value for name, value in attrs if name in {"href", "src", "action"}]

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.parametrize("mail", Mail)
def test_text_and_html_say_the_same(mail: Mail) -> None:
    message = write(mail)
    page = Page(message.html)
    assert TITLE in message.subject
    assert "\n" not in message.subject
    assert message.text.startswith("Hello,\n")
    assert message.subject in page.words
    assert (LINK in message.text) == (LINK in page.words)
    assert set(page.links) == ({LINK} if LINK in message.text else set())
    assert max(len(line) for line in message.text.splitlines()) < 80
    for value in VALUES.values():
        assert (value in message.text) == (value in page.words)
    assert "{" not in f"{message.subject}{message.text}{page.words}"


@pytest.mark.parametrize("mail", Mail)
def test_no_mail_loads_anything(mail: Mail) -> None:
    page = Page(write(mail).html)
    assert not {"img", "script", "link", "iframe", "form", "object"} & set(page.elements)


@pytest.mark.parametrize("mail", Mail)
@pytest.mark.parametrize("value", VALUES)
def test_values_are_escaped_where_markup_counts(mail: Mail, value: str) -> None:
    plain, message = write(mail), write(mail, **{value: HOSTILE})
    assert Page(message.html).elements == Page(plain.html).elements
    assert (HOSTILE in message.text) == (VALUES[value] in plain.text)
    assert str(7777 * 7777) not in message.text
    assert message.subject == plain.subject


def test_without_that_markup_would_get_through(monkeypatch: pytest.MonkeyPatch) -> None:
    safe = Page(write(Mail.NEW_LOGIN, user_agent=HOSTILE).html)
    assert HOSTILE in safe.words
    assert "script" not in safe.elements
    monkeypatch.setattr(TEMPLATES, "autoescape", False)
    assert TEMPLATES.cache is not None
    TEMPLATES.cache.clear()
    unsafe = Page(write(Mail.NEW_LOGIN, user_agent=HOSTILE).html)
    TEMPLATES.cache.clear()
    assert "script" in unsafe.elements


def test_a_title_is_escaped_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    title = "Müller & Söhne ✓"
    monkeypatch.setattr(messages, "TITLE", title)
    message = write(Mail.VERIFY_EMAIL)
    assert title in message.subject
    assert title in message.text
    assert "M\u00fcller &amp; S\u00f6hne" in message.html
    assert title in Page(message.html).words


@pytest.mark.parametrize(
    ("address", "recipient"),
    [
        ("ada@example.com", "ada@example.com"),
        ("ada@ex\u00e4mple.com", "ada@xn--exmple-cua.com"),
        ("\u00e4da@example.com", "\u00e4da@example.com"),
        ("\u00e4da@ex\u00e4mple.com", "\u00e4da@ex\u00e4mple.com"),
    ],
)
def test_a_domain_is_written_as_dns_has_it_where_that_suffices(
    address: str, recipient: str
) -> None:
    assert render(Draft(Mail.EMAIL_CHANGED, address), UUID(int=1)).recipient == recipient


def test_links_that_carry_tokens_lead_to_https_where_it_matters() -> None:
    plain = {"APP_FRONTEND_URL": "http://app.example.com"}
    [fault] = faults(PRODUCTION | plain)
    assert fault.startswith("APP_FRONTEND_URL must start with https://")
    assert load(PRODUCTION | plain | {"APP_ENVIRONMENT": "development"}).app.is_development
