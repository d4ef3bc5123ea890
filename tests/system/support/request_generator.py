"""Random requests over few keys: mostly right ones, some bent out of shape."""

import hashlib

KEYS = ["k:1", "k:2", "k:3", "k:4", "{k}:5", "h:1", "h:2", "h:3", "m:1", "m:2", "m:3", "m:4",
        "z:1", "z:2", "z:3"]
FIELDS = ["f1", "f2", "f3", "f4", b"f\x00\r\n", "17"]
# What numbers, options and names are bent to.
ODD_WORDS = [
    "", "-1", "0", "1", "abc", "1.5", " 1", "1 ", "+1", "01", "0x10", "1e3", "1e400", "nan", "inf",
    "-inf", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "-9223372036854775809", "18446744073709551616", "99999999999999999999999999999999999999999",
    "2147483648", "4294967296", "NX", "XX", "GET", "EX", "KEEPTTL", "*", b"\xff\x00", "x" * 300,
]
PATTERNS = ["*", "k:*", "h:?", "[kh]:[1-3]", "[^k]:1", "\\k:1", "k:[1", "*:*:*", "", "?", "{k}*"]

# One command, in KEYS and ARGV; or several, for each the number of its words and the words. What they
# answer is the reply, or the error of the first that fails.
ONE_BY_SCRIPT = """local words = {}
for i = 1, #KEYS do words[i] = KEYS[i] end
for i = 1, #ARGV do words[#words + 1] = ARGV[i] end
return redis.%s(unpack(words))"""
SEVERAL_BY_SCRIPT = """local i, replies = 1, {}
while i <= #ARGV do
  local words = {}
  for j = 1, tonumber(ARGV[i]) do words[j] = ARGV[i + j] end
  i = i + #words + 1
  replies[#replies + 1] = redis.%s(unpack(words))
end
return replies"""
# What no two servers answer alike, be it by chance, by time or in another order.
NOT_BY_SCRIPT = {
    "DBSIZE", "EXPIRETIME", "HGETALL", "HKEYS", "HRANDFIELD", "HSCAN", "HVALS", "KEYS",
    "PEXPIRETIME", "PTTL", "RANDOMKEY", "SCAN", "SDIFF", "SINTER", "SMEMBERS", "SPOP",
    "SRANDMEMBER", "SSCAN", "SUNION", "TTL", "ZRANDMEMBER", "ZSCAN",
}
# What is left of a set of which some members were taken at random, nobody knows. A script is bent
# within: one that counts on wrong numbers may never end. Of ranks, 7.2 takes a word more than 7.0.
NEVER_BENT = {"SPOP", "EVAL", "EVAL_RO", "EVALSHA", "EVALSHA_RO", "SCRIPT", "ZRANK", "ZREVRANK"}


class RequestGenerator:
    def __init__(self, random):
        self.random = random
        self._ttl = 1000

    def request(self):
        return self._bend_some(self.random.choice(self._families())(), 0.1)

    def transaction(self):
        """MULTI to EXEC, as (who sends it, request), with WATCH and another's change now and then."""
        steps = []
        if self.random.random() < 0.5:
            steps.append((0, ["WATCH", *self._some(self.key)]))
            steps += [(1, self._by_another()) for _ in range(self._pick(0, 0, 1, 2))]
            if self.random.random() < 0.1:
                steps.append((0, ["UNWATCH"]))
        steps.append((0, ["MULTI"]))
        for _ in range(self.random.randrange(8)):
            words = self.random.choice([*self._data_families(), self._database, self._object])()
            steps.append((0, self._bend_some(words, 0.02)))
            if self.random.random() < 0.05:
                steps.append((1, self._by_another()))
        end = self._pick(*["EXEC"] * 8, "DISCARD", "RESET")
        return [*steps, (0, [end])]

    def _by_another(self):
        return self.random.choice(self._data_families())()

    def _data_families(self):
        return [self._string, self._hash, self._set, self._sorted_set, self._key, self._expiry,
                self._script]

    def _families(self):
        # As often as people use them, more or less.
        return (
            [self._string] * 6 + [self._hash] * 6 + [self._set] * 6
            + [self._sorted_set] * 9 + [self._key] * 5 + [self._expiry] * 5
            + [self._database, self._connection, self._object, self._script]
        )

    def _script(self):
        if self.random.random() < 0.1:
            return self._known_scripts()
        how = self._pick("call", "pcall")
        if self.random.random() < 0.5:
            words = self._for_script()
            keys = self.random.randrange(len(words) + 1)
            return [*self._run(ONE_BY_SCRIPT % how), str(keys), *words]
        commands = self._some(self._for_script)
        return [*self._run(SEVERAL_BY_SCRIPT % how), "0",
                *(word for words in commands for word in (str(len(words)), *words))]

    def _run(self, script):
        """By its text or its SHA-1, for reading and writing or for reading only."""
        read_only = self._pick("", "", "_RO")
        if self.random.random() < 0.5:
            return ["EVAL" + read_only, script]
        return ["EVALSHA" + read_only, self._sha1(script)]

    def _sha1(self, script):
        sha1 = hashlib.sha1(script.encode()).hexdigest()
        return self._pick(*[sha1] * 8, sha1.upper(), "f" * 40, sha1[1:])

    def _known_scripts(self):
        script = self._pick(ONE_BY_SCRIPT, SEVERAL_BY_SCRIPT) % self._pick("call", "pcall")
        return self.random.choice((
            lambda: ["SCRIPT", "LOAD", script],
            lambda: ["SCRIPT", "LOAD", script],
            lambda: ["SCRIPT", "EXISTS", *self._some(lambda: self._sha1(script))],
            lambda: ["SCRIPT", "FLUSH", *self._pick([], ["ASYNC"], ["SYNC"], ["NOW"])],
        ))()

    def _for_script(self):
        while True:
            words = self.random.choice(
                [self._string, self._hash, self._set, self._sorted_set, self._key, self._expiry])()
            if words[0].upper() not in NOT_BY_SCRIPT:
                return self._bend_some(words, 0.1)

    def _bend_some(self, words, chance):
        bent = self.random.random() < chance and words[0] not in NEVER_BENT
        return self._bend(list(words)) if bent else words

    def _bend(self, words):
        if words[:2] == ["ZADD", "w"]:
            return words  # Of several scores, its order by words would be nobody's promise.
        dice = self.random
        at = dice.randrange(len(words))
        kind = dice.randrange(4)
        if kind == 0 and len(words) > 1:
            del words[max(at, 1)]
        elif kind == 1:
            words.insert(at + 1, dice.choice(ODD_WORDS))
        elif kind == 2 and at > 0:
            words[at] = dice.choice(ODD_WORDS)
        else:
            words.append(words[at])
        return words

    # --- words ---

    def _pick(self, *of):
        return self.random.choice(of)

    def _some(self, make, most=3):
        return [make() for _ in range(self.random.randrange(1, most + 1))]

    def key(self):
        return self.random.choice(KEYS)

    def hash_key(self):
        return self.random.choice(KEYS[5:8] if self.random.random() < 0.9 else KEYS)

    def set_key(self):
        return self.random.choice(KEYS[8:12] if self.random.random() < 0.95 else KEYS)

    def sorted_set_key(self):
        return self.random.choice(KEYS[12:] if self.random.random() < 0.95 else KEYS)

    def any_set_key(self):
        return self.sorted_set_key() if self.random.random() < 0.8 else self.set_key()

    def score(self):
        # Such as print alike with 17 digits and with the fewest.
        return self._pick("0", "1", "2", "2", "3", "10", "-1", "1.5", "-2.25", "0.5", "1000", "1e3",
                          "inf", "-inf", "+inf", "123456789012")

    def member(self):
        return self._pick(*(str(n) for n in range(12)), "07", "alice", "", b"f\x00\r\n", "-5",
                          "x" * 70)

    def string_key(self):
        return self.random.choice(KEYS[:5] if self.random.random() < 0.9 else KEYS)

    def field(self):
        return self.random.choice(FIELDS)

    def number(self):
        return self._pick(
            "0", "1", "-1", "10", "-7", "1000", "9223372036854775807", "-9223372036854775808"
        )

    def real(self):
        return self._pick(
            "0", "1", "-1.5", "0.1", "3.0e3", "1e-5", "5e-324", "10.50", "1e17", "inf", "nan"
        )

    def value(self):
        dice = self.random.random()
        if dice < 0.35:
            return self.number()
        if dice < 0.45:
            return self.real()
        if dice < 0.5:
            return bytes(self.random.randrange(256) for _ in range(20))
        return self._pick("", "alice", "v" * 44, "v" * 45, "w" * 100, "z" * 9000)

    def index(self):
        return str(self.random.choice((0, 1, 2, 3, 5, 44, 100, -1, -2, -3, -100, 10000)))

    def ttl(self):
        """Long, and never the same twice: comparing two deadlines never hangs on a millisecond."""
        self._ttl += 20
        return self._ttl if self.random.random() < 0.5 else 10_000_000 - self._ttl

    def deadline_option(self):
        kind = self._pick("EX", "PX", "EXAT", "PXAT")
        return [kind, self._deadline_value(kind)]

    def _deadline_value(self, kind):
        if self.random.random() < 0.15:
            return self._pick("0", "-1", "-100", *(["1"] if "AT" in kind else []))
        seconds = self.ttl() + (4_000_000_000 if "AT" in kind else 0)
        return str(seconds * (1000 if kind.startswith("P") else 1))

    def _letter_case(self, word):
        return self._pick(word, word.lower(), word.title())

    # --- families ---

    def _string(self):
        key = self.string_key()
        return self.random.choice((
            lambda: ["GET", key],
            lambda: ["GET", key],
            lambda: ["SET", key, self.value()],
            lambda: ["SET", key, self.value(), *self._set_options()],
            lambda: ["SET", key, self.value(), *self._set_options()],
            lambda: ["SETNX", key, self.value()],
            lambda: ["SETEX", key, self._deadline_value("EX"), self.value()],
            lambda: ["PSETEX", key, self._deadline_value("PX"), self.value()],
            lambda: ["GETSET", key, self.value()],
            lambda: ["GETDEL", key],
            lambda: ["GETEX", key, *self._getex_options()],
            lambda: ["MGET", *self._some(self.key)],
            lambda: ["MSET", *self._pairs(self.string_key)],
            lambda: ["MSETNX", *self._pairs(self.string_key)],
            lambda: ["APPEND", key, self.value()],
            lambda: ["STRLEN", key],
            lambda: [self._pick("GETRANGE", "SUBSTR"), key, self.index(), self.index()],
            lambda: ["SETRANGE", key, self._pick("0", "1", "60", "-1", "536870912"), self.value()],
            lambda: [self._pick("INCR", "DECR"), key],
            lambda: [self._pick("INCRBY", "DECRBY"), key, self.number()],
            lambda: ["INCRBYFLOAT", key, self.real()],
        ))()

    def _pairs(self, make_key):
        return [word for _ in range(self._pick(1, 1, 2, 3)) for word in (make_key(), self.value())]

    def _set_options(self):
        options = []
        if self.random.random() < 0.6:
            options += self.deadline_option()
        for option, chance in (("NX", 0.15), ("XX", 0.25), ("GET", 0.3), ("KEEPTTL", 0.25)):
            if self.random.random() < chance:
                options.append(self._letter_case(option))
        return options

    def _getex_options(self):
        return self.random.choice(([], ["PERSIST"], self.deadline_option(), self.deadline_option()))

    def _hash(self):
        key, field = self.hash_key(), self.field()
        return self.random.choice((
            lambda: [self._pick("HSET", "HMSET"), key, *self._pairs(self.field)],
            lambda: [self._pick("HSET", "HMSET"), key, *self._pairs(self.field)],
            lambda: ["HSET", key, *self._many_fields()],
            lambda: ["HSETNX", key, field, self.value()],
            lambda: ["HGET", key, field],
            lambda: ["HMGET", key, *self._some(self.field)],
            lambda: ["HGETALL", key],
            lambda: ["HDEL", key, *self._some(self.field)],
            lambda: ["HEXISTS", key, field],
            lambda: ["HLEN", key],
            lambda: [self._pick("HKEYS", "HVALS"), key],
            lambda: ["HSTRLEN", key, field],
            lambda: ["HINCRBY", key, field, self.number()],
            lambda: ["HINCRBYFLOAT", key, field, self.real()],
            lambda: ["HRANDFIELD", key, *self._random_field_options()],
            lambda: ["HSCAN", key, "0", *self._scan_options()],
        ))()

    def _many_fields(self):
        """Enough to make the hash a large one, for this server and for Redis."""
        if self.random.random() < 0.8:
            return [self.field(), self.value()]
        return [word for n in range(200) for word in (f"many:{n}", f"{n}" * 20)]

    def _set(self):
        key, other, member = self.set_key(), self.set_key(), self.member()
        return self.random.choice((
            lambda: ["SADD", key, *self._some(self.member, 6)],
            lambda: ["SADD", key, *self._some(self.member, 6)],
            lambda: ["SADD", key, *self._many_members()],
            lambda: ["SREM", key, *self._some(self.member)],
            lambda: ["SMEMBERS", key],
            lambda: ["SCARD", key],
            lambda: ["SISMEMBER", key, member],
            lambda: ["SMISMEMBER", key, *self._some(self.member)],
            lambda: ["SMOVE", key, other, member],
            # What is left after a part was taken at random differs: all, or nothing.
            lambda: ["SPOP", key, self._pick("0", "1000", "-1", "x")],
            lambda: ["SRANDMEMBER", key, *self._random_member_options()],
            lambda: ["SSCAN", key, "0", *self._scan_options()],
            lambda: [self._pick("SINTER", "SUNION", "SDIFF"), *self._some(self.set_key)],
            lambda: [self._pick("SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"), key,
                     *self._some(self.set_key)],
            lambda: ["SINTERCARD", *self._counted(self._some(self.set_key)),
                     *self._pick([], [], ["LIMIT", self._pick("0", "1", "3", "100", "-1", "x")])],
        ))()

    def _sorted_set(self):
        return self.random.choice((
            self._scores, self._scores, self._scores, self._member_of_sorted_set,
            self._member_of_sorted_set, self._sorted_range, self._sorted_range, self._sorted_range,
            self._part_of_sorted_set, self._sorted_algebra,
        ))()

    def _scores(self):
        key = self.sorted_set_key()
        return self.random.choice((
            lambda: ["ZADD", key, *self._score_pairs()],
            lambda: ["ZADD", key, *self._score_pairs()],
            lambda: ["ZADD", key, *self._zadd_options(), *self._score_pairs()],
            lambda: ["ZADD", key, *self._zadd_options(), self.score(), self.member()],
            lambda: ["ZADD", key, *self._many_scores()],
            lambda: ["ZINCRBY", key, self.score(), self.member()],
        ))()

    def _score_pairs(self):
        return [word for _ in range(self._pick(1, 2, 3, 5)) for word in (self.score(), self.member())]

    def _zadd_options(self):
        options = ("NX", "XX", "GT", "LT", "CH", "INCR")
        return [self._letter_case(word) for word in options if self.random.random() < 0.25]

    def _many_scores(self):
        """Enough to make the sorted set a large one, for this server and for Redis."""
        if self.random.random() < 0.7:
            return [word for n in range(20) for word in (str(n), f"n{n}")]
        return [word for n in range(300) for word in (str(n % 50), f"many:{n}" + "z" * 20)]

    def _member_of_sorted_set(self):
        key, member = self.sorted_set_key(), self.member()
        return self.random.choice((
            lambda: ["ZREM", key, *self._some(self.member)],
            lambda: ["ZSCORE", key, member],
            lambda: ["ZMSCORE", key, *self._some(self.member)],
            lambda: [self._pick("ZRANK", "ZREVRANK"), key, member],
            lambda: ["ZCARD", key],
            lambda: ["ZRANDMEMBER", key, *self._random_score_options()],
            lambda: ["ZSCAN", key, "0", *self._scan_options()],
        ))()

    def _random_score_options(self):
        count = self._pick("0", "1", "2", "10", "-1", "-5", "1000")
        return self.random.choice(([], [count], [count, "WITHSCORES"]))

    def _score_ends(self):
        return [self._pick("", "", "(") + self.score() for _ in range(2)]

    def _word_ends(self):
        return [self._pick("-", "+", "[", "(", "[many:2", "(many:1", "[n", "(5", "[alice")
                for _ in range(2)]

    def _limit(self):
        return ["LIMIT", self._pick("0", "1", "2", "-1", "100"), self._pick("0", "1", "3", "-1")]

    def _sorted_range(self):
        key = self.sorted_set_key()
        reverse = self._pick([], [], ["REV"])
        scores = self._pick([], ["WITHSCORES"])
        limit = self._limit() if self.random.random() < 0.4 else []
        ranks = [self.index(), self.index()]
        return self.random.choice((
            lambda: ["ZRANGE", key, *ranks, *reverse, *scores],
            lambda: ["ZRANGE", key, *self._score_ends(), "BYSCORE", *reverse, *limit, *scores],
            lambda: ["ZREVRANGE", key, *ranks, *scores],
            lambda: [self._pick("ZRANGEBYSCORE", "ZREVRANGEBYSCORE"), key, *self._score_ends(),
                     *scores, *limit],
            lambda: ["ZCOUNT", key, *self._score_ends()],
            lambda: ["ZRANGESTORE", self.sorted_set_key(), key, *ranks, *reverse],
            lambda: ["ZRANGESTORE", self.sorted_set_key(), key, *self._score_ends(), "BYSCORE",
                     *reverse, *limit],
            # By words, where the order is that of the words: of members all of one score.
            lambda: ["ZRANGE", "w", *self._word_ends(), "BYLEX", *reverse, *limit],
            lambda: [self._pick("ZRANGEBYLEX", "ZREVRANGEBYLEX"), "w", *self._word_ends(), *limit],
            lambda: ["ZLEXCOUNT", "w", *self._word_ends()],
            lambda: ["ZREMRANGEBYLEX", "w", *self._word_ends()],
            lambda: ["ZADD", "w", *(word for name in self._some(self.member, 6)
                                    for word in ("0", name))],
        ))()

    def _part_of_sorted_set(self):
        key = self.sorted_set_key()
        return self.random.choice((
            lambda: ["ZREMRANGEBYRANK", key, self.index(), self.index()],
            lambda: ["ZREMRANGEBYSCORE", key, *self._score_ends()],
            lambda: [self._pick("ZPOPMIN", "ZPOPMAX"), key],
            lambda: [self._pick("ZPOPMIN", "ZPOPMAX"), key, self._pick("0", "1", "3", "1000", "-1")],
            lambda: ["ZMPOP", *self._counted(self._some(self.sorted_set_key)),
                     self._pick("MIN", "MAX", "max", "MID"),
                     *self._pick([], ["COUNT", self._pick("0", "1", "3", "1000", "-1", "x")])],
        ))()

    def _sorted_algebra(self):
        keys = self._some(self.any_set_key)
        weights = ["WEIGHTS", *(self._pick("1", "2", "-1", "0.5", "0", "inf") for _ in keys)]
        options = self._pick([], [], weights) + self._pick([], [], ["AGGREGATE", self._pick(
            "SUM", "MIN", "max", "AVG")])
        target = self.sorted_set_key()
        return self.random.choice((
            lambda: [self._pick("ZUNION", "ZINTER"), *self._counted(keys), *options,
                     *self._pick([], ["WITHSCORES"])],
            lambda: ["ZDIFF", *self._counted(keys), *self._pick([], ["WITHSCORES"])],
            lambda: [self._pick("ZUNIONSTORE", "ZINTERSTORE"), target, *self._counted(keys), *options],
            lambda: ["ZDIFFSTORE", target, *self._counted(keys)],
            lambda: ["ZINTERCARD", *self._counted(keys), *self._pick([], ["LIMIT", "1"])],
        ))()

    def _counted(self, keys):
        return [str(len(keys)), *keys]

    def _many_members(self):
        """Enough to make the set a large one, for this server and for Redis."""
        if self.random.random() < 0.7:
            return [str(n) for n in range(20, 60)]
        return [f"many:{n}" + "m" * 20 for n in range(300)]

    def _random_member_options(self):
        return self.random.choice(([], [self._pick("0", "1", "2", "10", "-1", "-5", "1000")]))

    def _random_field_options(self):
        count = self._pick("0", "1", "2", "10", "-1", "-5", "1000")
        return self.random.choice(([], [count], [count, "WITHVALUES"]))

    def _scan_options(self, types=False):
        options = []
        if self.random.random() < 0.3:
            options += ["MATCH", self._pick(*PATTERNS, "f*", "many:1?")]
        if self.random.random() < 0.3:
            options += ["COUNT", self._pick("1", "10", "1000", "0", "-1")]
        if types and self.random.random() < 0.3:
            options += ["TYPE", self._pick("string", "hash", "HASH", "set", "zset", "list",
                                           "nonsense")]
        return options

    def _key(self):
        key, other = self.key(), self.key()
        return self.random.choice((
            lambda: [self._pick("DEL", "UNLINK"), *self._some(self.key)],
            lambda: [self._pick("EXISTS", "TOUCH"), *self._some(self.key)],
            lambda: ["TYPE", key],
            lambda: [self._pick("RENAME", "RENAMENX"), key, other],
            lambda: ["COPY", key, other, *self._copy_options()],
            lambda: ["MOVE", key, self._pick("0", "1", "15", "16")],
            lambda: ["RANDOMKEY"],
            lambda: ["DBSIZE"],
            lambda: ["KEYS", self._pick(*PATTERNS)],
            lambda: ["SCAN", "0", *self._scan_options(types=True)],
        ))()

    def _copy_options(self):
        options = []
        if self.random.random() < 0.3:
            options += ["DB", self._pick("0", "1", "16", "-1")]
        if self.random.random() < 0.5:
            options.append(self._letter_case("REPLACE"))
        return options

    def _expiry(self):
        key = self.key()
        units = {"EXPIRE": "EX", "PEXPIRE": "PX", "EXPIREAT": "EXAT", "PEXPIREAT": "PXAT"}
        command = self._pick(*units)
        return self.random.choice((
            lambda: [self._pick("TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"), key],
            lambda: [self._pick("TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"), key],
            lambda: ["PERSIST", key],
            lambda: [command, key, self._deadline_value(units[command])],
            lambda: [command, key, self._deadline_value(units[command])],
            lambda: [command, key, self._deadline_value(units[command]),
                     *self._some(lambda: self._pick("NX", "XX", "GT", "LT", "gt"), 2)],
        ))()

    def _database(self):
        return self.random.choice((
            lambda: ["SELECT", self._pick("0", "0", "0", "1", "15", "16", "-1")],
            lambda: ["SWAPDB", "0", self._pick("0", "1", "16")],
            lambda: [
                self._pick("FLUSHDB", "FLUSHALL"), *self._pick([], ["SYNC"], ["ASYNC"], ["NOW"])
            ],
        ))()

    def _connection(self):
        return self.random.choice((
            lambda: ["PING"],
            lambda: ["PING", self.value()],
            lambda: ["ECHO", self.value()],
            lambda: ["HELLO", self._pick("2", "3", "3", "4", "x")],
            lambda: ["CLIENT", "SETNAME", self._pick("alice", "", "a b")],
            lambda: ["CLIENT", "GETNAME"],
            lambda: ["CLIENT", "NO-EVICT", self._pick("ON", "OFF", "MAYBE")],
            lambda: ["RESET"],
            lambda: ["COMMAND", "GETKEYS", *self._pick(self._string, self._hash, self._set, self._sorted_set,
                                                     self._key)()],
            lambda: ["AUTH", "secret"],
            lambda: ["NOSUCHCOMMAND", self.value(), self.key()],
            lambda: ["CLIENT", "NOSUCHTHING"],
        ))()

    def _object(self):
        what = self._pick("ENCODING", "REFCOUNT", "IDLETIME", "FREQ", "NONSENSE")
        return ["OBJECT", what, self.key()]
