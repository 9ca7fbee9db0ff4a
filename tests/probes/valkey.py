"""Run a throw-away Valkey in a folder until standard input ends; print its address."""

import sys
from pathlib import Path

from dev.valkey import run_valkey

with run_valkey(Path(sys.argv[1]), throwaway=True) as server:
    print(server.url(), flush=True)  # noqa: T201
    sys.stdin.read()
