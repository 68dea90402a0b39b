"""Provenance of a trial: on what, and with what, it ran."""

import functools
import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any


def provenance(device: str) -> dict[str, Any]:
    """Describe on what, and with what, a trial runs here; no part of its identity. `device`: cpu or a GPU's name."""
    versions = {}
    for package in ("torch", "torchvision", "numpy", "ray"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = ""
    return {"device": device, "cpu": _cpu(), "python": platform.python_version(), **versions}


@functools.cache
def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


def commit() -> str:
    """The commit of this package's checkout, "-dirty" where files differ from it; empty where there is none."""
    here = Path(__file__).parents[1]
    command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    if not (here.parent / ".git").exists():  # installed inside someone else's checkout
        return ""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""
