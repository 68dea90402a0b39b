"""Characters that the figures' own font lacks, as of Chinese names: lent by installed fonts, or said to be missing."""

from collections.abc import Iterable
from contextlib import suppress
from functools import cache

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text

from ablations.console import terminal
from ablations.figures.style import FONT

LAST_RESORT = "Last Resort"  # comes with matplotlib: a box for every character there is
_said: set[str] = set()


def lend(figure: Figure) -> bool:
    """Give texts of a figure that was rendered the fonts they need; whether it is to be rendered again.

    What no installed font has is drawn as boxes, which is said on stderr, once for each word.
    """
    texts = {text: text.get_text() for text in figure.findobj(Text)}
    lacking = set().union(*texts.values()) - _characters(_path(FONT)) - set("\n\t")
    if not lacking:
        return False
    families, missing = substitutes(lacking)
    words = dict.fromkeys(word for said in texts.values() for word in said.split() if missing & set(word))
    if new := [word for word in words if word not in _said]:
        _said.update(new)
        terminal.complain(
            f"No installed font can draw {', '.join(new)}: the figures have boxes in place of "
            "these characters, until there is one that can, such as Noto Sans CJK."
        )
    changed = False
    for text, said in texts.items():
        if families and lacking & set(said) and text.get_fontfamily() != [FONT, *families]:
            text.set_fontfamily([FONT, *families])
            changed = True
    return changed


def substitutes(characters: Iterable[str]) -> tuple[list[str], set[str]]:
    """Installed families that have these characters between them, as few as do; and what none of them has."""
    missing = set(characters)
    known = {entry.fname for entry in font_manager.fontManager.ttflist}
    for path in font_manager.findSystemFonts():  # matplotlib's list of fonts may be older than some of them
        if path not in known:
            with suppress(Exception):  # such as bitmaps
                font_manager.fontManager.addfont(path)
    offered = {
        entry.name: _characters(entry.fname)
        for entry in sorted(font_manager.fontManager.ttflist, key=lambda entry: (entry.name, entry.fname), reverse=True)
        if entry.style == "normal" and entry.weight in (400, "normal", "regular") and LAST_RESORT not in entry.name
    }
    families = []
    while offered:
        name = min(offered, key=lambda name: (-len(offered[name] & missing), name))
        if not offered[name] & missing:
            break
        families.append(name)
        missing -= offered.pop(name)
    return families, missing


def _path(family: str) -> str:
    return str(font_manager.findfont(font_manager.FontProperties(family=[family])))


@cache
def _characters(path: str) -> frozenset[str]:
    """What a font file can draw; nothing where it cannot be read, or has bitmaps only."""
    try:
        font = font_manager.get_font(path)
        return frozenset(map(chr, font.get_charmap())) if font.scalable else frozenset()
    except Exception:  # a broken file raises what it likes
        return frozenset()
