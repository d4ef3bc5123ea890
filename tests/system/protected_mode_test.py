"""Protected mode: without a password only the machine itself is served. Row S11 of the record."""

import contextlib
import socket

from support import own_network, program
from support.resp import Connection, encode
from support.server import HOST, free_port
from support.tls import Certificates, TlsConnection


class ProtectedMode(program.SystemTest):
    def setUp(self):
        if not own_network.entered():
            self.skipTest("no network namespace may be made here")

    def start(self, **directives):
        self.server = self.start_server(bind="0.0.0.0 ::", **directives)

    def from_afar(self, address=own_network.ADDRESS):
        connection = Connection((address, self.server.port), timeout=10)
        self.addCleanup(connection.close)
        return connection

    def test_denies_who_comes_from_elsewhere_and_closes(self):
        self.start()
        for address in (own_network.ADDRESS, own_network.ADDRESS6):
            for request in (b"PING\r\n", encode("SET", "s:1", "stolen"), encode("HELLO", 3),
                            encode("AUTH", "x"), encode("CONFIG", "SET", "protected-mode", "no"),
                            encode("SHUTDOWN"), encode("NOSUCHCOMMAND")):
                with self.subTest(address, request=request):
                    stranger = self.from_afar(address)
                    with contextlib.suppress(OSError):  # it may be closed already
                        stranger.send_raw(request)
                    answer = stranger.read_to_end()
                    self.assertRegex(answer, rb"^-DENIED .*protected mode.*requirepass.*\r\n$")
        self.assertIsNone(self.server.call("GET", "s:1"))
        self.assertEqual(self.server.call("CONFIG", "GET", "protected-mode")[1], b"yes")

    def test_waits_for_no_request_and_answers_no_more_than_once(self):
        self.start()
        self.assertRegex(self.from_afar().read_to_end(), b"^-DENIED ")
        stranger = self.from_afar()
        with contextlib.suppress(OSError):
            stranger.send_raw(encode("PING") * 3)
        self.assertEqual(stranger.read_to_end().count(b"-DENIED"), 1)
        self.assertEqual(self.server.info("stats")["rejected_connections"], "2")

    def test_denies_through_tls_too(self):
        certificates = Certificates()
        self.addCleanup(certificates.remove)
        certificates.issue("server")
        port = free_port()
        self.start(tls_port=port, tls_auth_clients="no", **certificates.files())
        context = certificates.client_context()
        for address, answer in ((own_network.ADDRESS, rb"^-DENIED .*requirepass.*\r\n$"),
                                (HOST, rb"^\+OK\r\n$")):
            with TlsConnection((address, port), context) as connection:
                with contextlib.suppress(OSError):  # it may be closed already
                    connection.send_raw(b"QUIT\r\n")
                self.assertRegex(connection.read_to_end(), answer)

    def test_serves_the_machine_itself(self):
        self.start(unixsocket="./socket")
        self.assertEqual(self.server.call("PING"), "PONG")
        with Connection(("::1", self.server.port)) as connection:
            self.assertEqual(connection.call("PING"), "PONG")
        with Connection(f"{self.server.directory}/data/socket") as connection:
            self.assertEqual(connection.call("PING"), "PONG")

    def test_is_off_when_there_is_a_password(self):
        self.start(requirepass="secret")
        friend = self.from_afar()
        self.assertIn("NOAUTH", str(friend.pipeline([("PING",)])[0]))
        self.assertEqual(friend.call("AUTH", "secret"), "OK")
        self.assertEqual(friend.call("PING"), "PONG")

    def test_is_off_when_it_is_switched_off(self):
        self.start(protected_mode="no")
        self.assertEqual(self.from_afar().call("PING"), "PONG")

    def test_ends_for_new_connections_when_a_password_is_set(self):
        self.start()
        self.server.call("CONFIG", "SET", "requirepass", "secret")
        friend = self.from_afar()
        self.assertEqual(friend.call("AUTH", "secret"), "OK")

    def test_is_not_needed_where_nobody_was_told_to_listen(self):
        server = self.start_server()  # bound to the loopback address
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection((own_network.ADDRESS, server.port), 10)


if __name__ == "__main__":
    own_network.enter()
    program.main()
