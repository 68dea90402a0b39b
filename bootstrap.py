"""python3 bootstrap.py [run ARGUMENTS | check]: on a bare machine with only Python 3.11 or newer.

run      (or nothing) installs into .venv and makes the paper's Figure 5; ARGUMENTS go to `python -m ablations.run`
check    installs the tests' tools too, then runs ruff, mypy and the fast tests, as CI does first

The standard library alone, in a form that older Pythons can read far enough to say that they are too old.
"""

import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = os.path.join(HERE, ".venv", "Scripts" if os.name == "nt" else "bin", "python")
SIZE = 7  # GB: most of it is PyTorch


def main(arguments):
    """Exit code: that of what is run at the end, 2 where it cannot be installed here."""
    task, rest = (arguments[0], arguments[1:]) if arguments else ("run", [])
    if task in ("-h", "--help"):
        print(__doc__)
        return 0
    if task not in ("run", "check"):
        return refuse("{!r}: allowed are run, with the arguments of `python -m ablations.run`, and check".format(task))
    if task == "check" and rest:
        return refuse("check takes no arguments, got {!r}".format(rest[0]))
    if sys.version_info < (3, 11):
        return refuse("Python 3.11 or newer is needed, this is {}".format(sys.version.split()[0]))
    if not os.path.exists(PYTHON):
        free = shutil.disk_usage(HERE).free / 1e9
        if free < SIZE:
            return refuse("{} GB of disk are needed in {}, {:.0f} are free".format(SIZE, HERE, free))
        print("Installing into .venv: about 6 GB, a few minutes.", flush=True)
        if subprocess.call([sys.executable, "-m", "venv", os.path.join(HERE, ".venv")]):
            return refuse("the venv module does not work here (on Debian and Ubuntu: apt install python3-venv)")
    what = HERE + ("[test]" if task == "check" else "")
    constraints = os.path.join(HERE, "constraints.txt")
    if subprocess.call([PYTHON, "-m", "pip", "install", "-q", "-c", constraints, "-e", what]):
        return refuse("pip could not install what is needed; its own words are above")
    if task == "run":
        return subprocess.call([PYTHON, "-m", "ablations.run"] + (rest or ["aug_pairs"]))
    steps = (
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["pytest", "-q", "-n", "2", "-m", "not slow"],
    )
    for step in steps:
        if subprocess.call([PYTHON, "-m"] + step, cwd=HERE):
            return 1
    return 0


def refuse(sentence):
    """Say it on stderr; the exit code for bad input."""
    sys.stderr.write(sentence + ".\n")
    return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # what was started has said its own last words
        sys.exit(130)
