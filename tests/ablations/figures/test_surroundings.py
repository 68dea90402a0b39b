"""Figures are the same wherever they are drawn: no variable, no matplotlibrc and no home has a say in them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

DRAWN = """
import sys
from pathlib import Path
from ablations import figures
figures.use_own_matplotlib_settings(Path("cache"))
from builders.drawings import HEADS, PAIRS, POINTS, SPECTRUM, FULL, heads_frame, points_frame, spectrum_frame
from builders import repeated
from ablations.tables.findings import Findings
import hashlib
for frame, info in ((FULL, PAIRS), (heads_frame(), HEADS), (points_frame(), POINTS), (spectrum_frame(), SPECTRUM),
                    repeated.heads()):
    drawn = figures.draw(Findings(frame, info))
    print(*(hashlib.sha256(figures.rendered(drawn, suffix)).hexdigest() for suffix in figures.SUFFIXES))
"""
HOSTILE = """
text.usetex: True
text.parse_math: True
axes.grid: True
axes.facecolor: yellow
axes.prop_cycle: cycler('color', ['r'])
savefig.bbox: tight
savefig.facecolor: red
savefig.dpi: 20
figure.autolayout: True
figure.constrained_layout.use: True
figure.facecolor: green
font.family: serif
font.size: 30
lines.linewidth: 9
image.cmap: jet
path.simplify: False
svg.fonttype: none
backend: no_such_backend
no.such.key: 1
# caf\xe9
"""


def python(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    known = {key: value for key, value in os.environ.items() if not key.startswith(("MPL", "MATPLOTLIB", "XDG"))}
    tests = str(Path(__file__).parents[2])
    known["PYTHONPATH"] = os.pathsep.join([str(Path(tests).parent), tests])
    variables = {**known, **variables}
    left = {key: value for key, value in variables.items() if value}
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=left, capture_output=True, text=True)


@pytest.fixture
def hostile(tmp_path):
    """A folder and variables that have matplotlib drawn otherwise, or not at all."""
    (tmp_path / "matplotlibrc").write_text(HOSTILE, encoding="latin-1")  # which matplotlib does not read
    home = tmp_path / "home"
    (home / ".config" / "matplotlib").mkdir(parents=True)
    (home / ".config" / "matplotlib" / "matplotlibrc").write_text(HOSTILE, encoding="latin-1")
    rc = str(tmp_path / "matplotlibrc")
    return tmp_path, {"HOME": str(home), "MPLBACKEND": "module://matplotlib_inline.backend_inline", "MATPLOTLIBRC": rc}


def test_a_hostile_matplotlibrc_and_backend_change_no_byte_of_a_figure(tmp_path, hostile):
    folder, variables = hostile
    clean = tmp_path / "clean"
    clean.mkdir()
    wanted = python(clean, "-c", DRAWN, HOME=str(clean))
    found = python(folder, "-c", DRAWN, **variables)
    assert wanted.stdout.count("\n") == 5, wanted.stderr
    assert (found.stdout, found.stderr) == (wanted.stdout, "")


@pytest.mark.parametrize("home", ["", "/proc/nobody"])
def test_the_papers_figures_need_no_home_and_no_entry_for_the_user(hostile, home):
    folder, variables = hostile
    nobody = "import pwd, sys; pwd.getpwuid = lambda uid: {}[uid]; from ablations.paper import main; sys.exit(main())"
    found = python(folder, "-c", nobody, "appA_flip", "--out", "out", **{**variables, "HOME": home})
    assert (found.returncode, found.stderr) == (0, "")
    assert (folder / "out/reports/paper/appA_flip.png").is_file()


def test_a_backend_chosen_in_a_notebook_stays_its_own(tmp_path):
    program = (
        "import sys, types, os; sys.modules['ipykernel'] = types.ModuleType('ipykernel')\n"
        "from pathlib import Path; from ablations import figures\n"
        "figures.use_own_matplotlib_settings(Path('cache')); print(os.environ['MPLBACKEND'])"
    )
    assert python(tmp_path, "-c", program, MPLBACKEND="svg").stdout == "svg\n"
