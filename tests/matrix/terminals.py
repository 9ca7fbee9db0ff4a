"""Programs in a terminal of their own, driven by keys, and the screen that a person sees."""

import errno
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyte

PATIENCE = 60.0
LINES, COLUMNS = 24, 80

ENTER, SPACE, DOWN = "\r", " ", "\x1b[B"
CTRL_C, CTRL_U = "\x03", "\x15"

# A program controls the terminal that it is started in, or Ctrl-C would reach nobody. `subprocess`
# can't do this without `preexec_fn`, of which Python warns in processes with threads.
TAKE_THE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal(pyte.Screen):
    """A program that runs, its keyboard and its screen."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        super().__init__(COLUMNS, LINES)
        self._process = process
        self._descriptor = descriptor
        self._stream = pyte.ByteStream(self)

    @property
    def shown(self) -> str:
        """The screen as it is, without the empty ends of lines."""
        return "\n".join(line.rstrip() for line in self.display).rstrip()

    def type(self, keys: str) -> None:
        os.write(self._descriptor, keys.encode())

    def wait_for(self, text: str) -> None:
        """Wait until the screen shows this; what scrolled away isn't shown."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.shown:
            if not self._look(deadline):
                raise AssertionError(f"{text!r} never came:\n{self.shown}")

    def finish(self) -> int:
        """Wait until the program ends; return its exit status."""
        deadline = time.monotonic() + PATIENCE
        while self._look(deadline):
            pass
        try:
            return self._process.wait(timeout=max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"It doesn't end:\n{self.shown}") from None

    def close(self) -> None:
        """Kill the program, and what it started, if it still runs."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._descriptor)

    def write_process_input(self, data: str) -> None:
        """Answer the program, which asks where the cursor is."""
        self.type(data)

    def _look(self, deadline: float) -> bool:
        """Let the screen show what comes next; return whether anything came in time."""
        patience = max(0, deadline - time.monotonic())
        if not select.select([self._descriptor], [], [], patience)[0]:
            return False
        try:
            output = os.read(self._descriptor, 65536)
        except OSError as error:
            # So Linux says that nobody has the terminal open any more; others return nothing.
            if error.errno != errno.EIO:
                raise
            return False
        self._stream.feed(output)
        return bool(output)


@contextmanager
def terminal(*command: str | Path, cwd: Path) -> Iterator[Terminal]:
    """Run a command, given by its path, in a terminal until the block ends."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (LINES, COLUMNS))
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE_THE_TERMINAL, *command],
        cwd=cwd,
        env={**os.environ, "TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    opened = Terminal(process, ours)
    try:
        yield opened
    finally:
        opened.close()
