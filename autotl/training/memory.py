"""How much memory there is, and how much a trial took."""

from __future__ import annotations

import ctypes
import shutil
import sys
from functools import cache
from pathlib import Path

import psutil
import torch

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_CGROUP_USED = Path("/sys/fs/cgroup/memory.current")
_CACHE_BYTES = 20 * 10**9
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4


def available_bytes(device: torch.device) -> int:
    """Memory still free: on a GPU its own, else the machine's, less where a container has a lower limit."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    available = int(psutil.virtual_memory().available)
    try:
        return min(available, int(_CGROUP_LIMIT.read_text()) - int(_CGROUP_USED.read_text()))
    except (OSError, ValueError):
        return available


@cache
def keep_freed_memory() -> bool:
    """Has the process keep memory that it frees, to use it again; False where that is not to be had (glibc alone).

    By default glibc gives large blocks back at once, and the system clears every page of the next one anew: as much
    time as the computing itself for activations of tens of megabytes.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        change = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(change(_M_MMAP_MAX, 0) and change(_M_TRIM_THRESHOLD, 2**31 - 1))


def default_cache_bytes(folder: Path) -> int:
    """The limit for a cache in a folder, which may not exist yet: 20 GB, at most half of what its disk has free."""
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    return min(_CACHE_BYTES, shutil.disk_usage(there).free // 2)


class PeakMemory:
    """The most memory in use since `restart`, in bytes: of the GPU, or resident memory of this process.

    On a CPU it is looked at whenever `look` is called, so a short peak between two looks is missed.
    """

    def __init__(self, device: torch.device):
        self._device = device
        self._process = psutil.Process()
        self.restart()

    def restart(self) -> None:
        """Forgets what was before."""
        self._peak = 0
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)

    def look(self) -> int:
        """The peak so far."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device)
        self._peak = max(self._peak, int(self._process.memory_info().rss))
        return self._peak
