"""python -m ablations.compare STUDY --axis A --values X Y: how much better is Y than X, and can it be told?"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ablations import figures
from ablations.console import terminal
from ablations.console.arguments import Exit, Parser, exit_code, writable
from ablations.console.text import counted
from ablations.outputs import read
from ablations.outputs.paths import Paths, results
from ablations.outputs.record import made_by
from ablations.stats.intervals import Interval
from ablations.store.trials import Store
from ablations.studies.info import stamp, values_of
from ablations.studies.load import load_scale, load_study
from ablations.studies.metrics import OWN_TASK, label
from ablations.studies.model import AxisValue
from ablations.studies.options import choose
from ablations.tables.frame import axis_array, done_cells, headline_of, once
from ablations.verdicts.claims.registry import TIE
from ablations.verdicts.contrasts import Axes, Contrast, rows
from ablations.verdicts.differences import Side, counterparts, matched, split
from ablations.verdicts.evidence import Estimate, Evidence
from ablations.verdicts.per_example import lost
from simclr_core.config import nearest
from simclr_core.errors import BadInput

OF_OWN_VIEWS = "It is measured on each cell's own views, and so cannot compare cells that differ in augmentation."
MOST_FILES = 3  # that are lost, by name


def main(argv: Sequence[str] | None = None) -> int:
    """Compare. Exit code: 0 compared, 2 bad input, 130 interrupted."""

    def body() -> int:
        terminal.say(_compare(_arguments(sys.argv[1:] if argv is None else argv)))
        return Exit.DONE

    return exit_code(body)


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(prog="python -m ablations.compare", description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("study", metavar="STUDY", help="a YAML file, or the name of a shipped study")
    add("--axis", required=True, metavar="A", help="the axis whose values are compared, such as head")
    add("--values", required=True, nargs=2, metavar=("X", "Y"), help="two of its values; the answer is Y minus X")
    parser.scale("the scale it was run at")
    add("--metric", help="any accuracy of the study's table (default: top1, or without labels crop_retrieval)")
    parser.out()
    return parser.parse_args(argv)


def _compare(args: argparse.Namespace) -> str:
    study, scale = load_study(args.study), load_scale(args.scale)
    if args.axis not in study.axes:
        raise BadInput(f"--axis: study {study.study} has no axis {args.axis!r}{nearest(args.axis, list(study.axes))}.")
    paths, store = Paths(args.out, study.study, scale.scale), Store(results(args.out))
    axes = values_of(study, scale.scale)
    frame = read.table(paths, made_by(paths, args.study, args.scale), axes)
    metric = args.metric or headline_of(frame)
    accuracies = [column for column in frame if label(column).endswith("(%)") and frame[column].notna().any()]
    if metric not in accuracies:
        raise BadInput(f"--metric: {paths.table} has no accuracy {metric!r}{nearest(metric, accuracies)}.")
    called = label(metric).removesuffix(" (%)")
    first, second = (value_of(frame, args.axis, axes[args.axis], text) for text in args.values)
    if first == second:
        raise BadInput(f"--values: {args.values[0]} and {args.values[1]} are the same value; give two different ones.")
    evidence = Evidence({study.study: frame}, store)
    pairing = pair(evidence, study.study, args.axis, first, second, metric)
    used = matched(evidence, pairing.sides)
    if used is None:
        raise BadInput(
            f"{paths.table}: {args.axis} {first} and {second} have no pair of done trials; {pairing.absent}."
        )
    warning = stamp(scale)
    heading = f"{study.study} at scale {scale.scale}, {called}"
    answer = used.difference(evidence, 1, 0)
    lines = describe(pairing, len(used.cells) * len(used.seeds), answer, first, second, heading)
    lines += [OF_OWN_VIEWS] if metric in OWN_TASK else []
    if answer.images is None or answer.unanswered:
        lines += lost_answers(store, frame[frame[args.axis].isin([first, second])], metric)
    title = f"{study.study}: how much better is {args.axis} {second} than {first}? ({called})"
    stem = paths.comparison(args.axis, first, second, metric)
    figures.use_own_matplotlib_settings(store.cache)
    files = _draw(pairing, answer, [str(first), str(second)], title, warning, stem)
    return "\n".join([*([warning] if warning else []), *lines, "", *map(str, files)])


def _draw(
    pairing: "Pairing", answer: Estimate, values: Sequence[str], title: str, warning: str, stem: Path
) -> list[Path]:
    """The comparison as a figure; the files written."""
    from ablations.figures import comparison, style

    ends = interval_of(answer)
    low, high = (ends.low, ends.high) if ends else (None, None)
    caption = [
        "A dot is a pair of trials that differ in nothing else, a tick the mean of its line; "
        f"gray: ±{TIE} points, within which a mean is a tie.",
        f"Diamond: mean over {counted(answer.seeds, 'seed')} of what every seed has, with its 95% interval."
        if ends
        else "Diamond: mean, without an interval.",
        f"{verdict(answer, *values)} {coverage(answer)}",
        *([f"{pairing.absent[0].upper()}{pairing.absent[1:]}."] if pairing.absent else []),
    ]
    with writable():
        with style.applied():
            mean = comparison.Mean(answer.mean, low, high)
            figure = comparison.draw(pairing.pairs, pairing.others, mean, TIE, title, caption, warning)
        return figures.save(figure, stem)


def value_of(frame: pd.DataFrame, axis: str, declared: Sequence[AxisValue], text: str) -> Any:
    """The value of an axis that `text` names, as the frame holds it. Raises BadInput if there is none.

    Those that the study had when it was run, and has no more, are among them.
    """
    there = frame.loc[frame["role"] == "cell", axis].dropna().unique().tolist()
    held = dict(zip(declared, axis_array(declared).tolist(), strict=True))
    held |= {value: value for value in there if value not in held.values()}
    value = held[choose(text, list(held), f"--values: {axis}")]
    if value not in there:
        raise BadInput(f"--values: the table has no trial with {axis} {text} yet; ablations.run makes it.")
    return value


# --- pairs ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pairing:
    """Trials that differ in the compared axis alone.

    `pairs` has one row per pair of done trials: the other axes, seed, level (an id of the other axes' values) and
    difference (y minus x, points). `sides`: the cells of x and of y, done or not. `lone`: axes that one side has no
    value on, so that it is paired with every value of the other side. `absent` says how many pairs are not there, and
    why.
    """

    pairs: pd.DataFrame
    others: list[str]
    sides: tuple[Side, Side]
    lone: list[str]
    absent: str


def pair(evidence: Evidence, study: str, axis: str, first: Any, second: Any, metric: str) -> Pairing:
    """Pair the cells at `first` (x) with those at `second` (y): same seed, same values on all other axes."""
    frame, cells = evidence.frames[study], evidence.cells(study)
    by_value = split({one.weights[0][0].axes: one for one in cells.every(metric)}, axis)
    sides = (by_value[first], by_value[second])
    others = [other for other in cells.axes if other != axis]
    levels = counterparts(sides)
    paired = [
        (*(value for _, value in rest), seed, level, difference)
        for level, (rest, (x, y)) in enumerate(levels.items())
        for seed, difference in evidence.per_seed(y - x).items()
    ]
    columns = [*others, "seed", "level", "difference"]
    trials = once(frame[(frame["role"] == "cell") & frame[axis].isin([first, second])])
    return Pairing(
        pairs=pd.DataFrame(paired, columns=columns).astype(dict.fromkeys(others, object)),
        others=others,
        sides=sides,
        lone=[
            other
            for i, other in enumerate(others)
            if len({all(rest[i][1] is None for rest in side) for side in sides}) == 2
        ],
        absent=_absent(trials, cells.axes, levels, len(paired), metric),
    )


def _absent(
    trials: pd.DataFrame, axes: list[str], levels: dict[Axes, tuple[Contrast, ...]], done: int, metric: str
) -> str:
    """How many pairs of these trials are not there beside those done, and why; empty where all are."""
    known = set(zip(rows(trials, axes), trials["seed"], strict=True))
    pairs = [
        {(one.weights[0][0].axes, seed) for one in ones} & known
        for ones in levels.values()
        for seed in trials["seed"].unique()
    ]
    placed = set().union(*pairs)
    count = sum(map(bool, pairs)) + len(known - placed)
    reasons = {
        "failed": int((trials["status"] == "failed").sum()),
        "not done yet": int(trials["status"].isin(["missing", "running"]).sum()),
        f"without {metric}": int((trials["status"].eq("done") & trials[metric].isna()).sum()),
        "without a counterpart in the study": len(known.difference(*(pair for pair in pairs if len(pair) == 2))),
    }
    said = ", ".join(f"{counted(many, 'trial')} {reason}" for reason, many in reasons.items() if many)
    return f"{count - done} of {count} pairs are not there ({said})" if done < count else ""


# --- in words ---------------------------------------------------------------------------------------------------------


def describe(pairing: Pairing, used: int, answer: Estimate, first: Any, second: Any, heading: str) -> list[str]:
    """Describe the answer, what its interval covers, one line per level of the other axes, and what is not there.

    used: how many of the pairs are in the average.
    """
    lines = [f"{heading}; {used} pairs over {' x '.join([*pairing.others, 'seed'])}", ""]
    lines += [verdict(answer, str(first), str(second)), coverage(answer), ""]
    for other in pairing.others:
        lines += level_lines(pairing.pairs, other)
    notes = [f"{other}: one of the two has no value there and is paired with every {other}" for other in pairing.lone]
    if used < len(pairing.pairs):
        notes.append(
            f"{len(pairing.pairs) - used} of {len(pairing.pairs)} pairs are left out of the average, "
            "which takes only what every seed has"
        )
    notes += [pairing.absent] if pairing.absent else []
    return [*lines, *([""] if notes else []), *(f"{note}." for note in notes)]


def interval_of(answer: Estimate) -> Interval | None:
    """The interval that is printed: over seeds and images; of one seed over images alone."""
    return answer.interval() if answer.seeds > 1 else answer.interval_of_images()


def verdict(answer: Estimate, first: str, second: str) -> str:
    """A sentence: 'nonlinear is 3.2 points better than linear (95% interval +1.1 to +5.3): a difference.'"""
    size = f"{abs(answer.mean):.1f}"
    if size == "0.0":
        start = f"{second} and {first} are 0.0 points apart"
    else:
        start = f"{second} is {size} points {'better' if answer.mean > 0 else 'worse'} than {first}"
    ends = interval_of(answer)
    if ends is None:
        return f"{start}: no interval, so no verdict."
    start += f" (95% interval {ends.low:+.1f} to {ends.high:+.1f})"
    if answer.seeds == 1:
        return f"{start}: no verdict follows from one seed."
    if max(abs(ends.low), abs(ends.high)) <= TIE:
        return f"{start}: a tie, the interval lies within ±{TIE} points."
    return f"{start}: {'a difference' if ends.low > 0 or ends.high < 0 else 'no difference can be told'}."


def coverage(answer: Estimate) -> str:
    """A sentence: whether the interval covers other seeds, other test images, or both."""
    seeds, lost = f"other training seeds ({answer.seeds} used)", "the trials' predictions are not at hand"
    if interval_of(answer) is None:
        why = "There is one seed" if answer.seeds == 1 else "No seed differs from another"
        return f"{why}, and {lost}."
    if answer.images is None:
        return f"The interval covers {seeds}, but not other test images: {lost}."
    images = f"other test images ({answer.images:,} used)"
    if answer.groups is not None:
        images = f"other groups of test images ({answer.groups:,} used, of {answer.images:,} images)"
    if answer.unanswered:
        images += f", as unsure as can be where answers are not at hand ({', '.join(answer.unanswered)})"
    if answer.seeds == 1:
        return f"The interval covers {images}, but not other training seeds."
    shared = "paired; how seeds differ is judged from all cells of the study, as far as they are alike"
    return f"The interval covers {seeds} and {images}: {shared}."


def lost_answers(store: Store, trials: pd.DataFrame, metric: str) -> list[str]:
    """Lines that name the missing or damaged files of those trials' answers: a few, and how many trials more."""
    said = [f"Not at hand: {why}" for trial in done_cells(trials)["trial_id"] if (why := lost(store, trial, metric))]
    more = len(said) - MOST_FILES
    return [*said[:MOST_FILES], *([f"Not at hand are answers of {counted(more, 'trial')} more."] if more > 0 else [])]


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
