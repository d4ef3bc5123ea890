"""The servers that are compared, each started as its operator would for this job."""

import pathlib
import socket
import subprocess
import time

import processes

START_S_MAX = 30
STOP_S_MAX = 60
IDLE_WINDOW_S = 1.0
IDLE_CPU_S_MAX = 0.02  # in a window; servers' own timers take less

# appendonly and appendfsync of each mode
MODES = {"off": ("no", "everysec"), "everysec": ("yes", "everysec"), "always": ("yes", "always")}


class Failure(Exception):
    """What ends the run, in a line for people."""


# What the workload "evalsha" runs.
RENEW_SCRIPT = ("local session = redis.call('GET', KEYS[1]) "
                "if session then redis.call('EXPIRE', KEYS[1], ARGV[1]) end return session")
RENEW_SHA1 = "6495baf3506985e20697ca569bed48e5d87cea8c"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_certificate(directory):
    """A certificate and its key, for those who measure and do not ask whose it is."""
    certificate, key = pathlib.Path(directory) / "tls.crt", pathlib.Path(directory) / "tls.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    return certificate, key


class Server:
    """A server of its own data directory, pinned to cores; end it with stop()."""

    name = ""

    def __init__(self, program, mode, threads, cores, directory, tls_files=None):
        self.program = program
        self.port = free_port()
        self.load_port = free_port() if tls_files else self.port
        self.data = pathlib.Path(directory) / f"{self.name}-{mode}"
        self.data.mkdir(parents=True)
        self.log = self.data.with_suffix(".log")
        append_only, append_fsync = MODES[mode]
        arguments = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.data),
            "appendonly": append_only,
            "appendfsync": append_fsync,
            "io-threads": str(threads),
            **self.own_arguments(threads),
        }
        if tls_files:
            certificate, key = map(str, tls_files)
            arguments |= {"tls-port": str(self.load_port), "tls-cert-file": certificate,
                          "tls-key-file": key, "tls-auth-clients": "no"}
        words = [word for name, value in arguments.items() for word in (f"--{name}", value)]
        self.command = ["taskset", "-c", ",".join(map(str, cores)), str(program), *words]
        self.start()

    def start(self):
        """Also after stop(), on what is on disk then."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self.pid = self.process.pid

    def own_arguments(self, threads):
        return {}

    def version(self):
        told = subprocess.run(
            [self.program, "--version"], capture_output=True, text=True, check=True)
        return told.stdout.strip().splitlines()[0]

    def wait_until_ready(self):
        deadline = time.monotonic() + START_S_MAX
        while True:
            if self.has_ended():
                raise Failure(f"{self.name} ended with status {self.process.returncode}: "
                              f"{self.last_words()}")
            try:
                if self.ask("PING").startswith(b"+PONG"):
                    return
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise Failure(
                    f"{self.name} is not ready after {START_S_MAX} s: {self.last_words()}")
            time.sleep(0.02)

    def has_ended(self):
        return self.process.poll() is not None

    def last_words(self):
        return " | ".join(self.log.read_text(errors="replace").strip().splitlines()[-5:])

    def ask(self, line):
        """The first line, or the bulk string, that the server answers."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(line.encode() + b"\r\n")
            with connection.makefile("rb") as replies:
                head = replies.readline()
                return replies.read(int(head[1:])) if head.startswith(b"$") else head

    def load_script(self):
        answer = self.ask(f'SCRIPT LOAD "{RENEW_SCRIPT}"').decode()
        if RENEW_SHA1 not in answer:
            raise Failure(f"{self.name} answered {answer!r} to SCRIPT LOAD")

    def info(self):
        rows = (row.split(":", 1) for row in self.ask("INFO").decode().splitlines() if ":" in row)
        return dict(rows)

    def cpu(self):
        return processes.cpu_time(self.pid)

    def resident_bytes(self):
        return processes.resident_bytes(self.pid)

    def written_bytes(self):
        return processes.disk_bytes(self.pid)

    def data_bytes(self):
        """What its files take."""
        return sum(file.stat().st_blocks * 512 for file in self.data.rglob("*") if file.is_file())

    def storage_engine_bytes(self):
        """How much of its memory is the storage engine's own and not its sessions'."""
        return 0

    def settle(self, seconds_max):
        """Waits until the server has nothing left to do; false if it still has after that time."""
        deadline = time.monotonic() + seconds_max
        while True:
            before = self.cpu()
            time.sleep(IDLE_WINDOW_S)
            used = (self.cpu() - before).total
            if used <= IDLE_CPU_S_MAX and not processes.children_of(self.pid):
                return True
            if time.monotonic() >= deadline:
                return False

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Sojourn(Server):
    name = "Sojourn"

    def storage_engine_bytes(self):
        return int(self.info().get("store_memory_bytes", 0))


class RedisServer(Server):
    name = "redis-server"

    def own_arguments(self, threads):
        return {"save": ""} | ({"io-threads-do-reads": "yes"} if threads > 1 else {})
