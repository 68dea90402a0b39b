"""The report pages of a results folder on disk, written anew where results have changed."""

from collections.abc import Mapping, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

from ablations import figures
from ablations.console.arguments import writable
from ablations.console.commands import command
from ablations.console.text import clean
from ablations.outputs import read
from ablations.outputs import record as run_record
from ablations.outputs.paths import Key, Paths, front_page, reports, results, there
from ablations.pages import page
from ablations.pages.page import Card
from ablations.store.files import replace_file
from ablations.store.leases import Leases
from ablations.store.trials import Store
from ablations.tables import budget_text, captions
from ablations.verdicts import budgets, judge_all
from ablations.verdicts.answer import answer
from ablations.verdicts.verdict import Verdict
from simclr_core.errors import BadInput

THUMBNAIL = (400, 300)  # pixels, at most
SHADES = 48  # of a thumbnail, which keep it small


class Reports:
    """The pages of some studies, all of them where none is named, and the front page of all that have results."""

    def __init__(self, out: Path, studies: Sequence[str], scale: str | None) -> None:
        """Read which studies there are. Raises BadInput for one that does not exist."""
        self._out, self._scale = out, scale
        self._asked = {read.named(out, given): given for given in studies}
        self._seen: dict[Key, Any] = {}
        self._cards: dict[Key, Card] = {}
        self._judgments: dict[str, tuple[Mapping[Key, Any], list[Verdict]]] = {}
        self._store = Store(results(out))
        figures.use_own_matplotlib_settings(self._store.cache)

    def renew(self, watched: bool = False) -> list[Path]:
        """Write the pages whose results have changed since the last call, and the front page; the files written.

        watched: pages of a sweep that is going on load themselves again. Raises BadInput where a page cannot be made.
        """
        wanted, known = read.chosen(self._out, list(self._asked), self._scale), there(self._out)
        live = watched and bool(Leases(self._store).live_runs())
        stamps = {key: _stamps(self._out, key) for key in dict.fromkeys([*wanted, *known])}
        problems: list[str] = []
        files, changed = [], self._cards.keys() - {*known}
        self._cards = {key: card for key, card in self._cards.items() if key in known}
        for key in stamps:
            now, problem = None, ""
            try:
                verdicts = judge_all.about(key[0], self._judged(key[1], stamps))
                now = (stamps[key], live, repr(verdicts))
                if self._seen.get(key) == now:
                    continue
                files += self._renew_one(key, verdicts, key in wanted, live)
                changed.add(key)
            except BadInput as error:
                problem = str(error)
            except Exception as error:  # whatever is wrong with a page costs no other page, and ends no --watch
                said = clean(f"{type(error).__name__}: {error}").rstrip(".")
                problem = f"{' '.join(key)}: the page could not be made: {said}."
            if problem:
                if self._cards.pop(key, None):  # the front page does without it, and the others are written as ever
                    changed.add(key)
                if key in wanted:
                    problems.append(problem)
                    continue
            self._seen[key] = now
        if changed:
            files.append(front_page(self._out))
            self._write(files[-1], page.front([self._cards[key] for key in sorted(self._cards)], live))
        if problems:
            raise BadInput("\n".join(problems))
        return files

    def _judged(self, scale: str, stamps: Mapping[Key, Any]) -> list[Verdict]:
        """All claims at a scale: one may be about several studies. Judged anew when one of them has changed."""
        those = {key: stamp for key, stamp in stamps.items() if key[1] == scale}
        if self._judgments.get(scale, ({}, []))[0] != those:
            tables = read.tables(self._out, scale, judge_all.STUDIES)
            asked = (partial(self._budget, scale), partial(self._again, scale))
            self._judgments[scale] = (those, judge_all.judge_frames(tables, self._store, scale, *asked))
        return self._judgments[scale][1]

    def _budget(self, scale: str, study: str) -> str:
        """Words for what a study's cells were trained on; empty where that is not known."""
        try:
            return captions.budget(run_record.read(Paths(self._out, study, scale)).context)
        except BadInput:
            return ""

    def _again(self, scale: str, study: str, seeds: int) -> str:
        """The command that trains a study with more seeds, on the data and with the settings that it was run with."""
        return run_record.made_by(Paths(self._out, study, scale), seeds=seeds)

    def _renew_one(self, key: Key, verdicts: Sequence[Verdict], wanted: bool, live: bool) -> list[Path]:
        """Read a study at a scale for its card; write its page where that is wanted."""
        study, scale = key
        paths = Paths(self._out, study, scale)
        material = read.gather(paths, self._asked.get(study, study))
        findings = material.findings
        if findings.verdicts is None:
            said = answer(findings.frame, findings.info, self._store)
        else:
            said = " ".join(budget_text.sentences(findings))
            verdicts = budgets.listed(material.budgets, findings.info)
        if wanted:
            self._write(paths.page, page.build(material, said, verdicts, live and material.at_work))
        link = paths.page.relative_to(reports(self._out)).as_posix() if paths.page.is_file() else ""
        makes = command("report", study, scale=scale, out=self._out)
        self._cards[key] = page.card(material, said, verdicts, link, makes, thumbnail(paths.picture))
        return [paths.page] if wanted else []

    def _write(self, path: Path, content: str) -> None:
        with writable():
            replace_file(path, content.encode())


def _stamps(out: Path, key: Key) -> list[tuple[str, int, int]]:
    """Stamps that change when a page would: its files, their times and sizes."""
    stamps = []
    for path in read.files(Paths(out, *key)):
        try:
            about = path.stat()
        except OSError:
            continue
        stamps.append((path.name, about.st_mtime_ns, about.st_size))
    return stamps


def thumbnail(picture: Path) -> bytes | None:
    """A study's figure, small, as PNG; None where a run has left none."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(picture) as whole:
            image = whole.convert("RGB")
    except (OSError, UnidentifiedImageError):
        return None
    image.thumbnail(THUMBNAIL)
    content = BytesIO()
    image.quantize(SHADES).save(content, format="PNG", optimize=True)
    return content.getvalue()
