"""Why trials of a study are not done, and what the nearest stored trials have instead. Pure: plain data to sentences.

A record is what Store.recipe gives: {"recipe": nested fields, "fingerprints": [...], "recipe_version": number}. What
comes from disk may hold anything, so that all text goes through `clean`.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablations.console.text import DEEPEST, SHOWN, clean, yaml_text
from ablations.store.leases import runner
from ablations.store.trials import State

Record = Mapping[str, Any]
Steps = tuple[str, ...]  # to a field: ("optimizer", "lr")
Fields = dict[Steps, Any]
IMAGES: Steps = ("data", "source")
TRANSFER: Steps = ("probes", "transfer", "source")
VERSION: Steps = ("recipe_version",)
OTHER: Steps = ("other fields",)  # those that only stored trials have
ABSENT = object()  # the value of a field that a trial does not have
_LIKE_ANY = -1  # the code of a field that an older trainer did not have: no difference
_NEAREST = 2000  # equally near trials that are looked at per missing one
_EXAMPLES = 20  # of them whose values are told
_BLOCK = 4_000_000  # distances in memory at once


def flatten(fields: Mapping[str, Any]) -> Fields:
    """The leaves of nested fields; an empty mapping, or one that is nested too deep, is a leaf."""
    found: Fields = {}

    def walk(steps: Steps, value: Any) -> None:
        if isinstance(value, dict) and value and len(steps) < DEEPEST:
            for key, part in value.items():
                walk((*steps, str(key)), part)
        else:
            found[steps] = value

    walk((), fields)
    return found


def identity(record: Record) -> Fields:
    """What names a trial: its recipe with the images' fingerprints for their sources, and the recipe's version."""
    found = flatten(record["recipe"])
    for steps, fingerprint in zip((IMAGES, TRANSFER), record["fingerprints"], strict=False):
        found[steps] = fingerprint
    found[VERSION] = record.get("recipe_version")
    return found


@dataclass(frozen=True)
class Columns:
    """Trials as numbers: equal values of a field have equal codes."""

    fields: list[Steps]
    values: list[list[Any]]  # per field: code -> value
    wanted: NDArray[np.int32]  # (n_wanted, n_fields)
    stored: NDArray[np.int32]  # (n_stored, n_fields)


def encode(wanted: Sequence[Fields], stored: Sequence[Fields]) -> Columns:
    """The fields of `wanted`, one or more, that vary among all trials. What only stored ones have is one more, OTHER.

    Where one trial has a value and another a group of fields (a probe that is off, or on), the group is one field.
    """
    leaves = dict.fromkeys(steps for fields in wanted for steps in fields)
    groups = {steps[:n] for steps in leaves for n in range(1, len(steps))}
    leaves |= dict.fromkeys(steps for fields in stored for steps in fields if steps in groups)
    tops: dict[Steps, Steps] = {}

    def top(steps: Steps) -> Steps:
        if steps not in tops:
            tops[steps] = next((steps[:n] for n in range(1, len(steps) + 1) if steps[:n] in leaves), OTHER)
        return tops[steps]

    trials = [*wanted, *stored]
    older = [fields.get(VERSION) != wanted[0].get(VERSION) for fields in trials]
    names, values, coded = [], [], []
    for steps in [*dict.fromkeys(map(top, leaves)), OTHER]:
        if steps == OTHER:
            column = [[".".join(leaf) for leaf in fields if top(leaf) == OTHER] for fields in trials]
        else:
            column = [fields.get(steps, ABSENT) for fields in trials]
            if ABSENT in column:
                column = [
                    _group(fields, steps) if value is ABSENT else value
                    for fields, value in zip(trials, column, strict=True)
                ]
        if _constant(column):
            continue
        codes: dict[Any, int] = {}
        met: list[Any] = []
        rows = np.empty(len(trials), np.int32)
        for row, value in enumerate(column):
            if older[row] and (value is ABSENT or steps == OTHER):
                rows[row] = _LIKE_ANY
                continue
            key = _key(value)
            if key not in codes:
                codes[key] = len(codes)
                met.append(value)
            rows[row] = codes[key]
        names.append(steps)
        values.append(met)
        coded.append(rows)
    table = np.stack(coded, axis=1) if coded else np.empty((len(wanted) + len(stored), 0), np.int32)
    return Columns(names, values, table[: len(wanted)], table[len(wanted) :])


def _group(fields: Fields, steps: Steps) -> Any:
    """The fields below these steps, as one value."""
    inner = {".".join(leaf[len(steps) :]): value for leaf, value in fields.items() if leaf[: len(steps)] == steps}
    return inner or ABSENT


def _constant(values: list[Any]) -> bool:
    try:
        return values.count(values[0]) == len(values)
    except RecursionError:  # lists within lists within lists
        return False


def _key(value: Any) -> Any:
    """Equal for equal values."""
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
    patterns: list[dict[bytes, NDArray[np.int64]]] = []  # per wanted trial: differing fields, packed -> stored trials
    for row, near in _nearest_rows(table):
        theirs = table.stored[near]
        packed = np.packbits((theirs != table.wanted[row]) & (theirs != _LIKE_ANY), axis=1)
        if not packed.shape[1]:  # no field varies at all
            patterns.append({b"": near[:_EXAMPLES]})
            continue
        which, inverse = np.unique(packed.view(f"V{packed.shape[1]}").ravel(), return_inverse=True)
        patterns.append({bytes(each): near[inverse == i][:_EXAMPLES] for i, each in enumerate(which)})
    common = Counter(pattern for each in patterns for pattern in each)
    chosen: dict[bytes, list[int]] = {}
    for row, each in enumerate(patterns):
        chosen.setdefault(max(each, key=lambda pattern: (common[pattern], pattern)), []).append(row)
    found = []
    for pattern, rows in chosen.items():
        bits = np.unpackbits(np.frombuffer(pattern, np.uint8), count=len(table.fields) if pattern else 0)
        fields, theirs = np.flatnonzero(bits), np.concatenate([patterns[row][pattern] for row in rows])
        said = [_difference(table, field, rows, theirs) for field in fields.tolist()]
        text = "; ".join(said) or "a stored trial has the same recipe under another name"
        found.append(Nearest(rows, len(said), text, int(theirs[0])))
    return found


def _nearest_rows(table: Columns) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Per wanted trial its row, and the rows of the stored trials that differ from it in the fewest fields."""
    small = np.int16 if max(map(len, table.values), default=0) < 2**15 else np.int32
    wanted, columns = table.wanted.astype(small), np.ascontiguousarray(table.stored.T.astype(small))
    step = max(1, _BLOCK // columns.shape[1])
    for start in range(0, len(wanted), step):
        block = wanted[start : start + step]
        distance = np.zeros((len(block), columns.shape[1]), np.uint16)
        for mine, theirs in zip(block.T, columns, strict=True):
            unequal = mine[:, None] != theirs
            if theirs.min() == _LIKE_ANY:
                unequal &= theirs != _LIKE_ANY
            distance += unequal
        for i, row in enumerate(distance):
            near = np.flatnonzero(row == row.min())
            yield start + i, near[:: len(near) // _NEAREST + 1]


def _difference(table: Columns, field: int, wanted: Sequence[int], stored: NDArray[np.integer]) -> str:
    """In words, what these wanted trials have in a field, and what these stored ones have."""
    steps, values = table.fields[field], table.values[field]
    mine = [values[code] for code in np.unique(table.wanted[wanted, field])]
    theirs = [values[code] for code in np.unique(table.stored[stored, field])]
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
    """The first few values, numbers by size."""
    if all(isinstance(value, int | float) for value in values):
        values = sorted(values)
    shown = ["nothing there" if value is ABSENT else say(value) for value in values[:SHOWN]]
    return separator.join(shown) + (", ..." if len(values) > SHOWN else "")


def short(fingerprint: Any) -> str:
    """Enough of a fingerprint to tell it from another."""
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


def explain(cells: Sequence[WantedTrial], stored: Mapping[str, Record]) -> list[str]:
    """Why each of these trials is not done, a line per reason and below it the trials; then how many are done.

    stored: the records of the done trials in the store, by name.
    """
    reasons: dict[str, list[str]] = {}
    never = []
    for cell in cells:
        if reason := _reason(cell):
            reasons.setdefault(reason, []).append(cell.label)
        elif cell.state.status != "done":
            never.append(cell)
    names = list(stored)
    for group in nearest([cell.record for cell in never], list(stored.values())):
        many = f"{group.differing} fields differ: " if group.differing > 1 else ""
        reason = f"never trained; nearest stored trial {names[group.example]}: {many}{group.text}"
        reasons[reason] = [never[row].label for row in group.rows]
    if never and not stored:
        reasons["never trained, and no other trial is done"] = [cell.label for cell in never]
    done = sum(cell.state.status == "done" for cell in cells)
    head = f"{done} of {len(cells)} trials done" + ("; nothing is missing." if done == len(cells) else ".")
    by_size = sorted(reasons.items(), key=lambda entry: -len(entry[1]))
    return [head, *(line for reason, labels in by_size for line in (f"{len(labels)} {reason}.", f"  {_few(labels)}"))]


def _reason(cell: WantedTrial) -> str:
    """Why it counts as missing; empty for a done trial and for one that was never begun."""
    state = cell.state
    if state.status == "done":
        return ""
    if cell.runner is not None or state.status == "running":
        return f"running elsewhere: {runner(cell.runner or {})}"
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
    if cell.begun is None:
        return ""
    epoch = f"after epoch {yaml_text(cell.begun)}" if cell.begun else "before its first epoch was done"
    goes_on = "continues from its checkpoint" if cell.checkpoint else "has no checkpoint and starts again"
    return f"begun and stopped {epoch}; {goes_on}"


def _few(labels: Sequence[str]) -> str:
    shown = ", ".join(map(clean, labels[:SHOWN]))
    return shown + (f" ... and {len(labels) - SHOWN} more" if len(labels) > SHOWN else "")
