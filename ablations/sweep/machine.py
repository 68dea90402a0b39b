"""Machines to train on: CPUs, memory, GPUs of each node, each trial's share, and how many fit."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ablations.studies.model import Resources
from simclr_core.errors import BadInput

CONTEXT = 700_000_000  # bytes that every process on a GPU takes besides its tensors; an allowance, not measured
PER_GPU = 8  # trials on one GPU at most, where the scale does not say: beyond, they wait for each other


class TooLittle(BadInput):
    """Not one trial fits here."""


@dataclass(frozen=True)
class Node:
    """One computer. gpu_bytes: memory of each of its GPUs, 0 where not known."""

    name: str
    cpus: float
    memory: int  # bytes that trials may take
    gpus: float = 0
    gpu_bytes: int = 0


@dataclass(frozen=True)
class Allotment:
    """Each trial's share of a node, and how many trials run at once on all nodes."""

    cpus: float
    gpus: float
    parallel: int

    @property
    def device(self) -> str:
        """The device on which trials train. Ray leaves GPUs visible to trials that ask for none."""
        return "cuda" if self.gpus else "cpu"


def here(resources: Resources) -> Node:
    """This computer, within the limits of the container it may be in; without its GPUs where trials want none."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    gpus = gpu_bytes = 0
    if resources.gpus != 0:
        import torch  # takes seconds

        gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
        gpu_bytes = min((torch.cuda.get_device_properties(i).total_memory for i in range(gpus)), default=0)
    return Node("this computer", min(affinity, _cpu_quota()), _memory(), gpus, gpu_bytes)


def allot(resources: Resources, nodes: Sequence[Node], need: int) -> Allotment:
    """The share of each trial, as the scale says or chosen here, and how many fit at once.

    need: bytes of memory that the largest trial is estimated to take. Raises TooLittle where not one trial fits on any
    node: nothing waits for what can never be.
    """
    gpus = resources.gpus
    if gpus is None:
        gpus = max((_gpu_share(node, need) for node in nodes), default=0.0)
    cpus = resources.cpus
    if cpus is None:  # one thread per trial; on a GPU, its share of the CPUs, at most one
        cpus = min((min(1.0, node.cpus * gpus / node.gpus) for node in nodes if gpus and node.gpus), default=1.0)
    share = Allotment(cpus, gpus, 0)
    parallel = sum(_fitting(share, node, need) for node in nodes)
    if not parallel:
        raise TooLittle(_refusal(share, nodes, need))
    return Allotment(cpus, gpus, parallel)


def _gpu_share(node: Node, need: int) -> float:
    """A trial's share of a GPU: whole where its memory is not known, none where there is no GPU."""
    if not node.gpus:
        return 0.0
    fit = int(0.9 * node.gpu_bytes / (need + CONTEXT)) if node.gpu_bytes else 1
    per_gpu = max(1, min(fit, PER_GPU, int(node.cpus / node.gpus)))
    return math.floor(10_000 / per_gpu) / 10_000


def _fitting(share: Allotment, node: Node, need: int) -> int:
    """Number of such trials that run on the node at once."""
    fitting = int(node.cpus / share.cpus)
    if share.gpus:
        tight = node.gpu_bytes and need + CONTEXT > node.gpu_bytes  # not even alone on a GPU
        return 0 if tight else min(fitting, int(node.gpus) * int(1 / share.gpus))
    return min(fitting, int(node.memory / need))


def _refusal(share: Allotment, nodes: Sequence[Node], need: int) -> str:
    where = nodes[0].name if len(nodes) == 1 else f"none of the {len(nodes)} nodes"
    most = max(node.cpus for node in nodes)
    if share.cpus > most:
        return f"The scale's resources want {share.cpus:g} CPUs per trial, but {where} has {most:g}."
    if share.gpus and not any(node.gpus for node in nodes):
        return (
            f"The scale's resources want {share.gpus:g} GPU per trial, but {where} has none that PyTorch can use; "
            "choose another --scale, such as laptop."
        )
    space = max(node.gpu_bytes if share.gpus else node.memory for node in nodes)
    return (
        f"A trial needs about {need / 1e9:.1f} GB of memory, but {where} has {space / 1e9:.1f} GB for it; "
        "a smaller schedule.batch_size, or schedule.chunk, needs less."
    )


def _cpu_quota() -> float:
    """CPUs that a container may use; infinite where nothing limits it."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1.0, int(quota) / int(period))
    except (OSError, ValueError):  # "max": no limit
        return math.inf


def _memory() -> int:
    """Bytes that are free now, or could be had at once, and that a container's limit allows."""
    free = _page_bytes()
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        fields = dict(line.split(":", 1) for line in meminfo.read_text(encoding="ascii").splitlines())
        free = int(fields["MemAvailable"].split()[0]) * 1024
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii"))
        used = int(Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii"))
        cache = Path("/sys/fs/cgroup/memory.stat").read_text(encoding="ascii").split("\ninactive_file ")[1]
        return min(free, limit - used + int(cache.split()[0]))
    except (OSError, ValueError, IndexError):  # no container, or one without a limit
        return free


def _page_bytes() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
