"""Nested plain fields addressed by dotted paths."""

import copy
from collections.abc import Mapping
from typing import Any

from ablations.studies.model import Value
from simclr_core.errors import BadInput


def flat(fields: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Flatten nested fields: dotted path -> value."""
    by_path: dict[str, Any] = {}
    for key, value in fields.items():
        by_path |= flat(value, f"{above}{key}.") if isinstance(value, Mapping) else {f"{above}{key}": value}
    return by_path


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Nested union; where both have a value that is no mapping, `above` wins. Neither is changed."""
    merged = copy.deepcopy(dict(below))
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if both else copy.deepcopy(value)
    return merged


def put(fields: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a dotted path. Whether the recipe has such a field is for Recipe.parse to say."""
    *above, last = path.split(".")
    for step in above:
        if not isinstance(fields.get(step), dict):
            fields[step] = {}
        fields = fields[step]
    there = fields.get(last)
    both = isinstance(there, Mapping) and isinstance(value, Mapping)
    fields[last] = merge(there, value) if both else copy.deepcopy(value)  # type: ignore[arg-type]


def append(fields: dict[str, Any], path: str, value: Value, defaults: dict[str, Any], where: str) -> None:
    present = get(fields, path)
    chain = present if present is not None else get(defaults, path)
    if not isinstance(chain, list | tuple):
        raise BadInput(
            f"{where}: {path} is no list field of the recipe; a list is views.shared, views.left or views.right."
        )
    if not chain or chain[-1] != value:
        put(fields, path, [*chain, value])


def get(fields: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, or None."""
    there: Any = fields
    for step in path.split("."):
        there = there.get(step) if isinstance(there, Mapping) else None
    return there
