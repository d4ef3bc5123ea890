"""A disk that fills up, and has space again: nothing acknowledged is lost, reads always work."""

import os
import subprocess

from support import program
from support.resp import Connection, encode
from support.server import TemporaryDirectory
from support.waiting import wait_until

DISK_BYTES = 400 << 20
# What the operator frees again; more than RocksDB's largest buffer, as it asks for that much.
BALLAST_BYTES = 200 << 20
VALUE = b"v" * 4096
WAIT_SECONDS = 5


class SmallDisk(program.SystemTest):
    def setUp(self):
        self.folder = TemporaryDirectory()
        self.addCleanup(self.folder.remove)
        if os.geteuid() != 0:
            self.skipTest("a small disk must be mounted, which only root may do")
        self.disk = self.folder / "disk"
        os.mkdir(self.disk)
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", self.disk],
            capture_output=True, text=True,
        )
        if mounted.returncode != 0:
            self.skipTest(f"no file system may be mounted here: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=True)
        self.ballast = os.path.join(self.disk, "ballast")
        self.fill(self.ballast, BALLAST_BYTES)
        self.server = self.start_server(directory=self.disk)

    def fill(self, path, size):
        with open(path, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)

    def test_full_refuses_writes_serves_reads_and_recovers_by_itself(self):
        acknowledged, waiting = self.write_until_full()
        self.assertGreater(len(acknowledged), 1000)
        self.assertTrue(self.server.process.running(), self.server.process.log()[-2000:])
        self.assertIn("Disk full", self.server.process.log())
        self.check(acknowledged)
        self.assertEqual(self.server.call("PING"), "PONG")

        os.remove(self.ballast)
        wait_until(lambda: self.write(0) == "OK", "writes are accepted again", 60, pause=0.2)
        for number in waiting:  # each is done now, or was refused behind those that wait
            if self.is_acknowledged(self.connection.read()):
                acknowledged.append(number)
        self.check(acknowledged)
        self.server.kill()
        self.server.start()
        self.check(acknowledged)

    def test_full_at_a_kill_has_all_that_was_acknowledged_afterwards(self):
        acknowledged, _ = self.write_until_full()
        self.server.kill()
        os.remove(self.ballast)
        self.server.start()
        self.check(acknowledged)
        self.assertEqual(self.write(0), "OK")

    def write(self, number):
        """The reply; an error as a value."""
        with Connection(self.server.address) as connection:
            return connection.pipeline([self.request(number)])[0]

    def write_until_full(self):
        """The sessions that were acknowledged, and those whose replies wait for space.

        A write that comes when the disk is known to be full is refused. One that was on its way
        then is in RAM already, and its reply waits.
        """
        acknowledged = []
        self.connection = self.server.connect(timeout=WAIT_SECONDS)
        for first in range(0, 2 * DISK_BYTES // len(VALUE), 50):
            numbers = list(range(first, first + 50))
            self.connection.send_raw(b"".join(encode(*self.request(n)) for n in numbers))
            for at, number in enumerate(numbers):
                try:
                    reply = self.connection.read()
                except TimeoutError:
                    self.assertEqual(self.server.info("sojourn")["storage_state"], "read-only")
                    return acknowledged, numbers[at:]
                if not self.is_acknowledged(reply):
                    return acknowledged, numbers[at + 1 :]
                acknowledged.append(number)
        self.fail("the disk never filled up")

    def is_acknowledged(self, reply):
        if reply != "OK":
            self.assertRegex(str(reply), "^MISCONF ")
        return reply == "OK"

    def request(self, number):
        return "SET", f"session:{number}", b"%d:" % number + VALUE

    def check(self, numbers):
        with Connection(self.server.address) as connection:
            values = connection.pipeline(("GET", f"session:{n}") for n in numbers)
        for number, value in zip(numbers, values):
            self.assertEqual(value, b"%d:" % number + VALUE, f"session:{number}")


if __name__ == "__main__":
    program.main()
