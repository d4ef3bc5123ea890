"""What must not leak, be forged or be reached: rows S6, S12, S15 of the record, and the log."""

import os
import re
import stat

from support import program
from support.resp import Connection, ReplyError, encode
from support.tracing import calls_of_a_start
from support.waiting import Stopwatch, wait_until

TIME = r"\d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3}"
LOG_LINE = re.compile(rf"^\d+:M {TIME} [.\-*#] [^\x00-\x1f\x7f]*$")
FORGED = b"1:M 01 Jan 2030 00:00:00.000 * forged"


class Log(program.SystemTest):
    def setUp(self):
        self.server = self.start_server(loglevel="debug")

    def test_has_no_line_that_a_client_wrote(self):
        for hostile in (
            b"*1\r\n\n" + FORGED + b"\r\n",
            b"*1\r\n\x1b[2J" + FORGED + b"\r\n",
            b"*x\n" + FORGED + b"\r\n",
            b"\"\n" + FORGED + b"\r\n",
            b"\n" + FORGED + b"\r\n",
            encode("\r\n" + FORGED.decode() + "\r\n"),
            encode("CLIENT", "SETNAME", b"a\n" + FORGED),
            encode("CLIENT", "KILL", b"\x1b]0;title\x07\n" + FORGED),
            encode("CONFIG", "SET", b"port\n" + FORGED, "1"),
            b"POST / HTTP/1.1\r\nHost: \x1b[31m\n" + FORGED + b"\r\n",
            b"\x16\x03\x01\n" + FORGED + b"\r\n",
        ):
            with Connection(self.server.address, timeout=5) as connection:
                connection.send_raw(hostile)
                connection.send_raw(b"QUIT\r\n")
                connection.read_to_end()
        self.assertEqual(self.server.call("PING"), "PONG")
        self.assertEqual(self.server.terminate(), 0)
        log = self.server.process.log()
        self.assertNotIn("\x1b", log)
        for line in log.splitlines():
            self.assertRegex(line, LOG_LINE)
            self.assertIsNone(re.match(r".*\d [.\-*#] forged", line), line)


class Secrets(program.SystemTest):
    PASSWORDS = "first-pass-word", "second-pass-word", "wrong-pass-word"
    KEY, VALUE = "session:0123456789abcdef", "the-private-cart"

    def test_are_in_no_log_and_no_list(self):
        server = self.start_server(loglevel="debug", slowlog_log_slower_than=0)
        connection = server.connect()
        shown = []
        for words in (
            ("CONFIG", "SET", "requirepass", self.PASSWORDS[0]),
            ("AUTH", self.PASSWORDS[0]),
            ("AUTH", "default", self.PASSWORDS[2]),
            ("HELLO", "2", "AUTH", "default", self.PASSWORDS[2]),
            ("HELLO", "2", "AUTH", "default", self.PASSWORDS[0]),
            ("CONFIG", "SET", "requirepass", self.PASSWORDS[1], "no-such-thing", "1"),
            ("CONFIG", "SET", "maxclients", "none", "requirepass", self.PASSWORDS[1]),
            ("AUTH", self.PASSWORDS[2], "too", "many"),
            ("SET", self.KEY, self.VALUE),
            ("HSET", self.KEY, "field", self.VALUE),
            ("INCRBY", self.KEY, self.VALUE),
            ("GETEX", self.KEY, "EX", self.VALUE),
        ):
            # Its own request is nothing new to who sent it; what others may see is.
            connection.pipeline([words])
        for words in (
            ("SLOWLOG", "GET", "-1"),
            ("CLIENT", "LIST"),
            ("CLIENT", "INFO"),
            ("INFO", "everything"),
            ("MEMORY", "DOCTOR"),
            ("CONFIG", "GET", "*port*"),
        ):
            shown.append((words, repr(connection.call(*words))))
        server.terminate()
        shown.append(("log", server.process.log()))
        self.assertIn("auth", shown[0][1].lower())
        for where, text in shown:
            for secret in (*self.PASSWORDS, self.KEY, self.VALUE):
                self.assertNotIn(secret, text, where)

    def test_of_a_configuration_are_in_no_message(self):
        server = self.start_server()
        for line in ("requirepass", "masterauth", "tls-key-file-pass"):
            connection = server.connect()
            reply = connection.pipeline([("CONFIG", "SET", line, "sec\0ret-pass-word")])[0]
            self.assertNotIn("ret-pass-word", str(reply))
        server.terminate()
        self.assertNotIn("ret-pass-word", server.process.log())


class Files(program.SystemTest):
    def test_are_for_the_owner_only(self):
        server = self.start_server(unixsocket="./socket", logfile="./log", pidfile="./pid",
                                   wait=False)
        wait_until(lambda: self.answers(server), "it answers", 20)
        server.call("SET", "s:1", "v")
        looked_at = 0
        for folder, _, names in os.walk(server.directory):
            for name in names:
                if name in ("server.log", "pid"):  # the test's own, and what is no secret
                    continue
                path = os.path.join(folder, name)
                self.assertEqual(stat.S_IMODE(os.lstat(path).st_mode) & 0o077, 0, path)
                looked_at += 1
        self.assertGreater(looked_at, 6)

    def answers(self, server):
        try:
            return server.call("PING") == "PONG"
        except OSError:
            return False

    def test_a_socket_has_its_mode_before_anybody_can_connect(self):
        server = self.start_server(unixsocket="./socket", unixsocketperm="770")
        mode = stat.S_IMODE(os.stat(f"{server.directory}/data/socket").st_mode)
        self.assertEqual(mode, 0o770)
        server.terminate()
        calls = calls_of_a_start(server, "bind,chmod,fchmod,fchmodat,listen")
        of_path = [line for line in calls if "/socket" in line]
        self.assertIn("bind(", of_path[0])
        self.assertRegex(of_path[1], r"chmod\w*\(.*0770")
        descriptor = re.search(r"bind\((\d+)", of_path[0])[1]
        after = calls[calls.index(of_path[1]) :]
        self.assertTrue(any(f"listen({descriptor}," in line for line in after), calls)

    def test_are_not_where_a_client_wants_them(self):
        server = self.start_server()
        with server.connect() as connection:
            for name, value in (
                ("dir", "/tmp"), ("dir", "../../"), ("logfile", "/tmp/own.log"), ("pidfile", "x"),
                ("unixsocket", "/tmp/own"), ("dbfilename", "../../x"), ("aclfile", "/etc/passwd"),
                ("appendfilename", "../x"), ("enable-protected-configs", "yes"),
                ("enable-debug-command", "yes"), ("include", "/etc/passwd"), ("daemonize", "yes"),
                ("bind", "0.0.0.0"), ("port", "1"), ("rename-command", "GET X"),
            ):
                with self.subTest(name):
                    before = connection.call("CONFIG", "GET", name)
                    reply = connection.pipeline([("CONFIG", "SET", name, value)])[0]
                    self.assertIsInstance(reply, ReplyError, reply)
                    self.assertEqual(connection.call("CONFIG", "GET", name), before)


class Patterns(program.SystemTest):
    def test_made_to_hurt_are_answered_soon_by_every_command_that_takes_one(self):
        server = self.start_server()
        with server.connect() as connection:
            connection.call("SET", "a" * 1000, "v")
            connection.call("HSET", "h", "a" * 1000, "v")
            for pattern in ("a*" * 100 + "b", "*" * 100_000, "[" * 100_000, "[^a-" * 25_000,
                            "\\" * 100_000, "a?*" * 200 + "x"):
                for words in (
                    ("KEYS", pattern),
                    ("SCAN", "0", "MATCH", pattern),
                    ("HSCAN", "h", "0", "MATCH", pattern),
                    ("CONFIG", "GET", pattern),
                    ("COMMAND", "LIST", "FILTERBY", "PATTERN", pattern),
                ):
                    watch = Stopwatch()
                    self.assertIsInstance(connection.call(*words), list)
                    self.assertLess(watch.seconds(), 1.0, (words[0], pattern[:20]))


if __name__ == "__main__":
    program.main()
