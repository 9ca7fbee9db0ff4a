"""What can be wrong with a checkout, beside its settings and its database."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from dev.env_file import lacking_secrets

MARKERS = r"^(<<<<<<<|>>>>>>>) "


def findings(root: Path) -> Iterator[str]:
    """Yield a sentence for each thing that has to be put right."""
    for name in find_conflicts(root):
        yield f"{name} holds conflict markers: resolve what stands between them."
    if lacking := lacking_secrets(root):
        yield f".env lacks {', '.join(lacking)}: `app init` adds what is missing."


def find_conflicts(root: Path) -> list[str]:
    """Return the files in which a merge left markers; of those of an update git knows nothing."""
    command = ("git", "grep", "--untracked", "--files-with-matches", "--extended-regexp", MARKERS)
    found = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return found.stdout.splitlines()
