"""Waiting for a condition; the only place where a test sleeps."""

import time


def wait_until(condition, what, deadline=30.0, pause=0.005):
    """Returns the first true value of condition(), asked again and again until the deadline."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline} s for: {what}")
        time.sleep(pause)
