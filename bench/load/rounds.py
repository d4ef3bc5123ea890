"""The measurements: both servers beside each other, one of them at work at a time, in turn."""

import json
import shutil
import statistics
import subprocess

from servers import MODES, Failure, RedisServer, Sojourn, make_certificate

FILL_IN_FLIGHT = 16
WRITING = ("fill", "set", "mix", "touch", "hash", "evalsha")
FIRST_SETTLE_S_MAX = 120  # after the fill
SETTLE_S_MAX = 60
FIGURES = ("cpu_us", "cpu_own_us", "requests_per_second", "p50_us", "p99_us", "p999_us", "max_us",
           "busy", "disk_bytes")


class Rounds:
    """One mode's servers, filled, and what was measured on them."""

    def __init__(self, settings, mode, say):
        self.settings = settings
        self.mode = mode
        self.say = say
        self.servers = []
        self.samples = {}  # (workload, in flight) -> server -> list of samples
        self.memory = {}
        self.notes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.stop()
            shutil.rmtree(server.data)

    def start(self):
        settings = self.settings
        kinds = {"sojourn": (Sojourn, settings.workers),
                 "redis": (RedisServer, settings.redis_io_threads)}
        tls_files = make_certificate(settings.directory) if settings.tls else None
        for name, program in settings.programs.items():
            kind, threads = kinds[name]
            self.servers.append(
                kind(program, self.mode, threads, settings.server_cores, settings.directory,
                     tls_files))
        for server in self.servers:
            server.wait_until_ready()
            server.load_script()

    def fill(self):
        for server in self.servers:
            empty, engine = server.resident_bytes(), server.storage_engine_bytes()
            self.sample(server, "fill", FILL_IN_FLIGHT, 0, FIRST_SETTLE_S_MAX)
            full, engine = server.resident_bytes(), server.storage_engine_bytes() - engine
            keys = self.settings.keys
            self.memory[server.name] = {
                "bytes_per_key": (full - empty) / keys,
                "bytes_per_key_without_engine": (full - empty - engine) / keys,
                "engine_bytes": engine,
                "empty_bytes": empty,
                "data_bytes": server.data_bytes(),
            }

    def run(self):
        for number in range(1, self.settings.rounds + 1):
            # Who begins changes, so that none is always the one behind the other.
            order = self.servers if number % 2 else self.servers[::-1]
            for workload in self.settings.workloads:
                for in_flight in self.settings.in_flight:
                    for server in order:
                        self.sample(server, workload, in_flight, number, SETTLE_S_MAX)
        for server in self.servers:
            self.memory[server.name]["bytes_after"] = server.resident_bytes()
            self.memory[server.name]["data_bytes_after"] = server.data_bytes()

    def sample(self, server, workload, in_flight, number, settle_s_max):
        what = f"{workload}, {in_flight} in flight, {server.name}, round {number}"
        before, written_before = server.cpu(), server.written_bytes()
        result = self.load(server, workload, in_flight, number)
        loaded = server.cpu()
        if workload in WRITING and self.mode != "off" and not server.settle(settle_s_max):
            self.notes.append(f"{what}: still at work {settle_s_max} s after the load")
        used = server.cpu() - before
        requests = result["requests"]
        result |= {
            "round": number,
            "cpu_us": used.total / requests * 1e6,
            "cpu_own_us": used.own / requests * 1e6,
            "cpu_afterwards_us": (used.total - (loaded - before).total) / requests * 1e6,
            "disk_bytes": (server.written_bytes() - written_before) / requests,
            "busy": (loaded - before).total / result["seconds"],
        }
        of_servers = self.samples.setdefault((workload, in_flight), {})
        of_servers.setdefault(server.name, []).append(result)
        self.say(f"{self.mode}, {what}: {result['cpu_us']:.2f} us of CPU a request, "
                 f"{result['requests_per_second']:,.0f} requests/s")

    def requests(self, in_flight):
        # Deeper pipelines are faster, and syncing every write slower: about as long for each.
        requests = self.settings.requests * (4 if in_flight > 1 else 1)
        return max(1, requests // 4) if self.mode == "always" else requests

    def load(self, server, workload, in_flight, number, under=()):
        settings = self.settings
        kind = ["--workload", workload]
        if workload == "fill":
            kind = ["--workload", settings.workloads[0], "--fill"]
        if settings.tls:
            kind.append("--tls")
        options = {
            "port": server.load_port,
            "keys": settings.keys,
            "value-bytes": settings.value_bytes,
            "ttl": settings.ttl_s,
            "connections": settings.connections,
            "threads": settings.load_threads,
            "in-flight": in_flight,
            "requests": self.requests(in_flight),
            "zipf": settings.zipf,
            "seed": number + 1,
        }
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        cores = ",".join(map(str, settings.load_cores))
        done = subprocess.run([*under, "taskset", "-c", cores, str(settings.load), *kind, *words],
                              capture_output=True, text=True)
        what = f"{workload} with {in_flight} in flight against {server.name}"
        if done.returncode != 0:
            ended = f"; its last words: {server.last_words()}" if server.has_ended() else ""
            raise Failure(f"{what}: {done.stderr.strip() or done.stdout.strip()}{ended}")
        result = json.loads(done.stdout)
        if result["missing"]:
            raise Failure(f"{what}: {result['missing']} of the sessions asked for were not there")
        return result

    def profile(self, workload, in_flight):
        """Runs a workload once more on each server, under perf; gives back the files' names."""
        files = []
        for server in self.servers:
            name = f"perf-{server.name}-{self.mode}-{workload}-{in_flight}.data"
            file = self.settings.work / name
            # It records the server for as long as the load runs.
            perf = ["perf", "record", "--quiet", "-g", "-p", str(server.pid), "-o", str(file), "--"]
            self.load(server, workload, in_flight, 0, under=perf)
            files.append(file)
        return files


def summary(samples):
    """Of each figure the median, the least and the most."""
    return {
        figure: {
            "median": statistics.median(sample[figure] for sample in samples),
            "min": min(sample[figure] for sample in samples),
            "max": max(sample[figure] for sample in samples),
            "mean": statistics.fmean(sample[figure] for sample in samples),
        }
        for figure in FIGURES
    }


def as_json(rounds):
    """All that was measured in one mode, as JSON can hold it."""
    assert rounds.mode in MODES
    return {
        "mode": rounds.mode,
        "commands": {server.name: " ".join(server.command) for server in rounds.servers},
        "memory": rounds.memory,
        "notes": rounds.notes,
        "measured": [
            {
                "workload": workload,
                "in_flight": in_flight,
                "servers": {
                    name: {"summary": summary(samples), "samples": samples}
                    for name, samples in of_servers.items()
                },
            }
            for (workload, in_flight), of_servers in rounds.samples.items()
        ],
    }
