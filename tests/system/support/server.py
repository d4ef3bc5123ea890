"""sojournd, and Debian's redis-server beside it, as processes of a test's own."""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile

from .resp import Connection
from .waiting import wait_until

HOST = "127.0.0.1"
STORE_OPEN = "RocksDB is open"
READY = "Ready to accept connections"
PORT_TAKEN = "Failed listening on port"


def free_port():
    """A port nobody listens on, from below those the kernel gives to outgoing connections."""
    while True:
        port = random.SystemRandom().randrange(10000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
                return port
            except OSError:
                continue


class TemporaryDirectory:
    """A directory of the test's own, gone with it."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="sojourn-system-")

    def __truediv__(self, name):
        return os.path.join(self.path, name)

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Process:
    """A program with its output in a file."""

    def __init__(self, command, log_path, **options):
        self.log_path = log_path
        self._log_start = os.path.getsize(log_path) if os.path.exists(log_path) else 0
        with open(log_path, "ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **options,
            )
        self.pid = self._process.pid

    def log(self):
        """What this process, not one before it, has said."""
        with open(self.log_path, "rb") as log:
            log.seek(self._log_start)
            return log.read().decode("utf-8", "replace")

    def running(self):
        return self._process.poll() is None

    def dead(self):
        """Also while somebody who traces it keeps wait() from seeing it."""
        if not self.running():
            return True
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"

    def wait_for_line(self, text, deadline=60.0):
        def said():
            # Asked first: what it says before it ends is then in the log.
            running = self.running()
            if text in self.log():
                return True
            if not running:
                raise AssertionError(f"it ended before it said '{text}':\n{self.log()}")
            return False

        wait_until(said, f"'{text}' in {self.log_path}", deadline, pause=0.002)

    def send_signal(self, number):
        self._process.send_signal(number)

    def kill(self):
        """kill -9, and gone when this returns."""
        self._process.kill()
        self._process.wait()

    def wait(self, deadline=30.0):
        """The exit code."""
        return self._process.wait(deadline)

    def terminate(self, deadline=30.0):
        self.send_signal(signal.SIGTERM)
        return self.wait(deadline)


class Server:
    """A server that may be killed and started again on its port and its data.

    program: "sojournd"'s path. Directives are given as on the command line: appendfsync="always".
    """

    def __init__(
        self, program, directory=None, port=None, wait=True, config_file=None, **directives
    ):
        self.program = program
        self.config_file = config_file
        self._own_directory = None
        if directory is None:
            self._own_directory = TemporaryDirectory()
            directory = self._own_directory.path
        self.directory = directory
        self.directives = directives
        self.process = None
        self._connections = []
        self._start_on_free_port(port, wait)

    def _start_on_free_port(self, port, wait):
        for _ in range(10):
            self.port = port or free_port()
            self.address = (HOST, self.port)
            try:
                return self.start(wait=wait)
            except AssertionError:
                if port or PORT_TAKEN not in self.process.log():
                    self.close()
                    raise
        raise AssertionError("no free port in ten attempts")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def command(self):
        words = [self.program, *([self.config_file] if self.config_file else [])]
        words += ["--port", str(self.port), "--bind", HOST]
        words += ["--dir", os.path.join(self.directory, "data")]
        for name, value in self.directives.items():
            words += ["--" + name.replace("_", "-"), *str(value).split()]
        return words

    def start(self, wait=True, **directives):
        """Starts (again); further directives are kept."""
        self.directives.update(directives)
        log_path = os.path.join(self.directory, "server.log")
        self.process = Process(self.command(), log_path, cwd=self.directory)
        if wait:
            self.wait_until_ready()

    def wait_until_ready(self, deadline=60.0):
        self.process.wait_for_line(READY, deadline)

    def connect(self, timeout=30.0):
        connection = Connection(self.address, timeout)
        self._connections.append(connection)
        return connection

    def call(self, *words):
        with Connection(self.address) as connection:
            return connection.call(*words)

    def info(self, section="everything"):
        text = self.call("INFO", section).decode()
        lines = (line for line in text.split("\r\n") if ":" in line and line[0] != "#")
        return dict(line.split(":", 1) for line in lines)

    def wait_until_warm(self, deadline=60.0):
        wait_until(lambda: self.info("sojourn")["warming"] == "0", "the server is warm", deadline)

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def kill(self):
        self._drop_connections()
        self.process.kill()

    def terminate(self, deadline=30.0):
        self._drop_connections()
        return self.process.terminate(deadline)

    def close(self):
        self._drop_connections()
        if self.process is not None and self.process.running():
            self.process.kill()
        if self._own_directory is not None:
            self._own_directory.remove()

    def _drop_connections(self):
        for connection in self._connections:
            connection.close()
        self._connections.clear()


class RedisServer(Server):
    """Debian's redis-server, keeping nothing on disk, for comparison."""

    def __init__(self, **directives):
        super().__init__(shutil.which("redis-server") or "redis-server", **directives)

    def command(self):
        words = [self.program, "--port", str(self.port), "--bind", HOST, "--dir", self.directory]
        words += ["--save", "", "--appendonly", "no"]
        for name, value in self.directives.items():
            words += ["--" + name.replace("_", "-"), *str(value).split()]
        return words
