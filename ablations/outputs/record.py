"""What a run was asked for, on disk beside its table: with it a report needs neither the study's file nor torch."""

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ablations.studies.fields import flat
from ablations.studies.info import StudyInfo
from ablations.studies.model import CELL, Trial
from simclr_core.errors import BadInput

END = ".run.json"


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


def read(path: Path, command: str) -> RunRecord:
    """What `dump` gave. Raises BadInput, naming the `command` that makes it, where the file is none such."""
    try:
        return _ADAPTER.validate_json(path.read_bytes())
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; this makes it: {command}") from None
    except (OSError, ValidationError):
        raise BadInput(f"{path}: damaged; this makes it again, training nothing twice: {command}") from None


def again(command: str, out: Path, seeds: int = 0) -> str:
    """The command of a run of the whole study, on that many seeds, into `out`; without a number on its own seeds."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for option in ("--seeds", "--out", "--only"):
        parser.add_argument(option, action="append")
    for switch in ("--quiet", "--json", "--verbose", "--retry", "--dry-run"):
        parser.add_argument(switch, action="store_true")
    given, kept = parser.parse_known_args(shlex.split(command))
    number = [str(seeds)] if seeds else (given.seeds or [])[-1:]
    more = [word for value in number for word in ("--seeds", value)]
    where = [] if out == Path() else ["--out", str(out)]
    return shlex.join([*kept, *more, *where])


def shared(trials: Sequence[Trial]) -> dict[str, Any]:
    """The fields of the cells' recipes that are the same in all, dotted path -> value."""
    recipes = [flat(trial.recipe.model_dump(mode="json", exclude={"seed"})) for trial in trials if trial.role == CELL]
    first = recipes[0] if recipes else {}
    return {path: value for path, value in first.items() if all(each.get(path) == value for each in recipes)}
