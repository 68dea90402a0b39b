"""python -m ablations.compare STUDY --axis A --values X Y: how much better is Y than X, and can it be told?"""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ablations.console import terminal
from ablations.console.arguments import Parser
from ablations.console.text import counted
from ablations.stats.intervals import Interval, interval, part_of
from ablations.store.trials import Store
from ablations.studies.load import load_scale, load_study
from ablations.studies.metrics import label
from ablations.tables.frame import axes_of, once, read
from ablations.verdicts.per_example import Floats, outcomes
from simclr_core.config import nearest
from simclr_core.errors import BadInput

TIE = 0.5  # points; the paper's own repeated settings spread by 0.3
DONE, BAD_INPUT = 0, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 compared, 2 bad input."""
    try:
        terminal.say(_compare(_arguments(sys.argv[1:] if argv is None else argv)))
    except BadInput as error:
        terminal.complain(str(error))
        return BAD_INPUT
    return DONE


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(prog="python -m ablations.compare", description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("study", metavar="STUDY", help="a YAML file, or the name of a shipped study")
    add("--axis", required=True, metavar="A", help="the axis whose values are compared, such as head")
    add("--values", required=True, nargs=2, metavar=("X", "Y"), help="two of its values; the answer is Y minus X")
    add("--scale", default="laptop", metavar="NAME|FILE", help="the scale it was run at (default: laptop)")
    add("--metric", default="top1", help="any accuracy of the study's table (default: top1)")
    add("--out", type=Path, default=Path(), metavar="DIR", help="where results/ and reports/ are (default: here)")
    return parser.parse_args(argv)


def _compare(args: argparse.Namespace) -> str:
    study, scale = load_study(args.study), load_scale(args.scale)
    if args.axis not in study.axes:
        raise BadInput(f"--axis: study {study.study} has no axis {args.axis!r}{nearest(args.axis, list(study.axes))}.")
    root = args.out / "results"
    path = root / study.study / f"{scale.scale}.csv"
    if not path.is_file():
        where = "" if args.out == Path() else f" --out {args.out}"
        command = f"python -m ablations.run {args.study} --scale {args.scale}{where}"
        raise BadInput(f"{path}: no such file; this makes it: {command}")
    frame = read(path)
    accuracies = [column for column in frame if label(column).endswith("(%)") and frame[column].notna().any()]
    if args.metric not in accuracies:
        raise BadInput(f"--metric: {path} has no accuracy {args.metric!r}{nearest(args.metric, accuracies)}.")
    called = label(args.metric).removesuffix(" (%)")
    first, second = (value_of(frame, args.axis, text) for text in args.values)
    if first == second:
        raise BadInput(f"--values: {args.values[0]} and {args.values[1]} are the same value; give two different ones.")
    pairing = pair(frame, args.axis, first, second, args.metric)
    if pairing.pairs.empty:
        raise BadInput(f"{path}: {args.axis} {first} and {second} have no pair of done trials; {pairing.absent}.")
    stamp = f"{scale.scale.upper()}: {scale.about}" if scale.stamp else ""
    heading = f"{study.study} at scale {scale.scale}, {called}"
    used = balanced(pairing.pairs)
    answer = difference(used, per_image_difference(used, Store(root), args.metric))
    lines = describe(pairing, answer, first, second, heading)
    metric = "" if args.metric == "top1" else f"-{args.metric}"
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", f"{scale.scale}-compare-{args.axis}-{first}-{second}{metric}")
    title = f"{study.study}: how much better is {args.axis} {second} than {first}? ({called})"
    files = _draw(pairing, answer, [str(first), str(second)], title, stamp, args.out / "reports" / study.study / name)
    return "\n".join([*([stamp] if stamp else []), *lines, "", *map(str, files)])


def _draw(
    pairing: "Pairing", answer: "Difference", values: Sequence[str], title: str, stamp: str, stem: Path
) -> list[Path]:
    """The comparison as a figure; the files written."""
    from ablations import figures

    figures.use_own_matplotlib_settings(stem.parents[2] / "results" / "cache")
    from ablations.figures import comparison, style

    low, high = (answer.interval.low, answer.interval.high) if answer.interval else (None, None)
    caption = [
        "A dot is a pair of trials that differ in nothing else, a tick the mean of its line; "
        f"gray: ±{TIE} points, within which a mean is a tie.",
        f"Diamond: mean over {counted(answer.seeds, 'seed')} of what every seed has, with its 95% interval."
        if answer.interval
        else "Diamond: mean, without an interval.",
        f"{verdict(answer, *values)} {coverage(answer)}",
        *([f"{pairing.absent[0].upper()}{pairing.absent[1:]}."] if pairing.absent else []),
    ]
    try:
        with style.applied():
            mean = comparison.Mean(answer.mean, low, high)
            figure = comparison.draw(pairing.pairs, pairing.others, mean, TIE, title, caption, stamp)
        return figures.save(figure, stem)
    except OSError as error:
        raise BadInput(
            f"{error.filename}: cannot be written: {error.strerror}; choose another folder with --out."
        ) from None


def value_of(frame: pd.DataFrame, axis: str, text: str) -> Any:
    """The frame's value of that axis which `text` names, numbers in any spelling. Raises BadInput if there is none."""
    known = list(frame.loc[frame["role"] == "cell", axis].dropna().unique())
    for value in known:
        if str(value) == text or (not isinstance(value, str) and _number(text) == value):
            return value
    raise BadInput(f"--values: {axis} has no value {text!r}{nearest(text, [str(value) for value in known])}.")


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


# --- pairs ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pairing:
    """Trials that differ in the compared axis alone.

    `pairs` has one row per pair of done trials: the other axes, seed, level (an id of the other axes' values), trial_x,
    trial_y, value_x, value_y and difference (y minus x, points). `absent` says how many of the `wanted` pairs are not
    there, and why.
    """

    pairs: pd.DataFrame
    others: list[str]
    lone: list[str]  # other axes that one side has no value on: it is paired with every value of the other side
    wanted: int
    absent: str


def pair(frame: pd.DataFrame, axis: str, first: Any, second: Any, metric: str) -> Pairing:
    """Pair the cells at `first` (x) with those at `second` (y): same seed, same values on all other axes."""
    cells = once(frame[frame["role"] == "cell"])
    cells = cells.assign(place=range(len(cells)))  # merging sorts by name; the study's own order is wanted
    others = [other for other in axes_of(frame) if other != axis]
    x, y = (cells[cells[axis] == value] for value in (first, second))
    lone = [other for other in others if x[other].isna().all() != y[other].isna().all()]
    columns = [*others, "seed", "status", "trial_id", metric, "place"]
    sides = [side[columns].drop(columns=[other for other in lone if side[other].isna().all()]) for side in (x, y)]
    keys = [*(other for other in others if other not in lone), "seed"]
    both = sides[0].merge(sides[1], on=keys, how="outer", suffixes=("_x", "_y"))
    done = (both["status_x"] == "done") & (both["status_y"] == "done")
    done &= both[f"{metric}_x"].notna() & both[f"{metric}_y"].notna()
    pairs = both[done.to_numpy(dtype=bool, na_value=False)].sort_values(["place_x", "place_y"], ignore_index=True)
    pairs = pairs.assign(
        level=pairs.groupby(others, dropna=False).ngroup() if others else 0,
        difference=pairs[f"{metric}_y"] - pairs[f"{metric}_x"],
    )
    names = {
        f"{name}_{side}": f"{new}_{side}" for name, new in (("trial_id", "trial"), (metric, "value")) for side in "xy"
    }
    trials = pd.concat([x, y])
    reasons = {
        "failed": int((trials["status"] == "failed").sum()),
        "not done yet": int(trials["status"].isin(["missing", "running"]).sum()),
        f"without {metric}": int((trials["status"].eq("done") & trials[metric].isna()).sum()),
        "without a counterpart in the study": int(both[["status_x", "status_y"]].isna().any(axis=1).sum()),
    }
    said = ", ".join(f"{count} {_trials(count)} {reason}" for reason, count in reasons.items() if count)
    absent = f"{len(both) - len(pairs)} of {len(both)} pairs are not there ({said})" if len(pairs) < len(both) else ""
    return Pairing(
        pairs.rename(columns=names)[[*others, "seed", "level", *names.values(), "difference"]],
        others,
        lone,
        len(both),
        absent,
    )


def _trials(count: int) -> str:
    return "trial" if count == 1 else "trials"


def balanced(pairs: pd.DataFrame) -> pd.DataFrame:
    """The largest set of pairs in which every seed has every level.

    Else a seed that lacks the widest heads would differ from the others for that, and not for being another seed.
    """
    grid = pairs.pivot(index="seed", columns="level", values="difference").notna()
    fullest = grid.sum(axis=1).sort_values(ascending=False, kind="stable").index
    blocks = []
    for count in range(1, len(fullest) + 1):
        seeds = fullest[:count]
        levels = grid.columns[grid.loc[seeds].all()]
        blocks.append((count * len(levels), count, seeds, levels))
    _, _, seeds, levels = max(blocks, key=lambda block: block[:2])
    return pairs[pairs["seed"].isin(seeds) & pairs["level"].isin(levels)]


# --- the difference and its interval ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """y minus x in points; the 95% interval is None where nothing can be said about its precision."""

    mean: float
    interval: Interval | None
    seeds: int
    images: int | None  # None: the predictions are not at hand, and the interval does not cover the test images


def difference(pairs: pd.DataFrame, per_image: Floats | None) -> Difference:
    """Average over a balanced set of pairs.

    Seeds: cells of one seed share streams, so the seed is the unit: a t interval of the seeds' mean differences. Test
    images: they are the same for all cells, so the image is the unit: `per_image` is each image's mean difference over
    the pairs, in points. The two variances add up.
    """
    per_seed = pairs.groupby("seed")["difference"].mean().to_numpy(dtype=float)
    found = [part_of(values) for values in (per_seed, per_image) if values is not None]
    parts = [part for part in found if part is not None]
    mean = float(per_seed.mean())
    return Difference(
        mean=mean,
        interval=interval(mean, parts) if parts else None,
        seeds=len(per_seed),
        images=None if per_image is None else len(per_image),
    )


def per_image_difference(pairs: pd.DataFrame, store: Store, metric: str) -> Floats | None:
    """Each test image's difference, (n_test,), in points, averaged over the pairs.

    Its mean is the mean difference of the metric. None where predictions are lost or the trials had other test images.
    """
    total, truth = np.zeros(0), None
    for row in pairs.itertuples():
        for sign, trial_id, value in ((1, row.trial_y, row.value_y), (-1, row.trial_x, row.value_x)):
            found = outcomes(store, trial_id, metric, value)
            if found is None or (truth is not None and not np.array_equal(found[1], truth)):
                return None
            answers, truth = found
            if len(total) not in (0, len(answers)):
                return None
            total = sign * answers + (total if len(total) else 0.0)
    return total / len(pairs)


# --- in words ---------------------------------------------------------------------------------------------------------


def describe(pairing: Pairing, answer: Difference, first: Any, second: Any, heading: str) -> list[str]:
    """The answer, what its interval covers, one line per level of the other axes, and what is not there."""
    used = balanced(pairing.pairs)
    lines = [f"{heading}; {len(used)} pairs over {' x '.join([*pairing.others, 'seed'])}", ""]
    lines += [verdict(answer, str(first), str(second)), coverage(answer), ""]
    for other in pairing.others:
        lines += level_lines(pairing.pairs, other)
    notes = [f"{other}: one of the two has no value there and is paired with every {other}" for other in pairing.lone]
    if len(used) < len(pairing.pairs):
        notes.append(
            f"{len(pairing.pairs) - len(used)} of {len(pairing.pairs)} pairs are left out of the average, "
            "which takes only what every seed has"
        )
    notes += [pairing.absent] if pairing.absent else []
    return [*lines, *([""] if notes else []), *(f"{note}." for note in notes)]


def verdict(answer: Difference, first: str, second: str) -> str:
    """'nonlinear is 3.2 points better than linear (95% interval +1.1 to +5.3): a difference.'"""
    size = f"{abs(answer.mean):.1f}"
    if size == "0.0":
        start = f"{second} and {first} are equal within 0.1 points"
    else:
        start = f"{second} is {size} points {'better' if answer.mean > 0 else 'worse'} than {first}"
    if answer.interval is None:
        return f"{start}: no interval, so no verdict."
    low, high = answer.interval.low, answer.interval.high
    start += f" (95% interval {low:+.1f} to {high:+.1f})"
    if answer.seeds == 1:
        return f"{start}: no verdict follows from one seed."
    if max(abs(low), abs(high)) <= TIE:
        return f"{start}: a tie, the interval lies within ±{TIE} points."
    return f"{start}: {'a difference' if low > 0 or high < 0 else 'no difference can be told'}."


def coverage(answer: Difference) -> str:
    """What the interval would hold for."""
    if answer.interval is None:
        return "There is one seed, and the trials' predictions are not at hand."
    seeds = f"other training seeds ({answer.seeds} used)"
    if answer.images is None:
        return f"The interval covers {seeds}, but not other test images: the trials' predictions are not at hand."
    images = f"other test images ({answer.images:,} used)"
    if answer.seeds == 1:
        return f"The interval covers {images}, but not other training seeds."
    return f"The interval covers {seeds} and {images}; {answer.interval.df:.1f} degrees of freedom."


def level_lines(pairs: pd.DataFrame, other: str) -> list[str]:
    """One line per value of another axis: the mean difference there and its range over the pairs."""
    levels = pairs.groupby(other, dropna=False, sort=False)["difference"]
    rows = [("–" if pd.isna(value) else str(value), group) for value, group in levels]
    width = max(len(name) for name, _ in rows)
    return [
        f"{other} {name:<{width}}  {group.mean():+5.1f}"
        + (f"  ({len(group)} pairs: {group.min():+.1f} to {group.max():+.1f})" if len(group) > 1 else "  (1 pair)")
        for name, group in rows
    ]


if __name__ == "__main__":
    sys.exit(main())
