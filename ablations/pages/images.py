"""A page's figures, drawn anew from the study's table, as data: URIs with their content in words."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from ablations.outputs.read import StudyOutputs
from ablations.tables import render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VIEWS = "The same few test images, and below them the two views of each that every setting of the augmentations makes."


@dataclass(frozen=True)
class Picture:
    """An image in the page. source: a data: URI, empty where it could not be drawn; alt: what is seen, or why not."""

    key: str
    title: str
    source: str
    alt: str


def pictures(material: StudyOutputs) -> dict[str, list[Picture]]:
    """Pictures by section: figure, more, curves, comparisons, views. A section without any has an empty list."""
    from ablations import figures
    from ablations.figures.curves import chosen

    untitled = replace(material.findings.info, question="")  # the page's own heading
    findings = replace(material.findings, info=untitled)
    best = "; ".join(chosen(findings.frame, findings.info.headline)) or "none"
    said = {
        "synergy": ("What a pair adds, and what its order does", "Two maps of differences in points."),
        "cost": ("Accuracy against cost", f"One point a cell. Cells from the best to the worst: {best}."),
        "curves": ("", f"Loss and accuracy of the training task by epoch. Cells: {best}."),
    }
    more = figures.more(findings, material.seconds, material.epochs)
    drawn = {name: _drawn(name, *said[name], drawing) for name, drawing in more.items()}
    return {
        "figure": _drawn(
            "figure",
            "",
            render.described(findings),
            lambda: figures.draw(findings, material.outcomes),
        ),
        "more": [picture for name, some in drawn.items() if name != "curves" for picture in some],
        "curves": drawn["curves"],
        "comparisons": [
            Picture(f"compare-{i}", name, svg(content), f"Differences between pairs of trials: {name}.")
            for i, (name, content) in enumerate(material.comparisons.items())
        ],
        "views": [Picture("views", "", png(material.views), VIEWS)] if material.views else [],
    }


def _drawn(key: str, title: str, alt: str, drawing: "Callable[[], Figure | None]") -> list[Picture]:
    """Draw a figure as pictures; none where there is nothing to draw yet."""
    from ablations.figures import rendered

    try:
        figure = drawing()
        if figure is None:
            return []
        source = svg(rendered(figure, ".svg").decode())
        figure.clear()
    except Exception as error:  # whatever is wrong with a drawing must not cost the page
        return [Picture(key, title, "", f"The figure could not be drawn: {type(error).__name__}: {error}.")]
    return [Picture(key, title, source, alt)]


def svg(content: str) -> str:
    """An SVG as a data: URI. Percent-encoded, which is a fifth shorter than base64."""
    return "data:image/svg+xml," + quote(content.replace("\n", " "), safe=" /:=;,()'+-.{}*!|[]@$&?~^")


def png(content: bytes) -> str:
    """A PNG as a data: URI."""
    return "data:image/png;base64," + base64.b64encode(content).decode()
