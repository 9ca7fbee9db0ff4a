"""`.env`, the settings of this checkout, which no update touches and no commit holds."""

import os
import re
import secrets
from pathlib import Path

from dotenv import dotenv_values

# Of the settings only, since comments tell of the placeholder as well.
SECRET = re.compile(r"^(\w+)=(.*)\{random\}", re.MULTILINE)


def write_env(root: Path) -> str:
    """Make `.env` of `.env.example`, with a fresh secret in each `{random}`; say what was done.

    One that is there keeps its lines, and gets the secrets that it lacks, as a feature that was
    switched on may need one.
    """
    example, path = (root / ".env.example").read_text(), root / ".env"
    if not path.exists():
        write_private(path, _with_secrets(example))
        return "Wrote .env with fresh secrets."
    lacking = lacking_secrets(root)
    if not lacking:
        return ".env is there."
    text = path.read_text()
    separator = "" if text.endswith("\n") else "\n"
    added = _with_secrets("\n".join(lacking.values()))
    with path.open("a") as file:
        file.write(f"{separator}{added}\n")
    return f"Added {', '.join(lacking)} to .env."


def lacking_secrets(root: Path) -> dict[str, str]:
    """Return the lines of `.env.example` whose secrets `.env` lacks; none if there is no `.env`."""
    path = root / ".env"
    if not path.exists():
        return {}
    present = dotenv_values(path)
    lines = SECRET.finditer((root / ".env.example").read_text())
    return {found[1]: found[0] for found in lines if found[1] not in present}


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody else can read, in the place of an old one."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _with_secrets(text: str) -> str:
    return SECRET.sub(lambda found: f"{found[1]}={found[2]}{secrets.token_hex(32)}", text)
