"""python -m ablations.explain PICTURE [STUDY]: what a study's choices do to its images, as a picture of these.

views: every chain of augmentations on the same few images. histograms: why color distortion matters (Figure 6 of the
paper). negatives: whose views a view is told apart from. embedding: t-SNE of test images before the projection head and
after it (Figure B.4). weights: what each loss's gradient makes of a negative, by its formula (Table 2); takes no STUDY.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ablations.console import terminal
from ablations.console.arguments import Exit, Parser, exit_code, writable
from ablations.outputs.paths import Paths, reports, results
from ablations.pictures.captions import about_images
from ablations.pictures.embedding import draw_embedding, require_head
from ablations.pictures.histograms import draw_histograms
from ablations.pictures.negatives import draw_negatives, require_nt_xent
from ablations.pictures.views import MOST_ROWS, ROWS, draw_views
from ablations.store.trials import Store
from ablations.studies import expand, load, options
from ablations.studies.model import CELL, Scale
from simclr_core.errors import BadInput
from simclr_core.sources import SOURCES

if TYPE_CHECKING:
    from matplotlib.figure import Figure


PICTURES = ("views", "histograms", "negatives", "embedding", "weights")


def main(argv: Sequence[str] | None = None) -> int:
    """Draw a picture. Exit code: 0 drawn, 1 the training for it failed, 2 bad input, 130 interrupted."""
    words = sys.argv[1:] if argv is None else argv
    return exit_code(lambda: _explain(_arguments(words)), "Interrupted; nothing is written.")


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(prog="python -m ablations.explain", description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("picture", choices=PICTURES, help="what to draw")
    add("study", nargs="?", metavar="STUDY", help="a YAML file, or the name of a shipped study; weights takes none")
    parser.scale("data, encoder, schedule")
    parser.data(f"instead of the scale's: {', '.join(SOURCES)}")
    parser.probe_data()
    parser.set("a field of the recipe, e.g. schedule.epochs=0")
    parser.only("these cells; of all but views the first one counts")
    parser.out()
    return parser.parse_args(argv)


def _explain(args: argparse.Namespace) -> int:
    if args.picture == "weights":
        return _draw_weights(args)
    if args.study is None:
        raise BadInput(f"{args.picture}: give a STUDY, a YAML file or the name of a shipped study.")
    asked, scale = load.load_study(args.study), load.load_scale(args.scale)
    overrides, only = options.parse_overrides(args.set, args.probe_data), options.parse_only(args.only)
    trials = expand.expand(asked, scale, data=args.data, seeds=1, overrides=overrides, only=only)
    cells = [trial for trial in trials if trial.role == CELL]
    first = cells[0]
    if args.picture == "negatives":
        require_nt_xent(first.recipe)
    if args.picture == "embedding":
        require_head(first.recipe)

    # Mistakes in the study are found above, in a moment; from here on torch, matplotlib and the images are loaded.
    from ablations import figures
    from ablations.sweep.fit import fit_images
    from simclr_core import data
    from simclr_core.health import TrialFailed

    cache = Store(results(args.out)).cache
    figures.use_own_matplotlib_settings(cache)
    cells = fit_images(cells, scale, overrides, cache)
    first, dataset = cells[0], data.load(cells[0].recipe.data, cache)
    for remark in data.remarks_on(first.recipe.data, cache):
        terminal.complain(remark)
    about = about_images(scale, dataset, args.set)
    try:
        if args.picture == "views":
            figure = draw_views(asked.study, cells, dataset, about, ROWS if not only else MOST_ROWS, bool(only))
        elif args.picture == "histograms":
            figure = draw_histograms(first.recipe, dataset, about)
        elif args.picture == "embedding":
            figure = draw_embedding(first, dataset, about, _device(scale))
        else:
            figure = draw_negatives(first, dataset, about, _device(scale))
    except TrialFailed as error:
        terminal.complain(f"{first.label}: the training failed: {error}.")
        return Exit.SOME_FAILED
    # A run's page shows the gallery of all its cells: some of them are another picture.
    name = "views-only" if args.picture == "views" and only else args.picture
    _save(figure, Paths(args.out, asked.study, scale.scale).figure(name))
    return Exit.DONE


def _save(figure: "Figure", stem: Path) -> None:
    """Write the files and say which."""
    from ablations import figures

    with writable():
        paths = figures.save(figure, stem)
    terminal.say("\n".join(map(str, paths)))


def _device(scale: Scale) -> str:
    import torch

    return "cuda" if torch.cuda.is_available() and scale.resources.gpus != 0 else "cpu"


def _draw_weights(args: argparse.Namespace) -> int:
    if args.study is not None or args.data is not None or args.set or args.only:
        raise BadInput("weights: is drawn from formulas alone; leave out STUDY, --data, --set and --only.")
    from ablations import figures

    figures.use_own_matplotlib_settings(Store(results(args.out)).cache)
    from ablations.figures import weights

    _save(weights.draw(), reports(args.out) / "weights")
    return Exit.DONE


if __name__ == "__main__":
    sys.exit(main())
