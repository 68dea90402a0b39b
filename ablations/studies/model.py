"""Studies, scales and trials: frozen and validated."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from ablations.published.numbers import items
from ablations.studies.metrics import is_column
from ablations.studies.parse import spelled
from ablations.studies.plot import Plot
from simclr_core.config import Recipe, nearest

CELL = "cell"  # the role of an ordinary trial
MAX_SEEDS = 1000  # a slip of the finger, not a study, is beyond
AxisValue = str | bool | int | float | None  # as tables have it; None: no value on the axis
Scalar = str | bool | int | float | None
Value = Scalar | tuple[Scalar, ...]  # as a study gives it to an axis
OWN_FOLDERS = ("cache", "claims", "gallery", "paper", "runs", "set_aside", "trials")  # in results/ and reports/


def _file_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise ValueError(f"{name!r} becomes a file name: use letters, digits, _ and - only")
    return name


def _own_folder(name: str) -> str:
    if name.lower() in OWN_FOLDERS:
        raise ValueError(
            f"{name!r} cannot name a study, its files would be among our own; not allowed: {', '.join(OWN_FOLDERS)}"
        )
    return name


Name = Annotated[str, AfterValidator(_file_name)]
StudyName = Annotated[Name, AfterValidator(_own_folder)]


def shown(value: Value) -> AxisValue:
    """What a value of an axis is in tables and for people: null by that word, a list by its parts, others as given."""
    if isinstance(value, tuple):
        return " ".join(str(shown(part)).removesuffix(".0") for part in value) or "[]"
    return "null" if value is None else value


def read_alike(one: Value, other: Value) -> bool:
    """Whether people read both values as the same: blanks around them, how letters are encoded, 1 or 1.0 apart."""
    return not _readings(one).isdisjoint(_readings(other))


def _readings(value: Value) -> set[str]:
    text = unicodedata.normalize("NFC", str(shown(value))).strip()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return {text}
    whole = text.removesuffix(".0")
    return {whole, f"{whole}.0"}


class Part(BaseModel):
    """A frozen piece of a study or a scale; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _listed(values: Any) -> Any:
    """Raise ValueError where it is no list of values of an axis."""
    if not isinstance(values, list | tuple):
        raise ValueError(f"a list of values is needed, or under values a mapping from names to fields, got {values!r}")
    for value in values:
        for part in value if isinstance(value, list | tuple) else [value]:
            finite = not isinstance(part, float) or isfinite(part)
            if not (part is None or (isinstance(part, str | bool | int | float) and finite)):
                raise ValueError(
                    f"a text, a finite number, true, false, null or a list of these is needed, got {value!r}"
                )
    return values


class Axis(Part):
    """A named, ordered list of values, each put into one or more fields of the recipe.

    `set` replaces the field; `append` adds the value to the list there, unless that already ends with it: so the pair
    (x, x) of two appending axes is the single x. Without either, `values` maps each value's name to the fields that it
    sets, dotted path -> value.
    """

    label: str = ""  # for people, on figures; the axis's name where there is none
    set: str | tuple[str, ...] | None = None
    append: str | tuple[str, ...] | None = None
    values: tuple[Value, ...] | dict[Value, dict[str, Any]] = Field(min_length=1)
    at: dict[str, tuple[Value, ...]] = {}  # scale -> the values there instead; of a mapping, those of its names

    @field_validator("values", mode="before")
    @classmethod
    def _named_or_listed(cls, values: Any) -> Any:
        """Say what is wrong in one sentence, where each member of the union would complain for itself."""
        if not isinstance(values, Mapping):
            return _listed(values)
        for name, fields in zip(_listed([*values]), values.values(), strict=True):
            if not isinstance(fields, Mapping):
                raise ValueError(f"{spelled(name)}: a mapping from fields to values is needed, got {fields!r}")
        return values

    @field_validator("at", mode="before")
    @classmethod
    def _listed_at(cls, at: Any) -> Any:
        return {scale: _listed(values) for scale, values in at.items()} if isinstance(at, Mapping) else at

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.set is not None and self.append is not None:
            raise ValueError("an axis has set or append, not both")
        if (self.set is None and self.append is None) is not isinstance(self.values, dict):
            raise ValueError("values is a list with set or append, a mapping from names to fields without them")
        for scale, names in self.at.items():
            for name in names if isinstance(self.values, dict) else ():
                if name not in self.values:
                    known = [spelled(known) for known in self.values]
                    raise ValueError(f"at.{scale}: unknown value {name!r}{nearest(spelled(name), known)}")
        for name, values in {
            "values": self.listed(""),
            **{f"at.{scale}": those for scale, those in self.at.items()},
        }.items():
            if not values:
                raise ValueError(f"{name} is empty")
            for i, value in enumerate(values):
                alike = [other for other in values[:i] if other == value or read_alike(other, value)]
                if alike:
                    also = "twice" if repr(alike[0]) == repr(value) else f"beside {alike[0]!r}, which reads the same"
                    raise ValueError(f"{name} lists {value!r} {also}")
                if not (text := str(shown(value))).strip() or not text.isprintable():
                    raise ValueError(f"{name} lists {value!r}; a name of printable characters on one line is needed")
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """Dotted paths of the fields that this axis sets or appends to."""
        if isinstance(self.values, dict):
            return tuple(dict.fromkeys(path for fields in self.values.values() for path in fields))
        given = self.set if self.set is not None else self.append
        return (given,) if isinstance(given, str) else given or ()

    def fields(self, value: Value) -> dict[str, Any]:
        """The fields that a value of this axis sets or appends to: dotted path -> what it puts there."""
        if isinstance(self.values, dict):
            return self.values.get(value, {})  # nothing: an extra cell without a value here
        return dict.fromkeys(self.paths, value)

    def listed(self, scale: str) -> tuple[Value, ...]:
        """The axis's values at that scale: `at`'s where it names it, else `values`."""
        return self.at.get(scale, (*self.values,))

    def shown(self, value: Value, scale: str) -> AxisValue:
        """What tables hold for a cell's value: `shown`, or None where null stands for no value and is not listed."""
        return None if value is None and None not in self.listed(scale) else shown(value)


class Study(Part):
    """A question, the paper item it answers to, a base recipe, axes.

    A study that `repeats` another has the other's paper, scales, recipe, axes, extra cells and baselines, and one axis
    of its own, the first, at every value of which the other's cells are trained.
    """

    study: StudyName
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
            if is_column(name):
                raise ValueError(f"axes.{name}: tables have a column {name!r} of their own; any other word is allowed")
            if not name.isidentifier():
                raise ValueError(f"axes.{name}: a word of letters, digits and _ is allowed, without a digit in front")
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
                named, value = self.axes[name].values, cell[name]
                if isinstance(named, dict) and value is not None and value not in named:
                    known = nearest(spelled(value), [spelled(each) for each in named])
                    raise ValueError(f"extra.{i}: axis {name!r} has no value {value!r}{known}")
                before = [*self.axes[name].listed(""), *(other[name] for other in self.extra[:i] if name in other)]
                alike = [other for other in before if other != value and read_alike(other, value)]
                if value is not None and alike:
                    raise ValueError(
                        f"extra.{i}: axis {name!r} has {value!r} beside {alike[0]!r}, which reads the same"
                    )
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
                known = nearest(spelled(reference), [spelled(value) for value in values])
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
        """The axis along which another study is repeated; None where this study repeats none."""
        return next(iter(self.axes)) if self.repeats else None

    def values(self, axis: str, scale: str) -> tuple[AxisValue, ...]:
        """The axis's values at that scale as tables hold them, in declared order, then those of extra cells alone."""
        extras = [cell[axis] for cell in self.extra if cell.get(axis) is not None]
        return tuple(dict.fromkeys(map(shown, (*self.axes[axis].listed(scale), *extras))))


class Resources(Part):
    """Share of a node that one trial takes, or of a GPU; what is not given is chosen when the sweep starts."""

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
    axes: dict[str, AxisValue]  # as tables hold them; all None for a baseline
    seed: int
    recipe: Recipe

    @property
    def label(self) -> str:
        """For people: "first=crop second=color seed=0"."""
        cell = [f"{name}={value}" for name, value in self.axes.items() if value is not None]
        return " ".join([*(cell if self.role == CELL else [self.role]), f"seed={self.seed}"])
