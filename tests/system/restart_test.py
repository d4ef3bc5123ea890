"""Starting, stopping and starting again: how soon, with what, and what it says when it cannot."""

import os
import random
import re
import shutil
import signal
import subprocess
import threading

from support import program
from support.server import PORT_TAKEN, READY, STORE_OPEN, TemporaryDirectory
from support.resp import Connection, encode
from support.waiting import Stopwatch, wait_until

SESSIONS = 1_000_000
FIRST_ANSWER_MAX_SECONDS = 0.3
STOP_MAX_SECONDS = 1.0
DEBIANS_CONFIGURATION = "/etc/redis/redis.conf"


def value_of(number):
    return (b"%d:" % number).ljust(512, b"s")


def load(server, count):
    """Sessions session:0 and so on, 512 bytes each, by two clients."""

    def load_part(first, last):
        with Connection(server.address) as connection:
            for start in range(first, last, 500):
                numbers = range(start, min(start + 500, last))
                connection.send_raw(
                    b"".join(encode("SET", b"session:%d" % n, value_of(n)) for n in numbers)
                )
                answer = connection.read_exactly(len(numbers) * len(b"+OK\r\n"))
                assert answer == b"+OK\r\n" * len(numbers), answer[:200]

    in_threads(lambda part: load_part(count * part // 2, count * (part + 1) // 2), range(2))


def in_threads(run, arguments):
    problems = []

    def guarded(argument):
        try:
            run(argument)
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=guarded, args=(argument,)) for argument in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


def check(server, numbers):
    """Every one of these sessions is there and right."""
    numbers = list(numbers)
    with Connection(server.address) as connection:
        for start in range(0, len(numbers), 500):
            part = numbers[start : start + 500]
            connection.send_raw(b"".join(encode("GET", b"session:%d" % n) for n in part))
            expected = b"".join(b"$512\r\n%s\r\n" % value_of(n) for n in part)
            answer = connection.read_exactly(len(expected))
            assert answer == expected, f"session:{part[0]} to session:{part[-1]}"


class AMillionSessions(program.SystemTest):
    def setUp(self):
        self.server = self.start_server()
        load(self.server, SESSIONS)

    def test_are_served_at_once_after_a_kill_and_are_right_while_the_server_warms(self):
        self.server.kill()
        watch = Stopwatch()
        self.server.start(wait=False)
        number = random.randrange(SESSIONS)
        waited = self.time_from_open_to_the_first_right_answer(number)
        print(f"RocksDB open after {watch.seconds() - waited:.1f} s, "
              f"first right answer {waited * 1000:.0f} ms later", flush=True)
        self.assertLess(waited, FIRST_ANSWER_MAX_SECONDS)

        was_warming = self.server.info("sojourn")["warming"] == "1"
        order = list(range(SESSIONS))
        random.shuffle(order)
        in_threads(lambda part: check(self.server, order[part::4]), range(4))
        self.assertTrue(was_warming, "a million sessions were loaded before anybody could ask")
        self.server.wait_until_warm()
        check(self.server, range(0, SESSIONS, 7))
        self.assertEqual(self.server.call("DBSIZE"), SESSIONS)

    def time_from_open_to_the_first_right_answer(self, number):
        self.server.process.wait_for_line(STORE_OPEN, deadline=60)
        watch = Stopwatch()
        # It listens already: who connects before it serves waits for it.
        with Connection(self.server.address) as connection:
            self.assertEqual(connection.call("GET", f"session:{number}"), value_of(number))
        return watch.seconds()


class Stopping(program.SystemTest):
    def stop_and_look(self, stop):
        server = self.start_server()
        load(server, 20_000)
        with server.connect() as connection:
            # A touch is written with a delay; stopping waits for it.
            connection.call("EXPIRE", "session:1", 1000)
            connection.call("EXPIRE", "session:1", 5000)
            wait_until(
                lambda: server.info("sojourn")["journal_pending_bytes"] == "0", "all is written"
            )
            watch = Stopwatch()
            stop(server, connection)
            self.assertEqual(server.process.wait(), 0)
            self.assertLess(watch.seconds(), STOP_MAX_SECONDS)
        server.start()
        check(server, range(20_000))
        self.assertGreater(server.call("TTL", "session:1"), 4900)

    def test_by_a_signal_is_quick_and_loses_nothing(self):
        self.stop_and_look(lambda server, _: server.process.send_signal(signal.SIGTERM))

    def test_by_an_interrupt_is_quick_and_loses_nothing(self):
        self.stop_and_look(lambda server, _: server.process.send_signal(signal.SIGINT))

    def test_by_a_command_is_quick_and_loses_nothing(self):
        self.stop_and_look(lambda _, connection: connection.send("SHUTDOWN"))

    def test_waits_for_nobody_who_is_connected(self):
        server = self.start_server()
        deaf, slow, idle = server.connect(), server.connect(), server.connect()
        idle.call("SET", "session:1", "v" * 100_000)
        deaf.send_raw(encode("GET", "session:1") * 200)
        slow.send_raw(b"*3\r\n$3\r\nSET\r\n$9\r\nsession:2\r\n$100\r\nhalf of it")
        wait_until(
            lambda: int(server.info("stats")["total_commands_processed"]) > 3, "some replies"
        )
        watch = Stopwatch()
        self.assertEqual(server.process.terminate(), 0)
        self.assertLess(watch.seconds(), STOP_MAX_SECONDS)
        server.start()
        self.assertEqual(server.call("DBSIZE"), 1)

    def test_is_not_what_a_lost_terminal_or_pipe_asks_for(self):
        server = self.start_server()
        for harmless in (signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ):
            server.process.send_signal(harmless)
            self.assertEqual(server.call("PING"), "PONG", harmless)
        self.assertNotIn("Stopping", server.process.log())

    def test_under_load_loses_no_acknowledged_write(self):
        server = self.start_server()
        acknowledged = []

        def write(part):
            try:
                with Connection(server.address) as connection:
                    for number in range(part, 10_000_000, 4):
                        connection.call("SET", f"session:{number}", value_of(number))
                        acknowledged.append(number)
            except OSError:
                pass

        writers = [threading.Thread(target=write, args=(part,)) for part in range(4)]
        for writer in writers:
            writer.start()
        wait_until(lambda: len(acknowledged) > 2000, "some load")
        self.assertEqual(server.process.terminate(), 0)
        for writer in writers:
            writer.join()
        server.start()
        check(server, acknowledged)


class Starting(program.SystemTest):
    def setUp(self):
        self.folder = TemporaryDirectory()
        self.addCleanup(self.folder.remove)

    def run_sojournd(self, *arguments, **options):
        return subprocess.run(
            [program.arguments.server, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=self.folder.path,
            **options,
        )

    def run_in_vain(self, *arguments):
        """What is said when start-up must end."""
        ended = self.run_sojournd(*arguments)
        self.assertNotEqual(ended.returncode, 0, ended.stdout)
        return ended.stdout + ended.stderr

    def on_socket(self):
        return "--port", "0", "--unixsocket", self.folder / "s"

    def write(self, name, text):
        with open(self.folder / name, "w", encoding="utf-8") as file:
            file.write(text)
        return self.folder / name

    def test_says_its_process_id_and_when_it_is_ready(self):
        server = self.start_server()
        log = server.process.log()
        self.assertIn(f" PID: {server.process.pid}", log)
        self.assertLess(log.index(" PID: "), log.index(STORE_OPEN))
        self.assertLess(log.index(STORE_OPEN), log.index(READY))

    def test_on_a_taken_port_ends_with_a_line_about_it(self):
        server = self.start_server()
        said = self.run_in_vain("--port", str(server.port), "--dir", self.folder / "other")
        self.assertIn(f"{PORT_TAKEN} {server.port}", said)

    def test_leaves_the_files_of_a_running_server_alone(self):
        socket, pid = str(self.folder / "socket"), self.folder / "pid"
        server = self.start_server(unixsocket=socket, pidfile=str(pid))
        with open(pid, encoding="utf-8") as file:
            running = file.read()
        said = self.run_in_vain("--port", str(server.port), "--pidfile", str(pid), "--dir", "other")
        self.assertIn(PORT_TAKEN, said)
        said = self.run_in_vain("--port", "0", "--unixsocket", socket, "--dir", "other")
        self.assertIn("in use by another process", said)
        with open(pid, encoding="utf-8") as file:
            self.assertEqual(file.read(), running)
        with Connection(socket) as connection:
            self.assertEqual(connection.call("PING"), "PONG")

    def test_without_anything_to_listen_on_ends_with_a_line_about_it(self):
        self.assertIn("nobody could connect", self.run_in_vain("--port", "0"))

    def test_on_a_directory_in_use_names_it(self):
        server = self.start_server()
        directory = os.path.join(server.directory, "data")
        said = self.run_in_vain(*self.on_socket(), "--dir", directory)
        self.assertIn(directory, said)
        self.assertRegex(said, "another process|in use")
        self.assertEqual(server.call("PING"), "PONG")

    def test_on_a_foreign_directory_leaves_it_alone(self):
        directory = self.folder / "letters"
        os.mkdir(directory)
        self.write("letters/letter.txt", "not ours")
        said = self.run_in_vain(*self.on_socket(), "--dir", directory)
        self.assertIn(directory, said)
        self.assertEqual(os.listdir(directory), ["letter.txt"])

    def test_has_its_log_pid_file_and_socket_in_the_data_directory_if_asked(self):
        server = self.start_server(
            wait=False, logfile="log-of-ours", pidfile="process", unixsocket="socket"
        )
        data = os.path.join(server.directory, "data")
        log = os.path.join(data, "log-of-ours")

        def ready():
            return os.path.exists(log) and READY in open(log, encoding="utf-8").read()

        wait_until(ready, "the log in the data directory")
        with open(os.path.join(data, "process"), encoding="ascii") as file:
            self.assertEqual(int(file.read()), server.process.pid)
        with Connection(os.path.join(data, "socket")) as connection:
            self.assertEqual(connection.call("PING"), "PONG")
        self.assertEqual(server.terminate(), 0)
        self.assertEqual(sorted(os.listdir(data)), ["FORMAT", "db", "log-of-ours", "watermark"])

    def test_says_once_that_nothing_is_kept(self):
        server = self.start_server(appendonly="no")
        self.assertEqual(server.process.log().count("appendonly"), 1)

    def test_on_a_newer_format_says_so(self):
        server = self.start_server()
        server.terminate()
        directory = os.path.join(server.directory, "data")
        with open(os.path.join(directory, "FORMAT"), encoding="utf-8") as file:
            text = file.read()
        with open(os.path.join(directory, "FORMAT"), "w", encoding="utf-8") as file:
            file.write(re.sub(r"\d+", "99", text))
        said = self.run_in_vain("--port", str(server.port), "--dir", directory)
        self.assertIn(directory, said)
        self.assertIn("99", said)

    def test_keeps_its_data_from_other_users(self):
        server = self.start_server()
        data = os.path.join(server.directory, "data")
        self.assertEqual(os.stat(data).st_mode & 0o077, 0)
        for folder, _, names in os.walk(data):
            for name in names:
                mode = os.stat(os.path.join(folder, name)).st_mode & 0o777
                self.assertEqual(mode & 0o077, 0, f"{name} has mode {mode:o}")

    def test_refuses_an_unknown_directive_with_its_line(self):
        file = self.write("bad.conf", "# one\nport 7000\nprot 7001\n")
        said = self.run_in_vain(file)
        self.assertIn("at line 3", said)
        self.assertIn("prot 7001", said)
        self.assertIn(file, said)

    def test_refuses_a_bad_value_and_says_what_was_expected(self):
        said = self.run_in_vain(self.write("bad.conf", "appendfsync sometimes\n"))
        self.assertIn("at line 1", said)
        self.assertRegex(said, "always.*everysec|everysec.*always")
        self.assertIn("no-such-thing", self.run_in_vain("--no-such-thing", "1"))

    def test_refuses_to_rename_what_is_no_command_but_not_what_only_redis_has(self):
        for line, why in (
            ('rename-command flusall ""', "No such command in rename-command"),
            ("rename-command GET set", "Target command name already exists"),
        ):
            said = self.run_in_vain(self.write("bad.conf", line + "\n"), "--check-config")
            self.assertIn(why, said)
        file = self.write("good.conf", 'rename-command EVAL ""\nrename-command KEYS ""\n')
        good = self.run_sojournd(file, "--check-config")
        self.assertEqual(good.returncode, 0, good.stderr)

    def test_checks_a_configuration_without_serving(self):
        good = self.run_sojournd(self.write("good.conf", "port 0\n"), "--check-config")
        self.assertEqual(good.returncode, 0, good.stderr)
        bad = self.write("bad.conf", "\nx y\n")
        self.assertIn("at line 2", self.run_in_vain(bad, "--check-config"))
        self.assertEqual(sorted(os.listdir(self.folder.path)), ["bad.conf", "good.conf"])

    def test_tells_its_version_and_its_directives(self):
        version = self.run_sojournd("--version")
        self.assertEqual(version.returncode, 0)
        self.assertRegex(version.stdout, r"Sojourn.*\d+\.\d+\.\d+")
        usage = self.run_sojournd("--help")
        self.assertEqual(usage.returncode, 0)
        self.assertIn("appendfsync", usage.stdout)

    def test_takes_debians_configuration_of_redis(self):
        if not os.access(DEBIANS_CONFIGURATION, os.R_OK):
            self.skipTest(f"{DEBIANS_CONFIGURATION} is not there, or not ours to read")
        file = self.folder / "redis.conf"
        shutil.copy(DEBIANS_CONFIGURATION, file)
        socket, log, pid = (self.folder / name for name in ("socket", "log", "pid"))
        said = self.run_sojournd(
            file, "--port", "0", "--unixsocket", socket, "--dir", self.folder / "data",
            "--logfile", log, "--pidfile", pid,
        )
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)

        # It says "daemonize yes": the server is somebody else's child now.
        def ready():
            return os.path.exists(log) and READY in open(log, encoding="utf-8").read()

        wait_until(ready, "the server behind Debian's configuration")
        with open(pid, encoding="ascii") as file:
            number = int(file.read())
        try:
            with Connection(socket) as connection:
                self.assertEqual(connection.call("PING"), "PONG")
                self.assertEqual(connection.call("SET", "session:1", "alice"), "OK")
        finally:
            os.kill(number, signal.SIGTERM)
        wait_until(lambda: not os.path.exists(f"/proc/{number}"), "its end")
        self.assertFalse(os.path.exists(pid))


class TheLog(program.SystemTest):
    def test_is_summed_up_by_the_program_and_not_in_software(self):
        """What the dynamic linker says that RocksDB's library calls."""
        told = subprocess.run(
            [program.arguments.server, "--version"],
            env=dict(os.environ, LD_DEBUG="bindings", LD_BIND_NOW="1"),
            capture_output=True, text=True, check=True)
        bound = re.findall(r"librocksdb\S* \[0\] to (\S+) \[0\]: .*crc32c6ExtendEjPKcm", told.stderr)
        self.assertEqual(bound, [program.arguments.server])


if __name__ == "__main__":
    program.main()
