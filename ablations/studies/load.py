"""Studies and scales from YAML: by name from those shipped, or by path."""

import os
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ablations.studies.fields import merge
from ablations.studies.model import Axis, Scale, Study
from ablations.studies.parse import parse_yaml
from simclr_core.config import Recipe, complaint, nearest
from simclr_core.errors import BadInput

GRIDS = Path(__file__).parents[2] / "grids"


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
        raise BadInput(complaint(error, model, where)) from None


def _read(name_or_path: str | Path, folder: Path, kind: str) -> tuple[dict[str, Any], str]:
    """Fields of a shipped file by name, or of any file by path; and the file's name for messages."""
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
        Recipe.parse(merge(study.recipe, changes), f"{where}: at.{scale}")
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
