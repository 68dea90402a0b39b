"""Trials as they lie in the store, and their sizes: what people and scripts are shown of them."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.console.text import clean
from ablations.store.leases import Leases, runner
from ablations.store.trials import State, Store

STATES = ("done", "running", "begun", "failed", "damaged")


@dataclass(frozen=True)
class Stored:
    """A trial as it lies in the store. `record`: as Store.recipe gives it, empty where that is not known."""

    trial_id: str
    state: State
    runner: dict[str, Any] | None  # the record of the live run that is at work on it
    record: dict[str, Any]
    epoch: int  # the last one that was reported; 0 where none was
    size: int  # bytes
    changed: float  # when, in seconds

    @property
    def status(self) -> str:
        """One of STATES: `begun` is a folder without a result or an error that no live run works on."""
        if self.state.status == "done":
            return "done"
        return (
            "running" if self.runner is not None else "begun" if self.state.status == "missing" else self.state.status
        )

    @property
    def why(self) -> str:
        """Why it has failed or is damaged, or who is at work on it; else empty."""
        if self.status == "running":
            return runner(self.runner or {})
        return clean(self.state.failure.error if self.state.failure else self.state.why)

    @property
    def metrics(self) -> dict[str, Any]:
        return self.state.result.metrics if self.state.result else {}

    @property
    def provenance(self) -> dict[str, Any]:
        return self.state.result.provenance if self.state.result else {}


def stored(store: Store, leases: Leases, trial_id: str) -> Stored | None:
    """The trial as it lies in the store; None where it has no folder, or none any more."""
    folder = store.folder(trial_id)
    state = store.look(trial_id)
    at_work = None if state.status == "done" else leases.running(trial_id)
    record = store.recipe(trial_id)
    epoch = 0
    if state.status != "done" and (rows := store.epochs(trial_id)):
        said = rows[-1].get("epoch")
        epoch = said if isinstance(said, int) else len(rows)
    if not os.path.lexists(folder):  # deleted meanwhile
        return None
    size, changed = size_and_change(folder)
    return Stored(trial_id, state, at_work, record, epoch, size, changed)


def all_trials(store: Store, leases: Leases) -> Iterator[Stored]:
    """All trials that have a folder, as they lie in the store."""
    for trial_id in store.trial_ids():
        if (trial := stored(store, leases, trial_id)) is not None:
            yield trial


def size_and_change(path: Path) -> tuple[int, float]:
    """Bytes, and when last changed, of a file or of all files in a folder. Links are not followed."""
    size, changed, todo = 0, 0.0, [str(path)]
    while todo:
        try:
            about = os.lstat(here := todo.pop())
            if stat.S_ISDIR(about.st_mode):
                with os.scandir(here) as entries:
                    todo += [entry.path for entry in entries]
            else:
                size += about.st_size
            changed = max(changed, about.st_mtime)
        except OSError:  # gone meanwhile, or not ours to read
            continue
    return size, changed


def tail(path: Path, most: int) -> list[str]:
    """The last lines of a log, without control characters; none where it cannot be read."""
    try:
        if not path.is_file():
            return []
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 65536))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
    return list(map(clean, lines[-most:]))


def amount(size: float) -> str:
    """Bytes for people: 12 B, 3.4 MB."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def number(value: Any) -> float | None:
    """The value if it is a number of a size that can be printed."""
    sound = isinstance(value, int | float) and not isinstance(value, bool) and -1e300 < value < 1e300
    return float(value) if sound else None


def dig(record: Mapping[str, Any], *steps: str) -> Any:
    """The value at the end of these steps into nested fields, or None."""
    value: Any = record
    for step in steps:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def plain(value: Any, depth: int = 0) -> Any:
    """A value fit for people and for JSON, whatever was on the disk: short, shallow, without control characters."""
    if isinstance(value, dict | list) and depth == 10:
        return "…"
    if isinstance(value, dict):
        return {clean(str(key)): plain(part, depth + 1) for key, part in list(value.items())[:200]}
    if isinstance(value, list):
        return [plain(part, depth + 1) for part in value[:200]]
    if value is None or isinstance(value, bool) or number(value) is not None:
        return value
    return clean(str(value))


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as aligned lines; an empty text is shown as -."""
    shown = [[text or "-" for text in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in shown]
