"""What `GET /health` tells besides the checks that the composition root lists."""

from collections.abc import Callable

# By name, added while the application runs: each returns `ok`, or what is wrong in a word or two.
STATES: dict[str, Callable[[], str]] = {}
