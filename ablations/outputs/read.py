"""What a study's report page is made from: the files that runs left in results/ and reports/. No torch, no images."""

import csv
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ablations.outputs import record as run_record
from ablations.outputs.record import RunRecord
from ablations.store.inspect import tail
from ablations.store.leases import Leases
from ablations.store.trials import Store
from ablations.studies.info import Epochs, Outcomes
from ablations.studies.load import load_study
from ablations.tables import frame
from ablations.tables.frame import axes_of
from ablations.verdicts import budgets
from ablations.verdicts.budgets import Judged
from simclr_core.errors import BadInput

PROVENANCE = ".provenance.csv"
LOG = 30  # lines of a failed trial's log

Key = tuple[str, str]  # study, scale


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

    ran: RunRecord
    frame: pd.DataFrame
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
    def verdicts(self) -> pd.DataFrame | None:
        """Of each training budget, as tables and figures take them; None where the figure shows none."""
        return budgets.table(self.budgets, self.ran.context)

    @property
    def about(self) -> list[dict[str, str]]:
        """A row per done trial: what it ran on, and with what."""
        return list(csv.DictReader(self.provenance.splitlines()))


def files(out: Path, study: str, scale: str) -> list[Path]:
    """All that a page shows but what is in the trials' own folders, whether it is there or not."""
    stem, pictures = out / "results" / study, out / "reports" / study
    return [
        *(stem / f"{scale}{end}" for end in (".csv", PROVENANCE, run_record.END)),
        pictures / f"{scale}-views.png",
        *sorted(pictures.glob(f"{scale}-compare-*.svg")),
    ]


def gather(out: Path, study: str, scale: str, asked: str) -> StudyOutputs:
    """Raises BadInput, with the command that helps, where a file is missing or damaged. asked: the study, as given."""
    where = [] if out == Path() else ["--out", str(out)]
    command = shlex.join(["python", "-m", "ablations.run", asked, "--scale", scale, *where])
    table, about, asked_for, views, *comparisons = files(out, study, scale)
    texts = [_text(path, command) for path in (table, about)]
    run, found = run_record.read(asked_for, command), frame.read(table)
    if axes_of(found) != list(run.context.axes):
        raise BadInput(f"{table}: its axes are not those of {asked_for.name}; this makes both again: {command}")
    store = Store(out / "results")
    judged = budgets.judge(found, run.context, store, lambda _, seeds: run_record.again(run.command, out, seeds))
    try:
        return StudyOutputs(
            ran=run,
            frame=found,
            table=texts[0],
            provenance=texts[1],
            seconds=_seconds(texts[1]),
            epochs=store.epochs,
            outcomes=store.outcomes,
            budgets=judged,
            failed=tuple(_failed(found, store)),
            at_work=not found["status"].isin(["done", "failed"]).all() and bool(Leases(store).live_runs()),
            views=views.read_bytes() if views.is_file() else None,
            comparisons={path.stem.removeprefix(f"{scale}-compare-"): _text(path, command) for path in comparisons},
        )
    except (KeyError, ValueError):
        raise BadInput(f"{about}: damaged; this makes it again, training nothing twice: {command}") from None


def there(out: Path) -> list[Key]:
    """Every study and scale that has results, in order."""
    paths = (out / "results").glob(f"*/*{run_record.END}")
    return sorted((path.parent.name, path.name.removesuffix(run_record.END)) for path in paths)


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
        raise BadInput(f"{out / 'results'}: no study has results{of} that can be shown; ablations.run makes them.")
    return found


def _text(path: Path, command: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; this makes it: {command}") from None
    except (OSError, UnicodeDecodeError):
        raise BadInput(f"{path}: damaged; this makes it again, training nothing twice: {command}") from None


def _seconds(provenance: str) -> dict[str, float]:
    rows = csv.DictReader(provenance.splitlines())
    return {row["trial_id"]: float(row["seconds"]) for row in rows}


def _failed(found: pd.DataFrame, store: Store) -> list[Failed]:
    failed = []
    for _, row in found[found["status"] == "failed"].iterrows():
        trial_id = str(row["trial_id"])
        failure = store.look(trial_id).failure
        failed.append(
            Failed(
                label=label(row, axes_of(found)),
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
