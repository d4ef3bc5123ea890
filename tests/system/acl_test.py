"""Users and what they may do: against Debian's redis-server, and from socket to socket."""

import os
import random
import re

from support import program
from support.resp import ReplyError

RULES_IN_A_ROW = 12
REQUESTS_A_USER = 25

# What 7.2 says, by what 7.0 says.
DENIALS = (
    (r"(?:This user|User \S+) has no permissions to run the '(.*)' command", "command"),
    (r"(?:This user|User \S+) has no permissions to access the '(.*)' key", "key"),
    (r"(?:This user|User \S+) has no permissions to access the '(.*)' channel", "channel"),
)


def denial(reply):
    """What DRYRUN says, whichever version says it."""
    text = reply.decode("latin-1") if isinstance(reply, bytes) else str(reply)
    for pattern, what in DENIALS:
        found = re.fullmatch(pattern, text, re.DOTALL)
        if found:
            return what, found[1]
    return text


def fields(reply):
    """A flat map, and those in it."""
    if isinstance(reply, list) and len(reply) % 2 == 0 and reply and isinstance(reply[0], bytes):
        return {name.decode(): fields(value) for name, value in zip(reply[::2], reply[1::2])}
    return [fields(part) for part in reply] if isinstance(reply, list) else reply


def told_of(user):
    """GETUSER without what 7.2 tells otherwise: commands as they were given, one more flag."""
    if user is None:
        return None
    told = fields(user[:2]) | dict(zip(("passwords",), (user[3],)))
    rest = dict(zip((name.decode() for name in user[4::2]), user[5::2]))
    told["flags"] = [flag for flag in user[1] if flag != b"sanitize-payload"]
    told |= {name: rest[name] for name in ("keys", "channels")}
    told["selectors"] = [
        {name: fields(selector)[name] for name in ("keys", "channels")}
        for selector in rest["selectors"]
    ]
    return told


class Rules:
    """Random rules over a few commands, keys and channels, some of them wrong."""

    COMMANDS = ("get", "set", "GET", "mget", "del", "hset", "publish", "subscribe", "psubscribe",
                "select", "config", "config|get", "CONFIG|set", "client|id", "client", "acl|whoami",
                "rename", "copy", "zunionstore", "memory|usage", "object|encoding", "ping", "lpush",
                "spublish", "command|count", "command", "exists", "getex", "expire", "sintercard")
    ODD_COMMANDS = ("nosuch", "config|nosuch", "config|get|x", "select|", "select|0", "select|0|1",
                    "", "|", "get|", "get|x", "lpush|x", "config|", "@", "mget|K:1")
    CATEGORIES = ("keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "pubsub",
                  "admin", "fast", "slow", "dangerous", "connection", "transaction", "scripting",
                  "all", "ALL", "READ", "blocking", "nosuch", "")
    PATTERNS = ("*", "k:*", "k:1", "?:1", "[kh]:[1-2]", "", "k:\\*", "h*", "a b", "\t", "ch*", "ch:1",
                "c?:1", "k:[", "**")
    WORDS = ("on", "off", "nopass", "resetpass", "reset", "allkeys", "resetkeys", "allchannels",
             "resetchannels", "allcommands", "nocommands", "clearselectors", "sanitize-payload",
             "skip-sanitize-payload", "ON", "AllKeys", "wat", "", "()", "( )", ")", "%", "%~x",
             "%X~k", "~", "&", ">", "<", "#", "!", "+", "-", "+@", "%RR~a", "%rw~k:*", "%R")
    PASSWORDS = ("a", "b", "", "p w")
    HASHES = ("ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
              "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d", "CA9781", "x" * 64)
    REQUESTS = (
        ("get", "K"), ("set", "K", "v"), ("set", "K", "v", "GET"), ("mget", "K", "K", "K"),
        ("del", "K", "K"), ("hset", "K", "f", "v"), ("publish", "C", "m"), ("subscribe", "C", "C"),
        ("psubscribe", "C", "C"), ("unsubscribe", "C"), ("select", "0"), ("select", "1"),
        ("config", "get", "x"), ("config", "set", "x", "1"), ("client", "id"), ("client", "kill", "x"),
        ("acl", "whoami"), ("acl", "list"), ("rename", "K", "K"), ("copy", "K", "K"),
        ("zunionstore", "K", "2", "K", "K"), ("memory", "usage", "K"),
        ("object", "encoding", "K"), ("ping",), ("ssubscribe", "C"), ("spublish", "C", "m"),
        ("command", "count"), ("command",), ("exists", "K"), ("getex", "K", "EX", "1"),
        ("expire", "K", "1"), ("sintercard", "2", "K", "K"), ("flushall",), ("keys", "*"), ("scan", "0"),
        ("multi",), ("auth", "x"), ("hello",), ("hgetall", "K"), ("type", "K"), ("ttl", "K"),
        ("strlen", "K"), ("sadd", "K", "m"), ("zadd", "K", "1", "m"), ("smove", "K", "K", "m"),
        ("incr", "K"), ("append", "K", "v"), ("touch", "K"), ("getdel", "K"), ("move", "K", "1"),
        ("msetnx", "K", "1", "K", "2"), ("hrandfield", "K"), ("setrange", "K", "1", "v"),
    )

    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, of):
        return self.random.choice(of)

    def selector_rule(self):
        kind = self.random.randrange(10)
        sign = self.pick("+-")
        if kind < 4:
            odd = self.random.random() < 0.06
            return sign + self.pick(self.ODD_COMMANDS if odd else self.COMMANDS)
        if kind < 6:
            return sign + "@" + self.pick(self.CATEGORIES[:-2] if self.random.random() < 0.95
                                          else self.CATEGORIES)
        if kind < 8:
            return self.pick(("~", "%R~", "%W~", "%RW~")) + self.pick(self.PATTERNS)
        return "&" + self.pick(self.PATTERNS)

    def rule(self):
        kind = self.random.randrange(20)
        if kind < 14:
            return self.selector_rule()
        if kind < 15:
            return self.pick("><") + self.pick(self.PASSWORDS)
        if kind < 16:
            return self.pick("#!") + self.pick(self.HASHES[:2] if self.random.random() < 0.8
                                               else self.HASHES)
        if kind < 18:
            words = [self.selector_rule() for _ in range(self.random.randrange(5))]
            return "(" + " ".join(words) + ")"
        odd = self.random.random() < 0.2
        return self.pick(self.WORDS[16:] if odd else self.WORDS[:16])

    def words(self):
        rules = [self.rule() for _ in range(self.random.randrange(1, 5))]
        words = []
        for rule in rules:
            # A selector may come in several words.
            split = rule.startswith("(") and self.random.random() < 0.5
            words += rule.split(" ") if split else [rule]
        return words

    def request(self):
        return [
            self.pick(("k:1", "k:2", "h:1", "h:2", "k:*", "ch1", "other")) if word == "K"
            else self.pick(("ch:1", "c2:1", "k:1", "ch*", "*", "other")) if word == "C" else word
            for word in self.pick(self.REQUESTS)
        ]


def ask(connection, *words):
    connection.send(*words)
    return connection.read()


class AsInRedis(program.SystemTest):
    # DEBUG is a container here, and has what Redis takes for arguments; WAIT is blocking since 7.2.
    OTHERWISE = {"debug", "wait"}

    def test_the_categories_have_the_same_commands(self):
        ours, theirs = self.start_server(), self.start_redis()
        self.assertEqual(ours.call("ACL", "CAT"), theirs.call("ACL", "CAT"))
        known = [set(server.call("COMMAND", "LIST")) for server in (ours, theirs)]
        both = {name for name in known[0] & known[1] if name.split(b"|")[0].decode() not in
                self.OTHERWISE}
        self.assertGreater(len(both), 150)
        for category in ours.call("ACL", "CAT"):
            with self.subTest(category):
                mine, redis = (set(server.call("ACL", "CAT", category)) & both
                               for server in (ours, theirs))
                self.assertEqual(mine, redis)

    def test_random_rules_make_the_same_users(self):
        seed, count = program.chosen_seed(), program.arguments.rules
        print(f"seed {seed}, {count} changes of users", flush=True)
        self.ours, self.theirs = self.start_server().connect(), self.start_redis().connect()
        rules = Rules(seed)
        compared = denied = 0
        while compared < count:
            self.both("ACL", "DELUSER", "u")
            said = []
            for _ in range(RULES_IN_A_ROW):
                words = ["ACL", "SETUSER", "u", *rules.words()]
                said.append(words[3:])
                compared += 1
                context = f"--seed {seed}: {said}"
                mine, redis = self.both(*words)
                self.assertEqual(mine, redis, context)
                self.assertEqual(*map(told_of, self.both("ACL", "GETUSER", "u")), context)
            for _ in range(REQUESTS_A_USER):
                request = rules.request()
                mine, redis = self.both("ACL", "DRYRUN", "u", *request)
                denied += mine != "OK"
                self.assertEqual(denial(mine), denial(redis), f"{context}: {request}")
            self.remakes_itself(context)
        self.assertGreater(denied, count // 10)

    def remakes_itself(self, context):
        """What is told of a user are rules that make the same one."""
        line = next(line for line in self.ours.call("ACL", "LIST") if line.startswith(b"user u "))
        self.ours.call("ACL", "SETUSER", "again", "reset", *line.split(b" ")[2:])
        self.assertEqual(self.ours.call("ACL", "GETUSER", "again"),
                         self.ours.call("ACL", "GETUSER", "u"), context)
        self.ours.call("ACL", "DELUSER", "again")

    def both(self, *words):
        replies = []
        for connection in (self.ours, self.theirs):
            try:
                replies.append(connection.call(*words))
            except ReplyError as error:
                replies.append(error)
        return replies


class Live(program.SystemTest):
    """Several workers, several connections."""

    def setUp(self):
        self.server = self.start_server(io_threads=3)
        self.admin = self.server.connect()

    def login(self, user, *rules):
        """Several connections of a user, so that every worker has some."""
        if rules:
            self.admin.call("ACL", "SETUSER", user, "on", ">pass", *rules)
        connections = [self.server.connect() for _ in range(12)]
        for connection in connections:
            connection.call("AUTH", user, "pass")
        return connections

    def test_a_change_holds_everywhere_once_it_is_answered(self):
        connections = self.login("alice", "+@all", "~*")
        for allowed in (False, True) * 10:
            self.admin.call("ACL", "SETUSER", "alice", "+set" if allowed else "-set")
            replies = [ask(connection, "SET", "a", "1") for connection in connections]
            self.assertEqual({str(reply).split(" ")[0] for reply in replies},
                             {"OK" if allowed else "NOPERM"})

    def test_connections_of_a_deleted_user_are_closed(self):
        connections, others = self.login("alice", "+@all"), self.login("bob", "+@all")
        self.assertEqual(self.admin.call("ACL", "DELUSER", "alice"), 1)
        for connection in connections:
            self.assertEqual(connection.read_to_end(), b"")
        for connection in others:
            self.assertEqual(connection.call("PING"), "PONG")
        self.assertNotIn(b"user=alice", self.admin.call("CLIENT", "LIST"))

    def test_who_deletes_himself_gets_his_answer(self):
        alice, *_ = self.login("alice", "+@all")
        alice.send("ACL", "DELUSER", "alice")
        self.assertEqual(alice.read_to_end(), b":1\r\n")

    def test_subscribers_who_may_not_listen_any_more_are_closed(self):
        connections = self.login("alice", "+@all", "&a", "&b")
        for connection in connections[:6]:
            connection.call("SUBSCRIBE", "a")
        for connection in connections[6:]:
            connection.call("SUBSCRIBE", "b")
        self.admin.call("ACL", "SETUSER", "alice", "resetchannels", "&a")
        for connection in connections[6:]:
            self.assertEqual(connection.read_to_end(), b"")
        self.assertEqual(self.admin.call("PUBLISH", "a", "m"), 6)
        for connection in connections[:6]:
            self.assertEqual(connection.read(), [b"message", b"a", b"m"])

    def test_a_user_who_may_not_do_anything_is_bounded_like_others(self):
        """Row S1 and S7 of the record: no permission, yet large requests."""
        server = self.start_server(client_query_buffer_limit="1mb")
        server.call("ACL", "SETUSER", "alice", "on", ">pass", "-@all")
        connection = server.connect()
        connection.call("AUTH", "alice", "pass")
        self.assertIn("NOPERM", str(ask(connection, "SET", "k", "v" * 1000)))
        connection.send_raw(b"*2\r\n$3\r\nGET\r\n$2000000\r\n")
        self.assertIn(b"-ERR Protocol error", connection.read_to_end())

    def test_malformed_rules_harm_nobody(self):
        """Rows S6 and S7 of the record."""
        hostile = ["(" * 1000, "(" + ")" * 1000, "%", "%R", "%~", "%RWRW~", "(%)", "(%~)", "( ( ) )",
                   "~" + "*" * 100_000, "~" + "a*" * 5_000 + "b", "~[" * 1000, "+" * 1000, "+|", "+@",
                   "+a|b|c|d", "#" + "a" * 64, "(" + "~a " * 10_000 + ")", "\0", "~\0", "(\")", "(')"]
        for rule in hostile:
            ask(self.admin, "ACL", "SETUSER", "mallory", "on", "nopass", "+@all", rule)
            ask(self.admin, "ACL", "GETUSER", "mallory")
            ask(self.admin, "ACL", "LIST")
            ask(self.admin, "ACL", "DRYRUN", "mallory", "GET", "a" * 10_000)
        self.assertEqual(self.admin.call("PING"), "PONG")


class Files(program.SystemTest):
    RULES = ("on", ">pass-word-of-alice", "~a:*", "%R~\"q'", "&c", "+@all", "-config",
             "(+get ~b:* %R~\"x\\\"y\")")

    def setUp(self):
        self.server = self.start_server()
        self.path = os.path.join(self.server.directory, "users.acl")

    def restart(self, **directives):
        self.server.terminate()
        self.server.start(**directives)

    def test_an_acl_file_is_saved_and_read_at_start(self):
        with open(self.path, "w", encoding="ascii") as file:
            file.write("user default on nopass ~* &* +@all\n")
        os.chmod(self.path, 0o600)
        self.restart(aclfile=self.path)
        self.server.call("ACL", "SETUSER", "alice", *self.RULES)
        listed = self.server.call("ACL", "LIST")
        self.assertEqual(self.server.call("ACL", "SAVE"), "OK")
        self.server.call("ACL", "SETUSER", "bob")
        self.restart()
        self.assertEqual(self.server.call("ACL", "LIST"), listed)
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
        self.server.call("ACL", "SETUSER", "alice", "off")
        self.assertEqual(self.server.call("ACL", "LOAD"), "OK")
        self.assertEqual(self.server.call("ACL", "LIST"), listed)
        with open(self.path, encoding="utf-8") as file:
            self.assertNotIn("pass-word", file.read())

    def test_users_are_rewritten_into_the_configuration(self):
        config = os.path.join(self.server.directory, "sojourn.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write("# ours\nuser carl on nopass -@all\nrequirepass secret\n")
        self.server.config_file = config
        self.restart()
        with self.server.connect() as connection:
            connection.call("AUTH", "secret")
            connection.call("ACL", "SETUSER", "alice", *self.RULES)
            listed = connection.call("ACL", "LIST")
            self.assertEqual(connection.call("CONFIG", "REWRITE"), "OK")
        self.restart()
        with self.server.connect() as connection:
            connection.call("AUTH", "secret")
            self.assertEqual(connection.call("ACL", "LIST"), listed)
        with open(config, encoding="utf-8") as file:
            text = file.read()
        self.assertIn("# ours\nuser alice ", text)
        self.assertNotIn("user default", text, "requirepass says it all")
        self.assertNotIn("pass-word", text)

    def test_what_is_wrong_ends_start_up(self):
        for text, directives in (
            ("user alice +nope", {}),
            ("user alice wat", {}),
            ("user alice (+get", {}),
            ("user alice on\nuser alice on", {}),
            ("user alice on", {"aclfile": self.path}),
            ("", {"aclfile": "/nowhere/users.acl"}),
        ):
            with self.subTest(text):
                config = os.path.join(self.server.directory, "wrong.conf")
                with open(config, "w", encoding="ascii") as file:
                    file.write(text + "\n")
                with self.assertRaises(AssertionError) as raised:
                    self.start_server(config_file=config, **directives)
                self.assertIn("it ended before", str(raised.exception))

    def test_passwords_are_in_no_log(self):
        self.restart(loglevel="debug", slowlog_log_slower_than=0)
        secrets = "pass-word-of-alice", "guess-of-mallory", "other-pass-word"
        connection = self.server.connect()
        connection.call("ACL", "SETUSER", "alice", *self.RULES)
        for words in (
            ("AUTH", "alice", "guess-of-mallory"),
            ("HELLO", "3", "AUTH", "alice", "guess-of-mallory"),
            ("ACL", "SETUSER", "alice", ">other-pass-word", "+nope"),
            ("ACL", "SETUSER", "alice", "<other-pass-word"),
            ("ACL", "DRYRUN", "alice", "AUTH", "other-pass-word"),
        ):
            ask(connection, *words)
        shown = [repr(connection.call(*words)) for words in (
            ("SLOWLOG", "GET", "-1"), ("ACL", "LOG"), ("CLIENT", "LIST"), ("INFO", "everything"))]
        self.server.terminate()
        for text in (*shown, self.server.process.log()):
            for secret in secrets:
                self.assertNotIn(secret, text)


def add_arguments(parser):
    parser.add_argument("--rules", type=int, default=3_000)
    parser.add_argument("--seed", type=int)


if __name__ == "__main__":
    program.main(add_arguments)
