"""Several times more sessions than maxmemory allows, with maxmemory-policy spill."""

import concurrent.futures
import random

from support import program
from support.resp import Connection, encode
from support.waiting import wait_until

MEGABYTE = 1 << 20
MAXMEMORY = 96 * MEGABYTE
SESSIONS = 400_000
VALUE_BYTES = 512
IN_FLIGHT = 250
# What heap and connections may take beside maxmemory; the storage engine has a budget of its own.
RESIDENT_MAX = MAXMEMORY * 1.05 + 64 * MEGABYTE


def name_of(number):
    return b"session:%d" % number


def value_of(number, change=0):
    return (b"%d:%d:" % (number, change)).ljust(VALUE_BYTES, b"s")


def in_threads(run, arguments):
    arguments = list(arguments)
    with concurrent.futures.ThreadPoolExecutor(len(arguments)) as pool:
        return list(pool.map(run, arguments))


class MoreSessionsThanMemory(program.SystemTest):
    def setUp(self):
        self.server = self.start_server(
            maxmemory=f"{MAXMEMORY}", maxmemory_policy="spill", databases=1
        )
        self.changes = [0] * SESSIONS
        self.gone = set()

    def write(self, numbers):
        """Each of them again, with another value."""
        numbers = list(numbers)
        with Connection(self.server.address, 120) as connection:
            for start in range(0, len(numbers), IN_FLIGHT):
                part = numbers[start : start + IN_FLIGHT]
                for n in part:
                    self.changes[n] += 1
                connection.send_raw(
                    b"".join(encode("SET", name_of(n), value_of(n, self.changes[n])) for n in part)
                )
                answer = connection.read_exactly(len(part) * len(b"+OK\r\n"))
                self.assertEqual(answer, b"+OK\r\n" * len(part))

    def check(self, numbers):
        numbers = list(numbers)
        with Connection(self.server.address, 120) as connection:
            for start in range(0, len(numbers), IN_FLIGHT):
                part = numbers[start : start + IN_FLIGHT]
                connection.send_raw(b"".join(encode("GET", name_of(n)) for n in part))
                expected = b"".join(
                    b"$-1\r\n"
                    if n in self.gone
                    else b"$%d\r\n%s\r\n" % (VALUE_BYTES, value_of(n, self.changes[n]))
                    for n in part
                )
                answer = connection.read_exactly(len(expected))
                self.assertTrue(answer == expected, f"among {part[0]} to {part[-1]}")

    def check_memory(self):
        def within():
            info = self.server.info()
            engine = int(info["store_memory_bytes"])
            return self.server.resident_bytes() - engine <= RESIDENT_MAX

        # The engine's own comes and goes.
        wait_until(within, f"at most {RESIDENT_MAX} bytes resident", deadline=20)

    def parts(self, numbers, count=6):
        numbers = list(numbers)
        return [numbers[i::count] for i in range(count)]

    def figures(self):
        info = self.server.info()
        return {name: int(info[name]) for name in ("values_away", "values_spilled")}

    def test_are_all_kept_and_right_also_after_a_kill(self):
        everybody = range(SESSIONS)
        in_threads(self.write, self.parts(everybody))
        self.check_memory()
        figures = self.figures()
        self.assertGreater(figures["values_away"], SESSIONS // 2)
        self.assertEqual(self.server.call("DBSIZE"), SESSIONS)

        self.server.kill()
        self.server.start()
        warming = random.Random(1).sample(everybody, 5_000)
        in_threads(self.check, self.parts(warming))
        self.server.wait_until_warm()
        self.check_memory()
        self.assertGreater(self.figures()["values_away"], SESSIONS // 2)
        in_threads(self.check, self.parts(everybody))
        self.check_memory()

        # Some are written again, deleted, or touched, wherever their values are just now.
        chosen = random.Random(2).sample(everybody, 60_000)
        in_threads(self.write, self.parts(chosen[:40_000]))
        with self.server.connect() as connection:
            for start in range(40_000, 50_000, IN_FLIGHT):
                part = chosen[start : start + IN_FLIGHT]
                self.assertEqual(connection.call("DEL", *map(name_of, part)), len(part))
                self.gone.update(part)
            for start in range(50_000, 60_000, IN_FLIGHT):
                part = chosen[start : start + IN_FLIGHT]
                replies = connection.pipeline([("EXPIRE", name_of(n), 10_000) for n in part])
                self.assertEqual(set(replies), {1})
        self.server.kill()
        self.server.start()
        self.server.wait_until_warm()
        self.assertEqual(self.server.call("DBSIZE"), SESSIONS - len(self.gone))
        in_threads(self.check, self.parts(everybody))
        with self.server.connect() as connection:
            for n in chosen[50_000:50_100]:
                self.assertGreater(connection.call("TTL", name_of(n)), 9_000)
        self.check_memory()

    def test_can_be_written_and_read_at_once(self):
        in_threads(self.write, self.parts(range(SESSIONS)))

        def mixed(part):
            chance = random.Random(part[0])
            for _ in range(40):
                # A few of them most of the time.
                some = [part[int(len(part) * chance.random() ** 4)] for _ in range(IN_FLIGHT)]
                if chance.random() < 0.3:
                    self.write(dict.fromkeys(some))
                else:
                    self.check(some)

        in_threads(mixed, self.parts(range(SESSIONS)))
        self.check_memory()
        info = self.server.info()
        self.assertGreater(int(info["values_read_back"]), 0)
        self.assertLess(int(info["longest_turn_cpu_usec"]), 1_000_000)

    def test_are_refused_when_the_keys_alone_fill_it(self):
        self.assertEqual(self.server.call("CONFIG", "SET", "maxmemory", 16 * MEGABYTE), "OK")
        refused = None
        with self.server.connect(120) as connection:
            for start in range(0, SESSIONS, IN_FLIGHT):
                requests = [
                    ("SET", name_of(n), value_of(n)) for n in range(start, start + IN_FLIGHT)
                ]
                refused = [r for r in connection.pipeline(requests) if r != "OK"]
                if refused:
                    break
            self.assertTrue(refused, "16 MB hold the keys of all")
            self.assertTrue(str(refused[0]).startswith("OOM "), refused[0])
            self.assertEqual(connection.call("GET", name_of(1)), value_of(1))
            self.assertEqual(connection.call("DEL", *map(name_of, range(start))), start)
            wait_until(
                lambda: connection.call("SET", "another", "x") == "OK", "there is room again"
            )


if __name__ == "__main__":
    program.main()
