"""python -m ablations.report [STUDY]...: a self-contained HTML page per study and scale, and a front page to them."""

import argparse
import contextlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ablations.console import terminal
from ablations.console.arguments import Exit, Parser, exit_code
from ablations.pages.renew import Reports
from ablations.studies.load import load_scale
from simclr_core.errors import BadInput

POLL = 2.0  # seconds between two looks at the results


def main(argv: Sequence[str] | None = None) -> int:
    """Write the pages. Exit code: 0 written, 2 bad input, 130 interrupted."""

    def body() -> int:
        args = _arguments(sys.argv[1:] if argv is None else argv)
        scale = load_scale(args.scale).scale if args.scale else None
        reports = Reports(args.out, args.studies, scale)
        if args.watch:
            _watch(reports)
        else:
            _say(reports.renew())
        return Exit.DONE

    return exit_code(body, "Interrupted; the pages that are written are whole.")


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(prog="python -m ablations.report", description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("studies", nargs="*", metavar="STUDY", help="a YAML file or the name of a study (default: all with results)")
    parser.scale("the scale it was run at", None)
    parser.out()
    add("--watch", action="store_true", help="write the pages again whenever results change, until Ctrl-C")
    return parser.parse_args(argv)


def _watch(reports: Reports) -> None:
    """Renew until Ctrl-C. What cannot be shown yet, such as a sweep without any files, is said once and waited for."""
    said = ""
    try:
        while True:
            try:
                _say(reports.renew(watched=True))
            except BadInput as error:
                if str(error) != said:
                    said = str(error)
                    terminal.complain(f"{said} Waiting.")
            time.sleep(POLL)
    finally:
        with contextlib.suppress(Exception):  # Ctrl-C may have come amid an import, which then cannot be finished
            reports.renew()  # nobody will renew them: they must not load themselves again and again


def _say(files: Sequence[Path]) -> None:
    for path in files:
        terminal.say(str(path))


if __name__ == "__main__":
    sys.exit(main())
