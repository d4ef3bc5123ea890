"""System calls of a server: seen by strace, or made to fail or hang by it."""

import os
import re
import shutil
import signal
import subprocess
import unittest

from .server import READY, Process


def start_strace(arguments, server, until):
    """strace with these arguments, once its log has the line; skips the test where none may run."""
    if shutil.which("strace") is None:
        raise unittest.SkipTest("strace is not installed")
    log_path = os.path.join(server.directory, "strace.log")
    process = Process(["strace", "-f", *arguments], log_path, cwd=server.directory)
    try:
        process.wait_for_line(until)
    except AssertionError:
        process.wait()
        if "not permitted" not in process.log():
            raise
        raise unittest.SkipTest("no process may be traced here") from None
    return process


class BadCalls:
    """From the beginning of a `with` block to its end these calls of the process go wrong.

    how: what strace calls a tampering, "error=EIO" or "delay_enter=9s". path: only those on it.
    """

    def __init__(self, server, calls, how, path=None):
        self.server = server
        self.arguments = ["-p", str(server.process.pid), "-o", "/dev/null"]
        self.arguments += ["-e", f"trace={calls}", "-e", f"inject={calls}:{how}"]
        if path:
            self.arguments += ["-P", path]

    def __enter__(self):
        self.process = start_strace(self.arguments, self.server, until="attached")

    def __exit__(self, *_):
        if not self.process.running():
            return
        try:
            self.process.terminate(deadline=1)
        except subprocess.TimeoutExpired:  # strace may wait for ever for a process that was killed
            self.process.kill()


def calls_of_a_start(server, calls):
    """What the server, started again and stopped, called; a line each."""
    trace = os.path.join(server.directory, "trace")
    arguments = ["-o", trace, "-e", f"trace={calls}", *server.command()]
    process = start_strace(arguments, server, until=READY)
    os.kill(int(re.search(r" PID: (\d+)", process.log())[1]), signal.SIGTERM)
    process.wait()
    with open(trace, encoding="utf-8") as lines:
        return lines.read().splitlines()
