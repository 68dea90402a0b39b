"""A study's report as one self-contained HTML page, and the front page that joins all of them. Pure but for drawing."""

import base64
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from ablations import why, words
from ablations.figures.context import Context
from ablations.figures.curves import chosen
from ablations.frame import axes_of
from ablations.material import Material
from ablations.measures import label, text
from ablations.paper import published
from ablations.plan import duration
from ablations.plot import METRIC
from ablations.strip import strips
from ablations.verdicts.verdict import Outcome, Part, Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKS: dict[Outcome, str] = {"holds": "✓", "does not hold": "✗", "undecided": "?", "not asked": "–"}
RENEW = 10  # seconds until a page of a sweep that is going on loads itself again
VARYING = ("device", "cpu", "python", "torch", "torchvision", "numpy", "ray", "commit", "data_source")


@dataclass(frozen=True)
class Cell:
    """Of a table: what is shown, and what it is sorted by: a number, a text, or None, which comes last."""

    text: str
    key: float | str | None


@dataclass(frozen=True)
class Table:
    columns: list[str]
    rows: list[list[Cell]]

    @property
    def numeric(self) -> list[bool]:
        """Of each column, whether it has numbers."""
        return [any(isinstance(row[i].key, float) for row in self.rows) for i in range(len(self.columns))]


@dataclass(frozen=True)
class Picture:
    """An image in the page. alt: what is seen, in words."""

    key: str
    title: str
    source: str  # a data: URI
    alt: str


@dataclass(frozen=True)
class Card:
    """What the front page says of a study at a scale."""

    study: str
    scale: str
    question: str
    stamp: str
    answer: str
    counts: str
    verdicts: str
    link: str
    command: str
    thumbnail: str  # a data: URI, or empty


def build(material: Material, answer: str, verdicts: Sequence[Verdict], live: bool = False) -> str:
    """The page. live: somebody keeps renewing it, so it loads itself again now and then."""
    context, frame = material.ran.context, material.frame
    paper = published(context.paper)
    return (
        _templates()
        .get_template("study.html")
        .render(
            title=f"{context.study}, {context.scale}",
            live=RENEW if live else 0,
            context=context,
            stamp=stamp(context),
            answer=answer,
            counts=counts(frame),
            unfinished=int((~frame["status"].isin(["done", "failed"])).sum()),
            at_work=material.at_work,
            figures=figures(material),
            caption=words.caption(frame, context),
            reading=reading(context),
            table=texts(words.text_table(frame, context)),
            paper=paper,
            paper_table=texts(words.paper_text(paper, context)) if paper else None,
            trials=trials(material),
            downloads=downloads(material),
            groups=grouped(verdicts),
            tally=tally(verdicts),
            marks=MARKS,
            failed=material.failed,
            setting=setting(context),
            recipe=[(path, why.words(value)) for path, value in material.ran.recipe.items()],
            provenance=provenance(material),
            command=material.ran.command,
        )
    )


def front(cards: Sequence[Card], live: bool = False) -> str:
    """The front page."""
    return _templates().get_template("index.html").render(title="Reports", cards=cards, live=RENEW if live else 0)


def card(
    material: Material, answer: str, verdicts: Sequence[Verdict], link: str, command: str, thumbnail: bytes | None
) -> Card:
    """link: to the page, empty where there is none yet; command: what makes it."""
    context = material.ran.context
    return Card(
        study=context.study,
        scale=context.scale,
        question=context.question,
        stamp=stamp(context),
        answer=answer,
        counts=counts(material.frame),
        verdicts=tally(verdicts),
        link=link,
        command=command,
        thumbnail=png(thumbnail) if thumbnail else "",
    )


@cache
def _templates() -> Environment:
    found = Environment(
        loader=PackageLoader("ablations"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {"spoken": spoken, "strips": strips}
    return found


def stamp(context: Context) -> str:
    """What must be said of a scale whose numbers mean nothing; else empty."""
    return f"{context.scale.upper()}: {context.about}" if context.stamp else ""


def counts(frame: pd.DataFrame) -> str:
    """ "150 trials: 147 done, 3 failed"."""
    found = Counter(frame["status"])
    said = ", ".join(
        f"{found[status]} {status}" for status in ("done", "running", "missing", "failed") if found[status]
    )
    return f"{words.counted(len(frame), 'trial')}: {said}" if len(frame) else "no trials"


# --- figures ----------------------------------------------------------------------------------------------------------


def figures(material: Material) -> dict[str, list[Picture]]:
    """By section: figure, more, curves, comparisons, views. A section without a picture has an empty list."""
    from ablations import figures

    frame = material.frame
    context = replace(material.ran.context, question="")  # the page's own heading
    found: dict[str, list[Picture]] = {
        "figure": [_drawn("figure", "", figures.draw(frame, context), words.described(frame, context))]
    }
    best = "; ".join(chosen(frame)) or "none"
    said = {
        "synergy": ("What a pair adds, and what its order does", "Two maps of differences in points."),
        "cost": ("Accuracy against cost", f"One point a cell. Cells from the best to the worst: {best}."),
        "curves": ("Learning curves", f"Loss and accuracy of the training task by epoch. Cells: {best}."),
    }
    found |= {"more": [], "curves": []}
    for name, drawing in figures.more(frame, context, material.seconds, material.epochs).items():
        if figure := drawing():
            found["curves" if name == "curves" else "more"].append(_drawn(name, said[name][0], figure, said[name][1]))
    found["comparisons"] = [
        Picture(f"compare-{i}", name, svg(content), f"Differences between pairs of trials: {name}")
        for i, (name, content) in enumerate(material.comparisons.items())
    ]
    found["views"] = (
        []
        if material.views is None
        else [Picture("views", "", png(material.views), "The same few test images, and the two views of each that "
                      "every setting of the augmentations makes of it.")]
    )  # fmt: skip
    return found


def _drawn(key: str, title: str, figure: "Figure", alt: str) -> Picture:
    from ablations.figures import rendered

    source = svg(rendered(figure, ".svg").decode())
    figure.clear()
    return Picture(key, title, source, alt)


def svg(content: str) -> str:
    """As a data: URI. Percent-encoded, which for SVG is a fifth shorter than base64."""
    return "data:image/svg+xml," + quote(content.replace("\n", " "), safe=" /:=;,()'+-.{}*!|[]@$&?~^")


def png(content: bytes) -> str:
    """As a data: URI."""
    return "data:image/png;base64," + base64.b64encode(content).decode()


# --- tables -----------------------------------------------------------------------------------------------------------


def texts(table: pd.DataFrame) -> Table:
    """A table of texts; "53.7 ± 3.0" is sorted as 53.7, a dash or a cross as nothing."""
    rows = [[Cell(str(value), _key(str(value))) for value in row] for row in table.itertuples(index=False)]
    return Table([str(column) for column in table.columns], rows)


def reading(context: Context) -> str:
    """How the study's table is laid out."""
    plot = context.figure
    measured = "; ".join(label(metric) for metric in plot.metrics)
    across = {"pairs": "second transformation", "bars": context.named(plot.x or ""), "scatter": METRIC}[plot.kind]
    if plot.kind == "pairs":
        return f"{measured}; first transformation down, second across; mean over seeds"
    return f"{measured}; {across} across; mean over seeds, ± half a 95% interval where there are several"


def _key(shown: str) -> float | str | None:
    if shown in ("–", "×", ""):
        return None
    number = re.fullmatch(r"([-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)(?: ± .*)?", shown)
    return float(number[1]) if number else shown


def trials(material: Material) -> Table:
    """A row per trial: axes, seed, status, every metric that any has, seconds, trial_id."""
    frame, context = material.frame, material.ran.context
    axes, metrics = axes_of(frame), list(frame.columns[frame.columns.get_loc("trial_id") + 1 :])
    metrics = [metric for metric in metrics if frame[metric].notna().any()]
    columns = ["role", *map(context.named, axes), "seed", "status", *map(label, metrics), "seconds", "trial"]
    seconds, rows = material.seconds, []
    for _, row in frame.iterrows():
        plain = [row["role"], *(row[axis] for axis in axes), row["seed"], row["status"]]
        took = seconds.get(str(row["trial_id"]))
        rows.append(
            [
                *(Cell("–", None) if pd.isna(value) else Cell(str(value), _key(str(value))) for value in plain),
                *(number(row[metric], metric) for metric in metrics),
                Cell("–", None) if took is None else Cell(f"{took:.1f}", took),
                Cell(str(row["trial_id"]), str(row["trial_id"])),
            ]
        )
    return Table(columns, rows)


def number(value: Any, metric: str) -> Cell:
    """With the metric's digits; sorted by all of them."""
    if pd.isna(value):
        return Cell("–", None)
    return Cell(str(value) if isinstance(value, int) else text(float(value), metric), float(value))


def downloads(material: Material) -> list[tuple[str, str, str]]:
    """(what it is, file's name, data: URI)."""
    context, frame = material.ran.context, material.frame
    stem = f"{context.study}-{context.scale}"
    files = [
        ("CSV, a row per trial", f"{stem}.csv", "text/csv", material.table),
        ("Markdown", f"{stem}.md", "text/markdown", words.markdown(frame, context)),
        ("LaTeX", f"{stem}.tex", "application/x-tex", words.latex(frame, context)),
        ("Provenance, CSV", f"{stem}.provenance.csv", "text/csv", material.provenance),
    ]
    return [(what, name, f"data:{kind};charset=utf-8,{quote(content)}") for what, name, kind, content in files]


# --- claims -----------------------------------------------------------------------------------------------------------


def grouped(verdicts: Sequence[Verdict]) -> dict[str, list[Verdict]]:
    """In the given order."""
    found: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        found.setdefault(verdict.claim.group, []).append(verdict)
    return found


def tally(verdicts: Sequence[Verdict]) -> str:
    """ "2 hold, 1 does not hold, 3 undecided"."""
    found = Counter(verdict.outcome for verdict in verdicts)
    many = {"holds": "hold", "does not hold": "do not hold"}
    outcomes = [outcome for outcome in MARKS if found[outcome]]
    return ", ".join(f"{found[each]} {each if found[each] == 1 else many.get(each, each)}" for each in outcomes)


def signed(value: float, unit: str) -> str:
    """ "+3.2"; points have one digit."""
    return f"{value:+.{1 if unit == 'points' else 2}f}".replace("-", "−")


def spoken(part: Part) -> str:
    """A comparison in words: the effect, its interval, and what is claimed."""
    unit = f" {part.unit}" if part.unit else ""
    bound = f"{part.bound:g}{unit}".replace("-", "−")
    claimed = f"claimed: within ±{bound}" if part.relation == "within" else f"claimed: {part.relation} {bound}"
    if not isfinite(part.effect):
        return f"not measured; {claimed}"
    interval = "no interval"
    if isfinite(part.low) and isfinite(part.high):
        interval = f"95% interval {signed(part.low, part.unit)} to {signed(part.high, part.unit)}"
    return f"{signed(part.effect, part.unit)}{unit} ({interval}); {claimed}"


# --- setting and provenance -------------------------------------------------------------------------------------------


def setting(context: Context) -> list[tuple[str, str, str]]:
    """(what, this run's, the paper's); of the paper nothing where it has no such numbers."""
    paper = published(context.paper)
    epochs, batch = (words.span(values) for values in (context.epochs, context.batch_size))
    ours = f"{context.encoder}; {context.data}; epochs {epochs}; batch size {batch}"
    rows = [
        ("Encoder, data, length", ours, paper.setting if paper else ""),
        ("Views", context.views, paper.views if paper else ""),
        ("Seeds", str(context.seeds), ""),
    ]
    if context.overrides:
        rows.append(("Changed on the command line", ", ".join(context.overrides), ""))
    return rows


def provenance(material: Material) -> list[tuple[str, list[str]]]:
    """(what, its distinct values and on how many trials each)."""
    about = material.about
    rows = []
    for key in VARYING:
        found = Counter(row[key] for row in about if row.get(key))
        values = [f"{value} ({words.counted(n, 'trial')})" for value, n in found.most_common()]
        if values:
            rows.append((key.replace("_", " "), values))
    if about:
        rows.append(("seconds", [f"{duration(sum(material.seconds.values()))} of training and probing in all"]))
        days = sorted(row["finished"][:10] for row in about if row.get("finished"))
        rows += [("finished", [days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"])] if days else []
    return [("trials", [counts(material.frame)]), *rows]
