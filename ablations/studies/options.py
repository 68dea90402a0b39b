"""--set and --only as data."""

import re
from collections.abc import Sequence
from typing import Any

from ablations.studies.load import parse_yaml
from simclr_core.errors import BadInput


def parse_overrides(given: Sequence[str]) -> dict[str, Any]:
    """Dotted path -> value, read as YAML, of each --set path=value. Raises BadInput."""
    overrides = {}
    for text in given:
        path, equals, value = text.partition("=")
        if not (path and equals):
            raise BadInput(f"--set {text}: write path=value, such as schedule.epochs=20.")
        if path in ("seed", "seeds"):
            raise BadInput(f"--set {text}: seeds are given by --seeds, or by the study's key 'seeds'.")
        overrides[path] = parse_yaml(value, f"--set {path}")
    return overrides


def parse_only(given: Sequence[str]) -> dict[str, list[str]]:
    """Axis -> values, as text, of each --only axis=v1,v2; an axis given twice has both. Raises BadInput."""
    wanted: dict[str, list[str]] = {}
    for text in given:
        axis, equals, values = text.partition("=")
        if not (axis and equals and values):
            raise BadInput(f"--only {text}: write axis=value1,value2, such as first=crop,color.")
        wanted.setdefault(axis, []).extend(re.split(r",(?![^(]*\))", values))  # A.CLAHE(clip_limit=2, p=1) is one value
    return wanted
