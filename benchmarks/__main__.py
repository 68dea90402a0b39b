"""python -m benchmarks [NAME...]: times this project, side by side with others, and writes the table as CSV.

The benchmarks: training (two trials at once against lightly; a step against its encoder), augmentation (against
torchvision, albumentations and kornia), startup, scaling, gpu. Run it on a machine that does nothing else.
"""

import importlib
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from ablations.console import terminal
from ablations.console.arguments import Exit, Parser, exit_code
from ablations.store.files import replace_file
from ablations.studies.model import Resources
from ablations.sweep.machine import here
from benchmarks.rounds import ROUNDS, Case, spread
from simclr_core.errors import BadInput

BENCHMARKS = ("training", "augmentation", "startup", "scaling", "gpu")
PACKAGES = ("torch", "torchvision", "ray", "numpy", "lightly", "albumentations", "kornia")
PEERS = {"training": "lightly", "augmentation": "kornia"}  # what these need beyond this project's own packages


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 measured, 2 bad input."""
    parser = Parser(prog="python -m benchmarks", description=(__doc__ or "").split("\n\n")[1], allow_abbrev=False)
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; default: all")
    add("--rounds", type=int, default=ROUNDS, metavar="N", help=f"how often each is measured (default: {ROUNDS})")
    add("--out", type=Path, default=Path("reports/benchmarks"), metavar="DIR", help="default: reports/benchmarks")

    def body() -> int:
        args = parser.parse_args(argv)
        for name in args.names:
            if name not in BENCHMARKS:
                raise BadInput(f"{name} is no benchmark; there are {', '.join(BENCHMARKS)}.")
        if args.rounds < 1:
            raise BadInput("--rounds must be at least 1.")
        names = tuple(dict.fromkeys(args.names)) or BENCHMARKS
        require(names, args.out)
        measure(names, args.rounds, args.out)
        return Exit.DONE

    return exit_code(body, "Interrupted; the cases measured so far are in the folder of --out.")


def require(names: Sequence[str], out: Path) -> None:
    """Raise BadInput, before anything is measured, where a peer is missing or nothing could be written."""
    for name, peer in PEERS.items():
        if name in names:
            try:
                importlib.import_module(peer)
            except ImportError:
                raise BadInput(
                    f"{peer} is not installed; this installs it: pip install -e '.[benchmarks]'. "
                    f"Without it: {', '.join(each for each in BENCHMARKS if each not in PEERS)}."
                ) from None
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in names:
            (out / f"{name}.csv").open("a").close()
    except OSError as error:
        raise BadInput(f"--out {out}: cannot be written to: {error.strerror}.") from None


def measure(names: Sequence[str], rounds: int, out: Path) -> None:
    """Print and write case by case, so that what has been measured stays if the next one fails."""
    terminal.say(machine())
    for name in names:
        rows: list[dict[str, Any]] = []
        path = out / f"{name}.csv"
        for case in importlib.import_module(f"benchmarks.{name}").cases(rounds):
            new = lines(case)
            rows += new
            table = pd.DataFrame(rows).assign(machine=machine())
            replace_file(path, table.to_csv(index=False, lineterminator="\n").encode())
            terminal.say("\n".join([f"\n{case.benchmark}: {case.task} ({case.unit})", *map(said, new)]))
        terminal.say(f"\n{path}")


def lines(case: Case) -> list[dict[str, Any]]:
    """One row per contender: median, least and greatest of its rounds, and how many times better ours was."""
    rows: list[dict[str, Any]] = []
    for name, figures in case.figures.items():
        middle, least, greatest = spread(figures)
        row: dict[str, Any] = {"benchmark": case.benchmark, "task": case.task, "contender": name, "unit": case.unit}
        row |= {"median": middle, "least": least, "greatest": greatest, "rounds": len(figures)}
        if name != case.ours:
            row |= dict(zip(("ratio", "ratio_least", "ratio_greatest"), spread(case.ratios(name)), strict=True))
        rows.append(row)
    what = {"benchmark": case.benchmark, "task": case.task, "unit": case.unit}
    return rows + [{**what, "contender": name, "missing": why} for name, why in case.missing.items()]


def said(line: dict[str, Any]) -> str:
    """One row of the table, for the terminal."""
    if "missing" in line:
        return f"  {line['contender']:42} not measured: {line['missing']}"
    text = f"  {line['contender']:42} {line['median']:10.4g} [{line['least']:.4g} to {line['greatest']:.4g}]"
    if "ratio" in line:
        text += f"   ours {line['ratio']:.2f}x [{line['ratio_least']:.2f} to {line['ratio_greatest']:.2f}]"
    return text


def machine() -> str:
    """Processor, cores, GPU and versions, in one line."""
    able = torch.cpu.get_capabilities()
    units = [name for name in ("amx_bf16", "avx512_f", "avx2") if able.get(name)]
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    parts = [
        f"{able.get('cpu_name', platform.machine())} ({', '.join(units) or 'no vector units known'})",
        f"{here(Resources()).cpus:g} cores",
        gpu,
    ]
    parts.append(f"{platform.system()} {platform.machine()}, Python {platform.python_version()}")
    return "; ".join([*parts, ", ".join(f"{name} {installed(name)}" for name in PACKAGES)])


def installed(name: str) -> str:
    """A package's version, or "absent"."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


if __name__ == "__main__":
    sys.exit(main())
