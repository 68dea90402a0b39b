"""What to type to make a thing again: a command line, as a shell takes it."""

import argparse
import shlex
from pathlib import Path


def command(name: str, *words: str, scale: str = "", seeds: int = 0, out: Path = Path()) -> str:
    """The line that starts ablations.NAME with these words and options; 0 seeds: the study's own number."""
    options = {"--scale": scale, "--seeds": str(seeds or ""), "--out": "" if out == Path() else str(out)}
    given = [word for option, value in options.items() if value for word in (option, value)]
    return shlex.join(["python", "-m", f"ablations.{name}", *words, *given])


def again(line: str, out: Path, seeds: int = 0) -> str:
    """The line of a run, for the whole study, on that many seeds, into `out`; without a number on its own seeds.

    Its data and its settings stay. How it was watched, and what it left out, do not.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for option in ("--seeds", "--out", "--only"):
        parser.add_argument(option, action="append")
    for switch in ("--quiet", "--json", "--verbose", "--retry", "--dry-run"):
        parser.add_argument(switch, action="store_true")
    given, kept = parser.parse_known_args(shlex.split(line))
    number = [str(seeds)] if seeds else (given.seeds or [])[-1:]
    more = [word for value in number for word in ("--seeds", value)]
    where = [] if out == Path() else ["--out", str(out)]
    return shlex.join([*kept, *more, *where])
