"""Requests on several connections, and all that each of these is sent, asked for or not.

    app     GET s:1
    other   SET s:1 bob

Each request is answered before the next is sent. `$app` in a request stands for the number of that
connection, and in what comes the number for `$app`: two servers' answers can be compared.
"""

import re
import shlex

from .resp import Push, Simple

MONITOR_LINE = re.compile(r"[0-9]+\.[0-9]{6} \[([0-9]+) [^]]+\]")


def is_unasked(item):
    if isinstance(item, Push):
        return item[0] not in (b"subscribe", b"unsubscribe", b"psubscribe", b"punsubscribe")
    if isinstance(item, list):
        return item[:1] in ([b"message"], [b"pmessage"])
    return isinstance(item, Simple) and MONITOR_LINE.match(str(item)) is not None


class Scenario:
    def __init__(self, server):
        self.server = server
        self.connections, self.ids, self.told = {}, {}, {}

    def run(self, script):
        """What each connection was sent, in order."""
        for line in script.strip().split("\n"):
            if line.strip() and not line.strip().startswith("#"):
                name, request = line.split(maxsplit=1)
                self.ask(name, request)
        for name, connection in self.connections.items():
            # What came before the answer was sent before it.
            connection.send("PING", "the end")
            self.read_to_answer(name)
        return self.told

    def ask(self, name, request):
        connection = self.connection(name)
        if request == "closes":
            connection.close()
            del self.connections[name]
            return
        words = [self.with_numbers(word) for word in shlex.split(request)]
        connection.send(*words)
        self.read_to_answer(name)

    def connection(self, name):
        if name not in self.connections:
            self.connections[name] = self.server.connect()
            self.ids[name] = self.connections[name].call("CLIENT", "ID")
            self.told.setdefault(name, [])
        return self.connections[name]

    def with_numbers(self, word):
        return str(self.connection(word[1:]) and self.ids[word[1:]]) if word[:1] == "$" else word

    def read_to_answer(self, name):
        while True:
            item = self.connections[name].read()
            self.told[name].append(self.comparable(item))
            if not is_unasked(item):
                return

    def comparable(self, item):
        if isinstance(item, Simple):
            return MONITOR_LINE.sub(r"time [\1 who]", str(item))
        if isinstance(item, (list, tuple)):
            return [type(item).__name__, *map(self.comparable, item)]
        if type(item) is int:
            return next((f"${name}" for name, number in self.ids.items() if number == item > 2), item)
        return item if isinstance(item, (bytes, float, type(None))) else str(item)
