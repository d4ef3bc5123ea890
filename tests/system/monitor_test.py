"""MONITOR shows what redis-server's shows."""

from support import program
from support.scenario import Scenario

SCRIPT = r"""
watcher  MONITOR
app      SET s:1 alice EX 100
app      get s:1
app      SELECT 3
app      GET "s 1"
app      SELECT 0
app      ECHO "quote\" backslash\\ ünicode"
app      CLIENT SETNAME app
app      CLIENT GETNAME
app      CLIENT LIST
app      CONFIG SET maxclients 100
app      CONFIG GET maxclients
app      SLOWLOG RESET
app      NOSUCHCOMMAND x
app      GET
app      INCR s:1
app      AUTH wrong
app      AUTH default wrong
app      HELLO 3 AUTH default wrong SETNAME me
app      HELLO 2
app      MULTI
app      SET s:2 bob
app      INCR s:2
app      GET s:2
app      EXEC
app      MULTI
app      SET s:2 carol
app      DISCARD
app      MULTI
app      NOSUCHCOMMAND
app      EXEC
app      WATCH s:2
app      UNWATCH
app      EXISTS s:1 s:2 s:3
app      HSET h f v
app      HGETALL h
app      PUBLISH news hello
app      DEL s:1
watcher  GET s:1
watcher  SET s:1 x
watcher  PING
second   MONITOR
app      PING hello
watcher  HELLO 3
app      PING again
watcher  RESET
app      PING third
app      MULTI
app      MONITOR
app      EXEC
"""


class Monitor(program.SystemTest):
    def test_shows_what_that_of_redis_shows(self):
        self.maxDiff = None
        ours, theirs = (Scenario(side).run(SCRIPT) for side in (self.start_server(), self.start_redis()))
        for name in ours:
            self.assertEqual(*(without_lists(side[name]) for side in (ours, theirs)), name)


def without_lists(told):
    """What CLIENT LIST and HELLO answer is other tests' matter."""
    return [item for item in told if " laddr=" not in str(item) and "proto" not in str(item)]


if __name__ == "__main__":
    program.main()
