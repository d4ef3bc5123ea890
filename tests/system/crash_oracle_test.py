"""The crash oracle: kill -9 at random moments under load, and what must be there afterwards.

Each writer has two databases of its own, works in one and swaps them now and then, and sends
pipelines of changes whose order it knows. Whatever the moment of the kill, its databases must then
be exactly what some first part of its requests makes of them: a part that holds all that was
acknowledged. So no acknowledged write is lost, nothing deleted or expired is back, and MSET, RENAME,
COPY, SMOVE, SUNIONSTORE, ZUNIONSTORE, what stands between MULTI and EXEC and what a script does are
there whole or not at all. A large set of sessions nobody changes lies beside them, so
that the server is still warming when it is asked; most times the writers go on at once, from the
moment the port answers, with keys that nobody has read since the kill.
"""

import random
import threading
import time

from support import program
from support.resp import Connection, ReplyError, encode
from support.session_model import (
    AddMembers, Append, ByScript, Copy, Deadline, Delete, DeleteFields, DeleteMembers, DeleteScores,
    Expire, ExpireFields, Flush, Increment, Model, MoveMember, Persist, Read, Rename, Seen, Set, SetFields,
    SetFieldsUntil, SetKeepingDeadline, SetMany, SetScores, StoreMembers, StoreScores, SwapDatabases, Together,
    Value,
    difference, shelved,
)
from support.waiting import wait_until

WRITERS = 6
RESTING_SESSIONS = 300_000
DEPTH_MAX = 32
GRAVES_MAX = 300
STRINGS = [f"s:{n}" for n in range(40)]
COUNTERS = [f"c:{n}" for n in range(10)]
HASHES = [f"h:{n}" for n in range(12)]  # small ones and, by RENAME and COPY, large ones
LARGE_HASHES = [f"H:{n}" for n in range(3)]  # over 8 KiB most of the time
SETS = [f"m:{n}" for n in range(6)]
LARGE_SETS = [f"M:{n}" for n in range(3)]
SORTED_SETS = [f"z:{n}" for n in range(4)] + [f"Z:{n}" for n in range(2)]  # the latter large
# Hashes whose fields have deadlines; some of those fields are gone soon, and the hash with them, so
# that nothing is done to these whose reply tells whether they are there.
TIMED_HASHES = [f"t:{n}" for n in range(4)] + [f"T:{n}" for n in range(2)]  # the latter large
LASTING_HASHES = [f"u:{n}" for n in range(3)]  # with no such field
TIMED_FIELDS = [b"f%d" % n for n in range(150)]
# What shows all of a key, by the first letter of its name.
READS = {"h": "HGETALL", "H": "HGETALL", "m": "SMEMBERS", "M": "SMEMBERS",
         "z": "ZRANGE", "Z": "ZRANGE", "t": "HGETALL", "T": "HGETALL", "u": "HGETALL"}


def now_ms():
    return int(time.time() * 1000)


class Writer:
    """One client and its database, over all lives of the server."""

    def __init__(self, number, seed):
        self.random = random.Random(f"{seed}:{number}")
        self.database, self.shelf = 2 * number - 1, 2 * number
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

    def members(self, pool, count):
        numbers = (self.random.randrange(pool) for _ in range(count))
        return list({b"m%d:" % number + b"m" * 50: None for number in numbers})

    def scores(self, pool, count):
        return {member: b"%d" % self.random.randrange(-50, 1000)
                for member in self.members(pool, count)}

    def next_change(self):
        if self.random.random() < 0.1:
            return self.next_together()
        return self.next_single(whole_databases=True)

    def next_together(self):
        """Whole databases are seldom among them."""
        whole = self.random.random() < 0.05
        count = self.random.randrange(1, 12)
        changes = [self.next_single(whole_databases=whole) for _ in range(count)]
        by_script = not whole and self.random.random() < 0.5
        return ByScript(changes) if by_script else Together(changes)

    def next_single(self, whole_databases):
        dice, pick = self.random, self.random.choice
        hashes, sets = HASHES + LARGE_HASHES, SETS + LARGE_SETS
        stores = list(StoreMembers.COMBINE)
        kinds = [
            (30, self.next_timed),
            (2, lambda: Copy(*dice.sample(LASTING_HASHES, 2))),
            (2, lambda: Rename(*dice.sample(LASTING_HASHES, 2))),
            (1, lambda: Delete([pick(LASTING_HASHES)])),
            (8, lambda: SetScores(pick(SORTED_SETS[:4]), self.scores(300, 3))),
            (8, lambda: SetScores(pick(SORTED_SETS[4:]), self.scores(300, 10))),
            (5, lambda: DeleteScores(pick(SORTED_SETS), self.members(300, 5))),
            (3, lambda: StoreScores(pick(SORTED_SETS[:4]), dice.sample(SORTED_SETS, 2))),
            (2, lambda: Copy(*dice.sample(SORTED_SETS, 2))),
            (2, lambda: Expire(pick(SORTED_SETS), 3_600_000)),
            (1, lambda: Delete([pick(SORTED_SETS)])),
            (8, lambda: AddMembers(pick(SETS), self.members(300, 3))),
            (8, lambda: AddMembers(pick(LARGE_SETS), self.members(300, 10))),
            (6, lambda: DeleteMembers(pick(sets), self.members(300, 5))),
            (6, lambda: MoveMember(pick(sets), pick(sets), self.members(300, 1)[0])),
            (4, lambda: StoreMembers(pick(stores), pick(SETS), [pick(sets), pick(sets)])),
            (1, lambda: Delete([pick(sets)])),
            (3, lambda: Copy(*dice.sample(sets, 2))),
            (2, lambda: Expire(pick(sets), 3_600_000)),
            (20, lambda: Set(pick(STRINGS), self.value())),
            (5, lambda: Set(pick(STRINGS), self.value(), ttl_ms=dice.randrange(10**6, 10**7))),
            (4, lambda: SetKeepingDeadline(pick(STRINGS), self.value())),
            (3, lambda: Append(f"a:{dice.randrange(5)}", b"%d," % dice.randrange(1000))),
            (12, lambda: Increment(pick(COUNTERS))),
            (10, lambda: SetFields(pick(HASHES), self.fields(8, dice.choice((1, 1, 2))))),
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
            (0.03 * whole_databases, Flush),
            (0.1 * whole_databases, lambda: SwapDatabases(self.database, self.shelf)),
        ]
        weights = [weight for weight, _ in kinds]
        return dice.choices(kinds, weights)[0][1]()

    def next_timed(self):
        """Something about fields that have deadlines."""
        name = self.random.choice(TIMED_HASHES + LASTING_HASHES)
        fields = self.fields(8, 2) if name[0] == "t" else self.fields(150, 6)
        ttl_ms = self.random.randrange(10**6, 10**7)
        if name in TIMED_HASHES and self.random.random() < 0.2:
            soon_gone = {self.one_shot_field(): self.value()[:300]}
            return SetFieldsUntil(name, soon_gone, self.random.randrange(20, 2500))
        return self.random.choice([
            SetFields(name, fields),
            SetFieldsUntil(name, fields, ttl_ms),
            ExpireFields(name, list(fields), ttl_ms),
            ExpireFields(name, list(fields)),
            DeleteFields(name, list(fields)),
        ])

    def one_shot_name(self):
        """A name that is used once only: when it is gone it must stay gone."""
        self.rising += 1
        self.one_shot_names.append(f"x:{self.rising}")
        return self.one_shot_names[-1]

    def one_shot_field(self):
        """A field that is set once only, and soon gone for good."""
        self.rising += 1
        return b"x%d" % self.rising

    def run(self, server):
        """Writes until the server dies."""
        try:
            connection = connect_early(server)
            connection.call("SELECT", self.database)
            if self.unsettled:
                self.resolve_what_is_in_doubt(server)
            while True:
                changes = [self.next_change() for _ in range(self.random.randrange(1, DEPTH_MAX))]
                for change in changes:
                    change.sent_ms, change.answered_ms = now_ms(), 0
                self.unsettled += changes
                requests = [words for change in changes for words in change.requests()]
                connection.send_raw(b"".join(encode(*words) for words in requests))
                for change in changes:
                    for _ in change.requests()[:-1]:
                        assert connection.read() in ("OK", "QUEUED")
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
        once_only = any(
            isinstance(part, Delete) and part.names[0].startswith("x")
            for part in getattr(change, "changes", [change])
        )
        if reply != expected and not once_only:
            raise AssertionError(f"{change!r} answered {reply!r}, not {expected!r}")

    # --- what it finds ---

    def names(self):
        names = STRINGS + COUNTERS + [f"a:{n}" for n in range(5)] + HASHES + LARGE_HASHES
        names += TIMED_HASHES + LASTING_HASHES
        return names + SETS + LARGE_SETS + SORTED_SETS + self.one_shot_names + self.graves

    def look(self, server, names):
        """What is under these names in both databases, in random order."""
        names = list(names)
        self.random.shuffle(names)
        with Connection(server.address) as connection:
            connection.call("SELECT", self.database)
            seen = self.look_in_one(connection, names)
            connection.call("SELECT", self.shelf)
            on_shelf = self.look_in_one(connection, names)
        return {**seen, **{shelved(name): shown for name, shown in on_shelf.items()}}

    def look_in_one(self, connection, names):
        asked = now_ms()
        requests = []
        for name in names:
            read = READS.get(name[0], "GET")
            all_of_it = ("0", "-1", "WITHSCORES") if read == "ZRANGE" else ()
            requests += [(read, name, *all_of_it), ("PEXPIRETIME", name)]
        timed = [name for name in names if name[0] in "tTu"]
        requests += [("HPEXPIRETIME", name, "FIELDS", len(TIMED_FIELDS), *TIMED_FIELDS)
                     for name in timed]
        replies = connection.pipeline(requests, at_once=100)
        answered = now_ms()
        until = {name: dict(zip(TIMED_FIELDS, replies.pop())) for name in reversed(timed)}
        seen = {}
        for (read, name, *_), data, deadline in zip(requests[::2], replies[::2], replies[1::2]):
            if isinstance(data, ReplyError):
                raise AssertionError(f"{read} {name}: {data}")
            if read == "ZRANGE":
                self.check_order(name, data)
            if read in ("HGETALL", "ZRANGE"):
                data = dict(zip(data[::2], data[1::2]))
            if read == "SMEMBERS":
                data = dict.fromkeys(data, b"")
            seen[name] = Seen(data, deadline, asked, answered, until.get(name))
        return seen

    def check_order(self, name, shown):
        pairs = list(zip(map(int, shown[1::2]), shown[::2]))
        if pairs != sorted(pairs):
            raise AssertionError(f"{name} is not in order: {pairs}")

    def check(self, server):
        """Looks at everything. Returns how many changes had been made and not acknowledged."""
        seen = self.look(server, self.names())
        count = self.resolve(seen)
        self.believe_deadlines(seen)
        self.bury(seen)
        return count

    def resolve_what_is_in_doubt(self, server):
        """Goes on having read no more than must be known for it."""
        touched = [change.touched() for change in self.unsettled]
        if None in touched:
            self.check(server)
        else:
            self.resolve(self.look(server, {name for names in touched for name in names}))

    def resolve(self, seen):
        """Finds the first part of the requests that explains what is there, and goes on from it."""
        died = now_ms()
        for change in self.unsettled:
            change.answered_ms = change.answered_ms or died
        candidate, complaints = self.settled.copy(), []
        for count in range(len(self.unsettled) + 1):
            wrong = self.differences(candidate, seen)
            if not wrong:
                self.settled, self.unsettled = candidate, []
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
                self.settled[name] = value.with_deadline(deadline)

    def bury(self, seen):
        """Once-only names that are gone, or whose time has passed, are graves from now on."""
        alive = []
        for name in self.one_shot_names:
            for place in (name, shelved(name)):
                if seen[place].data is None:
                    self.settled.pop(place, None)
            is_alive = name in self.settled or shelved(name) in self.settled
            (alive if is_alive else self.graves).append(name)
        self.one_shot_names = alive
        surplus = max(len(self.graves) - GRAVES_MAX, 0)
        for _ in range(surplus):
            self.graves.pop(self.random.randrange(len(self.graves)))


def connect_early(server):
    """A connection to a server that may not listen yet."""

    def connect():
        try:
            return server.connect()
        except ConnectionRefusedError:
            if not server.process.running():
                raise
            return None

    return wait_until(connect, "somebody listens", pause=0.001)


class Crashes(program.SystemTest):
    def test_keep_all_that_was_acknowledged_and_bring_nothing_back(self):
        arguments = program.arguments
        seed = program.chosen_seed()
        print(f"seed {seed}, {arguments.kills} kills", flush=True)
        self.random = random.Random(seed)
        self.writers = [Writer(number + 1, seed) for number in range(WRITERS)]
        directives = {"appendfsync": "everysec", "databases": 2 * WRITERS + 1}
        if arguments.spill:
            directives |= {"maxmemory": "48mb", "maxmemory_policy": "spill"}
        self.server = self.start_server(**directives)
        self.make_resting_sessions()
        self.warming_rounds = 0
        began, in_doubt = time.monotonic(), 0
        for kill in range(arguments.kills):
            print(f"kill {kill}", end=" ", flush=True)
            self.load_and_kill()
            if kill + 1 < arguments.kills and self.random.random() < 0.6:
                self.start_for_writers_that_wait()
            else:
                in_doubt += self.start_and_check(thoroughly=kill + 1 == arguments.kills)
        print(
            f"\n{arguments.kills} kills in {time.monotonic() - began:.0f} s: "
            f"{self.acknowledged()} changes acknowledged, {in_doubt} found "
            f"that were not, {sum(len(w.graves) for w in self.writers)} graves watched, "
            f"written while warming in {self.warming_rounds} rounds",
            flush=True,
        )
        if arguments.spill:
            self.assertGreater(int(self.server.info()["values_away"]), RESTING_SESSIONS // 10)
        if arguments.kills >= 20:
            self.assertGreater(self.warming_rounds, 0, "nothing was written while it was warming")

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
        before = self.acknowledged()
        wanted = before + self.random.randrange(200, 6000)
        threads = [threading.Thread(target=w.run, args=(self.server,)) for w in self.writers]
        for thread in threads:
            thread.start()

        def written_while_warming():
            """Acknowledged, and it was warming even after that."""
            return self.acknowledged() > before and self.warming()

        def loaded():
            alive = self.server.process.running() and any(thread.is_alive() for thread in threads)
            return not alive or self.acknowledged() >= wanted

        wait_until(lambda: loaded() or self.acknowledged() > before, "a first write", deadline=60)
        self.warming_rounds += written_while_warming()
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

    def warming(self):
        try:
            return self.server.info("sojourn")["warming"] == "1"
        except OSError:
            return False

    def start_for_writers_that_wait(self):
        self.server.start(wait=False, appendfsync=self.random.choice(("always", "everysec")))

    def start_and_check(self, thoroughly):
        fsync = "always" if self.random.random() < 0.1 else "everysec"
        if self.random.random() < 0.2:
            # Killed again while it starts or warms.
            self.server.start(wait=self.random.random() < 0.7, appendfsync=fsync)
            self.server.kill()
        self.server.start(appendfsync=fsync)
        in_doubt = 0
        if self.random.random() < 0.7:
            in_doubt = self.check_all()
        if thoroughly or self.random.random() < 0.6:
            self.server.wait_until_warm()
            in_doubt += self.check_all()
            self.check_nothing_else_is_there()
        elif any(writer.unsettled for writer in self.writers):
            in_doubt += self.check_all()
        return in_doubt

    def check_all(self):
        """Returns how many changes were found that had not been acknowledged."""
        self.check_resting_sessions()
        return sum(writer.check(self.server) for writer in self.writers)

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
                connection.call("SELECT", writer.shelf)
                keys |= {shelved(key.decode()) for key in connection.call("KEYS", "*")}
                self.assertLessEqual(keys, set(writer.settled), f"in database {writer.database}")


def add_arguments(parser):
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--spill", action="store_true", help="with more than fits into maxmemory")


if __name__ == "__main__":
    program.main(add_arguments)
