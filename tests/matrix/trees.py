"""Comparing two trees byte for byte."""

from pathlib import Path


def differences(left: Path, right: Path) -> list[str]:
    """Return how two trees differ in files and their modes; git's own folder is left out."""
    ours, theirs = _files(left), _files(right)
    return (
        [f"{name} is only in {left}" for name in sorted(ours.keys() - theirs.keys())]
        + [f"{name} is only in {right}" for name in sorted(theirs.keys() - ours.keys())]
        + [f"{name} differs" for name in sorted(ours.keys() & theirs) if ours[name] != theirs[name]]
    )


def _files(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mode)
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }
