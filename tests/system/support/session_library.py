"""A session library at work: programs that answer steps, and what is in the store meanwhile.

libraries/README.md says what the steps are.
"""

import json
import os
import re
import select
import subprocess
import tempfile

from .server import HOST
from .waiting import wait_until

IDLE_SECONDS = 1000
ANSWER_SECONDS = 60
# Times, ids and tokens, which are never the same twice. An id may begin as a number does; Django's
# signatures have their second in base 62 between colons.
RANDOM = re.compile(
    r"\d{4}-\d\d-\d\dT[\d:.]+Z|[0-9A-Za-z_,+/=-]{20,}|\d{10,}(\.\d+)?|(?<=:)[0-9A-Za-z]{6}(?=:)"
)
# What is left of a time, which may be counted a millisecond late.
MILLISECONDS_LEFT = re.compile(r'(?<="originalMaxAge":)\d+')
READ_ALL = {
    b"string": ("GET",),
    b"hash": ("HGETALL",),
    b"set": ("SMEMBERS",),
    b"zset": ("ZRANGE", "0", "-1"),
}


class Worker:
    """A process that has the library: words on its standard input, JSON on its standard output."""

    def __init__(self, command, port):
        self.command = command
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [*command, HOST, str(port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, bufsize=0,
        )

    def ask(self, *words):
        try:
            self.process.stdin.write(" ".join(words).encode() + b"\n")
            return json.loads(self._read_line())
        except (OSError, ValueError) as error:
            raise AssertionError(f"{self.command}: {words}: {error}\n{self._said()}") from error

    def _read_line(self):
        line = b""
        while not line.endswith(b"\n"):
            if not select.select([self.process.stdout], [], [], ANSWER_SECONDS)[0]:
                raise ValueError("no answer comes")
            part = self.process.stdout.read(1 << 16)
            if not part:
                raise ValueError("it ended")
            line += part
        return line

    def _said(self):
        self.errors.seek(0)
        return self.errors.read().decode("utf-8", "replace")

    def close(self):
        """It ends with its input; one that does not is killed."""
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


class Contents:
    """What is in a server's databases."""

    def __init__(self, server, databases=4):
        self.connections = [server.connect() for _ in range(databases)]
        for number, connection in enumerate(self.connections):
            connection.call("SELECT", str(number))

    def mortal_keys(self):
        """(database, key) of all that have a deadline."""
        return [
            (number, key)
            for number, connection in enumerate(self.connections)
            for key in connection.call("KEYS", "*")
            if connection.call("PTTL", key) >= 0
        ]

    def gone(self, keys):
        return not any(self.connections[number].call("EXISTS", key) for number, key in keys)

    def shorten(self, keys, seconds):
        for number, key in keys:
            self.connections[number].call("EXPIRE", key, str(seconds))

    def seconds_left(self, keys):
        return [self.connections[number].call("TTL", key) for number, key in keys]

    def without_chance(self, but, with_values):
        """Each key but those named, with its type, deadline and value, without what is random."""
        found = []
        for number, connection in enumerate(self.connections):
            for key in connection.call("KEYS", "*"):
                if (number, key) not in but:
                    found.append((number, *self._describe(connection, key, with_values)))
        return sorted(found)

    def _describe(self, connection, key, with_values):
        kind = connection.call("TYPE", key).encode()
        value = ""
        if with_values:
            command, *rest = READ_ALL[kind]
            value = _shown(connection.call(command, key, *rest))
        return _shown(key), kind.decode(), _rounded(connection.call("PTTL", key)), value


def _shown(value):
    if isinstance(value, list):
        return " ".join(sorted(_shown(element) for element in value))
    text = MILLISECONDS_LEFT.sub(lambda left: str(round(int(left[0]), -3)), value.decode("latin-1"))
    return RANDOM.sub("<chance>", text)


def _rounded(ttl_ms):
    """Upwards to 20 seconds: what two servers that were asked one after the other agree on."""
    return "for ever" if ttl_ms < 0 else f"{-(-ttl_ms // 20_000) * 20} s"
