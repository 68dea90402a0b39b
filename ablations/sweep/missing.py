"""Reasons why trials of a study are not done, and what the nearest stored trials have instead: data to sentences.

A record is what Store.recipe gives: {"recipe": nested fields, "fingerprints": [...], "recipe_version": number}. What
comes from disk may hold anything, so that all text goes through `clean`.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablations.console.text import DEEPEST, SHOWN, clean, yaml_text
from ablations.store.leases import runner
from ablations.store.trials import State

Record = Mapping[str, Any]
Steps = tuple[str, ...]  # to a field: ("optimizer", "lr")
Fields = dict[Steps, Any]
Pattern = bytes  # per field whether it differs: bytes(1) or bytes(0)
IMAGES: Steps = ("data", "source")
TRANSFER: Steps = ("probes", "transfer", "source")
VERSION: Steps = ("recipe_version",)
OTHER: Steps = ("other fields",)  # those that only stored trials have
ABSENT = object()  # the value of a field that a trial does not have
LIKE_ANY = -1  # the code of a field that an older trainer did not have: no difference
_NEAREST = 2000  # equally near trials that are looked at per missing one
_EXAMPLES = 20  # of them whose values are told


def flatten(fields: Mapping[str, Any]) -> Fields:
    """The leaves of nested fields; an empty mapping, or one that is nested too deep, is a leaf."""
    leaves: Fields = {}

    def walk(steps: Steps, value: Any) -> None:
        if isinstance(value, dict) and value and len(steps) < DEEPEST:
            for key, part in value.items():
                walk((*steps, str(key)), part)
        else:
            leaves[steps] = value

    walk((), fields)
    return leaves


def identity(record: Record) -> Fields:
    """Fields that name a trial: its recipe's, with fingerprints for images' sources, and the recipe's version."""
    fields = flatten(record["recipe"])
    for steps, fingerprint in zip((IMAGES, TRANSFER), record["fingerprints"], strict=False):
        fields[steps] = fingerprint
    fields[VERSION] = record.get("recipe_version")
    return fields


@dataclass(frozen=True)
class Columns:
    """Trials as numbers: equal values of a field have equal codes."""

    fields: list[Steps]
    values: list[list[Any]]  # per field: code -> value
    wanted: NDArray[np.int32]  # (n_fields, n_wanted)
    stored: NDArray[np.int32]  # (n_fields, n_stored)


def encode(wanted: Sequence[Fields], stored: Sequence[Fields]) -> Columns:
    """Code the fields of `wanted` that vary among all trials; those that only stored ones have are one more, OTHER.

    Where one trial has a value and another a group of fields (a probe that is off, or on), the group is one field.
    """
    leaves = dict.fromkeys(steps for fields in wanted for steps in fields)
    groups = {steps[:n] for steps in leaves for n in range(1, len(steps))}
    leaves |= dict.fromkeys(steps for fields in stored for steps in fields if steps in groups)

    @cache
    def top(steps: Steps) -> Steps:
        return next((steps[:n] for n in range(1, len(steps) + 1) if steps[:n] in leaves), OTHER)

    def placed(fields: Fields) -> Fields:
        row: Fields = {OTHER: []}
        for steps, value in fields.items():
            place = top(steps)
            if place == OTHER:
                row[OTHER].append(".".join(steps))
            elif place == steps:
                row[place] = value
            else:
                row.setdefault(place, {})[".".join(steps[len(place) :])] = value
        return row

    rows = [placed(fields) for fields in (*wanted, *stored)]
    older = [row.get(VERSION) != rows[0].get(VERSION) for row in rows]
    names, values, coded = [], [], []
    for name in [*dict.fromkeys(map(top, leaves)), OTHER]:
        column = [row.get(name, ABSENT) for row in rows]
        if _constant(column):
            continue
        keys = [_key(value) for value in column]
        unknown = [old and (value is ABSENT or name == OTHER) for old, value in zip(older, column, strict=True)]
        met: dict[Any, Any] = {}
        for key, value, like_any in zip(keys, column, unknown, strict=True):
            if not like_any:
                met.setdefault(key, value)
        codes = {key: code for code, key in enumerate(met)}
        names.append(name)
        values.append(list(met.values()))
        coded.append([LIKE_ANY if like_any else codes[key] for key, like_any in zip(keys, unknown, strict=True)])
    table = np.array(coded, dtype=np.int32).reshape(len(names), len(rows))
    return Columns(names, values, table[:, : len(wanted)], table[:, len(wanted) :])


def _constant(values: list[Any]) -> bool:
    try:
        return values.count(values[0]) == len(values)
    except RecursionError:  # lists within lists within lists
        return False


def _key(value: Any) -> Any:
    """A hashable key, equal for equal values."""
    if not isinstance(value, dict | list):
        return value
    try:
        return "json", json.dumps(value, sort_keys=True)
    except RecursionError:
        return "deep", id(value)


@dataclass(frozen=True)
class Nearest:
    """Wanted trials whose nearest stored ones differ from them in the same fields."""

    rows: list[int]  # of the wanted
    differing: int  # fields
    text: str  # the difference in words
    example: int  # the row of a stored trial that is nearest to the first


def nearest(wanted: Sequence[Record], stored: Sequence[Record]) -> list[Nearest]:
    """The nearest stored trials of every wanted one, by number of differing fields; none where nothing is stored.

    Where a trial has several nearest that differ from it in different fields, those count that most others share, so
    that one cause is said once.
    """
    if not wanted or not stored:
        return []
    table = encode([identity(record) for record in wanted], [identity(record) for record in stored])
    known = table.stored != LIKE_ANY
    patterns = [_nearest_to((table.stored != mine[:, None]) & known) for mine in table.wanted.T]
    common = Counter(pattern for each in patterns for pattern in each)
    chosen: dict[Pattern, list[int]] = {}
    for row, each in enumerate(patterns):
        chosen.setdefault(max(each, key=lambda pattern: (common[pattern], pattern)), []).append(row)
    groups = []
    for pattern, rows in chosen.items():
        theirs = [one for row in rows for one in patterns[row][pattern]]
        said = [_difference(table, field, rows, theirs) for field, differs in enumerate(pattern) if differs]
        text = "; ".join(said) or "a stored trial has the same recipe under another name"
        groups.append(Nearest(rows, len(said), text, theirs[0]))
    return groups


def _nearest_to(differs: NDArray[np.bool_]) -> dict[Pattern, list[int]]:
    """Stored trials with the fewest (n_fields, n_stored) differences, a few for each pattern of them."""
    count = np.count_nonzero(differs, axis=0)
    near = np.flatnonzero(count == count.min())
    by_pattern: dict[Pattern, list[int]] = {}
    for one in near[:: len(near) // _NEAREST + 1].tolist():
        alike = by_pattern.setdefault(differs[:, one].tobytes(), [])
        if len(alike) < _EXAMPLES:
            alike.append(one)
    return by_pattern


def _difference(table: Columns, field: int, wanted: Sequence[int], stored: Sequence[int]) -> str:
    """Words for what these wanted trials have in a field, and what these stored ones have."""
    steps, values = table.fields[field], table.values[field]
    mine = [values[code] for code in np.unique(table.wanted[field, wanted])]
    theirs = [values[code] for code in np.unique(table.stored[field, stored])]
    name = ".".join(map(clean, steps))
    if steps in (IMAGES, TRANSFER):
        where = "" if steps == IMAGES else " of probes.transfer"
        return (
            f"the images{where} differ: fingerprint {_some(mine, ' or ', short)}, stored {_some(theirs, ', ', short)}"
        )
    if steps == VERSION:
        return f"made by recipe version {_some(theirs, ', ')}, now {_some(mine, ' or ')}"
    if steps == OTHER:
        return f"stored trials have fields that are not known here: {_some(theirs, ', ')}"
    return f"{name} is {_some(mine, ' or ')}, stored trials have {_some(theirs, ', ')}"


def _some(values: Sequence[Any], separator: str, say: Callable[[Any], str] = yaml_text) -> str:
    """The first few values as text, numbers by size."""
    if all(isinstance(value, int | float) for value in values):
        values = sorted(values)
    shown = ["nothing there" if value is ABSENT else say(value) for value in values[:SHOWN]]
    return separator.join(shown) + (", ..." if len(values) > SHOWN else "")


def short(fingerprint: Any) -> str:
    """A fingerprint cut to enough of it to tell it from another."""
    head, dash, tail = clean(str(fingerprint)).rpartition("-")
    return head + dash + (f"{tail[:8]}…" if len(tail) > 8 else tail)


@dataclass(frozen=True)
class WantedTrial:
    """A wanted trial: its name, its record, and what is known of it.

    runner: the record of the live run that is at work on it. begun: the epochs reported by a training that did not
    end; None where it has no folder. checkpoint: whether it has one.
    """

    label: str
    record: Record
    state: State
    runner: Mapping[str, Any] | None = None
    begun: int | None = None
    checkpoint: bool = False


def why_missing(trials: Sequence[WantedTrial], stored: Mapping[str, Record]) -> list[str]:
    """Say why each of these trials is not done, a line per reason and below it the trials; then how many are done.

    stored: the records of the done trials in the store, by name.
    """
    reasons: dict[str, list[str]] = {}
    never = []
    for trial in trials:
        if reason := _reason(trial):
            reasons.setdefault(reason, []).append(trial.label)
        elif trial.state.status != "done":
            never.append(trial)
    names = list(stored)
    for group in nearest([trial.record for trial in never], list(stored.values())):
        many = f"{group.differing} fields differ: " if group.differing > 1 else ""
        reason = f"never trained; nearest stored trial {names[group.example]}: {many}{group.text}"
        reasons[reason] = [never[row].label for row in group.rows]
    if never and not stored:
        reasons["never trained, and no other trial is done"] = [trial.label for trial in never]
    done = sum(trial.state.status == "done" for trial in trials)
    head = f"{done} of {len(trials)} trials done" + ("; nothing is missing." if done == len(trials) else ".")
    by_size = sorted(reasons.items(), key=lambda entry: -len(entry[1]))
    return [head, *(line for reason, labels in by_size for line in (f"{len(labels)} {reason}.", f"  {_few(labels)}"))]


def _reason(trial: WantedTrial) -> str:
    """The reason why a trial counts as missing; empty for a done one and for one that was never begun."""
    state = trial.state
    if state.status == "done":
        return ""
    if trial.runner is not None or state.status == "running":
        return f"running elsewhere: {runner(trial.runner or {})}"
    if state.status == "damaged":
        return f"damaged: {clean(state.why)}; will be set aside and trained again"
    if state.failure is not None:
        again = "only --retry tries it again" if state.failure.would_fail_again else "the same command tries it again"
        epoch = (
            f"after epoch {yaml_text(state.failure.epoch)}"
            if state.failure.epoch
            else "before its first epoch was done"
        )
        return f"failed {epoch} ({clean(state.failure.cause)}): {clean(state.failure.error).rstrip('.')}; {again}"
    if trial.begun is None:
        return ""
    epoch = f"after epoch {yaml_text(trial.begun)}" if trial.begun else "before its first epoch was done"
    goes_on = "continues from its checkpoint" if trial.checkpoint else "has no checkpoint and starts again"
    return f"begun and stopped {epoch}; {goes_on}"


def _few(labels: Sequence[str]) -> str:
    shown = ", ".join(map(clean, labels[:SHOWN]))
    return shown + (f" ... and {len(labels) - SHOWN} more" if len(labels) > SHOWN else "")
