"""A study at a scale -> its trials. Pure: the same files and options give the same list."""

import copy
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ablations.studies.fields import append, merge, put
from ablations.studies.load import GRIDS
from ablations.studies.model import CELL, MAX_SEEDS, AxisValue, Scale, Study, Trial, Value
from ablations.studies.options import choose
from simclr_core.config import Recipe, nearest
from simclr_core.errors import BadInput
from simclr_core.sources import DRAWN, OWN


def expand(
    study: Study,
    scale: Scale,
    *,
    data: str | None = None,
    seeds: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    only: Mapping[str, Sequence[str]] | None = None,
) -> list[Trial]:
    """The study's trials at that scale: baselines first, then cells, whole maps one seed after the other.

    data: another source than the scale's. seeds: how many, from 0. overrides: dotted path -> value, on top of scale and
    study, below the axes. only: axis -> the values wanted, as texts (see options.choose); baselines always stay.
    Raises BadInput: one sentence naming the study, the path and what is allowed.
    """
    _offered(study, scale)
    if seeds is not None and seeds < 1:
        raise BadInput(f"--seeds: at least 1 seed is needed, got {seeds}.")
    if seeds is not None and seeds > MAX_SEEDS:
        raise BadInput(f"--seeds: at most {MAX_SEEDS} seeds are allowed, got {seeds}.")
    all_seeds = _seeds(study.seeds if seeds is None else seeds)
    base = _base(study, scale, data, overrides or {})
    cells = _cells(study, scale.scale, only or {})

    trials = []
    for role, changes in study.baselines.items():
        fields = copy.deepcopy(base)
        for path, value in changes.items():
            put(fields, path, value)
        trials += _seeded(role, dict.fromkeys(study.axes), fields, all_seeds, f"{study.study}: baselines.{role}")
    defaults = Recipe.parse(base, study.study).model_dump(mode="json")
    mapped = []
    for axes in cells:
        fields = copy.deepcopy(base)
        known = {name: study.axes[name].shown(value, scale.scale) for name, value in axes.items()}
        where = f"{study.study}: {', '.join(f'{name} = {value}' for name, value in known.items())}"
        for name, value in axes.items():
            for path, given in study.axes[name].fields(value).items():
                if study.axes[name].append is None:
                    put(fields, path, given)
                else:
                    append(fields, path, given, defaults, f"{study.study}: axes.{name}.append")
        mapped.append(_seeded(CELL, known, fields, all_seeds, where))
    return trials + [cell[i] for i in range(len(all_seeds)) for cell in mapped]


def _seeds(seeds: int | tuple[int, ...]) -> Sequence[int]:
    return range(seeds) if isinstance(seeds, int) else seeds


def _offered(study: Study, scale: Scale) -> None:
    """Refuse a shipped scale that the study does not list; a scale of the user's own is theirs to judge."""
    if scale.scale not in study.scales and (GRIDS / "scales" / f"{scale.scale}.yaml").is_file():
        reason = f" ({study.refuses[scale.scale]})" if scale.scale in study.refuses else ""
        raise BadInput(
            f"Study {study.study!r} is not offered at scale {scale.scale!r}{reason}; "
            f"allowed: {', '.join(study.scales)}."
        )


def _base(study: Study, scale: Scale, data: str | None, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Nested fields, scale <- study <- --data <- --set; each layer is validated where its mistakes can be named."""
    for path in overrides:
        for name, axis in study.axes.items():
            if axis.append is None and path in axis.paths:
                raise BadInput(
                    f"--set {path}: axis {name!r} of study {study.study!r} sets it; choose with --only {name}=VALUE."
                )
    fields = merge(merge(scale.recipe, study.recipe), study.at.get(scale.scale, {}))
    before = Recipe.parse(fields, f"{study.study} at scale {scale.scale}").data
    if data is not None:
        fields = merge(fields, {"data": {"source": data}})
        if (data in DRAWN) != (before.source in DRAWN):
            # 24 pixels are the embedded sets' own size, and no other's.
            fields = merge(fields, {"data": {"size": 24 if data in DRAWN else 32}})
        Recipe.parse(fields, "--data")
    for path, value in overrides.items():
        put(fields, path, value)
    parsed = Recipe.parse(fields, "--set")
    for where, images in zip(("data", "probes.transfer"), parsed.data_sets, strict=False):
        put(fields, f"{where}.source", _absolute(images.source))
        for name, other in (("test", images.test), ("probe", images.probe)):
            if other is not None:
                put(fields, f"{where}.{name}", _absolute(other))
    return fields


def _absolute(source: str) -> str:
    """The source with its folder's full path, since workers may stand in another folder."""
    if not source.startswith(OWN):
        return source
    kind, _, path = source.partition(":")
    return f"{kind}:{Path(path).expanduser().absolute()}"


def _cells(study: Study, scale: str, only: Mapping[str, Sequence[str]]) -> list[dict[str, Value]]:
    """Axis values of every cell, the first axis outermost, extra cells last, filtered by `only`."""
    chosen: dict[str, list[AxisValue]] = {}
    for name, wanted in only.items():
        if name not in study.axes:
            raise BadInput(f"--only {name}: unknown axis {name!r}{nearest(name, tuple(study.axes))}.")
        chosen[name] = [choose(value, study.values(name, scale), f"--only {name}: the axis") for value in wanted]
    product = itertools.product(*(axis.listed(scale) for axis in study.axes.values()))
    cells = [dict(zip(study.axes, values, strict=True)) for values in product]
    for i, extra in enumerate(study.extra):
        # the axis along which another study is repeated is the one that may be left out
        product = itertools.product(
            *((extra[name],) if name in extra else axis.listed(scale) for name, axis in study.axes.items())
        )
        for values in product:
            cell = dict(zip(study.axes, values, strict=True))
            if cell in cells:
                raise BadInput(f"{study.study}: extra.{i}: this cell is there already.")
            cells.append(cell)
    kept = [
        cell
        for cell in cells
        if all(study.axes[name].shown(cell[name], scale) in wanted for name, wanted in chosen.items())
    ]
    if not kept:
        raise BadInput("--only: no cell of the study has this combination of values.")
    return kept


def _seeded(
    role: str, axes: dict[str, AxisValue], fields: dict[str, Any], seeds: Sequence[int], where: str
) -> list[Trial]:
    if "seed" in fields:
        raise BadInput(f"{where}: seed: seeds are given by the study's key 'seeds' or by --seeds.")
    recipe = Recipe.parse(fields, where)
    return [Trial(role, axes, seed, recipe.model_copy(update={"seed": seed})) for seed in seeds]
