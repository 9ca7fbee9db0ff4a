"""What the owner of a project does to it over the months, by a script."""

import difflib
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.matrix.clusters import settings_for
from tests.matrix.environment import Environment, run_uv
from tests.matrix.git import commit_all, git
from tests.matrix.questions import configuration
from tests.matrix.servers import MAIN

BLOCK = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
DOCSTRING = re.compile(r'\A""".*?"""\n', re.DOTALL)
COMMENTS = {".md": "<!-- ours -->"}
MOVES = {move["from"]: move["to"] for move in configuration()["_moves"]}
PACKAGES = ("boto3>=1.40", "pillow>=12", "stripe>=13")

SEAMS_OF_ITEMS = ("app/api/v1/router.py", "app/cli/users.py", "app/models/__init__.py")
# Beside the resource, what its words mean elsewhere: members of a page, pairs of a dictionary.
OTHER_ITEMS = ('["items"]', '{"items":', ".items()")
RENAMES = (
    "ALTER TABLE items RENAME TO products",
    "ALTER TABLE products RENAME CONSTRAINT pk_items TO pk_products",
    "ALTER TABLE products RENAME CONSTRAINT fk_items_owner_id_users TO fk_products_owner_id_users",
    "ALTER INDEX ix_items_owner_id RENAME TO ix_products_owner_id",
)


@dataclass
class Owner:
    """Remembers what is the owner's, to find what was lost of it."""

    project: Path
    environment: Environment
    database_url: str
    lines: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)

    def app(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the project on the owner's database."""
        variables = settings_for(self.database_url)
        command = ("-c", MAIN, *arguments)
        return self.environment.run("python", *command, cwd=self.project, variables=variables)

    def succeed(self, *arguments: str) -> str:
        result = self.app(*arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def commit(self, message: str) -> None:
        commit_all(self.project, message)

    def add_resource(self) -> None:
        """Write the resource of the project's own documents, with its migration and tests."""
        document = (self.project / "docs" / "ONBOARDING.md").read_text()
        for name, text in BLOCK.findall(document):
            path = self.project / name
            if path.exists():
                docstring = DOCSTRING.match(path.read_text())
                assert docstring
                path.write_text(f"{docstring[0]}\n{text}")
            else:
                path.write_text(text)
            self._own(name)
        self.succeed("db", "upgrade")
        self._own(self.succeed("db", "revision", "Add notes").split()[-1].removesuffix("."))
        self.succeed("db", "upgrade")

    def add_setting(self) -> None:
        name = "app/core/config/project.py"
        with (self.project / name).open("a") as file:
            file.write("    notes_per_user: int = 100\n")
        self._own(name)
        self.insert(".env.example", "PROJECT_NOTES_PER_USER=100", after="# APP_FRONTEND_URL=")

    def add_packages(self) -> None:
        """Do as `uv add` does, without installing what is added."""
        run_uv("add", "--frozen", *PACKAGES, cwd=self.project)
        self.lines.setdefault("pyproject.toml", []).extend(f'"{each}",' for each in PACKAGES)

    def rename_resource(self) -> None:
        """Make products of the items that the template brought, down to their table."""
        names = git(self.project, "ls-files", "*items.py", ":!migrations").split()
        for name in names:
            renamed = name.replace("items", "products")
            (self.project / renamed).write_text(_renamed((self.project / name).read_text()))
            self.delete(name)
            self._own(renamed)
        for name in SEAMS_OF_ITEMS:
            path = self.project / name
            path.write_text(_renamed(path.read_text()))
        printed = self.succeed("db", "revision", "--empty", "Rename items to products")
        revision = self.project / printed.split()[-1].removesuffix(".")
        calls = "\n".join(f'    op.execute("{statement}")' for statement in RENAMES)
        revision.write_text(revision.read_text().replace("    pass", calls, 1))
        self._own(revision.relative_to(self.project).as_posix())

    def delete(self, name: str) -> None:
        (self.project / name).unlink()
        self.deleted.add(name)

    def insert(self, name: str, line: str, *, after: str) -> None:
        path = self.project / name
        text = path.read_text()
        assert text.count(after) == 1, f"{name} has no single {after}"
        head, found, tail = text.partition(after)
        rest, _, tail = tail.partition("\n")
        path.write_text(f"{head}{found}{rest}\n{line}\n{tail}")
        self.lines.setdefault(name, []).append(line)

    def write_beside(self, name: str, others: Iterable[Path]) -> None:
        """Write a comment beside each place in which a render with other answers differs.

        One line that no update changes lies between.
        """
        path = self.project / name
        lines = path.read_text().splitlines()
        places = {place for other in others for place in _beside_changes(lines, other)}
        for place in sorted(places, reverse=True):
            before = lines[place - 1]
            indent = before[: len(before) - len(before.lstrip())]
            ours = f"{indent}{COMMENTS.get(path.suffix, '# ours')}".replace(
                "ours", f"ours {place:03}"
            )
            lines.insert(place, ours)
            self.lines.setdefault(name, []).append(ours)
        path.write_text("\n".join(lines) + "\n")

    def losses(self) -> list[str]:
        """Return what is no longer as the owner left it."""
        lost = [
            f"{name} has changed" for name in self.files if self._content(name) != self.files[name]
        ]
        lost += [f"{name} came back" for name in self.deleted if (self.project / name).exists()]
        for name, lines in self.lines.items():
            text = (self._content(name) or b"").decode()
            lost += [f"{name} lacks {line}" for line in lines if text.count(line) != 1]
        return lost

    def _own(self, name: str) -> None:
        self.files[name] = (self.project / name).read_bytes()

    def _content(self, name: str) -> bytes | None:
        paths = [self.project / name, self.project / MOVES.get(name, name)]
        return next((path.read_bytes() for path in paths if path.exists()), None)


def _beside_changes(lines: list[str], other: Path) -> Iterator[int]:
    """Yield the number of lines that stand before each such place."""
    theirs = other.read_text().splitlines()
    for tag, _, end, _, _ in difflib.SequenceMatcher(None, lines, theirs).get_opcodes():
        # A blank line may as well be the one that changes.
        place = end + 2 if lines[end : end + 1] == [""] else end + 1
        if tag != "equal" and place < len(lines):
            yield place


def _renamed(text: str) -> str:
    for number, other in enumerate(OTHER_ITEMS):
        text = text.replace(other, f"<{number}>")
    for old, new in (("items", "products"), ("item", "product")):
        for change in (str, str.upper, str.capitalize):
            text = text.replace(change(old), change(new))
    for number, other in enumerate(OTHER_ITEMS):
        text = text.replace(f"<{number}>", other)
    return text
