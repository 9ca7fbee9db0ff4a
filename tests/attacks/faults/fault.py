"""A fault that is planted in a render, and who has to notice."""

from dataclasses import dataclass
from pathlib import Path

from tests.attacks.kinds import TOKENS


@dataclass(frozen=True)
class Fault:
    """A text that stands in a file once, what takes its place, and the tests that go red."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    kind: str = TOKENS

    def plant(self, project: Path) -> None:
        """Change the file; fail unless there is exactly one place to do so."""
        path = project / self.file
        text = path.read_text()
        count = text.count(self.old)
        if count != 1:
            raise AssertionError(f"{self.name}: {self.file} has {count} times:\n{self.old}")
        path.write_text(text.replace(self.old, self.new))
