"""What strangers and misfits may cost: rows S1, S2, S4, S10 and S11 of the security record."""

import os
import resource
import socket
import threading
import time

from support import program
from support.resp import encode
from support.waiting import Stopwatch, wait_until

MEGABYTE = 1024 * 1024
# The beginning of what TLS clients send first.
TLS_HELLO = bytes.fromhex("16030100f4010000f00303") + bytes(range(32))


def send_until_closed(connection, data, deadline=20.0):
    """Sends again and again; returns how much went out before the server had enough of it."""
    connection.socket.settimeout(1.0)
    sent, end = 0, time.monotonic() + deadline
    try:
        while time.monotonic() < end and sent < 256 * MEGABYTE:
            sent += connection.socket.send(data)
    except TimeoutError:
        pass  # the server reads no more
    except OSError:
        pass
    return sent


class BeforeAuthentication(program.SystemTest):
    def setUp(self):
        self.server = self.start_server(requirepass="secret", unauthenticated_timeout=10)

    def answer_to(self, data):
        """All a connection gets for these bytes until the server closes it."""
        with self.server.connect(timeout=10) as connection:
            connection.send_raw(data)
            return connection.read_to_end()

    def test_requests_are_short(self):
        for data, complaint in (
            (b"*11\r\n", b"unauthenticated multibulk length"),
            (b"*1000000000\r\n", b"unauthenticated multibulk length"),
            (b"*1\r\n$16385\r\n", b"unauthenticated bulk length"),
            (b"*2\r\n$3\r\nGET\r\n$20000\r\n", b"unauthenticated bulk length"),
            (b"*1\r\n$9223372036854775808\r\n", b"invalid bulk length"),
            (b"*1\r\n$-5\r\n", b"invalid bulk length"),
            (b"*9223372036854775808\r\n", b"invalid multibulk length"),
            (b"*1\r\nGET\r\n", b"expected '$', got 'G'"),
            (b"x" * 70_000, b"too big inline request"),
            (b"\"no end\r\n", b"unbalanced quotes in request"),
        ):
            with self.subTest(data[:40]):
                expected = b"-ERR Protocol error: " + complaint + b"\r\n"
                self.assertEqual(self.answer_to(data), expected)

    def test_time_to_say_who_one_is_is_short(self):
        self.server.terminate()
        self.server.start(unauthenticated_timeout=1)
        patient = self.server.connect()
        patient.call("AUTH", "secret")
        stranger = self.server.connect(timeout=10)
        stranger.send("GET", "s:1")
        self.assertIn("NOAUTH", str(stranger.read()))
        self.assertEqual(stranger.read_to_end(), b"")
        self.assertEqual(patient.call("PING"), "PONG")

    def test_a_stranger_who_never_reads_is_closed_and_costs_nothing(self):
        before = self.server.resident_bytes()
        connection = self.server.connect()
        send_until_closed(connection, b"GET session\r\n" * 5000)
        self.assertLess(self.server.resident_bytes() - before, 8 * MEGABYTE)

    def test_many_strangers_with_half_requests_cost_what_they_sent_at_most(self):
        before = self.server.resident_bytes()
        half = b"*10\r\n" + b"$16384\r\n%s\r\n" % (b"x" * 16384) * 9
        strangers = [self.server.connect() for _ in range(200)]
        for stranger in strangers:
            stranger.send_raw(half)
        friend = self.server.connect()
        self.assertEqual(friend.call("AUTH", "secret"), "OK")
        self.assertEqual(friend.call("PING"), "PONG")
        sent = len(half) * len(strangers)
        self.assertLess(self.server.resident_bytes() - before, 2 * sent + 8 * MEGABYTE)

    def test_a_wrong_password_says_so_and_a_right_one_lifts_the_limits(self):
        with self.server.connect() as connection:
            self.assertIn("WRONGPASS", str(connection.pipeline([("AUTH", "no")])[0]))
            self.assertEqual(connection.call("AUTH", "secret"), "OK")
            self.assertEqual(connection.call("SET", "s:1", "v" * 100_000), "OK")
            self.assertEqual(len(connection.call("MGET", *["s:1"] * 20)), 20)


class OtherProtocols(program.SystemTest):
    def setUp(self):
        self.server = self.start_server()

    def closed_without_effect(self, data, logged):
        with self.server.connect(timeout=10) as connection:
            connection.send_raw(data)
            self.assertEqual(connection.read_to_end(), b"")
        self.assertIsNone(self.server.call("GET", "s:1"))
        wait_until(lambda: logged in self.server.process.log().lower(), f"'{logged}' in the log", 5)

    def test_a_web_form_is_cut_off_and_logged(self):
        form = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nSET s:1 stolen\r\n"
        self.closed_without_effect(form, "speaks http")

    def test_a_host_header_is_cut_off_and_logged(self):
        self.closed_without_effect(b"Host: 127.0.0.1\r\nSET s:1 stolen\r\n", "speaks http")

    def test_a_tls_hello_is_closed_and_logged(self):
        self.closed_without_effect(TLS_HELLO, "tls")

    def test_a_browsers_get_makes_nothing_happen(self):
        with self.server.connect(timeout=10) as connection:
            connection.send_raw(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nSET s:1 stolen\r\n")
            connection.read_to_end()
        self.assertIsNone(self.server.call("GET", "s:1"))


class AfterAuthentication(program.SystemTest):
    def test_a_peer_that_never_reads_does_not_take_the_memory(self):
        server = self.start_server()
        with server.connect() as connection:
            connection.call("SET", "s:1", "v" * 100_000)
        before = server.resident_bytes()
        deaf = server.connect()
        send_until_closed(deaf, encode("GET", "s:1") * 100, deadline=5)
        self.assertLess(server.resident_bytes() - before, 64 * MEGABYTE)
        self.assertEqual(server.call("PING"), "PONG")

    def test_a_huge_announcement_takes_no_memory(self):
        server = self.start_server()
        before = server.resident_bytes()
        for announced in (b"*1048576\r\n", b"*2\r\n$3\r\nGET\r\n$536870912\r\n"):
            for _ in range(50):
                server.connect().send_raw(announced)
        self.assertEqual(server.call("PING"), "PONG")
        self.assertLess(server.resident_bytes() - before, 32 * MEGABYTE)

    def test_all_requests_together_have_one_budget(self):
        server = self.start_server(connection_buffers_budget="32mb")
        before = server.resident_bytes()
        head = b"*3\r\n$3\r\nSET\r\n$3\r\ns:1\r\n$100000000\r\n"

        def hoard():
            connection = server.connect()
            connection.send_raw(head)
            send_until_closed(connection, b"x" * 65536, deadline=5)

        hoarders = [threading.Thread(target=hoard) for _ in range(8)]
        for hoarder in hoarders:
            hoarder.start()
        peak = 0
        while any(hoarder.is_alive() for hoarder in hoarders):
            peak = max(peak, server.resident_bytes())
            hoarders[0].join(0.01)
            hoarders = [hoarder for hoarder in hoarders if hoarder.is_alive()] or hoarders
        self.assertLess(peak - before, 96 * MEGABYTE)
        self.assertEqual(server.call("PING"), "PONG")

    def test_connections_reset_before_they_are_accepted_do_no_harm(self):
        server = self.start_server()
        for _ in range(500):
            with socket.socket() as rude:
                rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                rude.connect(server.address)
        self.assertEqual(server.call("PING"), "PONG")
        wait_until(lambda: server.info("clients")["connected_clients"] == "1", "they are gone", 20)

    def test_running_out_of_descriptors_ends_nothing(self):
        server = self.start_server()
        friend = server.connect()
        self.assertEqual(friend.call("PING"), "PONG")
        open_now = len(os.listdir(f"/proc/{server.process.pid}/fd"))
        before = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (open_now + 4, before[1]))
        crowd = [server.connect() for _ in range(50)]
        server.process.wait_for_line("Cannot accept connections", 10)
        self.assertEqual(friend.call("PING"), "PONG")
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, before)
        self.assertEqual(crowd[-1].call("SET", "s:1", "v"), "OK")

    def test_one_connection_too_many_is_told(self):
        server = self.start_server(maxclients=3)
        friends = [server.connect() for _ in range(3)]
        for friend in friends:
            self.assertEqual(friend.call("PING"), "PONG")
        with server.connect() as fourth:
            self.assertEqual(fourth.read_to_end(), b"-ERR max number of clients reached\r\n")
        self.assertEqual(friends[0].call("PING"), "PONG")

    def test_patterns_made_to_hurt_are_answered_soon(self):
        server = self.start_server()
        with server.connect() as connection:
            connection.call("SET", "a" * 1000, "v")
            for pattern in ("a*" * 100 + "b", "*" * 100_000, "[" * 100_000, "a?*" * 200 + "x"):
                watch = Stopwatch()
                self.assertIsInstance(connection.call("KEYS", pattern), list)
                self.assertLess(watch.seconds(), 1.0, pattern[:20])


if __name__ == "__main__":
    program.main()
