"""COMMAND INFO and COMMAND DOCS say of every command and subcommand what Debian's redis-server says.

What is said otherwise is listed here with the reason. A reason that excuses nothing is an error, too.
"""

from support import program
from support.resp import Map, Set

INFO = ("arity", "flags", "first key", "last key", "step", "categories", "tips", "key specs",
        "subcommands")
DOCS = ("summary", "since", "group", "complexity", "doc_flags", "deprecated_since", "replaced_by",
        "history", "arguments")
# Groups of arguments. What they are called means nothing, and 7.2 has changed many of the names.
GROUPS = ("oneof", "block")


class Difference:
    """A fact that is told otherwise: of the commands named, or of any. `fits` judges the two."""

    def __init__(self, reason, fact, names, fits):
        self.reason, self.fact, self.fits = reason, fact, fits
        self.names = names and set(names.split())
        self.met = set()

    def excuses(self, name, fact, ours, theirs):
        named = self.names is None or name in self.names
        if not (named and fact == self.fact and self.fits(ours, theirs)):
            return False
        self.met.add(name)
        return True

    def excuses_nothing(self):
        return not self.met or (self.names is not None and self.met != self.names)


def any_two(_ours, _theirs):
    return True


def both_or_neither(ours, theirs):
    return bool(ours) == bool(theirs)


def only_ours(ours, theirs):
    return ours and not theirs


def only_theirs(ours, theirs):
    return theirs and not ours


def fewer(ours, theirs):
    return set(ours) < set(theirs)


def more(ours, theirs):
    return set(ours) > set(theirs)


def some_newer(ours, theirs):
    """The same, but for arguments that say themselves that they are newer than 7.0."""
    return without_newer(ours) == theirs


def without_newer(told):
    return [
        {**argument, "arguments": without_newer(argument["arguments"])}
        if "arguments" in argument else argument
        for argument in told if argument.get("since", "") < "7.1"
    ]


WORDS = "the words are our own"
IN_7_2 = "so it is in Redis 7.2"
DIFFERENCES = [
    Difference(WORDS, "summary", None, both_or_neither),
    Difference(WORDS, "complexity", None, both_or_neither),
    Difference("what only has subcommands takes no time of its own", "complexity",
               "acl client cluster config debug function latency memory module pubsub script slowlog",
               only_theirs),
    Difference("Redis does not say", "complexity", "lolwut monitor", only_ours),
    Difference("it is the story of Redis, told in its own words; since when there are arguments is "
               "said with each", "history", None, only_theirs),
    Difference(IN_7_2, "subcommands", "client cluster", more),
    Difference(IN_7_2, "arity", "command|getkeys command|getkeysandflags zrank zrevrank", any_two),
    Difference(IN_7_2, "arguments", "command|getkeys command|getkeysandflags", only_ours),
    Difference(IN_7_2, "arguments", "zrank zrevrank", some_newer),
    Difference(IN_7_2, "flags", "wait", any_two),
    Difference(IN_7_2, "categories", "wait", more),
    Difference("in Redis 7.2 its argument is a category", "arguments", "acl|cat", any_two),
    Difference("in Redis 7.2 SKIPME is followed by one of two tokens, in 7.4 there is MAXAGE",
               "arguments", "client|kill", any_two),
    Difference("it has conditions of later versions", "arguments", "set", some_newer),
    Difference("there are no functions, graphs and modules here", "subcommands",
               "function latency module", fewer),
    Difference("here DEBUG's subcommands are known", "subcommands", "debug", only_ours),
]


def plain(reply):
    """Maps as dictionaries, sets in order, strings as str."""
    if isinstance(reply, Map):
        return {plain(key): plain(value) for key, value in reply}
    if isinstance(reply, Set):
        return sorted((plain(part) for part in reply), key=repr)
    if isinstance(reply, list):
        return [plain(part) for part in reply]
    return reply.decode() if isinstance(reply, bytes) else reply


def without(what, dictionary):
    return {key: value for key, value in dictionary.items() if key != what}


def argument(told):
    """One argument; a block of one is that one. Only 7.2 says how an argument is displayed."""
    parts = arguments(told)
    if told["type"] == "block" and len(parts) == 1:
        flags = sorted({*parts[0].get("flags", []), *told.get("flags", [])})
        told = without("name", without("type", without("arguments", told)))
        return {**parts[0], **told, **({"flags": flags} if flags else {})}
    told = without("display_text", told)
    if told["type"] in GROUPS:
        told = {**without("name", told), "arguments": parts}
    return told


def arguments(described):
    return [argument(told) for told in described.get("arguments", [])]


class Described:
    """What a server tells of its commands: a dictionary of facts for each full name."""

    def __init__(self, server):
        connection = server.connect()
        connection.call("HELLO", "3")
        self.facts = {}
        for row in plain(connection.call("COMMAND")):
            self._add_info(row)
        for name, described in plain(connection.call("COMMAND", "DOCS")).items():
            self._add_docs(name, described)

    def _add_info(self, row):
        name, *facts, key_specs, subcommands = row
        # Notes are for people.
        facts += [[without("notes", spec) for spec in key_specs]]
        facts += [sorted(subcommand[0] for subcommand in subcommands)]
        self.facts[name] = dict(zip(INFO, facts, strict=True))
        for subcommand in subcommands:
            self._add_info(subcommand)

    def _add_docs(self, name, described):
        facts = {what: described.get(what) for what in DOCS}
        facts["arguments"] = arguments(described)
        self.facts[name].update(facts)
        for subcommand, docs in described.get("subcommands", {}).items():
            self._add_docs(subcommand, docs)


class CommandDocs(program.SystemTest):
    def test_agree_with_redis_but_for_what_is_listed(self):
        ours, theirs = Described(self.start_server()).facts, Described(self.start_redis()).facts
        wrong = [
            f"{name}: {fact}:\n    sojournd {ours[name][fact]}\n    redis    {theirs[name][fact]}"
            for name in sorted(set(ours) & set(theirs))
            for fact in INFO + DOCS
            if ours[name][fact] != theirs[name][fact] and not self.is_excused(
                name, fact, ours[name][fact], theirs[name][fact])
        ]
        self.assertFalse(wrong, "\n" + "\n".join(wrong))
        for difference in DIFFERENCES:
            self.assertFalse(difference.excuses_nothing(), (difference.reason, difference.names))

    def is_excused(self, *found):
        return any([difference.excuses(*found) for difference in DIFFERENCES])


if __name__ == "__main__":
    program.main()
