"""The machine the figures come from, and who gets which of its cores."""

import os
import pathlib
import platform

from servers import Failure


def share_cores(workers):
    """Cores for the servers and for the load: apart if there are enough."""
    cores = sorted(os.sched_getaffinity(0))
    if workers > len(cores):
        raise Failure(f"--workers {workers}: there are {len(cores)} cores")
    servers, rest = cores[:workers], cores[workers:]
    return servers, (rest[:workers] or servers[-1:])


def describe():
    models = [line.split(":", 1)[1].strip()
              for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
              if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "load_average_before": os.getloadavg()[0],
    }
