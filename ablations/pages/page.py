"""A study's report as one self-contained HTML page, and the front page that joins all of them. Pure but for drawing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import isfinite
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from ablations.console import text
from ablations.console.text import duration
from ablations.outputs.read import StudyOutputs
from ablations.pages.images import pictures, png
from ablations.pages.strips import strips
from ablations.pages.tables import reading, texts, trials
from ablations.studies.info import stamp
from ablations.tables import captions, render
from ablations.tables.findings import Findings
from ablations.verdicts.verdict import JudgedComparison, Outcome, Verdict

MARKS: dict[Outcome, str] = {"holds": "✓", "does not hold": "✗", "undecided": "?", "not asked": "–"}
RENEW = 10  # seconds until a page of a sweep that is going on loads itself again
VARYING = ("device", "cpu", "python", "torch", "torchvision", "numpy", "ray", "commit", "data_source")


@dataclass(frozen=True)
class Card:
    """The card of a study at a scale on the front page."""

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


def build(material: StudyOutputs, answer: str, verdicts: Sequence[Verdict], live: bool = False) -> str:
    """Build the page. live: somebody keeps renewing it, so it loads itself again now and then."""
    findings, info, paper_table = material.findings, material.findings.info, render.paper_text(material.findings)
    template = _templates().get_template("study.html")
    return template.render(
        title=f"{info.study}, {info.scale}",
        live=RENEW if live else 0,
        info=info,
        stamp=stamp(info),
        answer=answer,
        counts=counts(findings.frame),
        unfinished=int((~findings.frame["status"].isin(["done", "failed"])).sum()),
        at_work=material.at_work,
        figures=pictures(material),
        caption=captions.caption(findings),
        reading=reading(info),
        table=texts(render.text_table(findings)),
        paper=findings.paper,
        paper_table=None if paper_table is None else texts(paper_table),
        trials=trials(material),
        downloads=downloads(material),
        groups=grouped(verdicts),
        tally=tally(verdicts),
        marks=MARKS,
        failed=material.failed,
        setting=setting(findings),
        recipe=[(path, text.yaml_text(value)) for path, value in material.ran.recipe.items()],
        provenance=provenance(material),
        command=material.ran.command,
    )


def front(cards: Sequence[Card], live: bool = False) -> str:
    """Build the front page."""
    return _templates().get_template("index.html").render(title="Reports", cards=cards, live=RENEW if live else 0)


def card(
    material: StudyOutputs, answer: str, verdicts: Sequence[Verdict], link: str, command: str, thumbnail: bytes | None
) -> Card:
    """Make a card. link: to the page, empty where there is none yet; command: what makes it."""
    info = material.findings.info
    return Card(
        study=info.study,
        scale=info.scale,
        question=info.question,
        stamp=stamp(info),
        answer=answer,
        counts=counts(material.findings.frame),
        verdicts=tally(verdicts),
        link=link,
        command=command,
        thumbnail=png(thumbnail) if thumbnail else "",
    )


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("ablations.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"spoken": spoken, "strips": strips}
    return environment


def counts(frame: pd.DataFrame) -> str:
    """The trials by status: "150 trials: 147 done, 3 failed"."""
    by_status = Counter(frame["status"])
    said = ", ".join(
        f"{by_status[status]} {status}" for status in ("done", "running", "missing", "failed") if by_status[status]
    )
    return f"{text.counted(len(frame), 'trial')}: {said}" if len(frame) else "no trials"


def downloads(material: StudyOutputs) -> list[tuple[str, str, str]]:
    """Files to download: what it is, its name, its data: URI."""
    paths = material.paths
    files = [
        ("CSV, a row per trial", paths.table, "text/csv", material.table),
        ("Markdown", paths.markdown, "text/markdown", render.markdown(material.findings)),
        ("LaTeX", paths.latex, "application/x-tex", render.latex(material.findings)),
        ("Provenance, CSV", paths.provenance, "text/csv", material.provenance),
    ]
    return [
        (what, f"{paths.study}-{path.name}", f"data:{kind};charset=utf-8,{quote(content)}")
        for what, path, kind, content in files
    ]


# --- claims -----------------------------------------------------------------------------------------------------------


def grouped(verdicts: Sequence[Verdict]) -> dict[str, list[Verdict]]:
    """Verdicts by group, in the given order."""
    groups: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault(verdict.claim.group, []).append(verdict)
    return groups


def tally(verdicts: Sequence[Verdict]) -> str:
    """The verdicts by outcome: "2 hold, 1 does not hold, 3 undecided"; of several budgets all count."""
    by_outcome = Counter(verdict.outcome for verdict in verdicts)
    many = {"holds": "hold", "does not hold": "do not hold"}
    outcomes = [outcome for outcome in MARKS if by_outcome[outcome]]
    said = ", ".join(
        f"{by_outcome[each]} {each if by_outcome[each] == 1 else many.get(each, each)}" for each in outcomes
    )
    repeated = len({verdict.claim.key for verdict in verdicts}) < len(verdicts)
    return f"{said}, all budgets together" if repeated else said


def signed(value: float, unit: str) -> str:
    """A number with its sign: "+3.2"; points have one digit."""
    return f"{value:+.{1 if unit == 'points' else 2}f}".replace("-", "−")


def spoken(part: JudgedComparison) -> str:
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


def setting(findings: Findings) -> list[tuple[str, str, str]]:
    """Rows of the setting: what, this run's, the paper's; the last is empty where it has no such numbers."""
    info, paper = findings.info, findings.paper
    epochs, batch = (text.span(values) for values in (info.epochs, info.batch_size))
    ours = f"{info.encoder}; {info.data}; epochs {epochs}; batch size {batch}"
    rows = [
        ("Encoder, data, length", ours, paper.setting if paper else ""),
        ("Views", info.views, paper.views if paper else ""),
        ("Seeds", str(info.seeds), ""),
    ]
    if info.overrides:
        rows.append(("Changed on the command line", ", ".join(info.overrides), ""))
    return rows


def provenance(material: StudyOutputs) -> list[tuple[str, list[str]]]:
    """Rows of the provenance: what, its distinct values and on how many trials each."""
    about = material.about
    rows = []
    for key in VARYING:
        distinct = Counter(row[key] for row in about if row.get(key))
        values = [f"{value} ({text.counted(n, 'trial')})" for value, n in distinct.most_common()]
        if values:
            rows.append((key.replace("_", " "), values))
    if about:
        rows.append(("seconds", [f"{duration(sum(material.seconds.values()))} of training and probing in all"]))
        days = sorted(row["finished"][:10] for row in about if row.get("finished"))
        rows += [("finished", [days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"])] if days else []
    return [("trials", [counts(material.findings.frame)]), *rows]
