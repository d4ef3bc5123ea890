"""What the kernel knows of a process: processor time, memory, and what it wrote to disk."""

import dataclasses
import os
import pathlib

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(frozen=True)
class CpuTime:
    """Seconds of processor time, user and system, of all threads."""

    own: float = 0.0
    children: float = 0.0  # the reaped and the living

    def __sub__(self, earlier):
        return CpuTime(self.own - earlier.own, self.children - earlier.children)

    @property
    def total(self):
        return self.own + self.children


def children_of(pid):
    pids = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            pids += [int(word) for word in (task / "children").read_text().split()]
        except FileNotFoundError:  # the thread has ended meanwhile
            continue
    return pids


def _times(pid):
    # The name, in parentheses, may hold blanks; utime is the 12th field behind it.
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own_user, own_system, reaped_user, reaped_system = (int(field) for field in fields[11:15])
    return (own_user + own_system) * TICK_S, (reaped_user + reaped_system) * TICK_S


def cpu_time(pid):
    own, children = _times(pid)
    for child in children_of(pid):
        try:
            children += sum(_times(child))
        except (FileNotFoundError, ProcessLookupError):  # reaped meanwhile: look again
            return cpu_time(pid)
    return CpuTime(own, children)


def disk_bytes(pid):
    """What the process and its reaped children have written, counted as pages get dirty."""
    for line in pathlib.Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    raise RuntimeError(f"/proc/{pid}/io does not tell write_bytes")


def resident_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} has no memory: it has ended")
