"""The user's terminal during a sweep: our own words reach it, and no one else's."""

import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from simclr_core.errors import BadInput

_err = 2  # the user's stderr, wherever descriptor 2 points now
_held: list[str] = []  # what was to be said on it while that was somewhere else


def take_any_text() -> None:
    """Let stdout and stderr take whatever is said: of what their encoding lacks they write an escape."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started this: `>&-`, some daemons
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def last_words(text: str) -> None:
    """Write to the user's stderr from a signal handler, before the process ends itself; the cursor is shown again."""
    cursor = "\x1b[?25h" if os.isatty(_err) else ""
    os.write(_err, f"{cursor}{text}".encode())


def say(text: str) -> None:
    """Print on stdout, at once; not where it is closed, or whoever reads it has seen enough, such as `| head`.

    Raises BadInput where it cannot be written for another reason, such as a full disk.
    """
    try:
        print(text, flush=True)  # does nothing where stdout is None: `>&-`, some daemons
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left of it, at exit
        if not isinstance(error, BrokenPipeError):
            raise BadInput(f"Standard output cannot be written: {error.strerror}.") from None


def complain(text: str) -> None:
    """Print on stderr, which may be closed or full: the exit code says it too. During `own_streams`, at its end."""
    if _err != 2:
        _held.append(text)
    elif sys.stderr is not None:
        with suppress(OSError):
            print(text, file=sys.stderr, flush=True)


@contextmanager
def own_streams(verbose: bool) -> Iterator[tuple[TextIO, TextIO]]:
    """(stdout, stderr) for us alone: meanwhile, what Ray, torch and Python write to the two goes nowhere.

    Libraries and the processes they start write to the file descriptors, so these are what is redirected. verbose:
    nothing is; where the streams are no files (a notebook, a test), nothing is either, nor in a thread beside the main
    one, whose words would be lost with them.
    """
    global _err
    try:
        alone = threading.current_thread() is threading.main_thread()
        real = alone and (sys.stdout.fileno(), sys.stderr.fileno()) == (1, 2) and not verbose
    except (io.UnsupportedOperation, ValueError, AttributeError):
        real = False
    if not real:
        yield sys.stdout, sys.stderr
        return
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    out, err = (
        os.fdopen(os.dup(number), "w", encoding=stream.encoding, errors="backslashreplace", buffering=1)
        for number, stream in ((1, sys.stdout), (2, sys.stderr))
    )
    _err = err.fileno()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for number in (1, 2):
            os.dup2(nowhere, number)
        yield out, err
    finally:
        _err = 2
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for number, kept in ((1, out), (2, err)):
            os.dup2(kept.fileno(), number)
            with suppress(OSError):  # what nobody reads any more, or has no room
                kept.close()
        os.close(nowhere)
        for text in dict.fromkeys(_held):
            complain(text)
        _held.clear()
