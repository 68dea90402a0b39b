"""Where the paper's numbers as transcribed with their sources lie, if they are at hand: not part of the project."""

from pathlib import Path

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "paper_simclr.yaml"
