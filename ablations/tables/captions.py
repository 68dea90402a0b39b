"""What must be known to read a study's figure, as sentences. Pure."""

from math import isfinite

from ablations.console.text import counted, span
from ablations.stats.intervals import wilson_half_width
from ablations.studies.info import StudyInfo
from ablations.studies.metrics import BRIEF, label, text
from ablations.tables.findings import Findings
from simclr_core.config import CANDIDATES


def caption(findings: Findings) -> list[str]:
    """What must be known to read the figure, as sentences."""
    info = findings.info
    if info.caption:
        return list(info.caption)
    return [
        sentence
        for sentence in (
            _setting(info),
            _unlabeled(findings),
            _spectrum(info),
            _budgets(findings),
            _uncertainty(findings),
            _chosen(findings),
            _agreement(findings),
            _unfinished(findings),
            _against_the_paper(findings),
            f"Overrides: {', '.join(info.overrides)}." if info.overrides else "",
        )
        if sentence
    ]


def _setting(info: StudyInfo) -> str:
    epochs, batch = (span(values) for values in (info.epochs, info.batch_size))
    return (
        f"{counted(info.seeds, 'seed')}, {epochs} epoch{'' if epochs == '1' else 's'}, batch size {batch}; "
        f"data: {info.data}; encoder: {info.encoder}; {info.views} views."
    )


def _unlabeled(findings: Findings) -> str:
    """What the headline metric is, and what it cannot tell, where there are no labels."""
    info = findings.info
    if info.labeled or info.headline not in info.figure.metrics or findings.done.empty:
        return ""
    images = min(int(findings.done["n_test"].min()), CANDIDATES)
    return (
        "No labels: measured is how often a crop's nearest other crop, by the cosine of h, is of the same image, among "
        f"{images:,} images cropped alike for every cell; chance 1/{images:,}. It tells images apart and knows no "
        "classes: it can be high where what matters to you is lost, and favors cells whose own augmentation crops."
    )


def _spectrum(info: StudyInfo) -> str:
    if info.figure.kind != "spectrum":
        return ""
    return (
        "Squares of the real parts of the eigenvalues of the head's weight matrix W, the largest first; a line per "
        "seed, its dot at the last one above 1% of the largest."
    )


def _budgets(findings: Findings) -> str:
    info = findings.info
    if info.figure.kind != "budget":
        return ""
    best = " Best single: this run's highest, so optimistic." if info.figure.hue is None and info.composed else ""
    rho = " Spearman's rho with the paper's map: bars from leaving one name out at a time, p from all relabelings."
    return (
        f"Image pairs: epochs × {info.images:,} training images; every number of epochs is a training of its own."
        f"{best}{'' if findings.papers_map is None else rho} A claim's marks are joined from where it first holds: "
        "there and at every larger budget that is judged."
    )


def budget(info: StudyInfo) -> str:
    """Words for what the cells were trained on, in short."""
    epochs, batch = (span(values) for values in (info.epochs, info.batch_size))
    return f"{info.encoder}, {info.data}, {epochs} epoch{'' if epochs == '1' else 's'}, batch size {batch}"


def _uncertainty(findings: Findings) -> str:
    done, plot = findings.done, findings.info.figure
    if done.empty:
        return "Nothing is measured yet."
    images, metric = int(done["n_test"].min()), plot.metrics[0]
    test = f"Tested on {images:,} images"
    if all(metric.startswith("transfer_") for metric in plot.metrics):
        test = "Tested on the test images of the other data set"
    headline = findings.info.headline
    if headline in plot.metrics and plot.kind != "spectrum":  # which draws none
        images = images if findings.info.labeled else min(images, CANDIDATES)
        groups = int(done["n_groups"].min()) if "n_groups" in done and done["n_groups"].notna().all() else None
        half = wilson_half_width(float(done[headline].median()), groups or images)
        test = f"Each cell ± {half:.1f} points: 95% interval of the test set of {images:,} images"
        if groups:
            test += f" of {groups:,} groups, each counted once"
    spread = findings.spread
    if spread.df == 0:
        return f"{test}; no verdict follows from one seed."
    of = "" if metric == headline else f" of {label(metric)}"
    points = " points" if "%" in label(metric) else ""
    sd = f"{text(spread.sd, metric)}{points}"
    seeds = f"standard deviation between seeds{of} {sd}, pooled over the cells ({spread.df} df)"
    if plot.kind in ("pairs", "spectrum"):  # no error bars
        return f"{test}; {seeds}."
    if plot.kind == "budget":
        named = BRIEF[headline]
        return f"Error bars of {named}: 95% interval of the mean over seeds, pooled over the cells of a budget. {test}."
    return f"Error bars: 95% interval of the mean over seeds; dots: single seeds; {seeds}. {test}."


def _chosen(findings: Findings) -> str:
    info, plot = findings.info, findings.info.figure
    if not plot.choose:
        return ""
    names = plot.shown(list(info.axes))
    picked = [
        f"{', '.join(str(row[name]) for name in names)}: {', '.join(str(row[axis]) for axis in plot.choose)}"
        for _, row in findings.choices.iterrows()
    ]
    judged = "the other seeds" if info.seeds > 1 else "the same seed, so optimistic"
    tuned = " and ".join(info.named(axis) for axis in plot.choose)
    split = "'s validation split" if info.labeled else ""
    return f"Of {tuned}, the best on the first seed{split} ({'; '.join(picked)}), shown with {judged}."


def _agreement(findings: Findings) -> str:
    parts = [
        f"{one.rho:.2f} over {label} ({one.cells}; two-sided p = {one.p:.2g} from all {one.relabelings:,} relabelings"
        + (f"; {one.low:.2f} to {one.high:.2f} by leaving names out)" if isfinite(one.low) else ")")
        for label, one in (findings.agreement if findings.info.figure.kind == "pairs" else [])
    ]
    return f"Spearman's rho with the paper's map: {', '.join(parts)}." if parts else ""


def _unfinished(findings: Findings) -> str:
    gaps = findings.gaps
    parts = [f"{gaps.missing} missing"] if gaps.missing else []
    parts += [f"{gaps.failed} failed (×)"] if gaps.failed else []
    parts += [f"{gaps.short} with fewer than {findings.info.seeds} seeds"] if gaps.short else []
    return f"Of {gaps.cells} cells: {', '.join(parts)}." if parts else ""


def _against_the_paper(findings: Findings) -> str:
    paper = findings.paper
    if paper is None:
        return ""
    views = f", {paper.views} views" if paper.views != findings.info.views else ""
    unstated = f" It leaves open {paper.unstated}." if paper.unstated else ""
    note = f" {paper.note}" if paper.note else ""
    return (
        f"The paper's setting is another ({paper.setting}{views}): compare order and shape, not levels.{unstated}{note}"
    )
