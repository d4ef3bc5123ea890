"""Replays tests/transcripts over sockets, against this server and against Debian's redis-server."""

import pathlib
import time

from support import program
from support.transcript import Advance, Transcript, show
from support.waiting import wait_until

FOLDER = pathlib.Path(__file__).parent.parent / "transcripts"
# What a transcript may really wait; one that advances time further is for in-process replay only.
WAIT_MAX_SECONDS = 2.0


class Transcripts(program.SystemTest):
    def test_are_true_of_this_server(self):
        self.replay_all("sojourn", self.start_server)

    def test_are_true_of_redis(self):
        self.replay_all("redis", self.start_redis)

    def replay_all(self, who, start):
        transcripts = [Transcript(path) for path in sorted(FOLDER.glob("**/*.txt"))]
        self.assertTrue(transcripts)
        plain = start()
        for transcript in transcripts:
            with self.subTest(transcript.path.name):
                if skipped(transcript.only, who) or transcript.seconds() > WAIT_MAX_SECONDS:
                    continue
                server = start(**transcript.directives) if transcript.directives else plain
                if server is plain:
                    server.call("FLUSHALL")
                self.replay(transcript, server, who)

    def replay(self, transcript, server, who):
        connections = {}
        for step in transcript.steps:
            if isinstance(step, Advance):
                wait_for_time(step.milliseconds)
                continue
            if skipped(step.only, who):
                continue
            if step.connection not in connections:
                connections[step.connection] = server.connect()
            connection = connections[step.connection]
            connection.send(*step.words)
            if not step.lines:
                continue  # no reply is expected: the next one read is the next request's
            shown = show(connection.read())
            expected = step.explain_difference(shown)
            if expected is not None:
                self.fail(
                    f"{transcript.path.name}:{step.line_number} against {who}: {step.words}\n"
                    f"expected:\n{expected}\ngot:\n{shown}"
                )


def skipped(only, who):
    """`only` names who an exchange is for: sojourn, or 7.2, which Debian's redis-server is not."""
    return only is not None and not (who == "sojourn" and only in ("sojourn", "7.2"))


def wait_for_time(milliseconds):
    end = time.monotonic() + milliseconds / 1000
    wait_until(lambda: time.monotonic() >= end, "time to pass", deadline=milliseconds / 1000 + 5)


if __name__ == "__main__":
    program.main()
