"""The report pages of a results folder on disk, written anew where results have changed."""

import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

from ablations import figures
from ablations.outputs import read
from ablations.outputs import record as run_record
from ablations.outputs.read import Key
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
        """Raises BadInput for a study that does not exist."""
        self._out, self._scale = out, scale
        self._asked = {read.named(out, given): given for given in studies}
        self._seen: dict[Key, Any] = {}
        self._cards: dict[Key, Card] = {}
        self._judgments: dict[str, tuple[Mapping[Key, Any], list[Verdict]]] = {}
        figures.use_own_matplotlib_settings(out / "results" / "cache")

    def renew(self, watched: bool = False) -> list[Path]:
        """Write the pages whose results have changed since the last call, and the front page; the files written.

        watched: pages of a sweep that is going on load themselves again. Raises BadInput where a page cannot be made.
        """
        wanted, known = read.chosen(self._out, list(self._asked), self._scale), read.there(self._out)
        live = watched and bool(Leases(Store(self._out / "results")).live_runs())
        stamps = {key: _stamps(self._out, key) for key in dict.fromkeys([*wanted, *known])}
        problems: list[str] = []
        files, changed = [], self._cards.keys() - {*known}
        self._cards = {key: card for key, card in self._cards.items() if key in known}
        for key in stamps:
            verdicts = judge_all.about(key[0], self._judged(key[1], stamps))
            now = (stamps[key], live, repr(verdicts))
            if self._seen.get(key) == now:
                continue
            try:
                files += self._renew_one(key, verdicts, key in wanted, live)
                changed.add(key)
            except BadInput as error:
                if self._cards.pop(key, None):  # the front page does without it, and the others are written as ever
                    changed.add(key)
                if key in wanted:
                    problems.append(str(error))
                    continue
            self._seen[key] = now
        if changed:
            files.append(self._out / "reports" / "index.html")
            self._write(files[-1], page.front([self._cards[key] for key in sorted(self._cards)], live))
        if problems:
            raise BadInput("\n".join(problems))
        return files

    def _judged(self, scale: str, stamps: Mapping[Key, Any]) -> list[Verdict]:
        """All claims at a scale: one may be about several studies. Judged anew when one of them has changed."""
        there = {key: stamp for key, stamp in stamps.items() if key[1] == scale}
        if self._judgments.get(scale, ({}, []))[0] != there:
            asked = (partial(self._budget, scale), partial(self._again, scale))
            self._judgments[scale] = (there, judge_all.judge_folder(self._out, scale, *asked))
        return self._judgments[scale][1]

    def _budget(self, scale: str, study: str) -> str:
        """On what a study's cells were trained; empty where that is not known."""
        try:
            return captions.budget(
                run_record.read(self._out / "results" / study / f"{scale}{run_record.END}", "").context
            )
        except BadInput:
            return ""

    def _again(self, scale: str, study: str, seeds: int) -> str:
        """What trains a study with more seeds: on the data and with the settings that it was run with."""
        try:
            ran_as = run_record.read(self._out / "results" / study / f"{scale}{run_record.END}", "").command
        except BadInput:
            return judge_all.command(self._out, scale, study, seeds)
        return run_record.again(ran_as, self._out, seeds)

    def _renew_one(self, key: Key, verdicts: Sequence[Verdict], wanted: bool, live: bool) -> list[Path]:
        """Read a study at a scale for its card; write its page where that is wanted."""
        study, scale = key
        found = read.gather(self._out, study, scale, self._asked.get(study, study))
        about = found.ran.context
        if (table := found.verdicts) is None:
            said = answer(found.frame, about, Store(self._out / "results"))
        else:
            said = " ".join(budget_text.sentences(found.frame, about, table))
            verdicts = budgets.listed(found.budgets, about)
        path = self._out / "reports" / study / f"{scale}.html"
        if wanted:
            self._write(path, page.build(found, said, verdicts, live and found.at_work))
        link = f"{study}/{scale}.html" if path.is_file() else ""
        self._cards[key] = page.card(found, said, verdicts, link, self._command(key), thumbnail(path))
        return [path] if wanted else []

    def _command(self, key: Key) -> str:
        where = [] if self._out == Path() else ["--out", str(self._out)]
        return shlex.join(["python", "-m", "ablations.report", key[0], "--scale", key[1], *where])

    def _write(self, path: Path, content: str) -> None:
        try:
            replace_file(path, content.encode())
        except OSError as error:
            raise BadInput(f"{error.filename or path}: cannot be written: {error.strerror}.") from None


def _stamps(out: Path, key: Key) -> list[tuple[str, int, int]]:
    """What changes when a page would: its files, their times and sizes."""
    found = []
    for path in read.files(out, *key):
        try:
            about = path.stat()
        except OSError:
            continue
        found.append((path.name, about.st_mtime_ns, about.st_size))
    return found


def thumbnail(path: Path) -> bytes | None:
    """The picture of a page's study, small, as PNG; None where a run has left none."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path.with_suffix(".png")) as whole:
            image = whole.convert("RGB")
    except (OSError, UnidentifiedImageError):
        return None
    image.thumbnail(THUMBNAIL)
    content = BytesIO()
    image.quantize(SHADES).save(content, format="PNG", optimize=True)
    return content.getvalue()
