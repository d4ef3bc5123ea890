"""A client of RESP2 and RESP3, small and strict: what no server may send raises ValueError.

Replies become: Simple (a str), bytes, int, None, ReplyError, list, Map (a list of pairs), Set,
Push, float for a double, bool, BigNumber (an int), Verbatim (bytes).
"""

import socket


class Simple(str):
    """+OK"""


class ReplyError(Exception):
    """-ERR ...: a value like any other in a pipeline; call() raises it."""

    def __eq__(self, other):
        return isinstance(other, ReplyError) and str(self) == str(other)

    def __hash__(self):
        return hash(str(self))


class Map(list):
    """A list of (key, value)."""


class Set(list):
    pass


class Push(list):
    pass


class BigNumber(int):
    pass


class Verbatim(bytes):
    pass


class Incomplete(Exception):
    """More bytes are needed."""


def as_bytes(word):
    if isinstance(word, bytes):
        return word
    return str(word).encode()


def encode(*words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        word = as_bytes(word)
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


def parse(data, at=0):
    """The reply at data[at:] and where it ends."""
    end = data.find(b"\r\n", at)
    if end < 0:
        raise Incomplete
    kind, line, after = bytes(data[at : at + 1]), bytes(data[at + 1 : end]), end + 2
    if kind in _LINES:
        return _LINES[kind](line), after
    if kind in (b"$", b"="):
        return _parse_bulk(kind, data, int(line), after)
    if kind in _AGGREGATES:
        return _parse_aggregate(kind, data, int(line), after)
    if kind == b"|":  # what is said about the reply that follows
        _, after = _parse_aggregate(b"%", data, int(line), after)
        return parse(data, after)
    raise ValueError(f"no reply begins like this: {bytes(data[at : at + 40])!r}")


def _parse_bulk(kind, data, size, at):
    if size == -1:
        return None, at
    if size < 0:
        raise ValueError(f"a length of {size}")
    if len(data) < at + size + 2:
        raise Incomplete
    if data[at + size : at + size + 2] != b"\r\n":
        raise ValueError("a bulk string that does not end with CRLF")
    value = bytes(data[at : at + size])
    return (Verbatim(value[4:]) if kind == b"=" else value), at + size + 2


def _parse_aggregate(kind, data, count, at):
    if count == -1 and kind == b"*":
        return None, at
    elements = []
    for _ in range(count * 2 if kind == b"%" else count):
        element, at = parse(data, at)
        elements.append(element)
    if kind == b"%":
        return Map(zip(elements[::2], elements[1::2])), at
    return _AGGREGATES[kind](elements), at


def _parse_null(line):
    if line:
        raise ValueError("a null with something in it")
    return None


def _big_number(line):
    """Or what a script says is one."""
    try:
        return BigNumber(line)
    except ValueError:
        return line


_LINES = {
    b"+": lambda line: Simple(line.decode("latin-1")),
    b"-": lambda line: ReplyError(line.decode("latin-1")),
    b":": int,
    b",": float,
    b"#": lambda line: {b"t": True, b"f": False}[line],
    b"(": _big_number,
    b"_": _parse_null,
}
_AGGREGATES = {b"*": list, b"%": Map, b"~": Set, b">": Push}


class Connection:
    """One connection. Not for several threads at a time."""

    def __init__(self, address, timeout=30.0):
        if isinstance(address, tuple):
            self.socket = socket.create_connection(address, timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(address)
        self._buffer = bytearray()
        self._at = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, *words):
        self.socket.sendall(encode(*words))

    def send_raw(self, data):
        self.socket.sendall(data)

    def read_raw(self):
        """The next reply, and its bytes."""
        while True:
            try:
                reply, end = parse(self._buffer, self._at)
            except Incomplete:
                self._receive()
                continue
            raw = bytes(self._buffer[self._at : end])
            self._at = end
            return reply, raw

    def read(self):
        while True:
            try:
                reply, self._at = parse(self._buffer, self._at)
                return reply
            except Incomplete:
                self._receive()

    def read_exactly(self, size):
        while len(self._buffer) - self._at < size:
            self._receive()
        data = bytes(self._buffer[self._at : self._at + size])
        self._at += size
        return data

    def read_to_end(self):
        """All bytes until the server closes the connection."""
        try:
            while True:
                self._receive()
        except ConnectionError:
            data = bytes(self._buffer[self._at :])
            self._at = len(self._buffer)
            return data

    def call(self, *words):
        self.send(*words)
        reply = self.read()
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def pipeline(self, requests, at_once=500):
        """The replies to all requests, errors as values."""
        replies = []
        requests = list(requests)
        for first in range(0, len(requests), at_once):
            part = requests[first : first + at_once]
            self.send_raw(b"".join(encode(*words) for words in part))
            replies += [self.read() for _ in part]
        return replies

    def _receive(self):
        if self._at > 1 << 16:
            del self._buffer[: self._at]
            self._at = 0
        data = self.socket.recv(1 << 18)
        if not data:
            raise ConnectionError("closed by the server")
        self._buffer += data
