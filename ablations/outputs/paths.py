"""Where everything lies under the folder that --out names: the one place that spells the names of files."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

RECORD = ".run.json"
HASH = 8  # characters

Key = tuple[str, str]  # study, scale


@dataclass(frozen=True)
class Paths:
    """The files of one study at one scale, there or not: results/<study>/<scale>.* and reports/<study>/<scale>*."""

    out: Path
    study: str
    scale: str

    @property
    def table(self) -> Path:
        """A row per trial: what `ablations.tables.frame` reads and writes."""
        return self._result(".csv")

    @property
    def markdown(self) -> Path:
        """The table as Markdown, to read."""
        return self._result(".md")

    @property
    def latex(self) -> Path:
        """The table as LaTeX, to include in a paper."""
        return self._result(".tex")

    @property
    def provenance(self) -> Path:
        """A row per done trial: on what and with what it ran."""
        return self._result(".provenance.csv")

    @property
    def record(self) -> Path:
        """What the run was asked for: see `ablations.outputs.record`."""
        return self._result(RECORD)

    def figure(self, name: str = "") -> Path:
        """A figure's files without their endings, such as .png; without a name the study's own figure."""
        return reports(self.out) / self.study / "-".join(filter(None, (self.scale, name)))

    @property
    def picture(self) -> Path:
        """The study's figure as PNG."""
        return self._drawn(".png")

    @property
    def views(self) -> Path:
        """What the augmentations do to the images, as PNG."""
        return self._drawn("-views.png")

    @property
    def page(self) -> Path:
        """The report page."""
        return self._drawn(".html")

    def comparison(self, axis: str, first: object, second: object, metric: str) -> Path:
        """What `ablations.compare` draws, without its ending.

        Where a character had to be replaced the name ends in a hash, so that "a b" and "a/b" have files of their own.
        """
        whole = f"{axis}-{first}-{second}" + ("" if metric == "top1" else f"-{metric}")
        name = re.sub(r"[^A-Za-z0-9._-]+", "_", whole)
        own = "" if name == whole else f"-{hashlib.sha256(whole.encode()).hexdigest()[:HASH]}"
        return self.figure(f"compare-{name}{own}")

    @property
    def comparisons(self) -> dict[str, Path]:
        """The SVGs of all comparisons that are there, by name."""
        start = f"{self.scale}-compare-"
        there = sorted((reports(self.out) / self.study).glob(f"{start}*.svg"))
        return {path.stem.removeprefix(start): path for path in there}

    def _result(self, end: str) -> Path:
        return results(self.out) / self.study / f"{self.scale}{end}"

    def _drawn(self, end: str) -> Path:
        return reports(self.out) / self.study / f"{self.scale}{end}"


def results(out: Path) -> Path:
    """The store's folder; beside the trials' own folders each study has one for its tables."""
    return out / "results"


def reports(out: Path) -> Path:
    """Figures and pages."""
    return out / "reports"


def front_page(out: Path) -> Path:
    """The page that links to all others."""
    return reports(out) / "index.html"


def there(out: Path) -> list[Key]:
    """Every study and scale that has results, in order."""
    paths = results(out).glob(f"*/*{RECORD}")
    return sorted((path.parent.name, path.name.removesuffix(RECORD)) for path in paths)
