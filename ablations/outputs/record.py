"""What a run was asked for, on disk beside its table: with it a report needs neither the study's file nor torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ablations.console.commands import again, command
from ablations.outputs.paths import Paths
from ablations.studies.fields import flat
from ablations.studies.info import StudyInfo
from ablations.studies.model import CELL, Trial
from simclr_core.errors import BadInput


@dataclass(frozen=True)
class RunRecord:
    """command: what wrote the table. recipe: the fields that all cells share, dotted path -> value, but the seed."""

    command: str
    context: StudyInfo
    recipe: dict[str, Any]


_ADAPTER = TypeAdapter(RunRecord)


def dump(ran: RunRecord) -> bytes:
    """JSON; equal bytes for equal runs."""
    return _ADAPTER.dump_json(ran, indent=2) + b"\n"


def read(paths: Paths, makes: str = "") -> RunRecord:
    """What `dump` gave. Raises BadInput, naming the command that `makes` it, where the file is none such."""
    try:
        return _ADAPTER.validate_json(paths.record.read_bytes())
    except FileNotFoundError:
        raise missing(paths.record, makes) from None
    except (OSError, ValidationError):
        raise damaged(paths.record, makes) from None


def made_by(paths: Paths, study: str = "", scale: str = "", seeds: int = 0) -> str:
    """The command that makes the files again: as it is recorded beside them, with its data; else one by their names.

    study, scale: as somebody has given them, where they may be files. seeds: another number than the run's.
    """
    try:
        return again(read(paths).command, paths.out, seeds)
    except (BadInput, ValueError):  # no record, or not as it was written
        return command("run", study or paths.study, scale=scale or paths.scale, seeds=seeds, out=paths.out)


def missing(path: Path, makes: str) -> BadInput:
    """The error for a file that is not there; `makes`: the command that makes it."""
    return BadInput(f"{path}: no such file; this makes it: {makes}")


def damaged(path: Path, makes: str) -> BadInput:
    """The error for a file that is not as it was written; `makes`: the command that makes it."""
    return BadInput(f"{path}: damaged; this makes it again, training nothing twice: {makes}")


def shared(trials: Sequence[Trial]) -> dict[str, Any]:
    """The fields of the cells' recipes that are the same in all, dotted path -> value."""
    recipes = [flat(trial.recipe.model_dump(mode="json", exclude={"seed"})) for trial in trials if trial.role == CELL]
    first = recipes[0] if recipes else {}
    return {path: value for path, value in first.items() if all(each.get(path) == value for each in recipes)}
