"""Names are drawn as they are, whatever is in them."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from builders.drawings import HEADS, POINTS, heads_frame, points_frame, texts
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text

from ablations import figures
from ablations.figures import embedding, glyphs, style
from ablations.figures.embedding import Embedding
from ablations.tables.findings import Findings

ODD = ("_u", "$x$", "100%", r"\alpha", "x^2", "a_b", "{c}")
LENT = "\u20dd"  # of the fonts that come with matplotlib, STIXGeneral has it and DejaVu Sans does not
NOWHERE = "\U000f0001"  # for private use


@pytest.fixture(autouse=True)
def _nothing_was_said(monkeypatch):
    monkeypatch.setattr(glyphs, "_said", set())


def figure_of(*names):
    with style.applied():
        figure = Figure()
        axes = figure.add_axes((0.1, 0.1, 0.5, 0.5))
        for i, name in enumerate(names):
            axes.plot([0, 1], [i, i], label=style.entry(name))
        axes.set_xticks(range(len(names)), names)
        style.legend_above(axes, 5)
    return figure


def legend(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_a_legend_has_every_name_also_those_that_begin_with_an_underscore():
    assert sorted(legend(figure_of(*ODD))) == sorted(ODD)


def test_a_class_that_begins_with_an_underscore_is_in_the_legend_of_an_embedding():
    points = {space: np.zeros((3, 2)) for space in ("h", "z")}
    shares = dict.fromkeys(points, 50.0)
    found = Embedding(points, np.arange(3), ("_u", "$x$", "plain"), shares, shares, (4, 2), 2.0)
    assert {"_u", "$x$", "plain"} <= set(texts(embedding.draw(found, "Classes", ["Made up."])))


def test_a_cell_that_begins_with_an_underscore_is_in_the_legend_of_points():
    info = replace(POINTS, axes={**POINTS.axes, "method": ("_u", "supervised")})
    assert "_u" in texts(figures.draw(Findings(points_frame().replace({"method": {"SimCLR": "_u"}}), info)))


def test_no_name_is_mathematics():
    figure = figure_of(*ODD)
    figures.rendered(figure, ".png")
    drawn = {text.get_text(): text for text in figure.findobj(Text)}
    assert set(ODD) <= set(drawn)
    assert not any(drawn[name].get_parse_math() or drawn[name].get_usetex() for name in ODD)


def test_a_character_that_the_font_lacks_comes_from_an_installed_one_that_has_it(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = figure_of(f"a{LENT}", "b")
        assert figures.rendered(figure, ".png") != figures.rendered(figure_of("a\u2060", "b"), ".png")
    families = {text.get_text(): text.get_fontfamily() for text in figure.findobj(Text)}
    (own, lender) = families[f"a{LENT}"]
    assert own == style.FONT
    assert ord(LENT) in font_manager.get_font(glyphs._path(lender)).get_charmap()
    assert families["b"] == [style.FONT]
    assert capsys.readouterr().err == ""


def test_what_no_font_can_draw_is_said_once_and_by_us(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for suffix in figures.SUFFIXES:
            figures.rendered(figure_of(f"cat {NOWHERE}{NOWHERE}", "dog"), suffix)
    said = capsys.readouterr().err
    assert said.startswith(f"No installed font can draw {NOWHERE}{NOWHERE}: the figures have boxes")
    assert said.count("\n") == 1


def test_a_figure_of_ordinary_names_asks_no_other_font(monkeypatch):
    monkeypatch.setattr(glyphs, "substitutes", lambda _: pytest.fail("all of it is there"))
    figures.rendered(figures.draw(Findings(heads_frame(), HEADS)), ".png")
