"""How long until something happens: --help, and the first training step of a cached data set, without Ray and with it.

Real commands in processes of their own. The first step begins where the first epoch that the command tells of ended,
less that epoch's own seconds. There is no peer: no other program does the same before its first step.
"""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.rounds import ROUNDS, Case, play
from simclr_core import data
from simclr_core.config import Data

OURS = "simclr-ablations"
COMMAND = (sys.executable, "-m", "ablations.run")
STUDY = ("aug_pairs", "--scale", "smoke", "--only", "first=crop", "--only", "second=color", "--json")


def cases(rounds: int = ROUNDS) -> Iterator[Case]:
    """Three cases, in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        data.load(Data(), Path(folder) / "results" / "cache")
        tasks = {"--help": _help}
        for engine in ("inline", "ray"):
            words = "with Ray" if engine == "ray" else "inline"
            tasks[f"command to first training step, cached set, {words}"] = partial(_first_step, engine, Path(folder))
        timed = play(tasks, rounds)  # the tasks take turns, as contenders would
        for task, seconds in timed.items():
            yield Case("startup", task, "s", {OURS: seconds}, more_is_better=False)


def _help() -> float:
    began = time.perf_counter()
    subprocess.run([*COMMAND, "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _first_step(engine: str, out: Path) -> float:
    """Seconds from the command to the first step. What was trained is deleted, and the images stay."""
    words = [*COMMAND, *STUDY, "--engine", engine, "--out", str(out)]
    began = time.perf_counter()
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        epoch = next((event for event in map(json.loads, process.stdout) if event["event"] == "epoch"), None)
        ended = time.perf_counter()
        process.send_signal(signal.SIGINT)  # it draws what there is, and ends its Ray
        process.communicate()
    if epoch is None:
        raise RuntimeError(f"{' '.join(words)}: it ended without a first epoch.")
    shutil.rmtree(out / "results" / "trials")
    return ended - began - float(epoch["seconds"])
