"""How mails leave: what every way has in common, and the console of a developer."""

from typing import Protocol

import typer

from app.email.message import Message


class Undeliverable(Exception):
    """The mail was refused for a reason that trying again does not mend."""


class Sender(Protocol):
    async def send(self, message: Message) -> None:
        """Hand a mail over; raise `Undeliverable`, or anything else for another attempt."""


class ConsoleSender:
    """Shows mails where the developer looks, with their links."""

    async def send(self, message: Message) -> None:
        head = f"To: {message.recipient}\nSubject: {message.subject}"
        typer.echo(f"\n--- Mail {'-' * 60}\n{head}\n\n{message.text}\n{'-' * 69}\n")
