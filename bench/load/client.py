"""A client of few words, for what a script has a server do."""

import socket

from servers import Failure

SESSION = b"v" * 64
BURST = 500
REPLY_S_MAX = 120


def request(*words):
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=REPLY_S_MAX)
        self.replies = self.socket.makefile("rb", buffering=1 << 20)

    def ask(self, *words):
        self.socket.sendall(request(*words))
        return self.reply()

    def pipeline(self, requests):
        """Sends in bursts and reads what is answered, errors too."""
        for at in range(0, len(requests), BURST):
            burst = requests[at:at + BURST]
            self.socket.sendall(b"".join(burst))
            for _ in burst:
                self.reply()

    def reply(self):
        line = self.replies.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            return self.replies.read(int(rest) + 2)[:-2] if rest != b"-1" else None
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        if kind == b"-":
            raise Failure(f"the server answered {line.decode().strip()}")
        return rest

    def sojourn(self):
        """INFO's section of what only Sojourn has."""
        rows = self.ask("INFO", "sojourn").decode().splitlines()
        return dict(row.split(":", 1) for row in rows if ":" in row)

    def fill(self, keys, *options):
        for at in range(0, keys, 100_000):
            upto = min(at + 100_000, keys)
            self.pipeline(
                [request("SET", f"session:{i}", SESSION, *options) for i in range(at, upto)])

    def fill_hash(self, name, fields):
        for at in range(0, fields, 50_000):
            upto = min(at + 50_000, fields)
            self.pipeline(
                [request("HSET", name, *(word for j in range(i, min(i + 100, upto))
                                         for word in (f"field:{j}", "value")))
                 for i in range(at, upto, 100)])
