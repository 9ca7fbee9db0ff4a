"""A real PgBouncer, in front of a server that a render runs."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.matrix.servers import free_ports

PGBOUNCER = Path("/usr/sbin/pgbouncer")
CONFIGURATION = """\
[databases]
* = host={url.hostname} port={url.port} user={url.username} password={url.password}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 10
max_client_conn = 500
"""
PATIENCE = 30


@contextmanager
def pgbouncer(url: str, folder: Path) -> Iterator[int]:
    """Pool every database of a server by transactions until the block ends; give the port."""
    port, log = free_ports(1)[0], folder / "pgbouncer.log"
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(CONFIGURATION.format(url=urlsplit(url), port=port))
    # It doesn't run as root, and reads this before it becomes somebody else.
    somebody = ["--user", "nobody"] if os.geteuid() == 0 else []
    with (
        log.open("wb") as output,
        subprocess.Popen([_binary(), *somebody, configuration], stderr=output) as process,
    ):
        try:
            deadline = time.monotonic() + PATIENCE
            while "process up" not in log.read_text():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()


def _binary() -> str:
    if not PGBOUNCER.exists() and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in ("update", "install --yes --no-install-recommends pgbouncer"):
            subprocess.run(["apt-get", "--quiet", *command.split()], check=False)
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:{PGBOUNCER.parent}")
    if found is None:
        raise AssertionError(f"A pooler is needed: install Debian's pgbouncer ({PGBOUNCER}).")
    return found
