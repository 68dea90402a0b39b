"""Planning, storing and reporting a study of 10 to 10,000 cells: what a cell costs, and what memory the driver needs.

Nothing is trained: the trials are real, their results are made up, and go through the real store. Every figure is that
of a process of its own.
"""

import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ablations.store.leases import Leases
from ablations.store.trials import Store
from ablations.studies import expand, load
from ablations.studies.model import Scale, Study
from ablations.sweep import plan
from ablations.sweep.plan import Planned
from benchmarks.rounds import ROUNDS, Case
from simclr_core.data import embedded

SIZES = (10, 100, 1000, 10_000)
OURS = "simclr-ablations"
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a file system without a disk that takes its time


def cases(rounds: int = ROUNDS) -> Iterator[Case]:
    """Two cases, milliseconds per cell and megabytes of the process, for every step and number of cells."""
    for cells in SIZES:
        costs: dict[str, list[tuple[float, float]]] = {step: [] for step in STEPS}
        for _ in range(rounds):
            with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
                for step in STEPS:  # what one has stored the next one reports
                    costs[step].append(_measured(step, cells, folder))
        for step, pairs in costs.items():
            task = f"{step}, {cells:,} cells"
            yield Case("scaling", task, "ms per cell", {OURS: [ms for ms, _ in pairs]}, more_is_better=False)
            yield Case("scaling", task, "MB", {OURS: [mb for _, mb in pairs]}, more_is_better=False)


def _measured(step: str, cells: int, folder: str) -> tuple[float, float]:
    """Milliseconds per cell, and megabytes at most, of one step in a process of its own."""
    code = f"from benchmarks import scaling; scaling.play({step!r}, {cells}, {folder!r})"
    said = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True).stdout
    ms, mb = json.loads(said.splitlines()[-1])
    return ms, mb


def play(step: str, cells: int, folder: str) -> None:
    """Do one step, then print its figures as JSON. Imports are not counted: see benchmarks/startup.py."""
    out = Path(folder)
    asked, scale = made_up(cells, out)
    began = time.perf_counter()
    seconds = STEPS[step](asked, scale, out) or time.perf_counter() - began
    print(json.dumps([1000 * seconds / cells, _peak_megabytes()]))


def _peak_megabytes() -> float:
    """The most that this process has held. On Linux not `ru_maxrss`, which a process inherits from its parent."""
    status = Path("/proc/self/status")
    if status.is_file() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text(errors="replace"))):
        return int(found[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def made_up(cells: int, folder: Path) -> tuple[Study, Scale]:
    """A study of so many cells (the square of ten, and so on, or ten times that), and a scale for it."""
    across = int(cells**0.5)
    while cells % across:
        across -= 1
    axes = {
        "temperature": {"set": "loss.temperature", "values": [round(0.01 * (i + 1), 6) for i in range(across)]},
        "rate": {"set": "optimizer.lr", "values": [round(0.001 * (i + 1), 6) for i in range(cells // across)]},
    }
    path, scale = folder / "grid.yaml", folder / "scale.yaml"
    plot = {"kind": "pairs"}
    asked = {"study": "grid", "question": "How long?", "figure": plot, "scales": ["none"], "seeds": 1, "axes": axes}
    path.write_text(json.dumps(asked))  # JSON is YAML
    scale.write_text(json.dumps({"scale": "none", "recipe": {"schedule": {"epochs": 1}}}))
    return load.load_study(path), load.load_scale(scale)


def _planned(asked: Study, scale: Scale, out: Path) -> tuple[list[Planned], Store, Leases]:
    trials, store = expand.expand(asked, scale), Store(out / "results")
    leases = Leases(store)
    return plan.look_up(trials, {trials[0].recipe.data: embedded.FINGERPRINT}, store, leases), store, leases


def _plan(asked: Study, scale: Scale, out: Path) -> None:
    planned, _, _ = _planned(asked, scale, out)
    plan.unfinished(planned)
    plan.describe(planned)


def _store(asked: Study, scale: Scale, out: Path) -> float:
    planned, store, _ = _planned(asked, scale, out)
    store.prepare()
    classes = np.zeros(1000, np.int16)
    began = time.perf_counter()
    for number, item in enumerate(planned):
        store.begin(item.trial_id, item.trial.recipe, item.fingerprints)
        store.epoch(item.trial_id, {"epoch": 1, "loss": 4.0, "seconds": 1.0})
        top1 = 50 + number % 40
        metrics = {"top1": top1, "balanced_accuracy": top1, "n_test": len(classes), "loss": 4.0}
        store.finish(item.trial_id, metrics, classes, classes, {"knn_top1": classes}, {"seconds": 1.0})
    return time.perf_counter() - began


def _report(asked: Study, scale: Scale, out: Path) -> None:
    from matplotlib.figure import Figure

    from ablations.outputs.record import RunRecord, shared
    from ablations.outputs.write import Outputs
    from ablations.studies.info import study_info

    planned, store, leases = _planned(asked, scale, out)
    trials = [item.trial for item in planned]
    images = {trial.recipe.data: ("made up", 1000) for trial in trials}
    about = RunRecord("", study_info(asked, scale, trials, images, ()), shared(trials))
    outputs = Outputs(out, about, planned, {item.trial_id for item in planned}, store, leases, Figure)
    outputs.write()
    outputs.summary()


STEPS: dict[str, Callable[[Study, Scale, Path], float | None]] = {
    "planning": _plan,
    "storing": _store,
    "reporting": _report,
}
