"""--set, --only and --values as data."""

import re
from collections.abc import Sequence
from typing import Any

from ablations.studies.model import AxisValue, shown
from ablations.studies.parse import parse_value, spelled
from simclr_core.config import nearest
from simclr_core.errors import BadInput

# Before a comma: a text in quotes, or all up to it. No comma in brackets ends A.CLAHE(clip_limit=2, p=1) or [0.2, 1].
VALUE = re.compile(r"""\s*("(?:\\.|[^"\\])*"|'(?:''|[^'])*'|(?:\([^)]*\)|\[[^]]*\]|[^,])*?)\s*,""")


def parse_overrides(given: Sequence[str], probe_data: str | None = None) -> dict[str, Any]:
    """Dotted path -> value, read as YAML, of each --set path=value; and of --probe-data. Raises BadInput."""
    overrides = {}
    for text in given:
        path, equals, value = text.partition("=")
        if not (path and equals):
            raise BadInput(f"--set {text}: write path=value, such as schedule.epochs=20.")
        if path in ("seed", "seeds"):
            raise BadInput(f"--set {text}: seeds are given by --seeds, or by the study's key 'seeds'.")
        overrides[path] = parse_value(value, f"--set {path}")
    return overrides if probe_data is None else {**overrides, "data.probe": probe_data}


def parse_only(given: Sequence[str]) -> dict[str, list[str]]:
    """Axis -> values, as text, of each --only axis=v1,v2; an axis given twice has both. Raises BadInput."""
    wanted: dict[str, list[str]] = {}
    for text in given:
        axis, equals, values = text.partition("=")
        if not (axis and equals and values):
            raise BadInput(f"--only {text}: write axis=value1,value2, such as first=crop,color.")
        wanted.setdefault(axis, []).extend(VALUE.findall(f"{values},"))
    return wanted


def choose(text: str, values: Sequence[AxisValue], where: str) -> AxisValue:
    """The value of an axis that a text names: as it is printed, else as YAML, so that 5e-2 is 0.05 and "a, b" a name.

    Raises BadInput, beginning with `where`, if there is none.
    """
    for value in values:
        if str(value) == text:
            return value
    try:
        given = parse_value(text, where)
        given = shown(tuple(given) if isinstance(given, list) else given)
    except BadInput:
        given = text
    for value in values:
        if isinstance(value, bool) is isinstance(given, bool) and value == given:
            return value
    raise BadInput(f"{where} has no value {text!r}{nearest(text, [spelled(value) for value in values])}.")
