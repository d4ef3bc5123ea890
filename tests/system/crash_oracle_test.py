"""The crash oracle: kill -9 at random moments under load, and what must be there afterwards.

Each writer has a database of its own and sends pipelines of changes whose order it knows. Whatever
the moment of the kill, its database must then be exactly what some first part of its requests makes
of it: a part that holds all that was acknowledged. So no acknowledged write is lost, nothing
deleted or expired is back, and MSET, RENAME and COPY are there whole or not at all. A large set of
sessions nobody changes lies beside them, so that the server is still warming when it is asked.
"""

import random
import threading
import time

from support import program
from support.resp import ReplyError, encode
from support.session_model import (
    Append, Copy, Deadline, Delete, DeleteFields, Expire, Flush, Increment, Model, Persist, Read,
    Rename, Seen, Set, SetFields, SetKeepingDeadline, SetMany, Value, difference,
)
from support.waiting import wait_until

WRITERS = 6
RESTING_SESSIONS = 100_000
DEPTH_MAX = 32
GRAVES_MAX = 300
STRINGS = [f"s:{n}" for n in range(40)]
COUNTERS = [f"c:{n}" for n in range(10)]
HASHES = [f"h:{n}" for n in range(12)]  # small ones and, by RENAME and COPY, large ones
LARGE_HASHES = [f"H:{n}" for n in range(3)]  # over 8 KiB most of the time


def now_ms():
    return int(time.time() * 1000)


class Writer:
    """One client and its database, over all lives of the server."""

    def __init__(self, number, seed):
        self.random = random.Random(f"{seed}:{number}")
        self.database = number
        self.settled = Model()  # what has been acknowledged makes
        self.unsettled = []  # sent, but not acknowledged
        self.graves = []  # names that must never be seen again
        self.one_shot_names = []
        self.rising = 0
        self.acknowledged = 0
        self.problem = None

    # --- what it sends ---

    def value(self):
        self.rising += 1
        return b"%d:" % self.rising + b"v" * self.random.choice((0, 5, 100, 500, 2000))

    def fields(self, pool, count):
        return {b"f%d" % self.random.randrange(pool): self.value()[:300] for _ in range(count)}

    def next_change(self):
        dice, pick = self.random, self.random.choice
        hashes = HASHES + LARGE_HASHES
        kinds = [
            (20, lambda: Set(pick(STRINGS), self.value())),
            (5, lambda: Set(pick(STRINGS), self.value(), ttl_ms=dice.randrange(10**6, 10**7))),
            (4, lambda: SetKeepingDeadline(pick(STRINGS), self.value())),
            (3, lambda: Append(f"a:{dice.randrange(5)}", b"%d," % dice.randrange(1000))),
            (12, lambda: Increment(pick(COUNTERS))),
            (10, lambda: SetFields(pick(HASHES), self.fields(8, 2))),
            (10, lambda: SetFields(pick(LARGE_HASHES), self.fields(150, 6))),
            (4, lambda: DeleteFields(pick(hashes), list(self.fields(150, 5)))),
            (4, lambda: Delete([pick(STRINGS), pick(STRINGS + hashes), f"a:{dice.randrange(5)}"])),
            (8, lambda: SetMany([(n, self.value()) for n in dice.sample(STRINGS, pick((2, 3)))])),
            (4, lambda: Rename(*dice.sample(STRINGS, 2))),
            (3, lambda: Rename(*dice.sample(hashes, 2))),
            (4, lambda: Copy(*dice.sample(STRINGS, 2))),
            (3, lambda: Copy(*dice.sample(hashes, 2))),
            (6, lambda: Expire(pick(STRINGS + COUNTERS + hashes), 3_600_000)),
            (3, lambda: Expire(pick(STRINGS + hashes), dice.randrange(10**6, 10**7))),
            (2, lambda: Persist(pick(STRINGS + hashes))),
            (3, lambda: Set(self.one_shot_name(), self.value(), ttl_ms=dice.randrange(20, 2500))),
            (3, lambda: Set(self.one_shot_name(), self.value())),
            (3, lambda: Delete([self.random.choice(self.one_shot_names or ["x"])])),
            (5, lambda: Read(pick(STRINGS))),
            (0.02, Flush),
        ]
        weights = [weight for weight, _ in kinds]
        return dice.choices(kinds, weights)[0][1]()

    def one_shot_name(self):
        """A name that is used once only: when it is gone it must stay gone."""
        self.rising += 1
        self.one_shot_names.append(f"x:{self.rising}")
        return self.one_shot_names[-1]

    def run(self, server):
        """Writes until the server dies."""
        try:
            connection = server.connect()
            connection.call("SELECT", self.database)
            while True:
                changes = [self.next_change() for _ in range(self.random.randrange(1, DEPTH_MAX))]
                for change in changes:
                    change.sent_ms, change.answered_ms = now_ms(), 0
                self.unsettled += changes
                connection.send_raw(b"".join(encode(*change.words()) for change in changes))
                for change in changes:
                    self.settle(change, connection.read())
        except (ConnectionError, OSError):
            pass
        except Exception as problem:  # shown by the main thread
            self.problem = problem

    def settle(self, change, reply):
        change.answered_ms = now_ms()
        assert self.unsettled.pop(0) is change
        expected = change.apply(self.settled)
        self.acknowledged += 1
        # Whether a once-only name is there to be deleted depends on the time.
        once_only = isinstance(change, Delete) and change.names[0].startswith("x")
        if reply != expected and not once_only:
            raise AssertionError(f"{change!r} answered {reply!r}, not {expected!r}")

    # --- what it finds ---

    def names(self):
        hashes = HASHES + LARGE_HASHES
        plain = STRINGS + COUNTERS + [f"a:{n}" for n in range(5)]
        plain += self.one_shot_names + self.graves
        return [(name, "GET") for name in plain] + [(name, "HGETALL") for name in hashes]

    def look(self, server):
        """Everything under its names, in random order."""
        names = self.names()
        self.random.shuffle(names)
        connection = server.connect()
        connection.call("SELECT", self.database)
        asked = now_ms()
        requests = []
        for name, read in names:
            requests += [(read, name), ("PEXPIRETIME", name)]
        replies = connection.pipeline(requests, at_once=100)
        answered = now_ms()
        seen = {}
        for (name, read), data, deadline in zip(names, replies[::2], replies[1::2]):
            if isinstance(data, ReplyError):
                raise AssertionError(f"{read} {name}: {data}")
            if read == "HGETALL":
                data = dict(zip(data[::2], data[1::2]))
            seen[name] = Seen(data, deadline, asked, answered)
        connection.close()
        return seen

    def resolve(self, seen):
        """Finds the first part of the requests that explains what is there, and goes on from it."""
        died = now_ms()
        for change in self.unsettled:
            change.answered_ms = change.answered_ms or died
        candidate, complaints = self.settled.copy(), []
        for count in range(len(self.unsettled) + 1):
            wrong = self.differences(candidate, seen)
            if not wrong:
                self.settled = candidate
                self.believe_deadlines(seen)
                self.bury(seen)
                return count
            complaints.append((len(wrong), count, wrong))
            if count < len(self.unsettled):
                self.unsettled[count].apply(candidate)
        _, count, wrong = min(complaints)
        raise AssertionError(
            f"database {self.database} is nothing that its requests can have made of it. Nearest: "
            f"all {self.acknowledged} acknowledged and {count} of {len(self.unsettled)} more, but"
            "\n  "
            + "\n  ".join(wrong[:10])
            + "\nnot acknowledged:\n  "
            + "\n  ".join(map(repr, self.unsettled))
        )

    def differences(self, model, seen):
        found = ((name, difference(model.get(name), shown)) for name, shown in seen.items())
        return [f"{name} {wrong}" for name, wrong in found if wrong]

    def believe_deadlines(self, seen):
        """What the crash has made of a deadline is what later changes of it build on."""
        for name, shown in seen.items():
            value = self.settled.get(name)
            if value and value.deadline and shown.deadline_ms > 0:
                deadline = Deadline(shown.deadline_ms, shown.deadline_ms)
                self.settled[name] = Value(value.data, deadline)

    def bury(self, seen):
        """Once-only names that are gone, or whose time has passed, are graves from now on."""
        self.unsettled = []
        alive = []
        for name in self.one_shot_names:
            if name in seen and seen[name].data is None:
                self.settled.pop(name, None)
            (alive if name in self.settled else self.graves).append(name)
        self.one_shot_names = alive
        surplus = max(len(self.graves) - GRAVES_MAX, 0)
        for _ in range(surplus):
            self.graves.pop(self.random.randrange(len(self.graves)))


class Crashes(program.SystemTest):
    def test_keep_all_that_was_acknowledged_and_bring_nothing_back(self):
        arguments = program.arguments
        seed = program.chosen_seed()
        print(f"seed {seed}, {arguments.kills} kills", flush=True)
        self.random = random.Random(seed)
        self.writers = [Writer(number + 1, seed) for number in range(WRITERS)]
        self.server = self.start_server(appendfsync="everysec", databases=WRITERS + 1)
        self.make_resting_sessions()
        began, in_doubt = time.monotonic(), 0
        for kill in range(arguments.kills):
            print(f"kill {kill}", end=" ", flush=True)
            self.load_and_kill()
            in_doubt += self.start_and_check()
        print(
            f"\n{arguments.kills} kills in {time.monotonic() - began:.0f} s: "
            f"{self.acknowledged()} changes acknowledged, {in_doubt} found "
            f"that were not, {sum(len(w.graves) for w in self.writers)} graves watched",
            flush=True,
        )

    def make_resting_sessions(self):
        with self.server.connect() as connection:
            for first in range(0, RESTING_SESSIONS, 10_000):
                numbers = range(first, first + 10_000)
                requests = (("SET", f"resting:{n}", self.resting_value(n)) for n in numbers)
                self.assertEqual(set(connection.pipeline(requests)), {"OK"})

    def resting_value(self, number):
        return b"%d " % number * 25

    def acknowledged(self):
        return sum(writer.acknowledged for writer in self.writers)

    def load_and_kill(self):
        wanted = self.acknowledged() + self.random.randrange(200, 6000)
        threads = [threading.Thread(target=w.run, args=(self.server,)) for w in self.writers]
        for thread in threads:
            thread.start()

        def loaded():
            alive = self.server.process.running() and any(thread.is_alive() for thread in threads)
            return not alive or self.acknowledged() >= wanted

        wait_until(loaded, f"{wanted} acknowledged changes", deadline=60)
        died = not self.server.process.running()
        self.server.process.kill()
        for thread in threads:
            thread.join()
        self.server.kill()  # its connections, too
        self.assertFalse(died, f"the server ended by itself:\n{self.server.process.log()[-3000:]}")
        for writer in self.writers:
            if writer.problem:
                where = f"under load, in database {writer.database}"
                raise AssertionError(where) from writer.problem

    def start_and_check(self):
        fsync = "always" if self.random.random() < 0.1 else "everysec"
        if self.random.random() < 0.2:
            # Killed again while it starts or warms.
            self.server.start(wait=self.random.random() < 0.7, appendfsync=fsync)
            self.server.kill()
        self.server.start(appendfsync=fsync)
        in_doubt = 0
        if self.random.random() < 0.7:
            in_doubt = self.check_all()
        if self.random.random() < 0.7:
            self.server.wait_until_warm()
            in_doubt += self.check_all()
            self.check_nothing_else_is_there()
        elif any(writer.unsettled for writer in self.writers):
            in_doubt += self.check_all()
        return in_doubt

    def check_all(self):
        """Returns how many changes were found that had not been acknowledged."""
        self.check_resting_sessions()
        return sum(writer.resolve(writer.look(self.server)) for writer in self.writers)

    def check_resting_sessions(self):
        numbers = self.random.sample(range(RESTING_SESSIONS), 200)
        with self.server.connect() as connection:
            values = connection.pipeline([("GET", f"resting:{n}") for n in numbers])
        for number, value in zip(numbers, values):
            self.assertEqual(value, self.resting_value(number), f"resting:{number}")

    def check_nothing_else_is_there(self):
        with self.server.connect() as connection:
            self.assertEqual(connection.call("DBSIZE"), RESTING_SESSIONS)
            for writer in self.writers:
                connection.call("SELECT", writer.database)
                keys = {key.decode() for key in connection.call("KEYS", "*")}
                self.assertLessEqual(keys, set(writer.settled), f"in database {writer.database}")


def add_arguments(parser):
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int)


if __name__ == "__main__":
    program.main(add_arguments)
