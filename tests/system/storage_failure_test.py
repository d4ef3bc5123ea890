"""A disk that fails: nothing more is acknowledged, reads go on, and it is said why."""

import glob
import os
import resource
import signal

from support import program
from support.resp import Connection, ReplyError
from support.tracing import BadCalls
from support.waiting import wait_until

SESSIONS = 500
SYNCS = "fsync,fdatasync"
WRITES = "write,pwrite64,writev,pwritev"


class FailingDisk(program.SystemTest):
    def start(self, appendfsync):
        """A server whose disk was good so far."""
        self.server = self.start_server(appendfsync=appendfsync)
        self.acknowledged = {}
        with self.server.connect() as connection:
            requests = [("SET", f"s:{n}", f"{n}") for n in range(SESSIONS)]
            self.assertEqual(set(connection.pipeline(requests)), {"OK"})
        self.acknowledged.update({f"s:{n}": b"%d" % n for n in range(SESSIONS)})

    def log_file(self):
        return max(glob.glob(os.path.join(self.server.directory, "data", "db", "*.log")))

    def write_until_refused(self):
        """Every reply but OK means that nothing is acknowledged any more."""
        with Connection(self.server.address) as connection:
            for number in range(1_000_000):
                name = f"s:{number % SESSIONS}"
                connection.send("SET", name, f"late {number}")
                try:
                    reply = connection.read()
                except ConnectionError:
                    # Whether it was written is unknown, so there is no true answer to give.
                    self.acknowledged.pop(name, None)
                    return number
                if isinstance(reply, ReplyError):
                    self.assertRegex(str(reply), "^MISCONF ")
                    return number
                self.acknowledged[name] = b"late %d" % number
        self.fail("a disk that failed was never noticed")

    def reply_or_end(self, connection):
        try:
            return str(connection.read())
        except ConnectionError:
            return "closed"

    def wait_until_failed(self):
        wait_until(lambda: self.storage() == "failed", "the failure is seen", 20)

    def storage(self):
        return self.server.info("sojourn")["storage_state"]

    def check_that_it_lives_and_says_what_is_wrong(self, what="Input/output error"):
        self.assertTrue(self.server.process.running(), self.server.process.log()[-3000:])
        with Connection(self.server.address) as connection:
            for words in (
                ("PING",),
                ("SET", "s:1", "v"),
                ("DEL", "s:1"),
                ("EXPIRE", "s:1", "100"),
                ("HSET", "h", "f", "v"),
                ("FLUSHALL",),
            ):
                self.assertRegex(str(connection.pipeline([words])[0]), f"^MISCONF .*{what}")
        self.check_reads()
        persistence = self.server.info("persistence")
        self.assertIn("err", (persistence["aof_last_write_status"],
                              persistence["rdb_last_bgsave_status"]))
        self.assertIn(what, self.server.info("sojourn")["storage_failure"])
        self.assertRegex(self.server.process.log(), f"Storage failed.*{what}")

    def check_reads(self):
        with Connection(self.server.address) as connection:
            values = connection.pipeline(("GET", name) for name in self.acknowledged)
        for (name, expected), value in zip(self.acknowledged.items(), values):
            self.assertEqual(value, expected, name)

    def check_after_a_restart(self):
        self.server.start()
        self.assertEqual(self.storage(), "ok")
        self.check_reads()
        self.assertEqual(self.server.call("PING"), "PONG")
        self.assertEqual(self.server.call("SET", "s:1", "again"), "OK")

    def stop_in_vain(self):
        """An orderly end, that says that not everything could be written."""
        self.assertGreater(self.server.terminate(), 0, self.server.process.log()[-3000:])
        self.assertIn("Stopped, but", self.server.process.log())

    def test_sync_fails_with_always_and_the_write_is_never_acknowledged(self):
        self.start("always")
        with BadCalls(self.server, SYNCS, "error=EIO"):
            self.assertEqual(self.write_until_refused(), 0)
            self.wait_until_failed()
        # An fsync that would succeed now could not bring back what the kernel has dropped.
        self.check_that_it_lives_and_says_what_is_wrong()
        self.stop_in_vain()
        self.check_after_a_restart()

    def test_sync_fails_with_everysec_and_nothing_is_acknowledged_after_it(self):
        self.start("everysec")
        with BadCalls(self.server, SYNCS, "error=EIO"):
            self.write_until_refused()
            self.wait_until_failed()
        self.check_that_it_lives_and_says_what_is_wrong()
        self.server.kill()
        self.check_after_a_restart()

    def test_write_fails_and_is_never_acknowledged(self):
        for appendfsync in ("always", "everysec", "no"):
            with self.subTest(appendfsync):
                self.start(appendfsync)
                with BadCalls(self.server, WRITES, "error=EIO", self.log_file()):
                    self.assertEqual(self.write_until_refused(), 0)
                    self.wait_until_failed()
                self.check_that_it_lives_and_says_what_is_wrong()
                self.stop_in_vain()
                self.check_after_a_restart()

    def test_write_beyond_a_limit_of_the_process_fails_like_any_other(self):
        self.start("everysec")
        most = os.path.getsize(self.log_file()) + 10_000
        resource.prlimit(self.server.process.pid, resource.RLIMIT_FSIZE, (most, most))
        self.write_until_refused()
        self.wait_until_failed()
        self.check_that_it_lives_and_says_what_is_wrong("File too large")
        self.server.kill()
        self.check_after_a_restart()

    def test_write_fails_of_many_clients_at_once_and_none_is_acknowledged(self):
        self.start("everysec")
        clients = [self.server.connect() for _ in range(20)]
        with BadCalls(self.server, WRITES, "error=EIO", self.log_file()):
            for number, client in enumerate(clients):
                client.send("SET", f"n:{number}", "v")
            for client in clients:
                self.assertRegex(self.reply_or_end(client), "^(MISCONF |closed)")
        self.server.kill()
        self.check_after_a_restart()


class HangingDisk(program.SystemTest):
    def setUp(self):
        self.server = self.start_server(appendfsync="everysec")

    def ask_to_stop(self):
        self.assertEqual(self.server.call("SET", "s:1", "v"), "OK")
        self.server.process.send_signal(signal.SIGTERM)
        self.server.process.wait_for_line("Stopping: SIGTERM")

    def test_does_not_keep_a_second_signal_from_ending_the_process(self):
        for second in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(second), BadCalls(self.server, SYNCS, "delay_enter=60s"):
                self.ask_to_stop()
                self.server.process.send_signal(second)
                wait_until(self.server.process.dead, "the end", 1)
            self.assertEqual(self.server.process.wait(), -second)
            self.server.start()
            self.assertEqual(self.server.call("GET", "s:1"), b"v")

    def test_does_not_keep_the_server_from_stopping_for_ever(self):
        with BadCalls(self.server, SYNCS, "delay_enter=60s"):
            self.ask_to_stop()
            wait_until(self.server.process.dead, "the end", 20)
        self.assertGreater(self.server.process.wait(), 0)
        self.assertIn("a sync hangs in the store", self.server.process.log())
        self.server.start()
        self.assertEqual(self.server.call("GET", "s:1"), b"v")


if __name__ == "__main__":
    program.main()
