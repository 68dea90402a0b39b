"""The results on disk: a folder per trial, named by content, every record written atomically.

    results/trials/<trial_id>/  recipe.json  epochs.jsonl  predictions.npy  labels.npy  outcomes.npz
                                result.json (last) | error.json
                                claim.json while a run works on it, checkpoint.pt until it is done

predictions are the linear probe's classes of the test images; outcomes holds every other probe's answer per example.

A trial is `done` when its result.json is sound and its predictions load, `failed` when it has an error.json, `running`
while a live run claims it, else `missing`: half-written and damaged folders are missing, and overwritten.
"""

import functools
import importlib.metadata
import json
import math
import os
import platform
import secrets
import socket
import subprocess
import threading
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simclr_core.errors import BadInput

SCHEMA_VERSION = 1
HEARTBEAT, STALE = 5.0, 60.0  # seconds between two signs of life of a run, and without one until it counts as dead

Status = Literal["missing", "running", "done", "failed"]


@dataclass(frozen=True)
class Result:
    """A done trial: finite metrics by name, and how they came about."""

    metrics: dict[str, float]
    provenance: dict[str, Any]

    @property
    def seconds(self) -> float:
        """How long training and probing took."""
        return float(self.provenance["seconds"])


class Store:
    """The trials under results/. One writer per trial (the run that claims it); anyone may read."""

    def __init__(self, root: Path) -> None:
        self.trials = root / "trials"
        self._token = secrets.token_hex(8)
        self._claimed: set[str] = set()

    def prepare(self) -> None:
        """Make the folder, once, before writing. Raises BadInput where that is not possible."""
        try:
            self.trials.mkdir(parents=True, exist_ok=True)
            probe = self.trials / f".{self._token}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise BadInput(
                f"{self.trials}: results cannot be written there: {error.strerror}; choose with --out."
            ) from None

    def folder(self, trial_id: str) -> Path:
        """Where a trial's files are."""
        return self.trials / trial_id

    def checkpoint(self, trial_id: str) -> Path:
        """Where a training keeps its state."""
        return self.folder(trial_id) / "checkpoint.pt"

    # Reading

    def status(self, trial_id: str) -> Status:
        """What is known of the trial now."""
        if self.result(trial_id) is not None:
            return "done"
        if self._claimant(trial_id) is not None:
            return "running"
        return "failed" if (self.folder(trial_id) / "error.json").is_file() else "missing"

    def result(self, trial_id: str) -> Result | None:
        """The trial's result, or None unless it is done: never a damaged one."""
        fields = _read_json(self.folder(trial_id) / "result.json")
        metrics, provenance = fields.get("metrics"), fields.get("provenance")
        if fields.get("schema_version") != SCHEMA_VERSION or fields.get("trial_id") != trial_id:
            return None
        if not (isinstance(metrics, dict) and isinstance(provenance, dict)):
            return None
        if not finite({**metrics, "seconds": provenance.get("seconds")}):
            return None
        try:
            predicted, labels = self.predictions(trial_id)
        except (OSError, ValueError):
            return None
        if not zipfile.is_zipfile(self.folder(trial_id) / "outcomes.npz"):  # absent or torn
            return None
        return Result(metrics, provenance) if predicted.shape == labels.shape == (metrics.get("n_test"),) else None

    def predictions(self, trial_id: str) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """Predicted and true class of every test image, each (n_test,). Raises OSError or ValueError."""
        arrays = []
        for name in ("predictions", "labels"):
            with (self.folder(trial_id) / f"{name}.npy").open("rb") as file:
                arrays.append(np.lib.format.read_array(file, allow_pickle=False))
        predicted, labels = arrays
        return predicted, labels

    def outcomes(self, trial_id: str) -> dict[str, NDArray[Any]]:
        """What the probes other than the linear one found for each test example, by metric. Raises OSError, ValueError.

        int16: predicted classes; float32: the example's own number.
        """
        with np.load(self.folder(trial_id) / "outcomes.npz", allow_pickle=False) as packed:
            return dict(packed)

    def error(self, trial_id: str) -> str:
        """Why the trial failed, in a sentence; empty where no error is stored."""
        return str(_read_json(self.folder(trial_id) / "error.json").get("error", ""))

    # Writing; OSError (a full disk) is for the caller to report

    def begin(self, trial_id: str, recipe: Mapping[str, Any]) -> None:
        """A folder with the recipe, and the checkpoint to go on from: what else was left there is removed."""
        folder = self.folder(trial_id)
        folder.mkdir(exist_ok=True)
        for pattern in ("*.json", "*.jsonl", "*.np[yz]", "*.tmp", "*.stale"):
            for left in folder.glob(pattern):
                if left.name != "claim.json":
                    left.unlink(missing_ok=True)
        _write(folder / "recipe.json", _json(recipe))

    def epoch(self, trial_id: str, row: Mapping[str, Any]) -> None:
        """One more epoch."""
        with (self.folder(trial_id) / "epochs.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def finish(
        self,
        trial_id: str,
        metrics: Mapping[str, float],
        predictions: NDArray[np.int16],
        labels: NDArray[np.int16],
        outcomes: Mapping[str, NDArray[np.int16] | NDArray[np.float32]],
        provenance: Mapping[str, Any],
    ) -> None:
        """The trial is done; result.json comes last, so that a folder with one is complete."""
        folder = self.folder(trial_id)
        for name, array in (("predictions", predictions), ("labels", labels)):
            with (folder / f"{name}.npy").open("wb") as file:
                np.save(file, array, allow_pickle=False)
                os.fsync(file.fileno())
        with (folder / "outcomes.npz").open("wb") as packed:
            np.savez(packed, allow_pickle=False, **outcomes)
            os.fsync(packed.fileno())
        record = {"schema_version": SCHEMA_VERSION, "trial_id": trial_id, "metrics": metrics, "provenance": provenance}
        _write(folder / "result.json", _json(record))
        self.checkpoint(trial_id).unlink(missing_ok=True)
        self.release([trial_id])

    def fail(self, trial_id: str, error: str, details: str) -> None:
        """The trial failed: a sentence, and what a developer wants to see (a traceback)."""
        record = {"schema_version": SCHEMA_VERSION, "trial_id": trial_id, "error": error, "details": details}
        _write(self.folder(trial_id) / "error.json", _json(record))
        self.release([trial_id])

    # Claims: two runs at once do not train the same trial twice

    def claim(self, trial_ids: Iterable[str]) -> set[str]:
        """Those of the trials that are this run's now; the others belong to another live run."""
        for trial_id in trial_ids:
            path = self.folder(trial_id) / "claim.json"
            path.parent.mkdir(exist_ok=True)
            if self._claimant(trial_id) is None and self._clear_stale(path):
                try:
                    with path.open("x", encoding="utf-8") as file:
                        json.dump({"pid": os.getpid(), "host": socket.gethostname(), "token": self._token}, file)
                except FileExistsError:
                    continue
                self._claimed.add(trial_id)
        return set(self._claimed)

    def release(self, trial_ids: Iterable[str]) -> None:
        """Give claims of this run back."""
        for trial_id in set(trial_ids) & self._claimed:
            path = self.folder(trial_id) / "claim.json"
            if _read_json(path).get("token") == self._token:
                path.unlink(missing_ok=True)
            self._claimed.discard(trial_id)

    @contextmanager
    def alive(self) -> Iterator[None]:
        """While inside, this run's claims show signs of life; at the end they are released."""
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(HEARTBEAT):
                for trial_id in tuple(self._claimed):
                    # A claim that is gone was released a moment ago, or taken over while this computer slept.
                    if (path := self.folder(trial_id) / "claim.json").exists():
                        os.utime(path)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self.release(tuple(self._claimed))

    def _claimant(self, trial_id: str) -> dict[str, Any] | None:
        """Who works on the trial, if alive. A claim without readable content is being written, or a torn leftover."""
        path = self.folder(trial_id) / "claim.json"
        try:
            age = time.time() - path.stat().st_mtime
        except OSError:
            return None
        claim = _read_json(path)
        dead = claim.get("host") == socket.gethostname() and not _process_lives(claim.get("pid"))
        return None if dead or age > STALE else {"pid": "?", "host": "?", **claim}

    @staticmethod
    def _clear_stale(path: Path) -> bool:
        """Take a dead run's claim out of the way. Renaming first: of several runs that try, one succeeds."""
        seen = _read_json(path).get("token")
        aside = path.with_name(f"claim.{secrets.token_hex(4)}.stale")
        try:
            path.rename(aside)
        except FileNotFoundError:
            return True  # nobody's
        if _read_json(aside).get("token") != seen:  # another run was quicker, and this is its fresh claim: put it back
            aside.rename(path)
            return False
        aside.unlink()
        return True


def finite(metrics: Mapping[str, Any]) -> bool:
    """Whether every value is a finite number."""
    return all(isinstance(value, int | float) and math.isfinite(value) for value in metrics.values())


def provenance(device: str) -> dict[str, Any]:
    """On what, and with what, a trial runs here; no part of its identity. `device` is cpu or a GPU's name."""
    versions = {}
    for package in ("torch", "torchvision", "numpy", "ray"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = ""
    return {"device": device, "cpu": _cpu(), "python": platform.python_version(), **versions, "commit": _commit()}


@functools.cache
def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


@functools.cache
def _commit() -> str:
    """The commit of this package's checkout, "-dirty" where files differ from it; empty where there is none."""
    here = Path(__file__).parent
    command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    if not (here.parent / ".git").exists():  # installed inside someone else's checkout
        return ""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _process_lives(pid: Any) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, TypeError, ValueError):
        return False
    except PermissionError:
        return True
    return True


def _read_json(path: Path) -> dict[str, Any]:
    """A JSON object, or nothing where the file is absent or damaged."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _json(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, indent=2, sort_keys=True, allow_nan=False) + "\n"


def _write(path: Path, text: str) -> None:
    """All or nothing: a reader sees the old file or the new one, also after a power cut."""
    aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with aside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
