"""Debian's Chromium, driven without a screen, which reaches this machine and nothing beyond."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)


@contextmanager
def browsing(folder: Path) -> Iterator[BrowserContext]:
    """Run a browser with an empty profile in the folder; it takes any certificate for good."""
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            folder, executable_path=_chromium(), args=FLAGS, ignore_https_errors=True
        )
        try:
            yield context
        finally:
            context.close()


def _chromium() -> Path:
    if not CHROMIUM.exists() and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in ("update", "install --yes --no-install-recommends chromium"):
            subprocess.run(["apt-get", "--quiet", *command.split()], check=False)
    if not CHROMIUM.exists():
        raise AssertionError(f"A browser is needed: install Debian's chromium ({CHROMIUM}).")
    return CHROMIUM
