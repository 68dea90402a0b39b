"""Studies and scales: YAML -> Study, Scale -> list of trials. Pure: the same files and options give the same list."""

import copy
import itertools
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ablations.paper import items
from ablations.plot import Plot
from simclr_core.config import Recipe, explain, nearest
from simclr_core.errors import BadInput

GRIDS = Path(__file__).parent.parent / "grids"

# Columns that every study's table has beside its axes, and the role of an ordinary trial.
METRICS = (
    *("top1", "balanced_accuracy", "n_test", "loss", "contrastive_accuracy", "entropy"),
    *("probe_l2", "probe_validation_top1", "knn_top1"),
    *("alignment_h", "alignment_z", "uniformity_h", "uniformity_z", "rankme_h", "rankme_z"),
)  # a study whose recipe asks for more probes has their columns after these
COLUMNS = ("role", "seed", "status", "trial_id", *METRICS)
CELL = "cell"
MAX_SEEDS = 1000  # a slip of the finger, not a study, is beyond

Value = str | bool | int | float | None


def _file_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise ValueError(f"{name!r} becomes a file name: use letters, digits, _ and - only")
    return name


Name = Annotated[str, AfterValidator(_file_name)]


class Part(BaseModel):
    """A frozen piece of a study or a scale; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Axis(Part):
    """A named, ordered list of values, each put into one or more fields of the recipe.

    `set` replaces the field; `append` adds the value to the list there, unless that already ends with it: so the pair
    (x, x) of two appending axes is the single x. Without either, `values` maps each value's name to the fields that it
    sets, dotted path -> value.
    """

    label: str = ""  # for people, on figures; the axis's name where there is none
    set: str | tuple[str, ...] | None = None
    append: str | tuple[str, ...] | None = None
    values: tuple[Value, ...] | dict[str, dict[str, Any]] = Field(min_length=1)
    at: dict[str, tuple[Value, ...]] = {}  # scale -> the values there instead; of a mapping, those of its names

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.set is not None and self.append is not None:
            raise ValueError("an axis has set or append, not both")
        if (self.set is None and self.append is None) is not isinstance(self.values, dict):
            raise ValueError("values is a list with set or append, a mapping from names to fields without them")
        for scale, names in self.at.items():
            for name in names if isinstance(self.values, dict) else ():
                if name not in self.values:
                    known = [str(known) for known in self.values]
                    raise ValueError(f"at.{scale}: unknown value {name!r}{nearest(str(name), known)}")
        for name, values in {
            "values": self.listed(""),
            **{f"at.{scale}": those for scale, those in self.at.items()},
        }.items():
            if not values:
                raise ValueError(f"{name} is empty")
            twice = [value for i, value in enumerate(values) if value in values[:i]]
            if twice:
                raise ValueError(f"{name} lists {twice[0]!r} twice")
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """Dotted paths of the fields that this axis sets or appends to."""
        if isinstance(self.values, dict):
            return tuple(dict.fromkeys(path for fields in self.values.values() for path in fields))
        given = self.set if self.set is not None else self.append
        return (given,) if isinstance(given, str) else given or ()

    def fields(self, value: Value) -> dict[str, Any]:
        """Dotted path -> what a value of this axis puts there."""
        if isinstance(self.values, dict):
            return self.values[str(value)] if value is not None else {}
        return dict.fromkeys(self.paths, value)

    def listed(self, scale: str) -> tuple[Value, ...]:
        """The values at that scale; everywhere else those of `values`."""
        return self.at.get(scale, (*self.values,))


class Study(Part):
    """A question, the paper item it answers to, a base recipe, axes.

    A study that `repeats` another has the other's paper, scales, recipe, axes, extra cells and baselines, and one axis
    of its own, the first, at every value of which the other's cells are trained.
    """

    study: Name
    question: str
    repeats: str = ""  # the name of the other study
    paper: str = ""  # key of the published numbers; empty where there are none
    figure: Plot
    scales: tuple[Name, ...] = Field(min_length=1)  # those shipped scales that can answer it
    refuses: dict[Name, str] = {}  # shipped scale -> why it cannot
    seeds: int | tuple[int, ...] = 1  # 3 means 0, 1, 2
    recipe: dict[str, Any] = {}
    at: dict[Name, dict[str, Any]] = {}  # scale -> what of the recipe is otherwise there
    axes: dict[str, Axis] = Field(min_length=1)
    extra: tuple[dict[str, Value], ...] = ()  # single cells beside the product; null sets the field to null
    baselines: dict[str, dict[str, Any]] = {}  # name -> dotted path -> value, on top of the recipe without any axis

    @field_validator("question")
    @classmethod
    def _one_line(cls, question: str) -> str:
        return " ".join(question.split())

    @field_validator("seeds")
    @classmethod
    def _some_seeds(cls, seeds: int | tuple[int, ...]) -> int | tuple[int, ...]:
        if isinstance(seeds, int) and seeds < 1:
            raise ValueError(f"at least 1 seed is needed, got {seeds}")
        if isinstance(seeds, int) and seeds > MAX_SEEDS:
            raise ValueError(f"at most {MAX_SEEDS} seeds are allowed, got {seeds}")
        if not isinstance(seeds, int) and (not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds)):
            raise ValueError(f"seeds must be different whole numbers >= 0, got {list(seeds)}")
        return seeds

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for scale in self.at:
            if scale not in self.scales:
                raise ValueError(f"at: unknown scale {scale!r}{nearest(scale, self.scales)}")
        for scale in self.refuses:
            if scale in self.scales:
                raise ValueError(f"refuses: {scale!r} is one of scales")
        for name, axis in self.axes.items():
            if name in COLUMNS or not name.isidentifier():
                raise ValueError(f"axes.{name}: {name!r} cannot name an axis, it is a column of every table or no word")
            for scale in axis.at:
                if scale not in self.scales:
                    raise ValueError(f"axes.{name}.at: unknown scale {scale!r}{nearest(scale, self.scales)}")
        set_by: dict[str, str] = {}
        for name, axis in self.axes.items():
            for path in axis.paths if axis.append is None else ():
                if path in set_by:
                    raise ValueError(f"axes.{name}: {path} is set by axis {set_by[path]!r} already")
                set_by[path] = name
        if self.paper and self.paper not in items():
            raise ValueError(f"paper: no numbers for {self.paper!r}{nearest(self.paper, items())}; or leave it out")
        for i, cell in enumerate(self.extra):
            for name in cell:
                if name not in self.axes:
                    raise ValueError(f"extra.{i}: unknown axis {name!r}{nearest(name, tuple(self.axes))}")
            for name in self.axes:
                if name not in cell and name != self.along:
                    raise ValueError(f"extra.{i}: axis {name!r} has no value; null leaves its field empty")
        try:
            self.figure.check(list(self.axes))
        except ValueError as error:
            raise ValueError(f"figure: {error}") from None
        self._has_reference()
        self._has_budgets()
        if CELL in self.baselines:
            raise ValueError(f"baselines: {CELL!r} is the name of ordinary trials")
        return self

    def _has_reference(self) -> None:
        """Raise ValueError where the compared axis lacks, at some scale, the value that others are compared with."""
        axis, reference = self.figure.compare, self.figure.reference
        if axis not in self.axes or axis is None or reference is None:  # the metrics are compared, or there is none
            return
        for scale in ("", *self.axes[axis].at):
            values = self.values(axis, scale)
            if reference not in values:
                where = f" at scale {scale!r}" if scale else ""
                known = nearest(str(reference), [str(value) for value in values])
                raise ValueError(f"figure: reference: axis {axis!r} has no value {reference!r}{where}{known}")

    def _has_budgets(self) -> None:
        """Raise ValueError where the figure is of training budgets, and the study has none."""
        if self.figure.kind != "budget":
            return
        if self.along is None or self.along != self.figure.x or self.axes[self.along].set != "schedule.epochs":
            raise ValueError(
                "figure: kind 'budget' is for a study that repeats another along x, which sets schedule.epochs"
            )
        if any(0 in self.axes[self.along].listed(scale) for scale in self.scales):
            raise ValueError(f"axes.{self.along}: a figure of kind 'budget' starts at 1 epoch; untrained is a baseline")

    @property
    def along(self) -> str | None:
        """The axis along which another study is repeated; None where none is."""
        return next(iter(self.axes)) if self.repeats else None

    def values(self, axis: str, scale: str) -> tuple[Value, ...]:
        """The axis's values at that scale in declared order, then those that only extra cells have."""
        declared = self.axes[axis].listed(scale)
        extras = dict.fromkeys(cell[axis] for cell in self.extra if cell.get(axis) is not None)
        return (*declared, *(value for value in extras if value not in declared))


class Resources(Part):
    """What one trial takes; a share of a GPU is possible. What is not given is chosen when the sweep starts."""

    cpus: float | None = Field(default=None, gt=0)
    gpus: float | None = Field(default=None, ge=0, le=1)


class Scale(Part):
    """Data set, encoder, schedule; resources per trial."""

    scale: Name
    about: str = ""
    stamp: bool = False  # figures say that they only prove the path
    recipe: dict[str, Any] = {}
    resources: Resources = Resources()
    checkpoint_every: int = Field(default=10, ge=1)  # epochs; an interrupted trial goes on from there
    hangs_after: float = Field(default=3600, gt=0)  # seconds in which no epoch ends until a trial counts as hanging


@dataclass(frozen=True)
class Trial:
    """One cell, or one baseline, with one seed."""

    role: str  # "cell" or the baseline's name
    axes: dict[str, Value]  # all None for a baseline
    seed: int
    recipe: Recipe

    @property
    def label(self) -> str:
        """For people: "first=crop second=color seed=0"."""
        cell = [f"{name}={value}" for name, value in self.axes.items() if value is not None]
        return " ".join([*(cell if self.role == CELL else [self.role]), f"seed={self.seed}"])


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, where 1e-3 is a number (YAML 1.1 wants 1.0e-3) and a key given twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"key {key.value!r} is given twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def parse_yaml(text: str, where: str) -> Any:
    """Plain data from YAML. Raises BadInput naming the line."""
    try:
        return yaml.load(text, _Loader)  # a subclass of SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise BadInput(
            f"{where}{line}: invalid YAML: {getattr(error, 'problem', None) or ' '.join(str(error).split())}."
        ) from None
    except RecursionError:
        raise BadInput(f"{where}: invalid YAML: nested too deeply.") from None
    except ValueError as error:  # Python reads no integer of more than 4,300 digits
        raise BadInput(f"{where}: invalid YAML: {str(error).partition(';')[0]}.") from None


M = TypeVar("M", bound=BaseModel)


def _validate(model: type[M], fields: Any, where: str) -> M:
    known = model.model_fields
    for key in fields if isinstance(fields, dict) else ():
        if key not in known:
            raise BadInput(f"{where}: unknown key {key!r}{nearest(str(key), tuple(known))}.")
    for key, declared in known.items():
        if isinstance(fields, dict) and declared.is_required() and key not in fields:
            raise BadInput(f"{where}: the key {key!r} is missing.")
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise BadInput(explain(error, model, where)) from None


def _read(name_or_path: str | Path, folder: Path, kind: str) -> tuple[dict[str, Any], str]:
    """Fields of a shipped file by name, or of any file by path; and how to call it in messages."""
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml") and len(path.parts) == 1 and not os.path.isfile(path):  # noqa: PTH113
        shipped = sorted(file.stem for file in folder.glob("*.yaml"))
        if path.name not in shipped:
            raise BadInput(f"Unknown {kind} {path.name!r}{nearest(path.name, shipped)}, or a path to a YAML file.")
        path = folder / f"{path.name}.yaml"
    if not os.path.isfile(path):  # noqa: PTH113  # Path.is_file raises where a name is too long
        said = f"{path}: no such file" if name_or_path else f"An empty name of a {kind}"
        said = f"{path} is a folder" if name_or_path and os.path.isdir(path) else said  # noqa: PTH112
        raise BadInput(f"{said}; give a {kind} by its name or as a path to a YAML file.")
    where = str(path.relative_to(GRIDS.parent)) if path.is_relative_to(GRIDS) else str(path)
    try:
        fields = parse_yaml(path.read_text(encoding="utf-8"), where)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{where}: cannot be read: {error}.") from None
    if fields is None:
        raise BadInput(f"{where}: the file is empty; a {kind} has keys such as {kind!r} and 'recipe'.")
    if not isinstance(fields, dict) or not all(isinstance(key, str) for key in fields):
        raise BadInput(f"{where}: a {kind} is a mapping from names to values, got {type(fields).__name__}.")
    return fields, where


def load_study(name_or_path: str | Path) -> Study:
    """A shipped study by name, or any by path. Raises BadInput: one sentence with file, path and what is allowed."""
    fields, where = _read(name_or_path, GRIDS, "study")
    if "repeats" in fields:
        fields = _repeating(fields, where)
    if isinstance(fields.get("axes"), dict):  # one by one, so that a message can name the nearest key of an axis
        axes = {name: _validate(Axis, axis, f"{where}: axes.{name}") for name, axis in fields["axes"].items()}
        fields = {**fields, "axes": axes}
    study = _validate(Study, fields, where)
    Recipe.parse(study.recipe, f"{where}: recipe")
    for scale, changes in study.at.items():
        Recipe.parse(_merge(study.recipe, changes), f"{where}: at.{scale}")
    return study


def _repeating(fields: dict[str, Any], where: str) -> dict[str, Any]:
    """The fields of a study that repeats another, with all that it has from the other."""
    own = ("study", "question", "repeats", "figure", "seeds", "axes")
    for key in fields:
        if key in Study.model_fields and key not in own:
            raise BadInput(f"{where}: {key}: a study that repeats another has the other's; leave it out.")
    name, axes = fields["repeats"], fields.get("axes")
    if not isinstance(name, str):
        raise BadInput(f"{where}: repeats: give the name of a study, or a path to its file, got {name!r}.")
    try:
        if "repeats" in _read(name, GRIDS, "study")[0]:
            raise BadInput(f"{name} repeats another study itself.")
        other = load_study(name)
    except BadInput as error:
        raise BadInput(f"{where}: repeats: {error}") from None
    if not isinstance(axes, dict) or len(axes) != 1 or set(axes) & set(other.axes):
        raise BadInput(
            f"{where}: axes: a study that repeats another has one axis of its own, and beside it the other's: "
            f"{', '.join(other.axes)}."
        )
    theirs = {key: getattr(other, key) for key in Study.model_fields if key not in ("study", "question", "figure")}
    return {**theirs, **fields, "repeats": other.study, "axes": {**axes, **other.axes}}


def load_scale(name_or_path: str | Path) -> Scale:
    """A shipped scale by name, or any by path. Raises BadInput: one sentence with file, path and what is allowed."""
    fields, where = _read(name_or_path, GRIDS / "scales", "scale")
    scale = _validate(Scale, fields, where)
    Recipe.parse(scale.recipe, f"{where}: recipe")
    return scale


def parse_overrides(given: Sequence[str]) -> dict[str, Any]:
    """--set path=value, the value read as YAML."""
    found = {}
    for text in given:
        path, equals, value = text.partition("=")
        if not (path and equals):
            raise BadInput(f"--set {text}: write path=value, such as schedule.epochs=20.")
        if path in ("seed", "seeds"):
            raise BadInput(f"--set {text}: seeds are given by --seeds, or by the study's key 'seeds'.")
        found[path] = parse_yaml(value, f"--set {path}")
    return found


def parse_only(given: Sequence[str]) -> dict[str, list[str]]:
    """--only axis=v1,v2; an axis given twice has the values of both."""
    found: dict[str, list[str]] = {}
    for text in given:
        axis, equals, values = text.partition("=")
        if not (axis and equals and values):
            raise BadInput(f"--only {text}: write axis=value1,value2, such as first=crop,color.")
        found.setdefault(axis, []).extend(re.split(r",(?![^(]*\))", values))  # A.CLAHE(clip_limit=2, p=1) is one value
    return found


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
    study, below the axes. only: axis -> the values wanted, as text; baselines always stay.
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
            _put(fields, path, value)
        trials += _seeded(role, dict.fromkeys(study.axes), fields, all_seeds, f"{study.study}: baselines.{role}")
    defaults = Recipe.parse(base, study.study).model_dump(mode="json")
    mapped = []
    for axes in cells:
        fields = copy.deepcopy(base)
        where = f"{study.study}: {', '.join(f'{name} = {value}' for name, value in axes.items())}"
        for name, value in axes.items():
            for path, given in study.axes[name].fields(value).items():
                if study.axes[name].append is None:
                    _put(fields, path, given)
                else:
                    _append(fields, path, given, defaults, f"{study.study}: axes.{name}.append")
        mapped.append(_seeded(CELL, axes, fields, all_seeds, where))
    return trials + [cell[i] for i in range(len(all_seeds)) for cell in mapped]


def _seeds(seeds: int | tuple[int, ...]) -> Sequence[int]:
    return range(seeds) if isinstance(seeds, int) else seeds


def _offered(study: Study, scale: Scale) -> None:
    """A shipped scale must be one that the study lists; a scale of the user's own is theirs to judge."""
    if scale.scale not in study.scales and (GRIDS / "scales" / f"{scale.scale}.yaml").is_file():
        reason = f" ({study.refuses[scale.scale]})" if scale.scale in study.refuses else ""
        raise BadInput(
            f"Study {study.study!r} is not offered at scale {scale.scale!r}{reason}; "
            f"allowed: {', '.join(study.scales)}."
        )


def _base(study: Study, scale: Scale, data: str | None, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """scale <- study <- --data <- --set, as nested fields; each layer is validated where its mistakes can be named."""
    for path in overrides:
        for name, axis in study.axes.items():
            if axis.append is None and path in axis.paths:
                raise BadInput(
                    f"--set {path}: axis {name!r} of study {study.study!r} sets it; choose with --only {name}=VALUE."
                )
    fields = _merge(_merge(scale.recipe, study.recipe), study.at.get(scale.scale, {}))
    before = Recipe.parse(fields, f"{study.study} at scale {scale.scale}").data
    if data is not None:
        fields = _merge(fields, {"data": {"source": data}})
        if (data == "embedded") != (before.source == "embedded"):
            # 24 pixels are the embedded set's own size, and no other's.
            fields = _merge(fields, {"data": {"size": 24 if data == "embedded" else 32}})
        Recipe.parse(fields, "--data")
    for path, value in overrides.items():
        _put(fields, path, value)
    parsed = Recipe.parse(fields, "--set")
    _put(fields, "data.source", _absolute(parsed.data.source))
    if parsed.probes.transfer is not None:
        _put(fields, "probes.transfer.source", _absolute(parsed.probes.transfer.source))
    return fields


def _absolute(source: str) -> str:
    """Workers may stand in another folder."""
    if not source.startswith("folder:"):
        return source
    return f"folder:{Path(source.removeprefix('folder:')).expanduser().absolute()}"


def _cells(study: Study, scale: str, only: Mapping[str, Sequence[str]]) -> list[dict[str, Value]]:
    """Axis values of every cell, the first axis outermost, extra cells last, filtered by `only`."""
    for name, wanted in only.items():
        if name not in study.axes:
            raise BadInput(f"--only {name}: unknown axis {name!r}{nearest(name, tuple(study.axes))}.")
        known = [str(value) for value in study.values(name, scale)]
        for value in wanted:
            if value not in known:
                raise BadInput(f"--only {name}: unknown value {value!r}{nearest(value, known)}.")
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
    chosen = [cell for cell in cells if all(str(cell[name]) in wanted for name, wanted in only.items())]
    if not chosen:
        raise BadInput("--only: no cell of the study has this combination of values.")
    return chosen


def _seeded(role: str, axes: dict[str, Value], fields: dict[str, Any], seeds: Sequence[int], where: str) -> list[Trial]:
    if "seed" in fields:
        raise BadInput(f"{where}: seed: seeds are given by the study's key 'seeds' or by --seeds.")
    recipe = Recipe.parse(fields, where)
    return [Trial(role, axes, seed, recipe.model_copy(update={"seed": seed})) for seed in seeds]


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Nested union; where both have a value that is no mapping, `above` wins. Neither is changed."""
    merged = copy.deepcopy(dict(below))
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else copy.deepcopy(value)
    return merged


def _put(fields: dict[str, Any], path: str, value: Any) -> None:
    """Sets the value at a dotted path. Whether the recipe has such a field is for Recipe.parse to say."""
    *above, last = path.split(".")
    for step in above:
        if not isinstance(fields.get(step), dict):
            fields[step] = {}
        fields = fields[step]
    there = fields.get(last)
    both = isinstance(there, Mapping) and isinstance(value, Mapping)
    fields[last] = _merge(there, value) if both else copy.deepcopy(value)  # type: ignore[arg-type]


def _append(fields: dict[str, Any], path: str, value: Value, defaults: dict[str, Any], where: str) -> None:
    present = _get(fields, path)
    chain = present if present is not None else _get(defaults, path)
    if not isinstance(chain, list | tuple):
        raise BadInput(
            f"{where}: {path} is no list field of the recipe; a list is views.shared, views.left or views.right."
        )
    if not chain or chain[-1] != value:
        _put(fields, path, [*chain, value])


def _get(fields: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, or None."""
    found: Any = fields
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found
