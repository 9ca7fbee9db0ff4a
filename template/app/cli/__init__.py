"""The command line of the project: `uv run app --help`."""

import sys


def main() -> None:
    """Run a command, if the code can be read: an update may have left conflict markers in it."""
    try:
        from app.cli.commands import run  # noqa: PLC0415
    except SyntaxError as error:
        sys.exit(
            f"{error.filename}, line {error.lineno}: {error.msg}. If these are conflict markers, "
            "resolve what stands between them; `make check` names all files that hold some."
        )
    run()
