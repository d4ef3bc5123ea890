"""Random requests to this server and to Debian's redis-server: every reply must be the same.

Time is kept out of it: deadlines are far away, or have passed. What has no order is compared
without one, SCAN is followed to its end, and what is random must be one of the possible answers.
"""

import random

from support import program
from support.request_generator import KEYS, ODD_WORDS, RequestGenerator
from support.resp import Connection, Map, ReplyError

REQUESTS_IN_A_ROW = 250  # then both servers are emptied
MISMATCHES_MAX = 8
SHRINKING_ATTEMPTS_MAX = 400
DATABASES = 16
TRANSACTIONS_IN_A_ROW = 20

UNORDERED = {"HGETALL", "HKEYS", "HVALS", "KEYS", "SMEMBERS", "SINTER", "SUNION", "SDIFF", "SPOP"}
SCANS = ("SCAN", "HSCAN", "SSCAN", "ZSCAN")
RANDOM = ("RANDOMKEY", "HRANDFIELD", "SRANDMEMBER", "ZRANDMEMBER")
# The reply tells the time left: how many of its units two servers may be apart.
TIMED = {"TTL": 30, "PTTL": 30_000, "EXPIRETIME": 30, "PEXPIRETIME": 30_000}


class KnownDifference:
    """A difference that is meant, or is one of Redis 7.2 from Debian's 7.0."""

    def __init__(self, reason, applies):
        self.reason, self.applies = reason, applies


def error(reply):
    return str(reply) if isinstance(reply, ReplyError) else ""


def with_long_numbers_read(reply):
    if isinstance(reply, (list, tuple)):
        return [with_long_numbers_read(part) for part in reply]
    if not isinstance(reply, bytes) or len(reply) < 15:
        return reply
    try:
        return float(reply)
    except ValueError:
        return reply


def is_subcommand(words, container, *names):
    return len(words) > 1 and name_of(words) == container and str(words[1]).upper() in names


KNOWN_DIFFERENCES = [
    KnownDifference(
        "Redis shares the objects of small numbers, and of what is queued; here are none to share",
        lambda words, ours, theirs: is_subcommand(words, "OBJECT", "REFCOUNT")
        and (ours, theirs) in ((1, 2147483647), (1, 2)),
    ),
    KnownDifference(
        "Redis's encoding tells how a value came about, ours what it is",
        lambda words, ours, theirs: is_subcommand(words, "OBJECT", "ENCODING")
        and {ours, theirs} <= {b"int", b"embstr", b"raw", b"listpack", b"hashtable", b"intset",
                             b"skiplist"},
    ),
    KnownDifference(
        "a deadline after the year 1,000,000 is kept as one in it",
        lambda words, ours, theirs: name_of(words) in TIMED and ours > 3 * 10**13 and theirs > ours,
    ),
    KnownDifference(
        "Redis loses a NUL byte in an error text, or what follows it",
        lambda words, ours, theirs: "\0" in error(ours) and error(theirs) in (
            error(ours).split("\0")[0] + "'", error(ours).split("\0")[0],
            error(ours).replace("\0", "")),
    ),
    KnownDifference(
        "a cursor that no server gave may lead anywhere",
        lambda words, ours, theirs: name_of(words) in SCANS and "0" not in words[1:3]
        and not error(ours) and not error(theirs),
    ),
    KnownDifference(
        "Redis tells the keys by as much of their count as is a number, and then refuses the request",
        lambda words, ours, theirs: is_subcommand(words, "COMMAND", "GETKEYS")
        and error(ours) == "ERR Invalid arguments specified for command"
        and isinstance(theirs, list),
    ),
    KnownDifference(
        "7.2 prints a double with the fewest digits that read back, 7.0 with 17",
        lambda words, ours, theirs: name_of(words).startswith(("Z", "EVAL"))
        and with_long_numbers_read(ours) == with_long_numbers_read(theirs),
    ),
    KnownDifference(
        "7.2 takes a word more for a rank: WITHSCORE",
        lambda words, ours, theirs: is_subcommand(words, "COMMAND", "GETKEYS")
        and len(words) == 6 and name_of(words[2:]) in ("ZRANK", "ZREVRANK")
        and error(theirs) == "ERR Invalid number of arguments specified for command",
    ),
    KnownDifference(
        "7.2 says more precisely why COMMAND GETKEYS finds none",
        lambda words, ours, theirs: is_subcommand(words, "COMMAND", "GETKEYS")
        and error(ours) in ("ERR The command has no key arguments", "ERR Invalid command specified",
                            "ERR Invalid number of arguments specified for command")
        and error(theirs).startswith(("ERR wrong number of arguments", "ERR The command has no",
                                      "ERR Invalid number")),
    ),
]


class Side:
    """One of the two servers."""

    def __init__(self, server):
        self.server = server
        self.connection = self.other = None

    def begin(self, version):
        for connection in (self.connection, self.other):
            if connection:
                connection.close()
        self.connection, self.other = (Connection(self.server.address) for _ in range(2))
        self.connection.call("FLUSHALL")
        self.connection.call("HELLO", version)

    def ask_as(self, who, words):
        """The reply to one of two connections."""
        connection = self.other if who else self.connection
        connection.send(*words)
        return connection.read_raw()

    def ask(self, words):
        self.connection.send(*words)
        return self.connection.read_raw()

    def ask_alone(self, words):
        """On a connection of its own, which the request may change."""
        with Connection(self.server.address) as connection:
            connection.send(*words)
            return connection.read()

    def commands(self):
        """The names of all, "config|get" too."""
        rows = self.server.call("COMMAND")
        return {name.decode() for row in rows for name, *_ in [row, *row[9]]}

    def follow_scan(self, words, reply):
        """All elements of a SCAN, HSCAN, SSCAN or ZSCAN begun with this reply."""
        at = 1 if name_of(words) == "SCAN" else 2
        elements, rounds = [], 0
        while not isinstance(reply, ReplyError):
            cursor, part = reply
            elements += part
            if cursor == b"0":
                return elements
            reply, _ = self.ask([*words[:at], cursor, *words[at + 1 :]])
            rounds += 1
            if rounds > 10_000:
                return "a scan without an end"
        return reply

    def possible(self, words):
        """What a random reply may have in it."""
        if name_of(words) == "RANDOMKEY":
            return set(self.ask(["KEYS", "*"])[0])
        if name_of(words) == "SRANDMEMBER":
            return {(member, None) for member in self.ask(["SMEMBERS", words[1]])[0]}
        if name_of(words) == "ZRANDMEMBER":
            flat = flatten(self.ask(["ZRANGE", words[1], "0", "-1", "WITHSCORES"])[0])
            return set(zip(flat[::2], flat[1::2]))
        flat = flatten(self.ask(["HGETALL", words[1]])[0])
        return set(zip(flat[::2], flat[1::2]))

    def digest(self):
        """Of all data. What has expired is data still until somebody asks for it."""
        connection = Connection(self.server.address)
        for database in range(DATABASES):
            connection.call("SELECT", database)
            connection.call("EXISTS", *KEYS)
        digest = connection.call("DEBUG", "DIGEST")
        connection.close()
        return digest

    def size_when_all_were_asked_for(self):
        self.ask(["EXISTS", *KEYS])
        return self.ask(["DBSIZE"])[0]


def name_of(words):
    return words[0].decode("latin-1").upper() if isinstance(words[0], bytes) else words[0].upper()


def flatten(reply):
    """Pairs and maps as one list."""
    if not isinstance(reply, list):
        return reply
    return [part for element in reply
            for part in (flatten(element) if isinstance(element, (list, tuple)) else [element])]


def ordered(reply):
    if isinstance(reply, (Map, list)):
        return [type(reply), sorted(map(repr, reply))]
    return reply


def difference(words, ours, theirs):
    """What is different about two (reply, bytes), or None. Sides are asked again where need be."""
    (our_side, our_reply, our_bytes), (their_side, their_reply, their_bytes) = ours, theirs
    command = name_of(words)
    if our_bytes == their_bytes and command not in SCANS + RANDOM:
        return None
    if isinstance(our_reply, ReplyError) or isinstance(their_reply, ReplyError):
        same = our_bytes == their_bytes
    elif command in SCANS:
        if type(our_reply) is not type(their_reply):
            return "replies of other types"
        our_elements = our_side.follow_scan(words, our_reply)
        their_elements = their_side.follow_scan(words, their_reply)
        same = ordered(our_elements) == ordered(their_elements)
        our_bytes, their_bytes = our_elements, their_elements
    elif command in RANDOM:
        same = random_reply_is_possible(words, our_side, our_reply, their_reply)
    elif command in UNORDERED:
        same = ordered(our_reply) == ordered(their_reply)
    elif command in TIMED:
        same = abs(our_reply - their_reply) <= TIMED[command] and min(our_reply, their_reply) > 0
    elif is_subcommand(words, "OBJECT", "IDLETIME"):
        same = type(our_reply) is type(their_reply)
    elif command == "DBSIZE":
        # What has expired is counted until somebody, or time, has removed it.
        same = our_side.size_when_all_were_asked_for() == their_side.size_when_all_were_asked_for()
    elif command == "HELLO":
        same = shape(our_reply) == shape(their_reply)
    else:
        same = False
    if same or any(known.applies(words, our_reply, their_reply) for known in KNOWN_DIFFERENCES):
        return None
    return f"sojournd {shorten(our_bytes)}\n    redis    {shorten(their_bytes)}"


def reply_difference(words, ours, theirs):
    """Of replies to what cannot be asked again."""
    command = name_of(words)
    unforeseeable = command in (*SCANS, *RANDOM, "DBSIZE") or is_subcommand(
        words, "OBJECT", "IDLETIME")
    if type(ours) is type(theirs) and unforeseeable and not isinstance(ours, ReplyError):
        return None
    if command in UNORDERED and ordered(ours) == ordered(theirs):
        return None
    numbers = isinstance(ours, int) and isinstance(theirs, int)
    if command in TIMED and numbers and min(ours, theirs) > 0 and \
            abs(ours - theirs) <= TIMED[command]:
        return None
    if ours == theirs and type(ours) is type(theirs):
        return None
    if any(known.applies(words, ours, theirs) for known in KNOWN_DIFFERENCES):
        return None
    return f"sojournd {shorten(ours)}\n redis {shorten(theirs)}"


def shape(reply):
    """The names of a map or of a list of names and values."""
    return type(reply), [pair[0] for pair in reply] if isinstance(reply, Map) else reply[::2]


def random_reply_is_possible(words, side, our_reply, their_reply):
    if type(our_reply) is not type(their_reply):
        return False
    if our_reply is None:
        return True
    possible = side.possible(words)
    if not isinstance(our_reply, list):
        names = possible if name_of(words) == "RANDOMKEY" else {name for name, _ in possible}
        return our_reply in names
    if len(our_reply) != len(their_reply):
        return False
    flat = flatten(our_reply)
    if len(words) > 3:
        chosen = list(zip(flat[::2], flat[1::2]))
        return set(chosen) <= possible and distinct_if_positive(words, chosen)
    return set(flat) <= {name for name, _ in possible} and distinct_if_positive(words, flat)


def distinct_if_positive(words, chosen):
    return int(words[2]) < 0 or len(set(chosen)) == len(chosen)


def shorten(data):
    text = repr(data)
    return text if len(text) < 300 else f"{text[:200]} ... {text[-80:]} ({len(text)})"


# Words that somebody may write after any command, in turn right and wrong.
ANY_WORDS = [
    *ODD_WORDS, *KEYS[:5], "a", "b", "2", "(1", "[a", "+", "-", "MIN", "MAX", "LIMIT", "COUNT", "MATCH",
    "TYPE", "ID", "ON", "OFF", "YES", "NO", "ASYNC", "RESET", "FILTERBY", "WITHSCORES",
]
NOT_WITH_ANY_WORDS = {
    # They end a server, hold it, wait, or answer nothing;
    "shutdown", "monitor", "quit", "save", "bgsave", "wait", "client|kill", "client|pause",
    "client|reply",
    # change it for all, of which other tests are;
    "config|set", "acl|setuser",
    # take other words since 7.2;
    "command|getkeys", "command|getkeysandflags", "zrank", "zrevrank",
    # and are not quite what they are in Redis.
    "debug", "function", "module", "memory|malloc-stats", "script|debug",
}


class SpillingSide(Side):
    """Its values leave RAM again and again: what is asked for is mostly on disk only."""

    def __init__(self, server):
        super().__init__(server)
        self.asked = 0
        self.spiller = Connection(self.server.address)

    def spill_now_and_then(self):
        self.asked += 1
        if self.asked % 3 == 0:
            self.spiller.call("DEBUG", "SPILL")

    def ask_as(self, who, words):
        self.spill_now_and_then()
        return super().ask_as(who, words)

    def ask(self, words):
        self.spill_now_and_then()
        return super().ask(words)

    def ask_alone(self, words):
        self.spill_now_and_then()
        return super().ask_alone(words)


class Differential(program.SystemTest):
    def test_every_reply_is_that_of_redis(self):
        arguments = program.arguments
        seed = program.chosen_seed()
        print(f"seed {seed}, {arguments.commands} commands", flush=True)
        self.start_both()
        generator = RequestGenerator(random.Random(seed))
        mismatches, sent = [], 0
        while sent < arguments.commands and len(mismatches) < MISMATCHES_MAX:
            version = 2 + (sent // REQUESTS_IN_A_ROW) % 2
            requests = [generator.request() for _ in range(REQUESTS_IN_A_ROW)]
            sent += len(requests)
            found = self.first_mismatch(version, requests)
            if found:
                mismatches.append(self.explain(version, requests[: found[0] + 1]))
        self.assertFalse(mismatches, f"--seed {seed}:\n\n" + "\n\n".join(mismatches))
        if arguments.spill:
            self.assertGreater(int(self.ours.server.info()["values_read_back"]), 0)

    def start_both(self):
        side = SpillingSide if program.arguments.spill else Side
        self.ours = side(self.start_server(enable_debug_command="yes"))
        self.theirs = Side(self.start_redis(enable_debug_command="yes"))

    def same_data(self):
        # Once more if they differ: something may have expired between the two.
        return any(self.ours.digest() == self.theirs.digest() for _ in range(3))

    def test_every_transaction_ends_as_in_redis(self):
        seed = program.chosen_seed()
        count = program.arguments.transactions
        print(f"seed {seed}, {count} transactions", flush=True)
        self.start_both()
        generator = RequestGenerator(random.Random(seed))
        for first in range(0, count, TRANSACTIONS_IN_A_ROW):
            self.ours.begin(2 + first // TRANSACTIONS_IN_A_ROW % 2)
            self.theirs.begin(2 + first // TRANSACTIONS_IN_A_ROW % 2)
            done = []
            for _ in range(TRANSACTIONS_IN_A_ROW):
                steps = generator.transaction()
                done = done[-30:] + steps
                queued = []
                for who, words in steps:
                    ours, theirs = (side.ask_as(who, words) for side in (self.ours, self.theirs))
                    if ours[0] == "QUEUED" == theirs[0]:
                        queued.append(words)
                        continue
                    wrong = None
                    if words == ["EXEC"] and isinstance(ours[0], list):
                        wrong = self.exec_difference(queued, ours, theirs)
                    elif who == 1 or ours[1] != theirs[1]:
                        wrong = reply_difference(words, ours[0], theirs[0])
                    if wrong:
                        lines = "\n".join(f"{who} {words!r:.300}" for who, words in done)
                        self.fail(f"--seed {seed}:\n{lines}\nat {words!r:.300}: {wrong}")
            self.assertTrue(self.same_data(), f"--seed {seed}: DEBUG DIGEST, after {first}")

    def test_any_words_are_refused_as_by_redis(self):
        seed = program.chosen_seed()
        count = program.arguments.commands // 4
        print(f"seed {seed}, {count} requests of any words", flush=True)
        self.start_both()
        dice = random.Random(seed)
        names = sorted((self.ours.commands() & self.theirs.commands()) - NOT_WITH_ANY_WORDS)
        wrong = []
        for number in range(count):
            if number % REQUESTS_IN_A_ROW == 0:
                self.ours.begin(2)
                self.theirs.begin(2)
            words = [*dice.choice(names).split("|"),
                     *(dice.choice(ANY_WORDS) for _ in range(dice.randrange(6)))]
            ours, theirs = self.ours.ask_alone(words), self.theirs.ask_alone(words)
            same = type(ours) is type(theirs) and error(ours) == error(theirs)
            if not same and not any(k.applies(words, ours, theirs) for k in KNOWN_DIFFERENCES):
                wrong.append(f"{words}\n sojournd {shorten(ours)}\n redis {shorten(theirs)}")
        self.assertFalse(wrong, f"--seed {seed}:\n" + "\n".join(wrong))

    def exec_difference(self, queued, ours, theirs):
        if not isinstance(theirs[0], list) or len(ours[0]) != len(theirs[0]):
            return f"sojournd {shorten(ours[0])}\n redis {shorten(theirs[0])}"
        for words, mine, redis in zip(queued, ours[0], theirs[0]):
            wrong = reply_difference(words, mine, redis)
            if wrong:
                return f"{words!r:.300}: {wrong}"
        return None

    def first_mismatch(self, version, requests):
        """Where both servers, empty at the beginning, first differ, and how; or None."""
        self.ours.begin(version)
        self.theirs.begin(version)
        for at, words in enumerate(requests):
            wrong = difference(
                words, (self.ours, *self.ours.ask(words)), (self.theirs, *self.theirs.ask(words))
            )
            if wrong:
                return at, wrong
        return None if self.same_data() else (len(requests) - 1, "the data differ: DEBUG DIGEST")

    def explain(self, version, requests):
        requests = self.shrink(version, requests)
        found = self.first_mismatch(version, requests)
        lines = [" ".join(show_word(word) for word in words) for words in requests]
        return f"RESP{version}\n  " + "\n  ".join(lines) + f"\n    {found[1] if found else '?'}"

    def shrink(self, version, requests):
        """Leaves out what is not needed, larger pieces first."""
        size, attempts = max(len(requests) // 2, 1), 0
        while True:
            at = 0
            while at < len(requests) - 1 and attempts < SHRINKING_ATTEMPTS_MAX:
                attempts += 1
                fewer = requests[:at] + requests[min(at + size, len(requests) - 1) :]
                found = self.first_mismatch(version, fewer)
                if found:
                    requests = fewer[: found[0] + 1]
                else:
                    at += size
            if size == 1 or attempts >= SHRINKING_ATTEMPTS_MAX:
                return requests
            size //= 2


def show_word(word):
    text = repr(word.decode("latin-1") if isinstance(word, bytes) else str(word))
    return text[1:-1] if " " not in text and len(text) > 2 and len(text) < 60 else text[:60]


def add_arguments(parser):
    parser.add_argument("--commands", type=int, default=40_000)
    parser.add_argument("--transactions", type=int, default=4_000)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--spill", action="store_true", help="with values that are on disk only")


if __name__ == "__main__":
    program.main(add_arguments)
