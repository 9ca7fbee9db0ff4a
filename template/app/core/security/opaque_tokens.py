"""Tokens that say nothing: whoever holds one is recognised by what is stored of it."""

import hashlib
import secrets


def new_token() -> str:
    """Draw a token of 256 bits."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """Return what is stored of a token; SHA-256 suffices, since tokens can't be guessed."""
    return hashlib.sha256(token.encode()).hexdigest()
