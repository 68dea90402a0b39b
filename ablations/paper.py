"""python -m ablations.paper [ITEM]...: draws the paper's own numbers as ours are drawn, into reports/paper/."""

import sys
from collections.abc import Sequence
from pathlib import Path

from ablations import figures
from ablations.console import terminal
from ablations.console.arguments import Exit, Parser, exit_code, writable
from ablations.outputs.paths import reports
from ablations.published.numbers import items
from ablations.store.files import replace_file
from ablations.studies.info import StudyInfo
from ablations.studies.load import GRIDS, load_study
from ablations.studies.model import Study
from ablations.tables.published import Published, as_ours, published
from simclr_core.config import nearest
from simclr_core.errors import BadInput


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the paper's numbers. Exit code: 0 drawn, 2 bad input, 130 interrupted."""
    parser = Parser(prog="python -m ablations.paper", description=__doc__, allow_abbrev=False)
    parser.add_argument("items", nargs="*", metavar="ITEM", help=f"of {', '.join(items())} (default: all)")
    parser.out("where reports/ goes")

    def body() -> int:
        args = parser.parse_args(argv)
        figures.use_own_matplotlib_settings(args.out / "results" / "cache")
        for item in args.items or items():
            with writable():
                files = draw(item, reports(args.out) / "paper")
            terminal.say("\n".join(map(str, files)))
        return Exit.DONE

    return exit_code(body)


def draw(item: str, folder: Path) -> list[Path]:
    """Write <item>.png, .svg, .pdf and .md. Raises BadInput for an unknown item."""
    from ablations.tables import render
    from ablations.tables.findings import Findings

    paper = published(item)
    if paper is None:
        raise BadInput(f"{item or repr(item)}: the paper has no such item{nearest(item, items())}.")
    about = study_info(paper)
    numbers = Findings(paper.frame, about)
    table = render.text_table(numbers).to_markdown(index=False, disable_numparse=True)
    markdown = folder / f"{item}.md"
    replace_file(markdown, f"# {about.question}\n\n{table}\n\n{' '.join(about.caption)}\n".encode())
    return [*figures.save(figures.draw(numbers), folder / item), markdown]


def study_info(paper: Published) -> StudyInfo:
    """The paper's item in place of a study, laid out as our study of it is, if there is one."""
    laid_out = (study for study in map(load_study, _studies()) if study.paper == paper.item and not study.repeats)
    study = next(laid_out, None)
    plot = study.figure if study else paper.figure
    assert plot is not None  # a test looks at all items
    about = StudyInfo(
        study=paper.item,
        question=f"{paper.source} of the paper",
        paper="",
        figure=plot,
        scale="paper",
        about="",
        stamp=False,
        data="",
        encoder=paper.setting,
        epochs=(),
        batch_size=(),
        seeds=1,
        views=paper.views,
        overrides=(),
        axes={},
        caption=tuple(
            part for part in (f"Published numbers ({paper.confidence}): {paper.setting}.", paper.note) if part
        ),
        labels=_labels(study),
    )
    return as_ours(paper, about)


def _studies() -> list[str]:
    return sorted(path.stem for path in GRIDS.glob("*.yaml"))


def _labels(study: Study | None) -> dict[str, str]:
    return {name: axis.label for name, axis in study.axes.items() if axis.label} if study else {}


if __name__ == "__main__":
    sys.exit(main())
