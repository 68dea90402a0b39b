"""The results on disk: a folder per trial, named by content, every file written whole or not at all.

    results/trials/<trial_id>/  recipe.json  epochs.jsonl  predictions.npy  labels.npy  outcomes.npz
                                groups.npz   only where test images come in groups
                                result.json (last) | error.json
                                log.txt      what the trial's process printed
                                checkpoint.pt  until the trial is done
    results/set_aside/          damaged folders, as they were found

predictions are the linear probe's classes of the test images; outcomes holds every other probe's answer per example;
groups holds which of a metric's examples belong together.

A trial is `done` when its result.json and all files that it vouches for are as they were written, `damaged` when they
are not, `running` while a live run claims it, `failed` when it has an error.json, else `missing`. Only `done` is ever
read as a result. A damaged folder is set aside when the trial is next begun.
"""

import hashlib
import io
import json
import math
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from ablations.store.files import remove, write
from simclr_core.config import RECIPE_VERSION, Recipe
from simclr_core.errors import BadInput

SCHEMA_VERSION = 2
Status = Literal["missing", "running", "done", "failed", "damaged"]
Cause = Literal["numbers", "input", "error", "memory", "died", "hung", "checkpoint"]
VOUCHED = ("recipe.json", "epochs.jsonl", "predictions.npy", "labels.npy", "outcomes.npz")  # by result.json
GROUPS = "groups.npz"  # vouched for where it is there


@dataclass(frozen=True)
class Result:
    """A done trial: finite metrics by name, and how they came about."""

    metrics: dict[str, float]
    provenance: dict[str, Any]

    @property
    def seconds(self) -> float:
        """How long training and probing took."""
        return float(self.provenance["seconds"])


@dataclass(frozen=True)
class Failure:
    """A failed trial: a sentence, what kind of cause, after which epoch (0: before the first was done).

    cause: `numbers` (not finite, collapsed, exploded: the recipe's own doing), `input`, `error` (an exception),
    `memory`, `died` (its process ended), `hung`, `checkpoint` (it did not fit and was removed).
    """

    error: str
    cause: str
    epoch: int
    details: str

    @property
    def would_fail_again(self) -> bool:
        """Whether this recipe must be expected to fail again in the same way."""
        return self.cause == "numbers"


@dataclass(frozen=True)
class State:
    """A trial's state. `result` exactly where done, `failure` where failed, `why` where damaged."""

    status: Status
    result: Result | None = None
    failure: Failure | None = None
    why: str = ""


class Lost(BadInput):
    """A trial's answers are not at hand: their file is missing or damaged. The message names it and says why."""


class Store:
    """The trials under results/. One writer per trial (the run that leases it, see leases.py); anyone may read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.trials = root / "trials"
        self.aside = root / "set_aside"
        self.cache = root / "cache"

    def prepare(self) -> None:
        """Make the folder, once, before writing. Raises BadInput where that is not possible."""
        try:
            self.trials.mkdir(parents=True, exist_ok=True)
            probe = self.trials / f".{secrets.token_hex(4)}"
            probe.write_bytes(b"x")  # a full disk still makes empty files
            probe.unlink()
        except OSError as error:
            raise BadInput(
                f"{self.trials}: results cannot be written there: {error.strerror}; choose with --out."
            ) from None

    def folder(self, trial_id: str) -> Path:
        """The folder of a trial's files."""
        return self.trials / trial_id

    def checkpoint(self, trial_id: str) -> Path:
        """The file in which a training keeps its state."""
        return self.folder(trial_id) / "checkpoint.pt"

    def log(self, trial_id: str) -> Path:
        """The file of what the trial's process printed, in all attempts since it was last done."""
        return self.folder(trial_id) / "log.txt"

    # Reading: damaged files never raise, unless said

    def trial_ids(self) -> list[str]:
        """Names of all trials that have a folder."""
        try:
            return sorted(path.name for path in self.trials.iterdir() if re.fullmatch("[0-9a-f]{16}", path.name))
        except OSError:
            return []

    def look(self, trial_id: str) -> State:
        """The trial's state as its files tell it; whether a run is at work on it is for leases.py to say."""
        try:
            content = (self.folder(trial_id) / "result.json").read_bytes()
        except FileNotFoundError:
            return self._unfinished(trial_id)
        except OSError as error:
            return State("damaged", why=f"result.json cannot be read: {error.strerror}")
        why = self._unsound(trial_id, fields := _fields(content))
        return State("damaged", why=why) if why else State("done", Result(fields["metrics"], fields["provenance"]))

    def result(self, trial_id: str) -> Result | None:
        """The trial's result, or None unless it is done."""
        return self.look(trial_id).result

    def recipe(self, trial_id: str) -> dict[str, Any]:
        """The record of a trial done, failed or begun: `recipe`, `recipe_version`, `fingerprints` of its data sets.

        Empty where that is not known.
        """
        fields = _read(self.folder(trial_id) / "recipe.json")
        known = isinstance(fields.get("recipe"), dict) and isinstance(fields.get("fingerprints"), list)
        return fields if known and fields.get("trial_id") == trial_id else {}

    def epochs(self, trial_id: str) -> list[dict[str, Any]]:
        """A row per epoch that was reported; a last line torn by a kill is left out."""
        try:
            lines = (self.folder(trial_id) / "epochs.jsonl").read_bytes().splitlines()
        except OSError:
            return []
        return [row for row in map(_fields, lines) if row]

    def predictions(self, trial_id: str) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """Predicted and true class of every test image, each (n_test,). Raises Lost."""
        predicted, labels = (self._array(trial_id, f"{name}.npy") for name in ("predictions", "labels"))
        return predicted, labels

    def outcomes(self, trial_id: str) -> dict[str, NDArray[Any]]:
        """Answers of the probes other than the linear one, by metric. Raises Lost.

        For each test example, int16: predicted classes, or float32: the example's own number; of the head's spectrum a
        float32 per eigenvalue.
        """
        return self._arrays(trial_id, "outcomes.npz")

    def groups(self, trial_id: str) -> dict[str, NDArray[np.int32]]:
        """By metric the group of each test example; empty where each stands for itself. Raises Lost.

        That each stands for itself is for result.json to say: no file alone may as well be a file that was lost.
        """
        folder = self.folder(trial_id)
        if not os.path.lexists(folder / GROUPS):
            result = _read(folder / "result.json")
            files, metrics = result.get("files"), result.get("metrics")
            if isinstance(files, dict) and isinstance(metrics, dict) and not {GROUPS, "n_groups"} & {*files, *metrics}:
                return {}
        return self._arrays(trial_id, GROUPS)

    def _array(self, trial_id: str, name: str) -> NDArray[Any]:
        with self._reading(trial_id, name) as file:
            array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
            return array

    def _arrays(self, trial_id: str, name: str) -> dict[str, NDArray[Any]]:
        with self._reading(trial_id, name) as file, np.load(file, allow_pickle=False) as packed:
            return dict(packed)

    @contextmanager
    def _reading(self, trial_id: str, name: str) -> Iterator[BinaryIO]:
        """Open one of the trial's files. Inside, whatever goes wrong is Lost."""
        path = self.folder(trial_id) / name
        try:
            with path.open("rb") as file:
                yield file
        except OSError as error:
            raise Lost(f"{path} cannot be read: {error.strerror or error}.") from None
        except Exception as error:  # zip, zlib and numpy have many for what is damaged
            raise Lost(f"{path} is damaged: {str(error).rstrip('.') or type(error).__name__}.") from None

    def _unfinished(self, trial_id: str) -> State:
        path = self.folder(trial_id) / "error.json"
        if not os.path.lexists(path):
            return State("missing")
        fields = _read(path)
        if fields.get("trial_id") != trial_id or not isinstance(fields.get("error"), str):
            return State("damaged", why="error.json is not readable")
        epoch = fields.get("epoch")
        failure = Failure(
            fields["error"],
            str(fields.get("cause", "error")),
            epoch if isinstance(epoch, int) else 0,
            str(fields.get("details", "")),
        )
        return State("failed", failure=failure)

    def _unsound(self, trial_id: str, fields: dict[str, Any]) -> str:
        """The reason why a result cannot be trusted; empty where it can."""
        if not fields:
            return "result.json is not readable"
        if fields.get("schema_version") != SCHEMA_VERSION:
            return f"it was written in another format ({fields.get('schema_version')}, this is {SCHEMA_VERSION})"
        if fields.get("digest") != _digest(fields) or fields.get("trial_id") != trial_id:
            return "result.json is not as it was written"  # what follows can rely on its keys
        for name, digest in fields["files"].items():
            try:
                content = (self.folder(trial_id) / name).read_bytes()
            except OSError as error:
                return f"{name} cannot be read: {error.strerror}"
            if hashlib.sha256(content).hexdigest() != digest:
                return f"{name} is not as it was written"
        return ""

    # Writing; OSError (a full disk) is for the caller to report

    def begin(self, trial_id: str, recipe: Recipe, fingerprints: tuple[str, ...]) -> None:
        """Make a folder with recipe, log so far and checkpoint to go on from; whatever else was left is removed.

        A damaged folder is set aside first.
        """
        folder = self.folder(trial_id)
        if self.look(trial_id).status == "damaged":
            self.set_aside(trial_id)
        folder.mkdir(exist_ok=True)
        for left in (
            *(folder / name for name in ("result.json", "error.json", *VOUCHED, GROUPS)),
            *folder.glob("*.tmp"),
        ):
            remove(left)
        record = {
            "schema_version": SCHEMA_VERSION,
            "trial_id": trial_id,
            "recipe_version": RECIPE_VERSION,
            "fingerprints": fingerprints,
            "recipe": recipe.model_dump(mode="json"),
        }
        write(folder / "recipe.json", _json(record))
        write(folder / "epochs.jsonl", b"")

    def epoch(self, trial_id: str, row: Mapping[str, Any]) -> None:
        """Append one more epoch's row."""
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
        groups: Mapping[str, NDArray[np.int32]] | None = None,
    ) -> None:
        """Store the trial as done. result.json comes last and vouches for the other files."""
        if not finite({**metrics, "seconds": provenance["seconds"]}):
            raise ValueError(f"metrics must be finite numbers, got {dict(metrics)}")
        folder = self.folder(trial_id)
        for name, array in (("predictions", predictions), ("labels", labels)):
            packed = io.BytesIO()
            np.save(packed, array, allow_pickle=False)
            write(folder / f"{name}.npy", packed.getvalue())
        for name, arrays in {"outcomes.npz": outcomes, **({GROUPS: groups} if groups else {})}.items():
            packed = io.BytesIO()
            np.savez(packed, allow_pickle=False, **arrays)
            write(folder / name, packed.getvalue())
        vouched = (*VOUCHED, GROUPS) if groups else VOUCHED
        record = {
            "schema_version": SCHEMA_VERSION,
            "trial_id": trial_id,
            "metrics": dict(metrics),
            "provenance": dict(provenance),
            "files": {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in vouched},
        }
        write(folder / "result.json", _json({**record, "digest": _digest(record)}))
        self.checkpoint(trial_id).unlink(missing_ok=True)

    def fail(self, trial_id: str, error: str, cause: Cause, details: str = "", epoch: int = 0) -> None:
        """Store the trial as failed: a sentence, its kind, what a developer wants to see, and the last epoch done."""
        record = {"schema_version": SCHEMA_VERSION, "trial_id": trial_id, "error": error, "cause": cause}
        write(self.folder(trial_id) / "error.json", _json({**record, "epoch": epoch, "details": details}))

    def set_aside(self, trial_id: str) -> Path:
        """Move a trial's folder out of the way, as it is; the place where it lies then."""
        self.aside.mkdir(exist_ok=True)
        there = self.aside / f"{trial_id}-{secrets.token_hex(4)}"
        self.folder(trial_id).rename(there)
        return there


def finite(metrics: Mapping[str, Any]) -> bool:
    """Whether every value is a finite number."""
    return all(isinstance(value, int | float) and math.isfinite(value) for value in metrics.values())


def _read(path: Path) -> dict[str, Any]:
    try:
        return _fields(path.read_bytes())
    except OSError:
        return {}


def _fields(content: bytes) -> dict[str, Any]:
    """Fields of a JSON object; none where the content is damaged."""
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _digest(record: Mapping[str, Any]) -> str:
    """SHA-256 of a record without its digest. What was not written by this program has none that fits."""
    rest = {key: value for key, value in record.items() if key != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _json(fields: Mapping[str, Any]) -> bytes:
    return (json.dumps(fields, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()
