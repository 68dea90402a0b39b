"""What --set and --only say, as data."""

import re
from collections.abc import Sequence
from typing import Any

from ablations.studies.load import parse_yaml
from simclr_core.errors import BadInput


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
