"""Each file of a feature belongs to one feature, by a glob that can match nothing else."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from pathspec import PathSpec

from tests.matrix.renders import Render

Globs = Mapping[str, Sequence[str]]


def anchor_faults(globs: Globs) -> list[str]:
    """Find globs that could match in places that nobody thought of."""
    return [
        f"{stem}: {glob} is not anchored; begin it with / or **/"
        for stem, patterns in globs.items()
        for glob in patterns
        if not glob.startswith(("/", "**/"))
    ]


def ownership_faults(globs: Globs, *renders: Render) -> list[str]:
    """Find files of two features, and globs that own none, in renders that have all of them.

    A part of a feature, named after it, may have files in the feature's folder.
    """
    names = sorted({render.name_of(path) for render in renders for path in render.files()})
    owned = {stem: set(_matching(patterns, names)) for stem, patterns in globs.items()}
    shared = [
        f"{name} belongs to {left} and to {right}"
        for left, right in combinations(sorted(owned), 2)
        for name in sorted(owned[left] & owned[right])
        if not right.startswith(f"{left}_")
    ]
    idle = [
        f"{stem}: {glob} matches no file"
        for stem, patterns in globs.items()
        for glob in patterns
        if not _matching([glob], names)
    ]
    return shared + idle


def _matching(patterns: Sequence[str], names: list[str]) -> list[str]:
    return list(PathSpec.from_lines("gitignore", patterns).match_files(names))
