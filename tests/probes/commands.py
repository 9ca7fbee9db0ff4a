"""Print the commands of the command line in the current folder, each with its options."""

import json
import sys
from typing import Any

from app import project
from app.cli.commands import cli
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


def describe(command: TyperCommand | TyperGroup) -> dict[str, Any]:
    options = [name for option in command.params for name in (*option.opts, *option.secondary_opts)]
    commands = getattr(command, "commands", {})
    return {
        "options": ["--help", *(name for name in options if name.startswith("-"))],
        "commands": {name: describe(nested) for name, nested in commands.items()},
    }


cli.add_typer(project.cli)
json.dump(describe(get_command(cli)), sys.stdout)
