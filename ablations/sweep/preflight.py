"""Checks before the first step: where to train, whether it fits, and what cannot be trained at all."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.console import terminal
from ablations.store.trials import Store
from ablations.studies.model import Scale
from ablations.sweep.plan import Planned
from simclr_core.config import Recipe
from simclr_core.errors import BadInput

if TYPE_CHECKING:
    from ablations.sweep.engines import Setting
    from ablations.sweep.machine import Allotment
    from ablations.sweep.ray_session import Sessions
    from simclr_core.cost import Cost
    from simclr_core.data.images import Dataset


@dataclass(frozen=True)
class Engine:
    """The engine that trains, as the command line has it. address: of a Ray cluster. verbose: what Ray prints is shown.

    Raises BadInput where the two do not go together.
    """

    name: str  # "ray" or "inline"
    address: str | None = None
    verbose: bool = False

    def __post_init__(self) -> None:
        if self.address is None:
            return
        if self.name == "inline":
            raise BadInput("--address: --engine inline trains in this process; leave one of the two out.")
        if not re.fullmatch(r"auto|[^/:\s]+:\d+", self.address):
            allowed = "allowed are auto and HOST:PORT, as printed by `ray start --head`"
            raise BadInput(f"--address {self.address}: {allowed}.")


@contextmanager
def starting_ray(engine: Engine, scale: Scale, todo: Mapping[str, Planned]) -> "Iterator[Sessions | None]":
    """Yield Ray for the trials, None where they need none; a private one is started at once, if there is work for it.

    It takes as long to start as all that remains to be done before the first trial. Raises BadInput.
    """
    if engine.name == "inline" or not todo:
        yield None
        return
    from ablations.sweep import machine
    from ablations.sweep.ray_session import Sessions

    here = machine.here(scale.resources)
    sessions = Sessions(engine.address, here)
    try:
        if engine.address is None and any(item.status != "running" for item in todo.values()):
            machine.allot(scale.resources, [here], 1)  # refuses, before Ray starts, what needs no plan to be refused
            with terminal.own_streams(engine.verbose):
                sessions.start()
        yield sessions
    finally:
        sessions.close()


def setting_of(
    engine: Engine,
    scale: Scale,
    todo: Mapping[str, Planned],
    store: Store | None,
    cache: Path,
    sessions: "Sessions | None",
) -> "Setting":
    """Choose where and how to train; refuse, before the first step, what could not be trained.

    store: what every node of a cluster must share, None where nothing is written. Loads, and so caches, the images.
    """
    from ablations.sweep import machine, ray_session
    from ablations.sweep.engines import Setting

    if engine.address is None:
        nodes = [machine.here(scale.resources)]
    else:
        with terminal.own_streams(engine.verbose):
            nodes = ray_session.survey(engine.address, store)
    need = need_of(todo, cache)
    share = machine.allot(scale.resources, nodes, need)
    if engine.name == "inline":
        share = replace(share, parallel=1)
    check(todo, share, cache)
    return Setting(sessions, share, need, cache, scale.checkpoint_every, scale.hangs_after)


def need_of(todo: Mapping[str, Planned], cache: Path) -> int:
    """Estimate the bytes of memory that the largest of the trials takes."""
    from simclr_core.cost import estimated_bytes

    need: dict[tuple[Any, ...], int] = {}
    for item in todo.values():
        recipe = item.trial.recipe
        how = recipe.schedule.model_copy(update={"epochs": min(1, recipe.schedule.epochs)})
        kind = (recipe.data, recipe.encoder, recipe.head, recipe.loss.name, how, recipe.probes)
        if kind not in need:
            dataset, transfer = images_of(recipe, cache)
            images = max(len(part.train) + len(part.test) for part in (dataset, transfer) if part is not None)
            recipe = recipe if dataset.labeled else recipe.without_labels()
            need[kind] = estimated_bytes(recipe, max(1, len(dataset.class_names)), images)
    return max(need.values())


def check(todo: Mapping[str, Planned], share: "Allotment", cache: Path) -> None:
    """Refuse before the first step what could not be trained; each kind of trial is looked at once."""
    from simclr_core import trial

    seen = set()
    for item in todo.values():
        recipe = item.trial.recipe
        how = (recipe.schedule.batch_size, recipe.schedule.precision)
        kind = (recipe.data, recipe.views, recipe.transforms, recipe.loss.name, how, recipe.probes)
        if kind in seen:
            continue
        seen.add(kind)
        dataset, transfer = images_of(recipe, cache)
        try:
            trial.check(recipe, dataset, share.device, transfer)
        except BadInput as error:
            raise BadInput(f"{item.trial.label}: {error}") from None


def images_of(recipe: Recipe, cache: Path) -> "tuple[Dataset, Dataset | None]":
    """Load what a recipe trains and tests on, and the images of its transfer probe. Raises BadInput."""
    from simclr_core import data

    dataset = data.load(recipe.data, cache)
    if recipe.probes.transfer is None:
        return dataset, None
    try:
        return dataset, data.load(recipe.probes.transfer, cache)
    except BadInput as error:  # it speaks of `data`, which has the same fields
        raise BadInput(f"probes.transfer: {error}") from None


def measured_cost(recipe: Recipe, device: str, cache: Path) -> "Cost":
    """Train and probe the recipe for a moment to see what it costs. Raises TrialFailed."""
    from simclr_core import cost

    dataset, transfer = images_of(recipe, cache)
    return cost.measure(recipe, dataset, device, transfer)
