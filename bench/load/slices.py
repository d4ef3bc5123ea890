"""Latencies of a run of sojourn_load in short slices of time, and which of them the kernel spoilt."""

import json
import multiprocessing
import pathlib
import time

WATCH_S = 0.005
RAN_S_MIN = 0.001  # of WATCH_S; less does no harm
PIECE_S, PART_S = 1, 0.05
LATENCIES_MIN = 20_000  # fewer say little about one in a thousand
RECOVERY_S = 0.15  # until what was put off meanwhile is made up for


def ran_s(tasks):
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def watch(path):
    """Writes down when kdamond ran."""
    tasks = [comm.with_name("schedstat") for comm in pathlib.Path("/proc").glob("[0-9]*/comm")
             if comm.read_text().startswith("kdamond")]
    with open(path, "w", buffering=1) as out:
        began, before = time.monotonic(), ran_s(tasks)
        while tasks:
            time.sleep(WATCH_S)
            now, ran = time.monotonic(), ran_s(tasks)
            if ran - before > RAN_S_MIN:
                out.write(f"{began} {now}\n")
            began, before = now, ran


class Reclaim:
    """When the kernel looked for memory to give back to a virtual machine's host.

    Its thread (kdamond) may take a core for some ten milliseconds, whoever else wants it.
    """

    def __init__(self, directory):
        self.path = directory / "reclaim"
        multiprocessing.Process(target=watch, args=(self.path,), daemon=True).start()

    def spoilt(self):
        """From when until when latencies say nothing of the server."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        times = [tuple(map(float, line.split())) for line in lines]
        return [(began, ended + RECOVERY_S) for began, ended in times]


def pieces(windows):
    """Windows put together to about PIECE_S each; one piece if there is less."""
    parts = []
    for begin, end in windows:
        count = max(1, round((end - begin) / PART_S))
        edges = [begin + (end - begin) * i / count for i in range(count + 1)]
        parts += zip(edges, edges[1:])
    total = sum(end - begin for begin, end in parts)
    each = len(parts) // max(1, round(total / PIECE_S))
    return [parts[at:at + each] for at in range(0, len(parts) - each + 1, each)] if each else []


class Slices:
    """What one run of sojourn_load has written."""

    def __init__(self, path, spoilt):
        lines = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
        self.slices = [one for one in lines if "us_times" in one and not any(
            begin < one["until"] and one["from"] < end for begin, end in spoilt)]

    def p999_us(self, windows):
        """Of each piece of these windows, but for what is spoilt."""
        told = (self.p999_us_of(piece) for piece in pieces(windows))
        return [us for us in told if us is not None]

    def p999_us_of(self, parts):
        times = {}
        for one in self.slices:
            middle = (one["from"] + one["until"]) / 2
            if any(begin <= middle < end for begin, end in parts):
                for us, count in one["us_times"]:
                    times[us] = times.get(us, 0) + count
        above = sum(times.values()) / 1000
        if above < LATENCIES_MIN / 1000:
            return None
        for us in sorted(times, reverse=True):
            above -= times[us]
            if above < 0:
                return us
