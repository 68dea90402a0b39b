"""python -m ablations.run STUDY: trains what is missing of a study, then writes its table and its figure."""

import argparse
import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from ablations import terminal
from ablations.arguments import Parser
from simclr_core.errors import BadInput
from simclr_core.sources import SOURCES

DONE, SOME_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 all done, 1 some cells failed or run elsewhere, 2 bad input, 130 interrupted."""
    argv = sys.argv[1:] if argv is None else list(argv)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started this: `>&-`, some daemons
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
    stop = _Stop(argv)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():  # clusters pre-empt with SIGTERM, a closed terminal sends SIGHUP
        if handler is not signal.SIG_IGN:  # nohup
            signal.signal(number, stop)
    try:
        args = _arguments(argv)
        from ablations import command  # after --help: pydantic and numpy take longer to import than it takes to say

        return DONE if command.run(args, argv) else SOME_FAILED
    except BadInput as error:
        terminal.complain(str(error))
        return BAD_INPUT
    except KeyboardInterrupt:
        terminal.complain(f"Interrupted; what is finished is kept. {_continue(argv)}")
        return INTERRUPTED
    finally:
        if not stop.asked:  # else this process is about to end, and a second signal still ends it at once
            for number, handler in before.items():
                signal.signal(number, handler)


class _Stop:
    """The first signal ends the sweep in order; the second ends this process at once."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._argv, self.asked = argv, False

    def __call__(self, *_: object) -> None:
        if self.asked:
            terminal.last_words(f"\nStopped at once; what is finished is kept. {_continue(self._argv)}\n")
            os._exit(INTERRUPTED)
        self.asked = True
        raise KeyboardInterrupt


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(prog="python -m ablations.run", description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("study", metavar="STUDY", help="a YAML file, or the name of a shipped study")
    add("--scale", default="laptop", metavar="NAME|FILE", help="data, encoder, schedule, resources (default: laptop)")
    add("--data", metavar="SOURCE", help=f"instead of the scale's: {', '.join(SOURCES)}")
    add("--seeds", type=int, metavar="N", help="how many, from 0, instead of the study's")
    add(
        "--set",
        action="append",
        default=[],
        metavar="path=value",
        help="a field of the recipe, e.g. schedule.epochs=20",
    )
    add("--only", action="append", default=[], metavar="axis=v1,v2", help="train these cells (and the baselines) only")
    add("--dry-run", action="store_true", help="show the trials, what is done and the time it will take; train nothing")
    add("--engine", choices=("ray", "inline"), default="ray", help="inline: one trial after the other, without Ray")
    add("--address", metavar="auto|HOST:PORT", help="of a running Ray cluster to train on; see docs/cluster.md")
    add("--retry", action="store_true", help="train again also what failed by its own numbers (not finite, collapsed)")
    add("--out", type=Path, default=Path(), metavar="DIR", help="where results/ and reports/ go (default: here)")
    add("--verbose", action="store_true", help="let through what Ray and torch print")
    quiet = parser.add_mutually_exclusive_group()
    quiet.add_argument("--quiet", action="store_true", help="no progress, no summary: the files written, and errors")
    quiet.add_argument("--json", action="store_true", help="one JSON object per event on stdout")
    return parser.parse_args(argv)


def _continue(argv: Sequence[str]) -> str:
    return f"To continue:\n  python -m ablations.run {shlex.join(argv)}"


if __name__ == "__main__":
    exit_code = main()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(exit_code)  # everything is written and Ray is shut down; its threads would take seconds more to end
