"""What a study's report page is made from: the files that runs left in results/ and reports/. No torch, no images."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ablations.console.commands import again
from ablations.outputs import record as run_record
from ablations.outputs.paths import Key, Paths, results, there
from ablations.outputs.record import RunRecord, damaged, made_by, missing
from ablations.store.inspect import tail
from ablations.store.leases import Leases
from ablations.store.trials import Store
from ablations.studies.info import Axes, Epochs, Outcomes, Unasked, values_of
from ablations.studies.load import load_study
from ablations.tables import frame
from ablations.tables.findings import Findings
from ablations.tables.frame import axes_of
from ablations.verdicts import budgets
from ablations.verdicts.budgets import Judged
from simclr_core.errors import BadInput

LOG = 30  # lines of a failed trial's log


@dataclass(frozen=True)
class Failed:
    """A failed trial. error: a sentence; epoch: the last one done, 0 for none; log: its last lines."""

    label: str
    error: str
    cause: str
    epoch: int
    log: tuple[str, ...]


@dataclass(frozen=True)
class StudyOutputs:
    """One study at one scale, as it lies on disk now.

    table, provenance: the CSV files, as text. seconds: of each done trial, by trial_id. at_work: whether a live run has
    trials of it to train yet. budgets: the claims at each training budget, where the figure shows them. views: a PNG of
    what the augmentations do, None where no run has drawn it. comparisons: SVGs of ablations.compare by name.
    """

    paths: Paths
    ran: RunRecord
    findings: Findings
    table: str
    provenance: str
    seconds: Mapping[str, float]
    epochs: Epochs
    outcomes: Outcomes
    budgets: Judged
    failed: tuple[Failed, ...]
    at_work: bool
    views: bytes | None
    comparisons: Mapping[str, str]

    @property
    def about(self) -> list[dict[str, str]]:
        """A row per done trial: what it ran on, and with what."""
        return list(csv.DictReader(self.provenance.splitlines()))


def files(paths: Paths) -> list[Path]:
    """All that a page shows but what is in the trials' own folders, whether it is there or not."""
    return [paths.table, paths.provenance, paths.record, paths.views, *paths.comparisons.values()]


def table(paths: Paths, makes: str, axes: Axes) -> pd.DataFrame:
    """The study's frame, its trials that were not asked for among the missing.

    axes: the values that they have, where no record of the run says so. Raises BadInput where there is no table, with
    the command that `makes` it.
    """
    if not paths.table.is_file():
        raise missing(paths.table, makes)
    unasked: Sequence[Unasked] = ()
    with suppress(BadInput):
        about = run_record.read(paths).context
        axes, unasked = about.axes, about.unasked
    rows = frame.read(paths.table, axes)
    return frame.whole(rows, unasked) if axes_of(rows) == list(axes) else rows


def tables(out: Path, scale: str, studies: Iterable[str]) -> dict[str, pd.DataFrame]:
    """The frames of those studies that have one at that scale. A damaged one counts as not there: its own page says."""
    frames = {}
    for study in studies:
        with suppress(BadInput):
            frames[study] = table(Paths(out, study, scale), "", values_of(load_study(study), scale))
    return frames


def gather(paths: Paths, asked: str) -> StudyOutputs:
    """Raises BadInput, with the command that helps, where a file is missing or damaged. asked: the study, as given."""
    makes = made_by(paths, asked)
    texts = [_text(path, makes) for path in (paths.table, paths.provenance)]
    run = run_record.read(paths, makes)
    rows = table(paths, makes, run.context.axes)
    if axes_of(rows) != list(run.context.axes):
        raise BadInput(f"{paths.table}: its axes are not those of {paths.record.name}; this makes both again: {makes}")
    store = Store(results(paths.out))
    judged = budgets.judge(rows, run.context, store, lambda _, seeds: again(run.command, paths.out, seeds))
    try:
        return StudyOutputs(
            paths=paths,
            ran=run,
            findings=Findings(rows, run.context, budgets.table(judged, run.context)),
            table=texts[0],
            provenance=texts[1],
            seconds=_seconds(texts[1]),
            epochs=store.epochs,
            outcomes=store.outcomes,
            budgets=judged,
            failed=tuple(_failed(rows, store)),
            at_work=not rows["status"].isin(["done", "failed"]).all() and bool(Leases(store).live_runs()),
            views=paths.views.read_bytes() if paths.views.is_file() else None,
            comparisons={name: _text(path, makes) for name, path in paths.comparisons.items()},
        )
    except (KeyError, ValueError):
        raise damaged(paths.provenance, makes) from None


def named(out: Path, given: str) -> str:
    """A study's name, by itself or from its file. Raises BadInput for one that does not exist.

    One of your own is known by its name where it has run, wherever its file is now.
    """
    return given if given in {study for study, _ in there(out)} else load_study(given).study


def chosen(out: Path, studies: Sequence[str], scale: str | None) -> list[Key]:
    """The studies of these names, or all, at that scale, or all. Raises BadInput where nothing has results."""
    known = there(out)
    found = [key for key in known if (not studies or key[0] in studies) and scale in (None, key[1])]
    found += [(study, scale or "laptop") for study in studies if study not in {each for each, _ in found}]
    if not found:
        of = f" at scale {scale}" if scale else ""
        raise BadInput(f"{results(out)}: no study has results{of} that can be shown; ablations.run makes them.")
    return found


def _text(path: Path, makes: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise missing(path, makes) from None
    except (OSError, UnicodeDecodeError):
        raise damaged(path, makes) from None


def _seconds(provenance: str) -> dict[str, float]:
    rows = csv.DictReader(provenance.splitlines())
    return {row["trial_id"]: float(row["seconds"]) for row in rows}


def _failed(trials: pd.DataFrame, store: Store) -> list[Failed]:
    failed = []
    for _, row in trials[trials["status"] == "failed"].iterrows():
        trial_id = str(row["trial_id"])
        failure = store.look(trial_id).failure
        failed.append(
            Failed(
                label=label(row, axes_of(trials)),
                error=failure.error if failure else "its folder is not in results/trials/ any more",
                cause=failure.cause if failure else "",
                epoch=failure.epoch if failure else 0,
                log=tuple(tail(store.log(trial_id), LOG) or (failure.details.splitlines()[-LOG:] if failure else ())),
            )
        )
    return failed


def label(row: "pd.Series[object]", axes: Sequence[str]) -> str:
    """A trial for people: "first=crop second=color seed=0"."""
    cell = [f"{axis}={row[axis]}" for axis in axes if not pd.isna(row[axis])]
    return " ".join([*(cell if row["role"] == "cell" else [str(row["role"])]), f"seed={row['seed']}"])
