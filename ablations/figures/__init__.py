"""A study frame and what is known of its study -> a figure -> files. Redrawing needs neither torch nor Ray."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import chdir
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from ablations.studies.info import Epochs, Outcomes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ablations.tables.findings import Findings

# What is left out of each, so that the same figure has the same bytes.
SUFFIXES = {
    ".png": ("Software",),
    ".svg": ("Date", "Creator"),
    ".pdf": ("CreationDate", "Creator", "Producer"),
}


def use_own_matplotlib_settings(cache: Path) -> None:
    """To be called before matplotlib is imported: nothing around us is to keep it from that, or to speak through it.

    cache: a folder for what it keeps; it is used where the user's home has none of matplotlib's already.
    """
    if not _has_home_cache():
        os.environ.setdefault("MPLCONFIGDIR", str((cache / "matplotlib").absolute()))
    if "ipykernel" in sys.modules:  # in a notebook's own process matplotlib is its user's
        return
    os.environ["MPLBACKEND"] = "agg"  # commands that a notebook starts inherit one that need not be installed here
    logging.getLogger("matplotlib").setLevel(logging.CRITICAL)
    if found := find_spec("matplotlib"):
        os.environ["MATPLOTLIBRC"] = str(Path(str(found.origin)).parent / "mpl-data" / "matplotlibrc")  # its defaults
    if Path("matplotlibrc").exists():  # that of the current folder comes first, and may not even be text
        with chdir(Path(__file__).parent):
            import matplotlib  # noqa: F401


def _has_home_cache() -> bool:
    try:
        return os.access(Path.home() / ".cache" / "matplotlib", os.W_OK)
    except RuntimeError:  # no HOME, and nobody knows who we are
        return False


def warm_up() -> None:
    """Import what tables and figures need, so that the next ones are quick."""
    from ablations.figures import bars, budget, pairs, scatter, spectrum, style  # noqa: F401
    from ablations.tables import render  # noqa: F401


def draw(findings: Findings, outcomes: Outcomes = lambda _: {}) -> Figure:
    """The study's figure, however much of it is done yet.

    outcomes: what the probes of a trial found, by trial_id; only a spectrum is not in the frame.
    """
    from ablations.figures import bars, budget, pairs, scatter, spectrum, style

    kinds = {"pairs": pairs.draw, "bars": bars.draw, "scatter": scatter.draw, "budget": budget.draw}
    with style.applied():
        if findings.info.figure.kind == "spectrum":
            return spectrum.draw(findings, outcomes)
        return kinds[findings.info.figure.kind](findings)


def more(findings: Findings, seconds: Mapping[str, float], epochs: Epochs) -> dict[str, Callable[[], Figure | None]]:
    """The figures beyond the paper's that suit the study, by the end of their file's name; None: nothing to draw yet.

    seconds: of each trial, by trial_id. epochs: the rows of a trial by trial_id.
    """
    from ablations.figures import cost, curves, style, synergy

    def styled(drawing: Callable[[], Figure | None]) -> Callable[[], Figure | None]:
        def drawn() -> Figure | None:
            with style.applied():
                return drawing()

        return drawn

    drawings: dict[str, Callable[[], Figure | None]] = {}
    if findings.info.figure.kind == "pairs" and findings.info.composed:
        drawings["synergy"] = styled(lambda: synergy.draw(findings))
    if findings.info.headline in findings.info.figure.metrics:
        drawings["cost"] = styled(lambda: cost.draw(findings, seconds))
    drawings["curves"] = styled(lambda: curves.draw(findings, epochs))
    return drawings


def rendered(figure: Figure, suffix: str) -> bytes:
    """The figure as the content of a file with that suffix, the same bytes for the same figure."""
    from ablations.figures import glyphs, style

    with style.applied():
        content = _content(figure, suffix)
        return _content(figure, suffix) if glyphs.lend(figure) else content


def _content(figure: Figure, suffix: str) -> bytes:
    content = BytesIO()
    figure.savefig(content, format=suffix[1:], metadata=dict.fromkeys(SUFFIXES[suffix]))
    return content.getvalue()


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write stem.png, .svg and .pdf, each in one step; empties the figure.

    The picture is drawn first and written last. Where the same one lies there already, no older than the others, these
    are of the same figure: they take most of the time, and stay.
    """
    from ablations.store.files import replace_file

    paths = {suffix: stem.with_name(stem.name + suffix) for suffix in SUFFIXES}
    picture, *others = SUFFIXES
    content = rendered(figure, picture)
    if not _made_before(paths[picture], content, [paths[suffix] for suffix in others]):
        for suffix in others:
            replace_file(paths[suffix], rendered(figure, suffix))
        replace_file(paths[picture], content)
    figure.clear()
    return list(paths.values())


def _made_before(picture: Path, content: bytes, others: list[Path]) -> bool:
    try:
        there = [path.stat() for path in others]
        last = picture.stat().st_mtime_ns >= max(other.st_mtime_ns for other in there)  # else a save was cut short
        return last and all(other.st_size for other in there) and picture.read_bytes() == content
    except OSError:
        return False
