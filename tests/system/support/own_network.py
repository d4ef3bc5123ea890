"""A network namespace for a test alone, with an address that is its own and yet not local."""

import os
import subprocess
import sys

ADDRESS = "10.9.8.7"
ADDRESS6 = "fd00:9::7"
_INSIDE = "SOJOURN_TEST_HAS_ITS_OWN_NETWORK"


def enter():
    """Starts the script again inside, if that may be done here; to be called first of all."""
    if _INSIDE in os.environ:
        for words in (
            "link set lo up",
            f"address add {ADDRESS}/32 dev lo",
            f"-6 address add {ADDRESS6}/128 dev lo nodad",
        ):
            subprocess.run(["ip", *words.split()], check=words[:2] != "-6")
    elif subprocess.run(["unshare", "-rn", "true"], stderr=subprocess.DEVNULL).returncode == 0:
        os.environ[_INSIDE] = "1"
        os.execvp("unshare", ["unshare", "-rn", sys.executable, *sys.argv])


def entered():
    return _INSIDE in os.environ
