"""Two clones of an Express app behind HAProxy: nobody is logged out by the death of anything."""

import http.client
import os
import shutil

from support import program
from support.npm import InstalledPackages
from support.server import HOST, Process, TemporaryDirectory, free_port
from support.waiting import wait_until

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "express")
PROGRAMS = ["node", "npm", "haproxy"]
# Debian keeps haproxy where only root's path goes.
PATH = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"


class Browser:
    """Somebody with a cookie, at the front door."""

    def __init__(self, port):
        self.port = port
        self.cookie = None

    def ask(self, method, path):
        """Body and the clone's name; connections are new each time, so HAProxy chooses anew."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=20)
        try:
            connection.request(method, path, headers={"Cookie": self.cookie} if self.cookie else {})
            answer = connection.getresponse()
            body = answer.read().decode()
            if answer.status != 200:
                raise AssertionError(f"{method} {path}: {answer.status} {body}")
            set_cookie = answer.getheader("Set-Cookie")
            if set_cookie:
                self.cookie = set_cookie.split(";")[0]
            return body, answer.getheader("X-Clone")
        finally:
            connection.close()

    def answers_with(self, body):
        """True when that is what the site says; false while it is out of service."""
        try:
            return self.ask("GET", "/me")[0] == body
        except (OSError, http.client.HTTPException, AssertionError):
            return False


class Express(program.SystemTest):
    @classmethod
    def setUpClass(cls):
        missing = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
        if missing:
            raise AssertionError(f"this test needs {', '.join(missing)}")
        cls.app = InstalledPackages(SOURCE, program.arguments.build_dir, "express-app")

    def setUp(self):
        self.folder = TemporaryDirectory()
        self.addCleanup(self.folder.remove)
        self.server = self.start_server()
        # One speaks RESP2 with it, the other RESP3.
        self.clones = {"a": self.start_clone("a", 2), "b": self.start_clone("b", 3)}
        self.front = self.start_haproxy()

    def start_clone(self, name, resp_version):
        socket = self.folder / f"{name}.sock"
        url = f"redis://{HOST}:{self.server.port}"
        clone = Process(
            ["node", "app.js", socket, url, name, str(resp_version)],
            self.folder / f"{name}.log",
            cwd=self.app.directory,
        )
        self.addCleanup(lambda: clone.running() and clone.kill())

        def listening():
            if not clone.running():
                raise AssertionError(f"the app ended:\n{clone.log()}")
            return os.path.exists(socket)

        wait_until(listening, f"clone {name}", deadline=60)
        return clone

    def start_haproxy(self):
        port = free_port()
        with open(self.folder / "haproxy.cfg", "w", encoding="ascii") as file:
            file.write(f"""
defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
  retries 3
  option redispatch
  retry-on conn-failure
frontend front
  bind {HOST}:{port}
  default_backend clones
backend clones
  balance roundrobin
  server a unix@{self.folder / "a.sock"}
  server b unix@{self.folder / "b.sock"}
""")
        proxy = Process(
            [shutil.which("haproxy", path=PATH), "-db", "-f", self.folder / "haproxy.cfg"],
            self.folder / "haproxy.log",
        )
        self.addCleanup(lambda: proxy.running() and proxy.kill())
        wait_until(lambda: Browser(port).answers_with("nobody"), "the site is up", deadline=60)
        return port

    def restart_sojourn(self):
        self.server.kill()
        self.server.start()

    def test_a_session_survives_all_but_logging_out(self):
        alice, stranger = Browser(self.front), Browser(self.front)
        _, first = alice.ask("POST", "/login/alice")
        clones = {first}
        while len(clones) < 2:  # round robin: the other one is next, or the one after
            user, clone = alice.ask("GET", "/me")
            self.assertEqual(user, "alice", f"logged in through {first}, unknown to {clone}")
            clones.add(clone)

        self.clones[first].kill()
        for _ in range(4):
            user, clone = alice.ask("GET", "/me")
            self.assertEqual(user, "alice", "after a clone's death")
            self.assertNotEqual(clone, first)

        self.restart_sojourn()
        wait_until(lambda: stranger.answers_with("nobody"), "the site is back", deadline=30)
        self.assertEqual(alice.ask("GET", "/me")[0], "alice", "after kill -9 of sojournd")

        os.unlink(self.folder / f"{first}.sock")
        self.clones[first] = self.start_clone(first, 3)
        self.see_on_both(alice, "alice")

        cookie = alice.cookie
        self.assertEqual(alice.ask("POST", "/logout")[0], "bye")
        alice.cookie = cookie  # the thief's browser, which never obeys
        self.see_on_both(alice, "nobody")
        self.restart_sojourn()
        self.see_on_both(alice, "nobody")

    def see_on_both(self, browser, expected):
        """Both clones answer, and both the same. One that waits for Sojourn is given its time."""
        cookie, seen = browser.cookie, set()

        def both_have_answered():
            browser.cookie = cookie
            try:
                user, clone = browser.ask("GET", "/me")
            except (OSError, http.client.HTTPException):
                return False
            self.assertEqual(user, expected, f"says clone {clone}")
            seen.add(clone)
            return len(seen) == 2

        wait_until(both_have_answered, "both clones answer", deadline=30)


if __name__ == "__main__":
    program.main()
