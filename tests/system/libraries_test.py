"""Session libraries, unmodified, against a fresh server here and against Debian's redis-server.

What they see must be right, and what they leave in the store must be the same.
"""

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from support import program
from support.npm import InstalledPackages
from support.session_library import IDLE_SECONDS, Contents, Worker
from support.waiting import wait_until

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libraries")
# When a session of one second has ended for a library that counts in whole seconds.
SECONDS_AND_ROUNDING = 3
# The scripts that some are known to send, by their SHA-1.
PHPREDIS_RELEASES = "b70c2384248f88e6b75b9f89241a180f856ad852"
LARAVEL_RELEASES = "647c65a442733a1aa440f99908d249d13b4d6c4a"
LARAVEL_ADDS = "a08c9c69b7c07ae2485190873b90d128a23e502d"
BETTER_AUTH_TAKES = "0775ac0b9041d23a100b54ce39e3010003a22726"
BETTER_AUTH_COUNTS = "ebd3cc05b1e73798b9e59a5db2d6c5dc10c862cc"


class Scenario:
    """Two processes of one library on one server, and what was in it from time to time."""

    def __init__(self, test, command, server, **traits):
        self.test = test
        self.contents = Contents(server)
        self.workers = [Worker(command, server.port) for _ in range(2)]
        for worker in self.workers:
            test.addCleanup(worker.close)
        self.regenerates = traits.get("regenerates", True)
        self.counts = traits.get("counts", False)
        self.with_values = traits.get("with_values", True)
        # Some write into a session when it ends, and tell the store no deadline.
        self.deadlines = traits.get("deadlines", True)
        self.bobs_keys = []
        self.bobs_end = None
        self.left = []

    def play(self):
        one, other = self.workers
        bob = self.log_bob_in()
        alice = one.ask("login", "alice", str(IDLE_SECONDS))
        self.note("alice has logged in")
        self.sees(other, alice, {"user": "alice"})
        self.does(other, "write", alice, "cart", "apples")
        self.sees(one, alice, {"user": "alice", "cart": "apples"})
        self.note("alice has apples in her cart")
        self.touch(one, alice)
        if self.regenerates:
            alice = self.regenerate(other, one, alice)
        carol = other.ask("login", "carol", str(IDLE_SECONDS))
        self.does(one, "logout", alice)
        self.sees(other, alice, None)
        self.sees(other, carol, {"user": "carol"})
        self.note("alice has logged out")
        wait_until(self.bob_is_gone, "bob's session expires")
        self.sees(one, bob, None)
        if self.counts:
            self.test.assertEqual(one.ask("count"), ["carol"])
        return self.left

    def log_bob_in(self):
        if self.deadlines:
            return wait_until(self.log_in_seen, "a session of one second that can be seen")
        bob = self.workers[0].ask("login", "bob", "1")
        self.bobs_end = time.monotonic() + SECONDS_AND_ROUNDING
        return bob

    def log_in_seen(self):
        bob = self.workers[0].ask("login", "bob", "1")
        self.bobs_keys = self.contents.mortal_keys()
        return bob if self.bobs_keys else None

    def bob_is_gone(self):
        """Where the store knows no deadline he is not asked for: to read a session may be to use it."""
        if self.deadlines:
            return self.contents.gone(self.bobs_keys)
        return time.monotonic() > self.bobs_end

    def touch(self, worker, user):
        if not self.deadlines:
            self.does(worker, "touch", user)
            return
        keys = [key for key in self.contents.mortal_keys() if key not in self.bobs_keys]
        self.test.assertTrue(keys)
        self.contents.shorten(keys, IDLE_SECONDS // 2)
        self.does(worker, "touch", user)
        for seconds in self.contents.seconds_left(keys):
            self.test.assertGreater(seconds, IDLE_SECONDS * 0.9)

    def regenerate(self, worker, other, user):
        new = worker.ask("regenerate", user)
        self.test.assertTrue(new)
        self.test.assertNotEqual(new, user)
        self.sees(other, user, None)
        self.sees(other, new, {"user": "alice", "cart": "apples"})
        self.note("alice has a new id")
        return new

    def sees(self, worker, user, data):
        self.test.assertEqual(worker.ask("read", user), data)

    def does(self, worker, *words):
        self.test.assertIs(worker.ask(*words), True, words)

    def note(self, when):
        self.left.append((when, self.contents.without_chance(self.bobs_keys, self.with_values)))


class Libraries(program.SystemTest):
    def agree(self, *command, **traits):
        """command is given HOST and PORT, too."""
        servers = {"sojournd": self.start_server(), "redis-server": self.start_redis()}
        scenarios = [Scenario(self, command, server, **traits) for server in servers.values()]
        with ThreadPoolExecutor(len(scenarios)) as threads:
            here, there = threads.map(Scenario.play, scenarios)
        self.assertEqual(here, there, "what is left here, and in redis-server")

    def take_turns(self, *command, script=None):
        """Two processes change one session at once, a lock keeps them apart and is gone in the end.

        script: the SHA-1 of what the library lets go of its lock by.
        """
        for server in (self.start_server(), self.start_redis()):
            workers = [Worker(command, server.port) for _ in range(2)]
            for worker in workers:
                self.addCleanup(worker.close)
            alice = workers[0].ask("login", "alice", str(IDLE_SECONDS))
            keys = server.call("DBSIZE")
            with ThreadPoolExecutor(len(workers)) as threads:
                counted = threads.map(lambda worker: worker.ask("count_up", alice, "20"), workers)
                self.assertEqual(max(counted), 40)
            self.assertEqual(server.call("DBSIZE"), keys)
            if script:
                self.assertEqual(server.call("SCRIPT", "EXISTS", script), [1])


class Node(Libraries):
    @classmethod
    def setUpClass(cls):
        missing = [name for name in ("node", "npm") if shutil.which(name) is None]
        if missing:
            raise AssertionError(f"this test needs {', '.join(missing)}")
        build_directory = os.path.abspath(program.arguments.build_dir)
        source = os.path.join(HERE, "node")
        cls.packages = InstalledPackages(source, build_directory, "node-libraries")

    def node(self, name, **traits):
        self.agree("node", os.path.join(self.packages.directory, name), **traits)

    def test_express_session_with_node_redis(self):
        self.node("express_node_redis.js", counts=True)

    def test_express_session_with_ioredis(self):
        self.node("express_ioredis.js", counts=True)

    def test_express_session_with_connect_redis_7(self):
        self.node("express_connect_redis_7.js", counts=True)

    def test_express_session_with_connect_redis_6(self):
        self.node("express_connect_redis_6.js", counts=True)

    def test_express_session_with_node_redis_6(self):
        self.node("express_node_redis_6.js", counts=True)

    def test_fastify_session(self):
        self.node("fastify.js")

    def test_koa_session(self):
        self.node("koa.js")

    def test_hapi_yar(self):
        self.node("hapi.js")

    def test_adonis_session(self):
        self.node("adonis.js")

    def test_better_auth(self):
        self.node("better_auth.js", regenerates=False, counts=True)

    def test_better_auth_scripts(self):
        path = os.path.join(self.packages.directory, "better_auth_scripts.js")
        without_getdel = {"rename_command": "GETDEL taken-away"}
        for server in (self.start_server(**without_getdel), self.start_redis(**without_getdel)):
            worker = Worker(["node", path], server.port)
            self.addCleanup(worker.close)
            steps = ("put k v", "take k", "take k", "put k w", "count n 60", "count n 60")
            said = [worker.ask(*step.split()) for step in steps]
            self.assertEqual(said, [True, "v", None, True, 1, 2])
            for sha1, words, reply in (
                (BETTER_AUTH_TAKES, ["better-auth:k"], b"w"),
                (BETTER_AUTH_TAKES, ["better-auth:k"], None),
                (BETTER_AUTH_COUNTS, ["better-auth:n", "60"], 3),
            ):
                self.assertEqual(server.call("EVALSHA", sha1, "1", *words), reply)
            self.assertIn(server.call("TTL", "better-auth:n"), range(30, 61))

    def test_authjs(self):
        self.node("authjs.js", regenerates=False, deadlines=False)

    def test_redis_sessions(self):
        self.node("redis_sessions.js", regenerates=False, counts=True, deadlines=False)


class Php(Libraries):
    def php(self, name, **traits):
        self.agree("php", os.path.join(HERE, "php", name), **traits)

    def test_phpredis_session_handler(self):
        self.php("phpredis.php")

    def test_phpredis_session_handler_with_locking(self):
        self.php("phpredis_locking.php")

    def test_phpredis_session_handler_locks(self):
        self.take_turns("php", os.path.join(HERE, "php", "phpredis_locking.php"),
                        script=PHPREDIS_RELEASES)

    def test_laravel_session_blocking(self):
        self.take_turns("php", os.path.join(HERE, "php", "laravel.php"), script=LARAVEL_RELEASES)

    def test_laravel_adds_to_its_cache(self):
        for server in (self.start_server(), self.start_redis()):
            worker = Worker(["php", os.path.join(HERE, "php", "laravel.php")], server.port)
            self.addCleanup(worker.close)
            self.assertIs(worker.ask("add", "key", "value"), True)
            self.assertIs(worker.ask("add", "key", "other"), False)
            self.assertEqual(server.call("SCRIPT", "EXISTS", LARAVEL_ADDS), [1])

    def test_predis_session_handler(self):
        self.php("predis.php")

    def test_symfony_redis_session_handler(self):
        self.php("symfony.php")

    def test_laravel_redis_session_driver(self):
        self.php("laravel.php")


class Python(Libraries):
    def python(self, name, *words, **traits):
        self.agree(sys.executable, os.path.join(HERE, "python", name), *words, **traits)

    def test_django_cache_sessions_on_django_redis(self):
        self.python("django_site.py", "django.contrib.sessions.backends.cache")

    def test_django_redis_sessions(self):
        self.python("django_site.py", "redis_sessions.session")

    def test_flask_session(self):
        self.python("flask_site.py", regenerates=False)

    def test_aiohttp_session(self):
        self.python("aiohttp_site.py", regenerates=False)

    def test_redis_py(self):
        self.python("redis_py.py", counts=True)

    def test_redis_py_locks(self):
        self.take_turns(sys.executable, os.path.join(HERE, "python", "redis_py.py"))


class Ruby(Libraries):
    def ruby(self, name, *words, **traits):
        self.agree("ruby", os.path.join(HERE, "ruby", name), *words, **traits)

    def test_redis_rack(self):
        self.ruby("redis_rack.rb")

    def test_redis_actionpack(self):
        self.ruby("rails.rb", "redis_actionpack")

    # A cache's entries have the time in them, whose length may differ.
    def test_rails_cache_sessions_on_redis_activesupport(self):
        self.ruby("rails.rb", "redis_activesupport", with_values=False)

    def test_rails_cache_sessions_on_redis_cache_store(self):
        self.ruby("rails.rb", "redis_cache_store", with_values=False)

    def test_ruby_redis(self):
        self.ruby("ruby_redis.rb", counts=True)


class Perl(Libraries):
    def perl(self, name, **traits):
        self.agree("perl", os.path.join(HERE, "perl", name), **traits)

    def test_redis_pm(self):
        self.perl("redis.pl", counts=True)

    def test_chi(self):
        self.perl("chi.pl", with_values=False)

    def test_plack_session(self):
        self.perl("plack.pl", with_values=False)


class Lua(Libraries):
    def test_lua_redis(self):
        self.agree("lua5.1", os.path.join(HERE, "lua", "lua_redis.lua"))

    def test_lua_resty_redis_in_nginx(self):
        # Lua's tables have no order, so JSON made of them neither.
        self.agree(sys.executable, os.path.join(HERE, "lua", "nginx.py"), with_values=False)


class Compiled(Libraries):
    def setUp(self):
        self.folder = os.path.join(os.path.abspath(program.arguments.build_dir), "libraries")
        os.makedirs(self.folder, exist_ok=True)

    def build(self, *command, **environment):
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=240, env={**os.environ, **environment}
        )
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)

    def test_hiredis(self):
        path = os.path.join(self.folder, "hiredis")
        self.build("cc", "-Wall", "-o", path, os.path.join(HERE, "c", "hiredis.c"), "-lhiredis")
        self.agree(path)

    def test_redigo(self):
        self.agree(self.built_by_go("redigo"))

    def test_redistore(self):
        self.agree(self.built_by_go("redistore"), with_values=False)

    def built_by_go(self, name):
        """With Debian's packages of Go, which are sources; GCC's Go is the smaller one."""
        workspace = os.path.join(self.folder, "go")
        link = os.path.join(workspace, "src", "sojourn")
        os.makedirs(os.path.dirname(link), exist_ok=True)
        if not os.path.islink(link):
            os.symlink(os.path.join(HERE, "go"), link)
        path = os.path.join(self.folder, name)
        self.build(
            "go-12", "build", "-o", path, f"sojourn/{name}",
            GO111MODULE="off", GOPATH=f"{workspace}:/usr/share/gocode",
            GOCACHE=os.path.join(self.folder, "go-cache"),
        )
        return path


if __name__ == "__main__":
    program.main()
