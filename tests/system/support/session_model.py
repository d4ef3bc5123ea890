"""What a server must hold after a list of commands: the crash oracle's idea of the truth.

A Model is one database. Each change is a request and knows what it does to a Model and what the
server must answer. Values are never changed in place, so that copies of a Model are cheap.

Deadlines are intervals of milliseconds since the epoch, for the server reads its clock somewhere
between our sending and its answer. A deadline that only moved later may come back from a crash up
to EARLY_MS before its time; nothing may come back later.
"""

from .resp import ReplyError

EARLY_MS = 1000
# Our clock and the server's are the same one, but it steers after the wall clock in small steps.
SLACK_MS = 30

OK = "OK"
NO_SUCH_KEY = ReplyError("ERR no such key")


class Deadline:
    def __init__(self, first, last, moved_later=False):
        self.first, self.last = first, last
        self.earliest = first - SLACK_MS - (EARLY_MS if moved_later else 0)
        self.latest = last + SLACK_MS

    def __repr__(self):
        return f"[{self.earliest}, {self.latest}]"


class Value:
    def __init__(self, data, deadline=None, until=None):
        self.data = data  # bytes, or a dict of bytes
        self.deadline = deadline
        self.until = until or {}  # of a hash's fields, those that have deadlines

    def with_data(self, data):
        return Value(data, self.deadline, self.until)

    def with_deadline(self, deadline):
        return Value(self.data, deadline, self.until)

    def with_until(self, until):
        """Of fields that are there only; None for one takes its deadline off."""
        until = {**self.until, **until}
        kept = {field: deadline for field, deadline in until.items()
                if deadline and field in self.data}
        return Value(self.data, self.deadline, kept)


class Model(dict):
    """name -> Value, and shelved(name) -> Value of the database that SWAPDB changes it with."""

    def copy(self):
        return Model(self)


def shelved(name):
    """The name under which the model has a key of the other database."""
    return name[1:] if name.startswith("~") else "~" + name


class Change:
    """A request. sent_ms and answered_ms are set by who sends it."""

    sent_ms = 0
    answered_ms = 0

    def words(self):
        raise NotImplementedError

    def requests(self):
        """What is sent for it; the last one's reply is its own."""
        return [self.words()]

    def apply(self, model):
        """Changes the model and returns the reply."""
        raise NotImplementedError

    def touched(self):
        """The names whose values depend on whether this was done; None: all."""
        return [self.name]

    def deadline_after(self, ttl_ms, old=None):
        first, last = self.sent_ms + ttl_ms, self.answered_ms + ttl_ms
        moved_later = bool(old and old.deadline and last > old.deadline.first)
        return Deadline(first, last, moved_later)

    def __repr__(self):
        return " ".join(repr(word)[:60] for word in self.words())


class Set(Change):
    def __init__(self, name, value, ttl_ms=None):
        self.name, self.value, self.ttl_ms = name, value, ttl_ms

    def words(self):
        return ["SET", self.name, self.value, *(["PX", self.ttl_ms] if self.ttl_ms else [])]

    def apply(self, model):
        deadline = self.deadline_after(self.ttl_ms) if self.ttl_ms else None
        model[self.name] = Value(self.value, deadline)
        return OK


class SetKeepingDeadline(Change):
    def __init__(self, name, value):
        self.name, self.value = name, value

    def words(self):
        return ["SET", self.name, self.value, "KEEPTTL"]

    def apply(self, model):
        old = model.get(self.name)
        model[self.name] = Value(self.value, old.deadline if old else None)
        return OK


class Append(Change):
    def __init__(self, name, value):
        self.name, self.value = name, value

    def words(self):
        return ["APPEND", self.name, self.value]

    def apply(self, model):
        old = model.get(self.name) or Value(b"")
        model[self.name] = old.with_data(old.data + self.value)
        return len(model[self.name].data)


class Increment(Change):
    def __init__(self, name):
        self.name = name

    def words(self):
        return ["INCR", self.name]

    def apply(self, model):
        old = model.get(self.name) or Value(b"0")
        model[self.name] = old.with_data(b"%d" % (int(old.data) + 1))
        return int(model[self.name].data)


class SetMany(Change):
    def __init__(self, pairs):
        self.pairs = pairs

    def words(self):
        return ["MSET", *(word for pair in self.pairs for word in pair)]

    def apply(self, model):
        for name, value in self.pairs:
            model[name] = Value(value)
        return OK

    def touched(self):
        return [name for name, _ in self.pairs]


class SetFields(Change):
    def __init__(self, name, fields):
        self.name, self.fields = name, fields

    def words(self):
        return ["HSET", self.name, *(word for pair in self.fields.items() for word in pair)]

    def apply(self, model):
        old = model.get(self.name) or Value({})
        new = old.with_data({**old.data, **self.fields})
        model[self.name] = new.with_until(dict.fromkeys(self.fields))
        return len(new.data) - len(old.data)


class SetFieldsUntil(SetFields):
    """HSETEX: fields and their deadline at once."""

    def __init__(self, name, fields, ttl_ms):
        super().__init__(name, fields)
        self.ttl_ms = ttl_ms

    def words(self):
        pairs = [word for pair in self.fields.items() for word in pair]
        return ["HSETEX", self.name, "PX", self.ttl_ms, "FIELDS", len(self.fields), *pairs]

    def apply(self, model):
        super().apply(model)
        until = dict.fromkeys(self.fields, self.deadline_after(self.ttl_ms))
        model[self.name] = model[self.name].with_until(until)
        return 1


class ExpireFields(Change):
    """HPEXPIRE, or HPERSIST without a time."""

    def __init__(self, name, fields, ttl_ms=None):
        self.name, self.fields, self.ttl_ms = name, fields, ttl_ms

    def words(self):
        fields = ["FIELDS", len(self.fields), *self.fields]
        if self.ttl_ms is None:
            return ["HPERSIST", self.name, *fields]
        return ["HPEXPIRE", self.name, self.ttl_ms, *fields]

    def apply(self, model):
        old = model.get(self.name) or Value({})
        deadline = self.deadline_after(self.ttl_ms) if self.ttl_ms is not None else None
        new = old.with_until(dict.fromkeys(self.fields, deadline))
        if old.data:
            model[self.name] = new
        return [self.outcome(old, field) for field in self.fields]

    def outcome(self, old, field):
        if field not in old.data:
            return -2
        return 1 if self.ttl_ms is not None or field in old.until else -1


class DeleteFields(Change):
    def __init__(self, name, fields):
        self.name, self.fields = name, fields

    def words(self):
        return ["HDEL", self.name, *self.fields]

    def apply(self, model):
        old = model.get(self.name)
        if old is None:
            return 0
        left = {field: data for field, data in old.data.items() if field not in self.fields}
        if left:
            model[self.name] = old.with_data(left).with_until({})
        else:
            del model[self.name]
        return len(old.data) - len(left)


class AddMembers(Change):
    """A set is a dict whose values are empty."""

    def __init__(self, name, members):
        self.name, self.members = name, members

    def words(self):
        return ["SADD", self.name, *self.members]

    def apply(self, model):
        old = model.get(self.name) or Value({})
        model[self.name] = old.with_data({**old.data, **dict.fromkeys(self.members, b"")})
        return len(model[self.name].data) - len(old.data)


class DeleteMembers(DeleteFields):
    def words(self):
        return ["SREM", self.name, *self.fields]


class MoveMember(Change):
    """In one of the sets, never in both or in none."""

    def __init__(self, source, target, member):
        self.source, self.target, self.member = source, target, member

    def words(self):
        return ["SMOVE", self.source, self.target, self.member]

    def apply(self, model):
        if self.member not in (model.get(self.source) or Value({})).data:
            return 0
        if self.source != self.target:
            DeleteMembers(self.source, [self.member]).apply(model)
            AddMembers(self.target, [self.member]).apply(model)
        return 1

    def touched(self):
        return [self.source, self.target]


class StoreMembers(Change):
    """SUNIONSTORE, SINTERSTORE or SDIFFSTORE of two sets."""

    COMBINE = {
        "SUNIONSTORE": lambda a, b: a | b,
        "SINTERSTORE": lambda a, b: a & b,
        "SDIFFSTORE": lambda a, b: a - b,
    }

    def __init__(self, command, target, sources):
        self.command, self.target, self.sources = command, target, sources

    def words(self):
        return [self.command, self.target, *self.sources]

    def apply(self, model):
        sets = (set((model.get(name) or Value({})).data) for name in self.sources)
        members = self.COMBINE[self.command](*sets)
        model.pop(self.target, None)
        if members:
            model[self.target] = Value(dict.fromkeys(members, b""))
        return len(members)

    def touched(self):
        return [self.target, *self.sources]


class SetScores(SetFields):
    """A sorted set is a dict of scores as they are shown."""

    def words(self):
        return ["ZADD", self.name, *(word for pair in self.fields.items() for word in pair[::-1])]


class DeleteScores(DeleteFields):
    def words(self):
        return ["ZREM", self.name, *self.fields]


class StoreScores(Change):
    """ZUNIONSTORE of two sorted sets, of each member its greater score."""

    def __init__(self, target, sources):
        self.target, self.sources = target, sources

    def words(self):
        return ["ZUNIONSTORE", self.target, "2", *self.sources, "AGGREGATE", "MAX"]

    def apply(self, model):
        scores = {}
        for name in self.sources:
            for member, score in (model.get(name) or Value({})).data.items():
                scores[member] = max(scores.get(member, score), score, key=int)
        model.pop(self.target, None)
        if scores:
            model[self.target] = Value(scores)
        return len(scores)

    def touched(self):
        return [self.target, *self.sources]


class Delete(Change):
    def __init__(self, names):
        self.names = names

    def words(self):
        return ["DEL", *self.names]

    def apply(self, model):
        return sum(model.pop(name, None) is not None for name in self.names)

    def touched(self):
        return self.names


class Rename(Change):
    def __init__(self, source, target):
        self.source, self.target = source, target

    def words(self):
        return ["RENAME", self.source, self.target]

    def apply(self, model):
        if self.source not in model:
            return NO_SUCH_KEY
        model[self.target] = model.pop(self.source)
        return OK

    def touched(self):
        return [self.source, self.target]


class Copy(Change):
    def __init__(self, source, target):
        self.source, self.target = source, target

    def words(self):
        return ["COPY", self.source, self.target, "REPLACE"]

    def apply(self, model):
        if self.source not in model:
            return 0
        model[self.target] = model[self.source]
        return 1

    def touched(self):
        return [self.source, self.target]


class Expire(Change):
    def __init__(self, name, ttl_ms):
        self.name, self.ttl_ms = name, ttl_ms

    def words(self):
        return ["PEXPIRE", self.name, self.ttl_ms]

    def apply(self, model):
        old = model.get(self.name)
        if old is None:
            return 0
        model[self.name] = old.with_deadline(self.deadline_after(self.ttl_ms, old))
        return 1


class Persist(Change):
    def __init__(self, name):
        self.name = name

    def words(self):
        return ["PERSIST", self.name]

    def apply(self, model):
        old = model.get(self.name)
        if old is None or old.deadline is None:
            return 0
        model[self.name] = old.with_deadline(None)
        return 1


class Flush(Change):
    def words(self):
        return ["FLUSHDB"]

    def apply(self, model):
        for name in [name for name in model if not name.startswith("~")]:
            del model[name]
        return OK

    def touched(self):
        return None


class SwapDatabases(Change):
    def __init__(self, database, other):
        self.database, self.other = database, other

    def words(self):
        return ["SWAPDB", self.database, self.other]

    def apply(self, model):
        swapped = {shelved(name): value for name, value in model.items()}
        model.clear()
        model.update(swapped)
        return OK

    def touched(self):
        return None


class Together(Change):
    """MULTI, the changes, EXEC: all of them or none."""

    def __init__(self, changes):
        self.changes = changes

    def requests(self):
        return [["MULTI"], *(change.words() for change in self.changes), ["EXEC"]]

    def words(self):
        return [word for words in self.requests() for word in words]

    def apply(self, model):
        for change in self.changes:
            change.sent_ms, change.answered_ms = self.sent_ms, self.answered_ms
        return [change.apply(model) for change in self.changes]

    def touched(self):
        names = [change.touched() for change in self.changes]
        return None if None in names else [name for some in names for name in some]


# Runs the commands its arguments are: for each the number of its words, and the words.
COMMANDS_SCRIPT = """local i, replies = 1, {}
while i <= #ARGV do
  local words = {}
  for j = 1, tonumber(ARGV[i]) do words[j] = ARGV[i + j] end
  i = i + #words + 1
  replies[#replies + 1] = redis.pcall(unpack(words))
end
return replies"""


class ByScript(Together):
    """The same by a script, which does not say which keys it uses."""

    def requests(self):
        words = [change.words() for change in self.changes]
        return [["EVAL", COMMANDS_SCRIPT, 0,
                 *(word for some in words for word in (len(some), *some))]]


class Read(Change):
    def __init__(self, name):
        self.name = name

    def words(self):
        return ["GET", self.name]

    def apply(self, model):
        value = model.get(self.name)
        return value.data if value else None


class Seen:
    """What a server showed of one key, and when it was asked."""

    def __init__(self, data, deadline_ms, asked_ms, answered_ms, until_ms=None):
        self.data = data or None  # an empty hash is none
        self.until_ms = until_ms  # of a hash's fields, if it was asked: as deadline_ms
        self.deadline_ms = deadline_ms  # -1: none, -2: no key
        self.asked_ms, self.answered_ms = asked_ms, answered_ms


def difference(value, seen):
    """What is wrong about a key, or None."""
    deadline = value.deadline if value else None
    if value is None:
        return None if seen.data is None else f"is back: {_short(seen.data)}"
    if seen.data is None:
        if deadline and deadline.earliest <= seen.answered_ms:
            return None
        if value.until and all(
            field in value.until and value.until[field].earliest <= seen.answered_ms
            for field in value.data
        ):
            return None
        return f"is lost: {_short(value.data)}, deadline {deadline}"
    if deadline and deadline.latest < seen.asked_ms:
        return f"outlived its deadline {deadline} at {seen.asked_ms}"
    if value.until:
        return _fields_difference(value, seen) or _deadline_difference(deadline, seen)
    if seen.data != value.data:
        return f"has {_short(seen.data)}, not {_short(value.data)}"
    for field, until_ms in (seen.until_ms or {}).items():
        if until_ms > 0:
            return f"has a deadline for {field}: {until_ms}"
    return _deadline_difference(deadline, seen)


def _fields_difference(value, seen):
    """A field whose time has passed between may be seen or not."""
    for field in seen.data:
        if field not in value.data:
            return f"has the field {field} again: {_short(seen.data[field])}"
    for field, data in value.data.items():
        until = value.until.get(field)
        if seen.data.get(field) is None:
            if until is None or until.earliest > seen.answered_ms:
                return f"has lost the field {field}, deadline {until}"
            continue
        if seen.data[field] != data:
            return f"has {_short(seen.data[field])} for {field}, not {_short(data)}"
        if until and until.latest < seen.asked_ms:
            return f"has {field} still, whose deadline was {until}, at {seen.asked_ms}"
        if field not in seen.until_ms:
            continue
        until_ms = seen.until_ms[field]
        if not (until.earliest <= until_ms <= until.latest if until else until_ms == -1):
            return f"has the deadline {until_ms} for {field}, not {until or 'none'}"
    return None


def _deadline_difference(deadline, seen):
    if deadline is None:
        return None if seen.deadline_ms == -1 else f"has a deadline: {seen.deadline_ms}"
    if seen.deadline_ms == -2 and deadline.earliest <= seen.answered_ms:
        return None
    if deadline.earliest <= seen.deadline_ms <= deadline.latest:
        return None
    return f"has the deadline {seen.deadline_ms}, not one of {deadline}"


def _short(data):
    if isinstance(data, dict):
        return f"a hash of {len(data)} fields ({repr(sorted(data.items()))[:120]})"
    return repr(data)[:80]
