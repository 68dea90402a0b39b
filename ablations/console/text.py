"""Numbers, values and texts for people, on one line that is safe on a terminal."""

import json
from collections.abc import Sequence
from typing import Any

SHOWN = 5  # values, or labels, before "... and 3 more"
LONGEST = 200  # characters of a text from disk
DEEPEST = 8  # levels of a recipe; what is nested deeper was not written by this program


def duration(seconds: float) -> str:
    """A time for people: 8 s, 4 min 10 s, 3 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def clean(text: str, longest: int = LONGEST) -> str:
    """The text on one line that is safe on a terminal: no control characters, no line ends, not endless."""
    if len(text) <= longest and text.isprintable():
        return text
    shown = "".join(c if c.isprintable() else " " if c.isspace() else "" for c in text[: 2 * longest])
    return shown if len(shown) <= longest and len(text) <= 2 * longest else shown[:longest] + "…"


def yaml_text(value: Any, depth: int = 0) -> str:
    """A field's value as in the YAML of a study: null, true, 0.2, [crop, blur]."""
    if isinstance(value, dict | list) and depth == DEEPEST:
        return "…"
    if isinstance(value, dict):
        pairs = (f"{yaml_text(key)}: {yaml_text(part, depth + 1)}" for key, part in list(value.items())[: 4 * SHOWN])
        return "{" + ", ".join(pairs) + (", …}" if len(value) > 4 * SHOWN else "}")
    if isinstance(value, list):
        parts = (yaml_text(part, depth + 1) for part in value[: 4 * SHOWN])
        return "[" + ", ".join(parts) + (", …]" if len(value) > 4 * SHOWN else "]")
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return clean(str(value))


def counted(n: int, noun: str) -> str:
    """A number with its noun: 1 epoch, 2 epochs."""
    return f"{n} {noun}" + ("" if n == 1 else "s")


def span(values: Sequence[int]) -> str:
    """The range of some numbers: 6, or "2 to 12" where they differ."""
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"
