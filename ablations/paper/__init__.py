"""Published numbers, as package data: what the paper's figures show, for the panel beside ours."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    import pandas as pd  # a study's mistakes are found before it is imported


@dataclass(frozen=True)
class Published:
    """One figure of the paper.

    `table` is percent top-1: for "pairs" first x second transformation, for "heads" indexed by output dimension with
    one column per head kind (NaN where the paper has no bar). `row_average` is the printed one ("pairs" only).
    """

    item: str
    figure: str
    source: str
    confidence: str
    setting: str
    views: str
    unstated: str
    table: "pd.DataFrame"
    row_average: "pd.Series | None"


def published(item: str, figure: str) -> Published | None:
    """The paper's numbers for an item such as "fig5_aug_pairs"; None if there are none for that kind of figure."""
    import pandas as pd

    entry = _entries().get(item)
    if entry is None or entry["figure"] != figure:
        return None
    average: pd.Series | None = None
    if figure == "pairs":
        table = pd.DataFrame(entry["top1"], index=entry["order"], columns=entry["order"])
        average = pd.Series(entry["row_average"], index=entry["order"])
    else:
        table = pd.DataFrame({kind: entry[kind] for kind in ("linear", "nonlinear")}, index=entry["dims"])
        table["none"] = pd.Series({entry["none_dim"]: entry["none"]})
    return Published(
        item=item,
        figure=figure,
        source=entry["source"],
        confidence=entry["confidence"],
        setting=entry["setting"],
        views=entry["views"],
        unstated=entry.get("unstated", ""),
        table=table,
        row_average=average,
    )


def items(figure: str) -> list[str]:
    """The items of the paper that have numbers for that kind of figure."""
    return [name for name, entry in _entries().items() if entry["figure"] == figure]


@cache
def _entries() -> dict[str, Any]:
    entries: dict[str, Any] = yaml.safe_load(files(__package__).joinpath("simclr.yaml").read_text(encoding="utf-8"))
    return entries
