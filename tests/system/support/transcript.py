"""Transcripts: what tests/transcripts/README.md describes, read and replayed over sockets."""

import re

from .resp import BigNumber, Map, Push, ReplyError, Set, Simple, Verbatim


class Exchange:
    """A request, and the lines of the reply expected: (is it a pattern, its text)."""

    def __init__(self, line_number, connection, words, only):
        self.line_number, self.connection = line_number, connection
        self.words, self.only = words, only
        self.lines = []

    def explain_difference(self, shown):
        """None when the reply shown is the one expected."""
        got = shown.split("\n")
        if len(got) == len(self.lines):
            if all(fits(*line, text) for line, text in zip(self.lines, got)):
                return None
        return "\n".join(text for _, text in self.lines)


def fits(is_pattern, expected, text):
    return re.fullmatch(expected, text) is not None if is_pattern else expected == text


class Advance:
    def __init__(self, line_number, milliseconds):
        self.line_number, self.milliseconds = line_number, milliseconds


class Transcript:
    def __init__(self, path):
        self.path = path
        self.directives = {}
        self.only = None  # who the whole of it is for
        self.steps = []
        with open(path, encoding="utf-8") as lines:
            self._read(lines)

    def _read(self, lines):
        only = None
        for number, line in enumerate(lines, 1):
            line = line.rstrip("\n")
            request = re.fullmatch(r"([a-z]*)> (.*)", line)
            if request:
                self.steps.append(Exchange(number, request[1], split_words(request[2]), only))
                only = None
            elif line.startswith("<"):
                self._expect(number, line)
            elif line.startswith("@ "):
                only = self._directive(number, line[2:].split(), only)
            elif line and not line.startswith("#"):
                raise ValueError(f"{self.path}:{number}: {line}")

    def _expect(self, number, line):
        if not self.steps or not isinstance(self.steps[-1], Exchange):
            raise ValueError(f"{self.path}:{number}: a reply without a request")
        is_pattern = line.startswith("<~")
        self.steps[-1].lines.append((is_pattern, line[3:] if is_pattern else line[2:]))

    def _directive(self, number, words, only):
        match words:
            case ["advance", time] if time.endswith("ms"):
                self.steps.append(Advance(number, int(time[:-2])))
            case ["config", name, *values]:
                self.directives[name] = " ".join(values)
            case ["file", "only", who, *_]:
                self.only = who.rstrip(":")
            case ["only", who, *_]:
                return who.rstrip(":")
            case _:
                raise ValueError(f"{self.path}:{number}: no such directive")
        return only

    def seconds(self):
        """How long it takes where time cannot be advanced."""
        return sum(step.milliseconds for step in self.steps if isinstance(step, Advance)) / 1000


ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "b": b"\b", "a": b"\a"}


def split_words(line):
    """A line's words as redis-cli splits them."""
    words, word, at, quote = [], None, 0, None
    while at < len(line):
        char = line[at]
        at += 1
        if quote is None and char.isspace():
            if word is not None:
                words.append(bytes(word))
            word = None
            continue
        word = bytearray() if word is None else word
        if quote is None and char in "\"'":
            quote = char
        elif char == quote:
            quote = None
            if line[at : at + 1].strip():
                raise ValueError(f"a word goes on after its quotes: {line}")
        elif char == "\\" and quote == '"':
            hexadecimal = re.match(r"x([0-9a-fA-F]{2})", line[at:])
            if hexadecimal:
                word.append(int(hexadecimal[1], 16))
            else:
                word += ESCAPES.get(line[at], line[at].encode())
            at += 3 if hexadecimal else 1
        elif char == "\\" and quote == "'" and line[at : at + 1] == "'":
            word += b"'"
            at += 1
        else:
            word += char.encode()
    if quote is not None:
        raise ValueError(f"quotes that do not close: {line}")
    return words + ([bytes(word)] if word is not None else [])


def show(reply):
    """A reply as redis-cli shows it, but that a lone string stands bare if it can be printed."""
    if type(reply) is bytes and all(32 <= c < 127 for c in reply):
        return reply.decode()
    return _shown(reply, "")


def _shown(reply, indent):
    match reply:
        case None:
            return "(nil)"
        case bool():
            return "(true)" if reply else "(false)"
        case Simple():
            return str(reply)
        case Verbatim():
            return reply.decode("latin-1")
        case ReplyError():
            return f"(error) {reply}"
        case BigNumber():
            return str(int(reply))
        case int():
            return f"(integer) {reply}"
        case float():
            return f"(double) {reply:g}"
        case bytes():
            return _quoted(reply)
        case Map():
            return _aggregate(reply, indent, "#", "hash")
        case Set():
            return _aggregate(reply, indent, "~", "set")
        case Push():
            return _aggregate(reply, indent, ">", "push")
        case list():
            return _aggregate(reply, indent, ")", "array")
    raise TypeError(reply)


def _aggregate(reply, indent, mark, name):
    if not reply:
        return f"(empty {name})"
    width = len(str(len(reply)))
    deeper = indent + " " * (width + 2)
    lines = []
    for number, element in enumerate(reply, 1):
        parts = element if isinstance(reply, Map) else [element]
        shown = " => ".join(_shown(part, deeper) for part in parts)
        lines.append(f"{number:>{width}}{mark} {shown}")
    return ("\n" + indent).join(lines)


_QUOTED = {0x22: '\\"', 0x5C: "\\\\", 10: "\\n", 13: "\\r", 9: "\\t", 7: "\\a", 8: "\\b"}


def _quoted(data):
    printable = (_QUOTED.get(c) or (chr(c) if 32 <= c < 127 else f"\\x{c:02x}") for c in data)
    return '"' + "".join(printable) + '"'
