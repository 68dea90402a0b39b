"""The paper's printed numbers by item, from package data."""

from functools import cache
from importlib.resources import files
from typing import Any

import yaml


def items() -> list[str]:
    """The items of the paper that have numbers, by name."""
    return list(entries())


@cache
def entries() -> dict[str, Any]:
    text = files(__package__).joinpath("simclr.yaml").read_text(encoding="utf-8")
    entries: dict[str, Any] = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # C: 17 for 105 ms
    return entries
