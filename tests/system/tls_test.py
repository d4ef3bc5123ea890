"""TLS with real clients: certificates good and bad, their exchange under load, slow handshakes."""

import os
import shutil
import socket
import ssl
import subprocess
import threading

from support import program
from support.npm import InstalledPackages
from support.resp import Connection, ReplyError, encode
from support.server import HOST, free_port
from support.tls import Certificates, TlsConnection
from support.waiting import wait_until

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients")
MEGABYTE = 1 << 20


class TlsTest(program.SystemTest):
    @classmethod
    def setUpClass(cls):
        cls.certificates = Certificates()
        cls.addClassCleanup(cls.certificates.remove)
        for name, options in (
            ("server", {}), ("next", {}), ("clone", {"common_name": "clone-1"}),
            ("expired", {"days": -1}), ("strange", {"authority": "stranger"}),
        ):
            cls.certificates.issue(name, **options)

    def start(self, tls_cert="server", **directives):
        """With a port for TLS beside the plain one."""
        self.tls_port = free_port()
        files = {"tls_cert_file": self.certificates.certificate(tls_cert),
                 "tls_key_file": self.certificates.key(tls_cert),
                 "tls_ca_cert_file": self.certificates.authority()}
        self.server = self.start_server(tls_port=self.tls_port, **{**files, **directives})
        return self.server

    def context(self, shows=None, **versions):
        return self.certificates.client_context(shows, **versions)

    def connect(self, shows="clone", **versions):
        connection = TlsConnection((HOST, self.tls_port), self.context(shows, **versions))
        self.addCleanup(connection.close)
        return connection

    def assert_refused(self, shows=None, **versions):
        with self.assertRaises(OSError):
            self.connect(shows, **versions).call("PING")


class Handshakes(TlsTest):
    def test_need_a_certificate_unless_told_otherwise(self):
        self.start()
        self.assertEqual(self.connect("clone").call("PING"), "PONG")
        for shows in (None, "expired", "strange"):
            with self.subTest(shows):
                self.assert_refused(shows)
        self.assertEqual(self.server.call("CONFIG", "SET", "tls-auth-clients", "optional"), "OK")
        self.assertEqual(self.connect(None).call("PING"), "PONG")
        self.assert_refused("strange")
        self.assertEqual(self.server.call("CONFIG", "SET", "tls-auth-clients", "no"), "OK")
        self.assertEqual(self.connect("strange").call("PING"), "PONG")
        self.assertIn("The TLS handshake with 127.0.0.1", self.server.process.log())

    def test_use_tls_1_2_and_1_3_only_by_default(self):
        self.start()
        old = {"minimum_version": ssl.TLSVersion.TLSv1, "maximum_version": ssl.TLSVersion.TLSv1_1}
        self.assert_refused("clone", **old)
        for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
                              (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
            connection = self.connect(minimum_version=version, maximum_version=version)
            self.assertEqual(connection.version(), name)
            self.assertEqual(connection.call("PING"), "PONG")

    def test_are_the_only_way_in_when_port_is_0(self):
        server = self.start(Port=0)  # behind the --port that every test has
        connection = self.connect()
        self.assertEqual(connection.call("PING"), "PONG")
        self.assertIn(f"tcp_port:{self.tls_port}\r\n".encode(), connection.call("INFO", "server"))
        self.assertIn(f"laddr={HOST}:{self.tls_port} ".encode(), connection.call("CLIENT", "INFO"))
        with self.assertRaises(ConnectionRefusedError):
            server.connect()

    def test_do_not_begin_with_files_that_are_not_good(self):
        for directives, reason in (
            ({"tls_cert_file": "/absent"}, "Failed to load certificate /absent"),
            ({"tls_key_file": self.certificates.key("next")}, "Failed to load private key"),
            ({"tls_ca_cert_file": None}, "Either tls-ca-cert-file or tls-ca-cert-dir"),
            ({"tls_protocols": "SSLv3"}, "Invalid tls-protocols specified"),
        ):
            with self.subTest(reason):
                files = {**self.certificates.files(), **directives}
                given = {name: path for name, path in files.items() if path}
                server = self.start_server(wait=False, tls_port=free_port(), **given)
                self.assertEqual(server.process.wait(), 1)
                self.assertIn("Failed to configure TLS: " + reason, server.process.log())

    def test_that_go_slowly_hold_nobody_up(self):
        self.start(unauthenticated_timeout=60)
        hello = self.hello()
        half_open = []
        for number in range(200):
            stranger = socket.create_connection((HOST, self.tls_port))
            self.addCleanup(stranger.close)
            stranger.sendall(hello[: number % len(hello)])
            half_open.append(stranger)
        friend = self.connect()
        # One byte a while, as seen from the others: each byte between two whole requests.
        for stranger, byte in zip(half_open, hello):
            stranger.sendall(bytes([byte]))
            self.assertEqual(friend.call("PING"), "PONG")
            self.assertEqual(self.server.call("PING"), "PONG")
        self.assertEqual(self.connect().call("PING"), "PONG")

    def test_that_do_not_end_are_ended(self):
        self.start(unauthenticated_timeout=1)
        friend = self.connect()
        stranger = socket.create_connection((HOST, self.tls_port), timeout=30)
        self.addCleanup(stranger.close)
        stranger.sendall(self.hello()[:100])
        self.assertEqual(stranger.recv(1), b"")
        self.assertEqual(friend.call("PING"), "PONG")

    def hello(self):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        with self.assertRaises(ssl.SSLWantReadError):
            self.context().wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
        return outgoing.read()


class Strangers(TlsTest):
    def test_who_speak_the_wrong_language_are_cut_off_with_a_line_in_the_log(self):
        self.start()
        for said in (b"PING\r\n", encode("SET", "s:1", "v"), b"GET / HTTP/1.1\r\n\r\n"):
            with Connection((HOST, self.tls_port)) as plain:
                plain.send_raw(said)
                self.assertEqual(plain.read_to_end(), b"")
        self.assertIn("Bytes without TLS from 127.0.0.1", self.server.process.log())
        with self.assertRaises(OSError):
            TlsConnection(self.server.address, self.context("clone"))
        self.assertIn("on a port without TLS", self.server.process.log())
        self.assertIsNone(self.server.call("GET", "s:1"))


class Reloads(TlsTest):
    CERTIFICATE, KEY = "tls-cert-file", "tls-key-file"

    def order(self, name):
        return ("CONFIG", "SET", self.CERTIFICATE, self.certificates.certificate(name), self.KEY,
                self.certificates.key(name))

    def test_are_for_new_connections_and_survive_a_rewrite(self):
        config_file = self.certificates.directory / "sojourn.conf"
        with open(config_file, "w", encoding="ascii") as file:
            file.write("# mine\n")
        self.start(config_file=config_file)
        before = self.connect()
        self.assertEqual(self.server.call(*self.order("next")), "OK")
        after = self.connect()
        self.assertNotEqual(before.certificate_serial(), after.certificate_serial())
        for connection in (before, after):
            self.assertEqual(connection.call("PING"), "PONG")
        self.assertEqual(self.server.call("CONFIG", "REWRITE"), "OK")
        with open(config_file, encoding="ascii") as file:
            text = file.read()
        self.assertIn("# mine\n", text)
        self.assertIn(f'{self.CERTIFICATE} {self.certificates.certificate("next")}', text)

    def test_answer_as_redis_does(self):
        replies = []
        for start in (self.start, self.start_redis_with_tls):
            server = start()
            replies.append([
                server.connect().pipeline([words])[0] for words in (
                    ("CONFIG", "SET", self.CERTIFICATE, "/absent"),
                    ("CONFIG", "SET", "maxclients", "77", self.KEY,
                     self.certificates.key("next"), self.CERTIFICATE, "/absent"),
                    ("CONFIG", "GET", "maxclients"),
                    ("CONFIG", "SET", "tls-protocols", "TLSv7"),
                    ("CONFIG", "SET", "tls-auth-clients", "perhaps"),
                    ("CONFIG", "SET", "tls-session-cache-size", "-1"),
                    ("CONFIG", "SET", "tls-prefer-server-ciphers", "1"),
                    self.order("next"),
                    ("CONFIG", "SET", "tls-ca-cert-file", ""),
                    ("CONFIG", "GET", "tls-auth-clients"),
                    ("CONFIG", "GET", "tls-session-*"),
                )
            ])
        self.assertEqual(len(replies[0]), len(replies[1]))
        for ours, redis in zip(*replies):
            if isinstance(ours, list):
                ours, redis = sorted(map(str, ours)), sorted(map(str, redis))
            self.assertEqual(ours, redis)
        self.assertIsInstance(replies[0][0], ReplyError)

    def start_redis_with_tls(self):
        return self.start_redis(tls_port=free_port(), **self.certificates.files())

    def test_lose_nobody_under_load(self):
        self.start()
        failures, rounds, enough = [], [0], threading.Event()

        def work():
            try:
                faithful = self.connect()
                while not enough.is_set():
                    faithful.call("SET", "s:1", "v")
                    with TlsConnection((HOST, self.tls_port), self.context("clone")) as other:
                        other.call("GET", "s:1")
                    rounds[0] += 1
            except Exception as failure:
                failures.append(failure)

        workers = [threading.Thread(target=work) for _ in range(3)]
        for worker in workers:
            worker.start()
        try:
            with self.server.connect() as operator:
                for number in range(40):
                    self.assertEqual(operator.call(*self.order(("next", "server")[number % 2])),
                                     "OK")
                    before = rounds[0]
                    wait_until(lambda: rounds[0] > before or failures, "somebody has come")
        finally:
            enough.set()
            for worker in workers:
                worker.join()
        self.assertEqual(failures, [])


class Bytes(TlsTest):
    def test_of_large_values_and_long_pipelines_come_back_whole(self):
        self.start()
        connection = self.connect()
        value = os.urandom(16 * MEGABYTE)
        self.assertEqual(connection.call("SET", "large", value), "OK")
        self.assertTrue(connection.call("GET", "large") == value)
        replies = connection.pipeline([("SET", f"s:{n}", n) for n in range(20_000)]
                                      + [("GET", f"s:{n}") for n in range(20_000)])
        self.assertEqual(replies[20_000:], [str(n).encode() for n in range(20_000)])
        self.server.kill()
        self.server.start()
        self.assertTrue(self.connect().call("GET", "large") == value)


class Clients(TlsTest):
    def setUp(self):
        self.start()

    def run_program(self, *command, **options):
        self.assertIsNotNone(shutil.which(command[0]), f"{command[0]} is not installed")
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120, **options)
        self.assertEqual(ended.returncode, 0, f"{command}:\n{ended.stdout}\n{ended.stderr}")
        return ended.stdout

    def tls_arguments(self):
        return ("-h", "localhost", "-p", str(self.tls_port), "--tls",
                "--cacert", self.certificates.authority(),
                "--cert", self.certificates.certificate("clone"),
                "--key", self.certificates.key("clone"))

    def test_redis_cli(self):
        cli = ("redis-cli", *self.tls_arguments())
        self.assertEqual(self.run_program(*cli, "SET", "s:1", "alice"), "OK\n")
        self.assertEqual(self.run_program(*cli, "GET", "s:1"), "alice\n")
        piped = self.run_program(
            *cli, "--pipe", input="".join(f"SET p:{n} v\r\n" for n in range(10_000)))
        self.assertIn("errors: 0, replies: 10000", piped)

    def test_redis_benchmark(self):
        said = self.run_program("redis-benchmark", *self.tls_arguments(), "-q", "--csv",
                                "-n", "5000", "-c", "20", "-P", "16", "-d", "4096",
                                "-t", "set,get")
        for test in ("SET", "GET"):
            self.assertIn(f'"{test}"', said)
        self.assertNotIn("rror", said)

    def test_redis_py(self):
        import redis  # Debian's python3-redis

        client = redis.Redis(
            host="localhost", port=self.tls_port, ssl=True,
            ssl_ca_certs=self.certificates.authority(),
            ssl_certfile=self.certificates.certificate("clone"),
            ssl_keyfile=self.certificates.key("clone"), ssl_check_hostname=True)
        self.assertTrue(client.set("s:1", b"x" * MEGABYTE, ex=100))
        self.assertEqual(client.get("s:1"), b"x" * MEGABYTE)
        client.close()

    def test_phpredis(self):
        code = """
          $redis = new Redis();
          $redis->connect('tls://localhost', (int)$argv[1], 10, null, 0, 10, ['stream' => [
            'cafile' => $argv[2], 'local_cert' => $argv[3], 'local_pk' => $argv[4]]]);
          $redis->set('s:1', str_repeat('x', 100000));
          echo strlen($redis->get('s:1'));
        """
        said = self.run_program("php", "-r", code, str(self.tls_port),
                                self.certificates.authority(),
                                self.certificates.certificate("clone"),
                                self.certificates.key("clone"))
        self.assertEqual(said, "100000")

    def test_ruby(self):
        code = """
          require 'redis'
          redis = Redis.new(host: 'localhost', port: ARGV[0].to_i, ssl: true, ssl_params: {
            ca_file: ARGV[1], cert: OpenSSL::X509::Certificate.new(File.read(ARGV[2])),
            key: OpenSSL::PKey.read(File.read(ARGV[3]))})
          redis.set('s:1', 'x' * 100000)
          print redis.get('s:1').size
        """
        said = self.run_program("ruby", "-e", code, str(self.tls_port),
                                self.certificates.authority(),
                                self.certificates.certificate("clone"),
                                self.certificates.key("clone"))
        self.assertEqual(said, "100000")

    def test_node_redis_and_ioredis(self):
        app = InstalledPackages(os.path.join(HERE, "node"), program.arguments.build_dir,
                                "node-clients")
        said = self.run_program(
            "node", os.path.join(app.directory, "tls.js"), str(self.tls_port),
            self.certificates.authority(), self.certificates.certificate("clone"),
            self.certificates.key("clone"))
        self.assertEqual(said, "node-redis 100000\nioredis 100000\n")


if __name__ == "__main__":
    program.main()
