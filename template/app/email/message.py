"""A mail as it is sent: put into words by its templates."""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from email_validator import validate_email
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from app.core.config.app import TITLE
from app.services.email import Draft

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Message:
    """`id` is the same at each attempt, so that who gets it twice can tell."""

    id: UUID
    recipient: str
    subject: str
    text: str
    html: str


def render(draft: Draft, message_id: UUID) -> Message:
    """Put a draft into words: the first line of its text is the subject."""
    values = {"title": TITLE, **draft.values}
    text = TEMPLATES.get_template(f"{draft.mail}.txt").render(values)
    subject, _, body = text.partition("\n")
    return Message(
        id=message_id,
        recipient=_deliverable(draft.recipient),
        subject=subject,
        text=body.lstrip("\n"),
        html=TEMPLATES.get_template(f"{draft.mail}.html").render(values, subject=subject),
    )


def _deliverable(address: str) -> str:
    """Return an address with the domain as DNS has it, which every server understands."""
    return validate_email(address, check_deliverability=False).ascii_email or address
