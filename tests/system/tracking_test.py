"""CLIENT TRACKING tells what redis-server tells."""

from support import program
from support.scenario import Scenario

SCRIPTS = {
    "what was read": """
        cache   HELLO 3
        other   SET a 1
        cache   CLIENT TRACKING ON
        cache   GET a
        other   SET a 2
        other   SET a 3
        cache   MGET a b c
        cache   HGETALL h
        cache   EXISTS gone
        other   MSET c 1 b 2 a 3
        other   HSET h f v
        other   SET gone x
        cache   GET a
        cache   SET a mine
        cache   GETEX a EX 100
        cache   OBJECT ENCODING a
        cache   TTL a
        other   EXPIRE a 50
        cache   TYPE a
        other   DEL a
        cache   GET a
        other   SELECT 4
        other   SET a elsewhere
        cache   GET a
        other   FLUSHDB
        cache   GET a
        other   SET a x
        cache   FLUSHALL
        cache   CLIENT TRACKINGINFO
        cache   CLIENT GETREDIR
        cache   GET a
        cache   CLIENT TRACKING OFF
        other   SET a y
        cache   CLIENT TRACKINGINFO
        cache   CLIENT GETREDIR
        """,
    "transactions": """
        cache   HELLO 3
        cache   CLIENT TRACKING ON
        cache   MULTI
        cache   GET a
        cache   SET b 1
        cache   GET b
        cache   EXEC
        cache   MULTI
        cache   SET b 2
        cache   GET b
        cache   SET b 3
        cache   EXEC
        other   SET b 4
        other   MULTI
        other   SET a 1
        other   SET b 1
        other   SET a 2
        other   EXEC
        cache   MULTI
        cache   GET a
        cache   SET a mine
        cache   INCR a
        cache   EXEC
        """,
    "opting in and out": """
        cache   HELLO 3
        cache   CLIENT CACHING YES
        cache   CLIENT TRACKING ON OPTIN
        cache   CLIENT CACHING NO
        cache   CLIENT CACHING PERHAPS
        cache   GET a
        other   SET a 1
        cache   CLIENT CACHING YES
        cache   CLIENT TRACKINGINFO
        cache   CLIENT ID
        cache   GET a
        cache   GET b
        other   MSET a 2 b 2
        cache   CLIENT CACHING YES
        cache   MULTI
        cache   GET a
        cache   GET b
        cache   EXEC
        cache   GET c
        other   MSET a 3 b 3 c 3
        cache   CLIENT TRACKING ON OPTOUT
        cache   CLIENT TRACKING OFF
        cache   CLIENT TRACKING ON OPTOUT NOLOOP
        cache   CLIENT CACHING YES
        cache   CLIENT CACHING NO
        cache   CLIENT TRACKINGINFO
        cache   GET a
        cache   GET b
        cache   SET b mine
        cache   GET b
        other   MSET a 4 b 4
        """,
    "broadcasting": """
        cache   HELLO 3
        cache   CLIENT TRACKING ON BCAST PREFIX user: PREFIX s:
        cache   CLIENT TRACKINGINFO
        other   SET s:1 x
        other   SET s:1 x
        other   SET t:1 x
        other   MSET user:2 x s:2 x user:1 x t:2 x
        cache   SET s:3 mine
        cache   CLIENT TRACKING ON BCAST PREFIX t:
        other   SET t:3 x
        cache   CLIENT TRACKING ON BCAST PREFIX t:3
        cache   CLIENT TRACKING ON BCAST PREFIX x PREFIX xy
        cache   CLIENT TRACKING ON
        other   DEL s:1 s:2
        other   FLUSHALL
        cache   CLIENT TRACKING OFF
        cache   CLIENT TRACKING ON BCAST NOLOOP
        cache   CLIENT TRACKINGINFO
        cache   SET any mine
        other   SET any x
        cache   RESET
        cache   CLIENT TRACKINGINFO
        other   SET any x
        """,
    "redirecting": """
        listener SUBSCRIBE __redis__:invalidate
        cache    CLIENT TRACKING ON REDIRECT 999999
        cache    CLIENT TRACKING ON REDIRECT x
        cache    CLIENT TRACKING ON REDIRECT $listener
        cache    CLIENT TRACKINGINFO
        cache    CLIENT GETREDIR
        cache    GET a
        other    SET a 1
        cache    GET a
        cache    SET a mine
        cache    GET a
        other    FLUSHALL
        push     HELLO 3
        cache    CLIENT TRACKING ON REDIRECT $push
        cache    GET a
        other    SET a 2
        third    HELLO 3
        third    CLIENT TRACKING ON REDIRECT $push BCAST
        other    SET b 2
        """,
    "mistakes": """
        cache   CLIENT TRACKING
        cache   CLIENT TRACKING MAYBE
        cache   CLIENT TRACKING ON x
        cache   CLIENT TRACKING ON PREFIX
        cache   CLIENT TRACKING ON PREFIX a
        cache   CLIENT TRACKING ON OPTIN OPTOUT
        cache   CLIENT TRACKING ON BCAST OPTIN
        cache   CLIENT TRACKING ON BCAST OPTOUT
        cache   CLIENT TRACKING ON OPTIN
        cache   CLIENT TRACKING ON OPTOUT
        cache   CLIENT TRACKING ON BCAST
        cache   CLIENT TRACKING ON REDIRECT
        cache   CLIENT TRACKING ON REDIRECT $cache REDIRECT $cache
        cache   CLIENT CACHING
        cache   CLIENT TRACKINGINFO x
        cache   CLIENT TRACKING OFF
        cache   CLIENT TRACKING OFF
        """,
}


class Tracking(program.SystemTest):
    def test_tells_what_redis_tells(self):
        self.maxDiff = None
        sides = self.start_server(), self.start_redis()
        for about, script in SCRIPTS.items():
            with self.subTest(about):
                for side in sides:
                    side.call("FLUSHALL")
                ours, theirs = (Scenario(side).run(script) for side in sides)
                for name in ours:
                    self.assertEqual(without_greeting(ours[name]), without_greeting(theirs[name]), name)


def without_greeting(told):
    return [item for item in told if "proto" not in str(item)]


if __name__ == "__main__":
    program.main()
