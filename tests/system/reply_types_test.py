"""Every command's replies are of the types that redis-server's are, in RESP2 and in RESP3.

The requests are those of tests/transcripts, asked of both servers at once. What the replies say is
compared there; here each type mark counts, down to the last element, and no command may be missing.
"""

from support import program
from support.resp import Push, ReplyError
from support.transcript import Advance, Transcript
from transcripts_test import FOLDER, WAIT_MAX_SECONDS, wait_for_time

# What no transcript asks for, as the answer is no two servers' alike.
REQUESTS = """
    ACL LIST | ACL HELP | CLIENT INFO | CLIENT LIST | CLIENT HELP | CLIENT PAUSE 1 WRITE | COMMAND COUNT
    COMMAND HELP | CONFIG HELP | FUNCTION HELP | LATENCY DOCTOR | LATENCY HELP | LOLWUT | LOLWUT VERSION 5 1 1 1
    MEMORY DOCTOR | MEMORY HELP | MEMORY PURGE | MEMORY STATS | MODULE HELP | OBJECT HELP
    PUBSUB HELP | SCRIPT DEBUG NO | SCRIPT HELP | SLOWLOG HELP | CLUSTER HELP | TIME | SAVE | BGSAVE | MONITOR
"""
NOT_ASKED = {
    "acl|load": "needs a file: acl_test", "acl|save": "needs a file: acl_test",
    "config|rewrite": "needs a file", "shutdown": "has no reply",
    "script|kill": "needs a script that does not end: scripts_test",
    "memory|malloc-stats": "answers as a Redis without jemalloc",
}
# Of a standalone server these say nothing else.
NO_CLUSTER = "ERR This instance has cluster support disabled"

SUBSCRIBING = (b"SUBSCRIBE", b"PSUBSCRIBE", b"SSUBSCRIBE", b"UNSUBSCRIBE", b"PUNSUBSCRIBE",
               b"SUNSUBSCRIBE")


def type_marks(data, at=0):
    """The first bytes of a reply and of all in it, and where it ends."""
    end = data.index(b"\r\n", at)
    mark, line, at = data[at : at + 1].decode(), data[at + 1 : end], end + 2
    if mark in "$=" and line != b"-1":
        return mark, at + int(line) + 2
    if mark in "*%~>|" and line != b"-1":
        elements = []
        for _ in range(elements_of(mark, int(line))):
            element, at = type_marks(data, at)
            elements.append(element)
        return (mark, elements), at
    return (mark + "-1" if line == b"-1" and mark in "$*" else mark), at


def elements_of(mark, count):
    # An attribute ends with the reply that it is about.
    return {"%": 2 * count, "|": 2 * count + 1}.get(mark, count)


def same_types(ours, theirs):
    """Of two replies; what is of any length (a scan's part, INFO's fields) by what it is made of."""
    if isinstance(ours, str) or isinstance(theirs, str):
        return ours == theirs
    if ours[0] != theirs[0]:
        return False
    if len(ours[1]) == len(theirs[1]):
        return all(map(same_types, ours[1], theirs[1]))
    made_of = [{repr(element) for element in side[1]} for side in (ours, theirs)]
    return made_of[0] <= made_of[1] or made_of[1] <= made_of[0]


class Pair:
    """A transcript's connection, to each of the two servers."""

    def __init__(self, ours, theirs, version):
        self.sides = [server.connect() for server in (ours, theirs)]
        for side in self.sides:
            if version == 3:
                side.send("HELLO", 3)
                side.read()  # who has to authenticate first is refused, and goes on in RESP2

    def close(self):
        for side in self.sides:
            side.close()

    def send(self, words):
        for side in self.sides:
            side.send(*words)

    def read(self, words):
        return [self._reply(side, words) for side in self.sides]

    def _reply(self, side, words):
        while True:
            reply, data = side.read_raw()
            if not isinstance(reply, Push) or words[0].upper() in SUBSCRIBING:
                return reply, data


class ReplyTypes(program.SystemTest):
    def test_are_those_of_redis(self):
        for version in (2, 3):
            self.version, self.asked = version, set()
            self.ours = self.start_server(enable_debug_command="yes")
            self.theirs = self.start_redis(enable_debug_command="yes")
            known, theirs = self.commands(self.ours), self.commands(self.theirs)
            self.known = {name: known[name] for name in known.keys() & theirs.keys()}
            for path in sorted(FOLDER.glob("**/*.txt")):
                self.replay(Transcript(path))
            self.ask_the_rest()
            missing = sorted(self.known.keys() - self.asked - NOT_ASKED.keys())
            self.assertFalse(missing, f"no transcript asks for these with success in RESP{version}")

    def ask_the_rest(self):
        pair = Pair(self.ours, self.theirs, self.version)
        of_cluster = [[*name.split("|"), *"1" * (words - 2)]
                      for name, words in self.known.items() if name.startswith("cluster|")]
        others = [text.split() for line in REQUESTS.split("\n") for text in line.split("|")]
        for words in [*of_cluster, ["READONLY"], ["READWRITE"], *filter(None, others)]:
            self.ask("besides", [word.encode() for word in words], pair)
        pair.close()

    def commands(self, server):
        """Of all, "config|get" too, but not of what only contains others: the fewest words."""
        rows = [inner for row in server.call("COMMAND") for inner in row[9] or [row]]
        return {row[0].decode(): abs(row[1]) for row in rows}

    def replay(self, transcript):
        if transcript.only or transcript.seconds() > WAIT_MAX_SECONDS:
            return
        servers = self.ours, self.theirs
        if transcript.directives:
            servers = (self.start_server(**transcript.directives),
                       self.start_redis(**transcript.directives))
        else:
            for server in servers:
                server.call("FLUSHALL")
        pairs = {}
        for step in transcript.steps:
            if isinstance(step, Advance):
                wait_for_time(step.milliseconds)
            elif step.only is None:
                if step.connection not in pairs:
                    pairs[step.connection] = Pair(*servers, self.version)
                pair = pairs[step.connection]
                if step.lines:
                    self.ask(f"{transcript.path.name}:{step.line_number}", step.words, pair)
                else:
                    pair.send(step.words)
        for pair in pairs.values():
            pair.close()

    def ask(self, where, words, pair):
        pair.send(words)
        (ours, our_bytes), (_, their_bytes) = pair.read(words)
        mine, redis = (type_marks(data)[0] for data in (our_bytes, their_bytes))
        self.assertTrue(
            same_types(mine, redis),
            f"RESP{self.version}, {where}: {words}\n"
            f"sojournd {our_bytes[:300]}\nredis    {their_bytes[:300]}",
        )
        if not isinstance(ours, ReplyError) or str(ours).startswith(NO_CLUSTER):
            names = [word.decode("latin-1").lower() for word in words[:2]]
            self.asked.update((names[0], "|".join(names)))


if __name__ == "__main__":
    program.main()
