"""A site in nginx with Lua and lua-resty-redis; this asks it as browsers do."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "python"), os.path.join(HERE, "..", "..")]

from steps import Browser, answer  # noqa: E402
from support.waiting import wait_until  # noqa: E402


class Site:
    def __init__(self, host, port):
        self.folder = tempfile.mkdtemp(prefix="sojourn-nginx-")
        self.socket = os.path.join(self.folder, "site.sock")
        with open(os.path.join(HERE, "nginx.conf"), encoding="ascii") as file:
            text = file.read()
        filled = {"FOLDER": self.folder, "HERE": HERE, "HOST": host, "PORT": port}
        for name, value in filled.items():
            text = text.replace(name, value)
        path = os.path.join(self.folder, "nginx.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        program = shutil.which("nginx", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
        self.nginx = subprocess.Popen([program, "-p", self.folder, "-c", path], stdin=subprocess.DEVNULL)
        wait_until(self.listening, "nginx listens", deadline=60)

    def listening(self):
        if self.nginx.poll() is not None:
            raise AssertionError("nginx ended")
        # It is bound, and so there, before anybody listens.
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(self.socket) == 0

    def get(self, step, session_id, query):
        connection = http.client.HTTPConnection("site")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.socket)
        words = query if session_id is None else {"id": session_id, **query}
        connection.request("GET", f"/{step}?{urllib.parse.urlencode(words)}")
        answered = connection.getresponse()
        body = answered.read().decode()
        connection.close()
        if answered.status != 200:
            raise AssertionError(f"{step}: {answered.status} {body}")
        seen = json.loads(body)
        return seen, seen

    def close(self):
        self.nginx.terminate()
        self.nginx.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


site = Site(*sys.argv[1:])
try:
    answer(Browser(site.get))
finally:
    site.close()
