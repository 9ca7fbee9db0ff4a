"""Run PostgreSQL on the data of a folder until standard input ends; print its address."""

import sys
from pathlib import Path

from dev.postgres import run_postgres

with run_postgres(Path(sys.argv[1])) as server:
    print(server.url("postgres"), flush=True)  # noqa: T201
    sys.stdin.read()
