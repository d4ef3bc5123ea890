"""Answers the steps of ../README.md: a line of words each on standard input, a line of JSON each on
standard output."""

import json
import sys


def answer(site):
    """site's methods are the steps."""
    for line in sys.stdin:
        step, *words = line.split()
        print(json.dumps(getattr(site, step)(*words)), flush=True)


def data_of(session):
    """A session without what the library keeps in it for itself, or None if nobody is logged in."""
    if "user" not in session:
        return None
    return {key: session[key] for key in ("user", "cart") if key in session}


class Browser:
    """The steps, asked of a site by HTTP.

    get(page, session_id, query) has the answer's JSON, and the session's id if it is a new one.
    """

    def __init__(self, get):
        self.get = get

    def login(self, user, seconds):
        return self.get("login", None, {"user": user, "seconds": seconds})[1]

    def read(self, session_id):
        return self.get("read", session_id, {})[0]

    def write(self, session_id, key, value):
        return self.get("write", session_id, {"key": key, "value": value})[0]

    def touch(self, session_id):
        return self.get("touch", session_id, {})[0]

    def regenerate(self, session_id):
        return self.get("regenerate", session_id, {})[1]

    def logout(self, session_id):
        return self.get("logout", session_id, {})[0]
