"""Results that can be deleted, by kind, and deleting them: never what a live run works on, never a done trial."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.console import terminal
from ablations.console.text import clean
from ablations.store.files import remove
from ablations.store.inspect import Stored, all_trials, amount, size_and_change, stored
from ablations.store.leases import STALE, Leases, runner
from ablations.store.trials import SCHEMA_VERSION, Store
from simclr_core.config import RECIPE_VERSION
from simclr_core.errors import BadInput

# What can be deleted, and what that costs; `trials` stands for how many.
KINDS = {
    "damaged": "trials would be trained again from the start, as they would be anyway",
    "outdated": "nothing: they were made by an older trainer, no study can use them again",
    "failed": "trials would be trained again from the start, those that would fail again among them",
    "begun": "trials would be trained again from the start",
    "leftovers": "nothing: dead runs left them behind",
    "cache": "images are downloaded or decoded again when they are needed",
}


@dataclass(frozen=True)
class Item:
    """Something that can be deleted; `trial_id` where it is a trial's folder."""

    path: Path
    size: int  # bytes
    trial_id: str = ""


def _json(path: Path) -> dict[str, Any]:
    try:
        fields = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def prunable(store: Store, leases: Leases, live: bool) -> dict[str, list[Item]]:
    """Items that can be deleted, by kind; none that a live run works on, or that lies behind a symbolic link."""
    items: dict[str, list[Item]] = {kind: [] for kind in KINDS}
    busy = set()
    for trial in [] if store.trials.is_symlink() else all_trials(store, leases):
        if trial.runner is not None:
            busy.add(trial.trial_id)
        elif kind := _kind(store, trial):
            items[kind].append(Item(store.folder(trial.trial_id), trial.size, trial.trial_id))
    for kind, folder in (("damaged", store.aside), ("cache", store.cache)):
        items[kind] += [Item(path, size_and_change(path)[0]) for path in _entries(folder)]
    items["leftovers"] += [Item(path, size_and_change(path)[0]) for path in leases.leftovers()]
    if not live:  # whose a draft is cannot be told
        folders = [folder for folder in _entries(store.trials) if folder.name not in busy]
        for folder in (*folders, store.cache, store.root / "runs"):
            items["leftovers"] += [Item(path, size_and_change(path)[0]) for path in _drafts(folder)]
    return items


def _entries(folder: Path) -> list[Path]:
    return [] if folder.is_symlink() else sorted(folder.glob("*"))


def _drafts(folder: Path) -> Iterator[Path]:
    """The *.tmp files in a folder that nobody has written to for a while. Links are not followed."""
    todo = [] if folder.is_symlink() else [folder]
    while todo:
        try:
            with os.scandir(todo.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(Path(entry.path))
                    elif (
                        entry.name.endswith(".tmp") and time.time() - entry.stat(follow_symlinks=False).st_mtime > STALE
                    ):
                        yield Path(entry.path)
        except OSError:
            continue


def _kind(store: Store, trial: Stored) -> str:
    """The one of KINDS that a trial is of on which nobody works; empty for one to keep."""
    state = trial.state
    written = [trial.record.get("schema_version")]
    if state.status == "damaged":
        written.append(_json(store.folder(trial.trial_id) / "result.json").get("schema_version"))
    versions = [
        *((version, SCHEMA_VERSION) for version in written),
        (trial.record.get("recipe_version"), RECIPE_VERSION),
    ]
    known = [(version, now) for version, now in versions if isinstance(version, int)]
    if any(version > now for version, now in known):  # a newer checkout works on this store too
        return ""
    if any(version < now for version, now in known):
        return "outdated"
    return {"missing": "begun", "failed": "failed", "damaged": "damaged"}.get(state.status, "")


def delete(
    items: Mapping[str, Sequence[Item]],
    kinds: Sequence[str],
    live: Sequence[dict[str, Any]],
    store: Store,
    leases: Leases,
) -> bool:
    """Delete these kinds and say what that freed. False where something could not be deleted, said on stderr."""
    problems = []
    if live and "cache" in kinds:
        problems.append(f"cache: not deleted, it is in use by {runner(live[0])}.")
        kinds = [kind for kind in kinds if kind != "cache"]
    deleted, freed = Counter[str](), Counter[str]()

    def drop(kind: str, item: Item) -> None:
        before = size_and_change(item.path)[0]
        try:
            remove(item.path)
            deleted[kind] += 1
        except OSError as error:
            problems.append(f"{clean(str(error.filename or item.path))}: cannot be deleted: {error.strerror or error}.")
        freed[kind] += before - (size_and_change(item.path)[0] if os.path.lexists(item.path) else 0)

    both = [(kind, item) for kind in kinds for item in items[kind]]
    for kind, item in both:
        if not item.trial_id:
            drop(kind, item)
    trials = {item.trial_id: (kind, item) for kind, item in both if item.trial_id}
    try:
        with leases.alive() if trials else nullcontext():
            mine = leases.claim(trials) if trials else set()
            for trial_id, (kind, item) in trials.items():
                now = stored(store, leases, trial_id) if trial_id in mine else None
                if now is not None and _kind(store, now) == kind:  # no run has taken it, or finished it, meanwhile
                    drop(kind, item)
    except BadInput as error:
        problems.append(str(error))
    for kind in kinds:
        terminal.say(f"{kind}: {deleted[kind]} deleted, {amount(freed[kind])} freed")
    for problem in problems:
        terminal.complain(problem)
    return not problems
