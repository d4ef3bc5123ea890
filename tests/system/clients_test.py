"""Real clients, as people have them: redis-cli and redis-benchmark, hiredis, Python, PHP, Ruby, Node.

packaging/packages has them all: one that is not installed is a failure.
"""

import os
import shutil
import subprocess
import sys

from support import program
from support.npm import InstalledPackages
from support.server import HOST, TemporaryDirectory
from support.waiting import wait_until

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients")


class Clients(program.SystemTest):
    def setUp(self):
        self.server = self.start_server(requirepass="secret")
        self.port = str(self.server.port)

    def needs(self, *programs):
        for program_name in programs:
            self.assertIsNotNone(shutil.which(program_name), f"{program_name} is not installed")

    def run_program(self, *command, text=None, **options):
        """Its standard output; it must succeed."""
        self.needs(command[0])
        ended = subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=120, **options
        )
        self.assertEqual(ended.returncode, 0, f"{command}:\n{ended.stdout}\n{ended.stderr}")
        return ended.stdout

    def redis_cli(self, *words, text=None):
        start = ("redis-cli", "--no-auth-warning", "-h", HOST, "-p", self.port, "-a", "secret")
        return self.run_program(*start, *words, text=text)

    # --- redis-cli ---

    def test_redis_cli_talks_and_pipes(self):
        self.assertEqual(self.redis_cli("SET", "s:1", "alice"), "OK\n")
        self.assertEqual(self.redis_cli("--no-raw", "GET", "s:1"), '"alice"\n')
        typed = "HSET h:1 user alice\nHGETALL h:1\nTTL h:1\nNOSUCH\n"
        said = self.redis_cli("--no-raw", text=typed)
        self.assertEqual(
            said,
            '(integer) 1\n1) "user"\n2) "alice"\n(integer) -1\n'
            "(error) ERR unknown command 'NOSUCH', with args beginning with: \n",
        )
        piped = self.redis_cli("--pipe", text="".join(f"SET p:{n} v\r\n" for n in range(1000)))
        self.assertIn("errors: 0, replies: 1000", piped)
        self.assertEqual(self.redis_cli("DBSIZE"), "1002\n")

    def test_redis_cli_speaks_resp3(self):
        self.redis_cli("HSET", "h:1", "user", "alice")
        said = self.redis_cli("-3", "--no-raw", "HGETALL", "h:1")
        self.assertEqual(said, '1# "user" => "alice"\n')
        self.assertEqual(self.redis_cli("-3", "--no-raw", "GET", "nobody"), "(nil)\n")

    def test_redis_cli_scans(self):
        self.redis_cli("--pipe", text="".join(f"SET s:{n} {n}\r\n" for n in range(500)))
        self.redis_cli("HSET", "h:1", *(f"f{n}" for n in range(100)))
        self.redis_cli("SELECT", "1")
        names = self.redis_cli("--scan", "--pattern", "s:*").split()
        self.assertEqual(sorted(names), sorted(f"s:{n}" for n in range(500)))
        biggest = self.redis_cli("--bigkeys")
        self.assertIn('Biggest   hash found \'"h:1"\' has 50 fields', biggest)
        self.assertIn("500 strings", biggest)
        self.assertIn("Sampled 501 keys", self.redis_cli("--memkeys"))

    def test_redis_cli_reads_info_and_commands(self):
        self.assertIn("redis_version:7.2.4", self.redis_cli("INFO", "server"))
        self.assertIn("loading:0", self.redis_cli("INFO"))
        self.assertIn("getex", self.redis_cli("COMMAND", "LIST"))
        self.assertIn("id=", self.redis_cli("CLIENT", "LIST"))

    # --- redis-benchmark ---

    def test_redis_benchmark_runs_what_there_is(self):
        said = self.run_program(
            "redis-benchmark", "-h", HOST, "-p", self.port, "-a", "secret", "-q", "--csv",
            "-n", "20000", "-P", "16", "-c", "20", "-d", "512", "-r", "10000",
            "-t", "ping_inline,ping_mbulk,set,get,incr,hset,mset",
        )
        for test in ("PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "HSET", "MSET (10 keys)"):
            self.assertIn(f'"{test}"', said)
        self.assertNotIn("rror", said)
        self.assertLessEqual(int(self.redis_cli("DBSIZE")), 10_000 * 2 + 3)

    # --- libraries ---

    def test_hiredis_pipelines(self):
        folder = TemporaryDirectory()
        self.addCleanup(folder.remove)
        client = folder / "client"
        self.run_program("cc", "-Wall", "-o", client, os.path.join(HERE, "client.c"), "-lhiredis")
        self.assertEqual(self.run_program(client, HOST, self.port, "secret"), "all is well\n")

    def test_python_redis_keeps_sessions(self):
        self.assertEqual(self.script(sys.executable, "client.py"), "all is well\n")

    def test_php_keeps_its_sessions_here(self):
        self.assertEqual(self.script("php", "session.php"), "all is well\n")
        keys = self.redis_cli("KEYS", "PHPREDIS_SESSION:*").split()
        self.assertEqual(len(keys), 1, "the session that was not destroyed")
        self.assertGreater(int(self.redis_cli("TTL", keys[0])), 1000)

    def test_ruby_redis_keeps_sessions(self):
        self.assertEqual(self.script("ruby", "client.rb"), "all is well\n")

    # --- subscribers ---

    def test_python_redis_subscribes(self):
        self.subscribe(sys.executable, os.path.join(HERE, "subscribe.py"))

    def test_php_subscribes(self):
        # To its channel, and then to a pattern.
        self.subscribe("php", os.path.join(HERE, "subscribe.php"), listens=((1, 0), (0, 1)))

    def test_ruby_redis_subscribes(self):
        self.subscribe("ruby", os.path.join(HERE, "subscribe.rb"), listens=((1, 0),))

    def test_hiredis_subscribes(self):
        folder = TemporaryDirectory()
        self.addCleanup(folder.remove)
        client = folder / "subscribe"
        source = os.path.join(HERE, "subscribe.c")
        self.run_program("cc", "-Wall", "-o", client, source, "-lhiredis")
        self.subscribe(client)

    def test_node_clients_subscribe(self):
        self.needs("node", "npm")
        build_directory = os.path.abspath(program.arguments.build_dir)
        packages = InstalledPackages(os.path.join(HERE, "node"), build_directory, "node-clients")
        for name in ("subscribe_node_redis.js", "subscribe_ioredis.js"):
            with self.subTest(name):
                self.assertEqual(
                    self.run_program("node", os.path.join(packages.directory, name), HOST,
                                     self.port, "secret"),
                    "all is well\n",
                )

    def subscribe(self, *command, listens=((1, 1),)):
        """Runs a subscriber. Publishes "hello" when so many listen to the channel and to patterns."""
        self.needs(command[0])
        subscriber = subprocess.Popen(
            [*command, HOST, self.port, "secret"], stdout=subprocess.PIPE, text=True
        )
        self.addCleanup(subscriber.stdout.close)
        self.addCleanup(subscriber.wait)
        self.addCleanup(subscriber.kill)
        for wanted in listens:
            wait_until(
                lambda: subscriber.poll() is not None or self.listeners() == wanted,
                "somebody listens", deadline=60,
            )
            self.redis_cli("PUBLISH", "news", "hello")
        said, _ = subscriber.communicate(timeout=60)
        self.assertEqual((said, subscriber.returncode), ("all is well\n", 0))

    def listeners(self):
        """How many listen to the channel "news", and how many patterns there are."""
        channel = self.redis_cli("PUBSUB", "NUMSUB", "news").split()[1]
        return int(channel), int(self.redis_cli("PUBSUB", "NUMPAT"))

    def script(self, interpreter, name):
        """The output of a script of tests/system/clients."""
        return self.run_program(interpreter, os.path.join(HERE, name), HOST, self.port, "secret")


if __name__ == "__main__":
    program.main()
