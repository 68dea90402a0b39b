"""The study frame, in memory and on disk: one row per wanted trial, typed the same in both places.

Columns: role ("cell" or a baseline's name), one per axis, seed, status, trial_id and the metrics, which only rows with
status "done" carry. Accuracies are percent.
"""

import csv
from collections.abc import Collection, Iterable, Mapping, Sequence
from io import StringIO
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ablations.store.files import replace_file
from ablations.studies.info import Axes, Unasked
from ablations.studies.metrics import LABEL_FREE, LABELED, METRICS, WITHOUT, called
from ablations.studies.model import AxisValue
from simclr_core.errors import BadInput

FIXED = ("status", "trial_id", *METRICS)
TEXT = pd.StringDtype("python")  # the same with and without pyarrow


def study_frame(axes: Axes | Sequence[str], records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per record, in the given order; a repeated (role, axes, seed) is kept once, a done one if there is one.

    axes: their declared values, which say of what type a column is (see `axis_array`); of names alone those that are
    there do. <NA> for no value.
    """
    declared = axes if isinstance(axes, Mapping) else {}
    columns = {axis: axis_array([record.get(axis) for record in records], declared.get(axis, ())) for axis in axes}
    return _frame(columns, [{key: _text(value) for key, value in record.items()} for record in records])


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write the frame as CSV: atomic, equal bytes for equal frames, every digit of a float, empty for no value."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(frame.columns)
    for row in frame.itertuples(index=False):
        writer.writerow([_text(value) or "" for value in row])
    replace_file(path, text.getvalue().encode())


def read(path: Path, axes: Axes) -> pd.DataFrame:
    """The frame that `write` wrote, equal in values, types and order. Raises BadInput if the file is no such table.

    axes: their declared values, which say what is a number and what a name that looks like one.
    """
    fixed = ["seed", *FIXED]
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        columns = list(rows[0]) if rows else next(csv.reader([path.read_text(encoding="utf-8")]), [])
        seed = columns.index("seed") if "seed" in columns else 0
        if columns[:1] != ["role"] or columns[seed : seed + len(fixed)] != fixed:
            raise BadInput(f"not a study's table: its columns must be role, the axes, {', '.join(fixed)}.")
        arrays = {axis: _parsed([row[axis] for row in rows], axes.get(axis, ())) for axis in columns[1:seed]}
        return _frame(arrays, [_sound(row) for row in rows])
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None
    except (ValueError, csv.Error) as error:  # UnicodeDecodeError is a ValueError
        raise BadInput(f"{path}: damaged ({error}); the command that made it makes it again.") from None


def asked(frame: pd.DataFrame, wanted: Collection[str]) -> tuple[pd.DataFrame, tuple[Unasked, ...]]:
    """The frame without the trials that are missing and not `wanted` (by trial_id), and what `whole` needs of these."""
    out = frame["status"].eq("missing") & ~frame["trial_id"].isin(list(wanted))
    left = frame[out]
    values = left[axes_of(frame)].astype(object).where(left[axes_of(frame)].notna(), None).itertuples(index=False)
    places = zip(left.index, values, left["seed"], left["trial_id"], strict=True)
    return frame[~out], tuple((int(i), tuple(each), int(seed), str(name)) for i, each, seed, name in places)


def whole(frame: pd.DataFrame, unasked: Sequence[Unasked]) -> pd.DataFrame:
    """The frame with the trials that were not asked for in their places again, as missing."""
    there = set(frame["trial_id"])  # a table that is being written may be ahead of its record
    unasked = [one for one in unasked if one[-1] not in there]
    if not unasked:
        return frame
    axes = axes_of(frame)
    records = [
        {"role": "cell", **dict(zip(axes, values, strict=False)), "seed": seed, "status": "missing", "trial_id": name}
        for _, values, seed, name in unasked
    ]
    places = [place for place, *_ in unasked]
    others = sorted({*range(len(frame) + len(places))} - {*places})
    absent = study_frame(axes, records).reindex(columns=frame.columns).astype(frame.dtypes)
    both = pd.concat([frame.set_axis(others[: len(frame)]), absent.set_axis(places)])
    return both.sort_index(kind="stable").reset_index(drop=True)


def _sound(row: Mapping[str, str | None]) -> Mapping[str, str | None]:
    """The row. Raises ValueError where it says what no trial can have."""
    if row["status"] not in ("done", "failed", "missing", "running"):
        raise ValueError(f"status {row['status']!r}")
    for name, most in ((LABELED, 100.0), (LABEL_FREE, 100.0), ("balanced_accuracy", 100.0), ("n_test", float("inf"))):
        value = row.get(name)
        if row["status"] == "done" and value and not 0 <= float(value) <= most:  # NaN is in no range
            raise ValueError(f"{name} {value}")
    if row["status"] == "done" and row.get("n_test") in ("0", "inf"):
        raise ValueError(f"n_test {row['n_test']}")
    return row


def headline_of(frame: pd.DataFrame) -> str:
    """The metric by which the frame's trials are compared: top1, but of done ones without labels what needs none."""
    return LABEL_FREE if unlabeled(frame) else LABELED


def unlabeled(frame: pd.DataFrame) -> bool:
    """Whether trials are done and none has an accuracy, because the images have no labels."""
    return LABEL_FREE in frame and bool(frame[LABEL_FREE].notna().any() and frame[LABELED].isna().all())


def cell_names(cells: pd.DataFrame, axes: Sequence[str]) -> list[str]:
    """What each row's cell is called, for people."""
    values = cells[list(axes)].astype(object).where(cells[list(axes)].notna(), None)
    return [called(zip(axes, row, strict=True)) for row in values.itertuples(index=False)]


def _frame(axes: Mapping[str, Any], rows: Sequence[Mapping[str, str | None]]) -> pd.DataFrame:
    """Typed columns from those of the axes and from rows of text, so that memory and disk cannot disagree."""
    for row in rows:
        if row["status"] == "done" and not (row.get(LABELED) or row.get(LABEL_FREE)):
            raise BadInput(f"trial {row['trial_id']}: status is done but it has neither {LABELED} nor {LABEL_FREE}.")
    done = [row["status"] == "done" for row in rows]
    columns: dict[str, Any] = {"role": pd.array([row["role"] for row in rows], dtype=TEXT)}
    columns |= axes
    columns["seed"] = np.array([int(row["seed"] or 0) for row in rows], dtype=np.int64)
    columns |= {name: pd.array([row[name] for row in rows], dtype=TEXT) for name in ("status", "trial_id")}
    named = {"role", "seed", *FIXED, *axes}
    more = sorted({key for row in rows for key in row if key not in named}, key=lambda key: (key in WITHOUT, key))
    for metric in (*METRICS, *more):
        values = [row.get(metric) if ok else None for row, ok in zip(rows, done, strict=True)]
        if metric in ("n_test", "n_groups"):
            columns[metric] = pd.array([int(value) if value else None for value in values], dtype="Int64")
        else:
            columns[metric] = np.array([float(value) if value else np.nan for value in values])
    return once(pd.DataFrame(columns))


def axis_array(values: Iterable[Any], declared: Sequence[AxisValue] = ()) -> Any:
    """The values of an axis as a frame holds them; None and NaN are no value.

    Integers or floats where all of them, the declared ones too, were given as numbers; else text: "007" is a name.
    """
    present = [None if pd.isna(value) else value for value in values]
    given = [value for value in (*declared, *present) if value is not None]
    if not given or not all(isinstance(value, Real) and not isinstance(value, bool) for value in given):
        return pd.array([_text(value) for value in present], dtype=TEXT)
    whole = all(isinstance(value, Integral) and abs(int(value)) < 2**63 for value in given)
    return pd.array(present, dtype="Int64" if whole else "Float64")


def _parsed(texts: Sequence[str], declared: Sequence[AxisValue]) -> Any:
    """The same from text. Raises ValueError where it is no number, and only numbers are declared."""
    if axis_array((), declared).dtype == TEXT:
        return axis_array([text or None for text in texts], declared)
    return axis_array(
        [(int(text) if text.lstrip("-").isdigit() else float(text)) if text else None for text in texts], declared
    )


def _text(value: Any) -> str | None:
    """The shortest text that reads back as the same value; None for no value."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    return repr(float(value)) if isinstance(value, float) else str(value)


def once(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per (role, axes, seed), the first done one before the others, in the order of first appearance."""
    keys = ["role", *axes_of(frame), "seed"]
    if not frame.duplicated(keys).any():
        return frame
    place = frame.groupby(keys, sort=False, dropna=False).ngroup()
    order = pd.DataFrame({"place": place, "unfinished": frame["status"] != "done"}).sort_values(
        ["place", "unfinished"], kind="stable"
    )
    return frame.loc[order.index].drop_duplicates(keys).reset_index(drop=True)


def axes_of(frame: pd.DataFrame) -> list[str]:
    """The axes of a study frame: the columns between role and seed."""
    columns = list(frame.columns)
    return columns[1 : columns.index("seed")]


def done_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Done cells, baselines left out, no (axes, seed) twice."""
    return once(frame[(frame["role"] == "cell") & (frame["status"] == "done")])
