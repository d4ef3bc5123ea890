"""Running a file of tests: its arguments, and the server it is about."""

import argparse
import random
import sys
import unittest

from .server import RedisServer, Server

SKIPPED = 77  # CTest shows such a test as skipped, not as passed

arguments = argparse.Namespace()


def main(add_arguments=None):
    """Every script's end: main() with further arguments of its own, if any."""
    parser = argparse.ArgumentParser(epilog="The rest goes to unittest: -v, Class.test_name.")
    parser.add_argument("--server", required=True, metavar="PATH", help="the sojournd to test")
    parser.add_argument("--build-dir", default=".", help="where what is installed may be kept")
    if add_arguments:
        add_arguments(parser)
    _, rest = parser.parse_known_args(namespace=arguments)
    outcome = unittest.main(
        argv=[sys.argv[0], *rest], module="__main__", verbosity=1, warnings="ignore", exit=False
    ).result
    for test, why in outcome.skipped:
        print(f"NOT TESTED: {test}: {why}", flush=True)
    if outcome.wasSuccessful():
        sys.exit(SKIPPED if outcome.skipped else 0)
    sys.exit(1)


def chosen_seed():
    """--seed, or a new one."""
    if arguments.seed is not None:
        return arguments.seed
    return random.SystemRandom().randrange(10**9)


class SystemTest(unittest.TestCase):
    """Tests that start servers; what a test starts ends with it."""

    maxDiff = None
    longMessage = True

    def start_server(self, **options):
        server = Server(arguments.server, **options)
        self.addCleanup(server.close)
        return server

    def start_redis(self, **options):
        server = RedisServer(**options)
        self.addCleanup(server.close)
        return server
