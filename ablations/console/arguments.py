"""Options, exit codes, and one sentence for every mistake: the same in all commands."""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import NoReturn

from ablations.console import terminal
from simclr_core.errors import BadInput


class Exit(IntEnum):
    """A command's exit code. SOME_FAILED: some of what was asked for failed, or is being done by another run."""

    DONE = 0
    SOME_FAILED = 1
    BAD_INPUT = 2
    INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """argparse's parser with the options that several commands have; a mistake raises BadInput."""

    def error(self, message: str) -> NoReturn:
        """Raise BadInput in place of printing the usage and exiting."""
        raise BadInput(f"{message}; see --help.")

    def scale(self, help: str, default: str | None = "laptop") -> None:
        """Add --scale, whose help ends with its default."""
        self.add_argument("--scale", default=default, metavar="NAME|FILE", help=f"{help} (default: {default or 'all'})")

    def data(self, help: str) -> None:
        """Add --data."""
        self.add_argument("--data", metavar="SOURCE", help=help)

    def probe_data(self) -> None:
        """Add --probe-data."""
        about = "probe on these images; those of --data are then only pretrained on, without their labels"
        self.add_argument("--probe-data", metavar="SOURCE", help=about)

    def set(self, help: str) -> None:
        """Add --set, which may be given several times."""
        self.add_argument("--set", action="append", default=[], metavar="path=value", help=help)

    def only(self, help: str) -> None:
        """Add --only, which may be given several times."""
        self.add_argument("--only", action="append", default=[], metavar="axis=v1,v2", help=help)

    def out(self, help: str = "where results/ and reports/ are") -> None:
        """Add --out, a folder, here by default."""
        self.add_argument("--out", type=Path, default=Path(), metavar="DIR", help=f"{help} (default: here)")


def exit_code(body: Callable[[], int], interrupted: str = "Interrupted.") -> int:
    """Run a command's body: its own code, or that of bad input or of Ctrl-C, said in a sentence on stderr."""
    terminal.take_any_text()
    try:
        return body()
    except BadInput as error:
        terminal.complain(str(error))
        return Exit.BAD_INPUT
    except KeyboardInterrupt:
        terminal.complain(interrupted)
        return Exit.INTERRUPTED


@contextmanager
def writable() -> Iterator[None]:
    """Inside, a file that cannot be written raises BadInput, with its name and the way out."""
    try:
        yield
    except OSError as error:
        raise BadInput(
            f"{error.filename}: cannot be written: {error.strerror}; choose another folder with --out."
        ) from None
