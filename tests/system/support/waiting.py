"""Waiting for a condition; the only place where a test sleeps."""

import os
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


class Stopwatch:
    """Counts from its making, without the time in which a virtual machine's cores ran others.

    What was taken from all cores is left out, so on more than one it may count too little.
    """

    def __init__(self):
        self.began = self.now()

    def seconds(self):
        return self.now() - self.began

    @staticmethod
    def now():
        with open("/proc/stat", encoding="ascii") as file:
            stolen = int(file.readline().split()[8]) / os.sysconf("SC_CLK_TCK")
        return time.monotonic() - stolen
