"""System calls of a running server that fail or hang, as strace makes them."""

import shutil
import subprocess
import unittest

from .server import Process

ATTACHED = "attached"


class BadCalls:
    """From the beginning of a `with` block to its end these calls of the process go wrong.

    how: what strace calls a tampering, "error=EIO" or "delay_enter=9s". path: only those on it.
    """

    def __init__(self, server, calls, how, path=None):
        self.command = ["strace", "-f", "-p", str(server.process.pid), "-o", "/dev/null"]
        self.command += ["-e", f"trace={calls}", "-e", f"inject={calls}:{how}"]
        if path:
            self.command += ["-P", path]
        self.log_path = f"{server.directory}/strace.log"

    def __enter__(self):
        if shutil.which("strace") is None:
            raise unittest.SkipTest("strace is not installed")
        self.process = Process(self.command, self.log_path)
        try:
            self.process.wait_for_line(ATTACHED)
        except AssertionError:
            self.process.wait()
            if "not permitted" not in self.process.log():
                raise
            raise unittest.SkipTest("no process may be traced here") from None

    def __exit__(self, *_):
        if not self.process.running():
            return
        try:
            self.process.terminate(deadline=1)
        except subprocess.TimeoutExpired:  # strace may wait for ever for a process that was killed
            self.process.kill()
