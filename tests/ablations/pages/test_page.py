"""The page as text: what it says, that nothing in it is anybody's but ours, and that it asks nobody for anything."""

import base64
import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser
from math import nan
from typing import get_args
from urllib.parse import unquote

import pytest
from builders import shelf
from builders.hostile import EVIL, HOSTILE

from ablations.outputs import read
from ablations.outputs.paths import Paths
from ablations.pages import images, page, tables
from ablations.studies.plot import Plot
from ablations.tables.frame import study_frame

VOID = {"meta", "link", "img", "rect", "line", "path", "circle", "br"}


class Page(HTMLParser):
    """Elements in order, text by the innermost element, and whether every element is closed where it must be."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.said, self._open = [], [], []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        assert len({name for name, _ in attributes}) == len(attributes), (tag, attributes)
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] not in ("script", "style"):
            self.said.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", "".join(self.said))

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def gathered(tmp_path):
    """Material of the shelf's study, changed as asked."""

    def gather(about=None, records=None, **changes):
        about = about or shelf.study_info()
        shelf.leave(tmp_path, about, records)
        return replace(read.gather(Paths(tmp_path, about.study, about.scale), about.study), **changes)

    return gather


@pytest.fixture
def drawing():
    """The figures are really drawn, which takes seconds."""


@pytest.fixture(autouse=True)
def _drawn_already(request, monkeypatch):
    if "drawing" not in request.fixturenames:
        image = images.Picture("figure", "A picture", images.png(b"png"), "something")
        monkeypatch.setattr(page, "pictures", lambda found: {
            "figure": [image], "more": [replace(image, key="more")], "curves": [],
            "comparisons": [replace(image, key=key, alt=key) for key in found.comparisons], "views": [],
        })  # fmt: skip


def built(found, answer="No head is best.", verdicts=None, **options):
    return page.build(found, answer, shelf.verdicts() if verdicts is None else verdicts, **options)


@pytest.mark.usefixtures("drawing")
def test_the_page_has_every_section_in_order_and_says_what_was_measured(gathered):
    html = Page(built(gathered()))
    assert [attributes.get("id") for attributes in html.all("h2")] == [
        "h-figure", "h-table", "h-claims", "h-curves", "h-more", "h-views", "h-failed", "h-setting", "h-provenance",
    ]  # fmt: skip
    for sentence in (
        "Does a head help?",
        "No head is best.",
        "9 trials: 9 done",
        "paper, Figure 8",
        "2.15.0 (9 trials)",
        "1 min 52 s of training",
        shelf.COMMAND,
        "head.batch_norm",
    ):
        assert sentence in html.text, sentence


def test_headings_do_not_skip_a_level(gathered):
    levels = [int(tag[1]) for tag, _ in Page(built(gathered())).elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


@pytest.mark.usefixtures("drawing")
def test_nothing_in_the_page_is_fetched(gathered):
    """One policy that allows inline style and script only; every source and link is in the page or beside it."""
    html = Page(built(gathered(views=b"png", comparisons={"head-a-b": "<svg/>"})))
    policy = next(meta["content"] for meta in html.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert all(image["src"].startswith("data:image/") for image in html.all("img"))
    assert all(re.match(r"data:|#|\.\./index\.html$", link["href"]) for link in [*html.all("a"), *html.all("link")])
    assert not {"iframe", "object", "embed", "video", "form"} & {tag for tag, _ in html.elements}
    assert all("src" not in script for script in html.all("script"))


def hostile(gathered):
    about = shelf.study_info(
        question=EVIL, data=EVIL, encoder=EVIL, about=EVIL, overrides=(EVIL,), stamp=True,
        axes={"head": HOSTILE[:3], "dim": (EVIL, "x")}, labels={"head": EVIL, "dim": EVIL},
    )  # fmt: skip
    records = shelf.rows(about)
    records[1] |= {"status": "failed", "top1": None}
    found = gathered(about, records)
    failed = read.Failed(EVIL, EVIL, EVIL, 1, (EVIL, "</pre><script>hacked=1</script>"))
    evil = shelf.verdict("undecided", [shelf.part("undecided", label=EVIL)] * 2, EVIL, command=EVIL, budget=EVIL)
    claim = replace(evil.claim, statement=EVIL, inequality=EVIL, group=EVIL, where=EVIL, caveat=EVIL)
    changes = {"failed": (failed,), "comparisons": {EVIL: f"<svg><text>{HOSTILE[0]}</text></svg>"}}
    found = replace(found, ran=replace(found.ran, command=EVIL, recipe={EVIL: EVIL}), **changes)
    found = replace(found, provenance=found.provenance.replace("2.15.0", HOSTILE[0]))
    return built(found, EVIL, [replace(evil, claim=claim)])


@pytest.mark.usefixtures("drawing")
def test_hostile_names_stay_text(gathered):
    html, friendly = Page(hostile(gathered)), Page(built(gathered()))
    assert len(html.all("script")) == len(html.all("style")) == 1
    assert {tag for tag, _ in html.elements} <= {tag for tag, _ in friendly.elements} | {"pre"}
    names = {name for _, attributes in html.elements for name in attributes}
    assert not [name for name in names if name.startswith("on")]
    assert html.text.count(EVIL) > 20
    assert "could not be drawn" not in html.text
    assert "49 {% raw" not in html.text


def test_hostile_names_stay_text_on_the_front_page(gathered):
    card = replace(page.card(gathered(), EVIL, [], "heads/laptop.html", EVIL, None), question=EVIL, study=EVIL, link="")
    html = Page(page.front([card]))
    assert html.text.count(EVIL) == 4
    assert len(html.all("script")) == 1


def test_the_front_page_links_to_what_is_there_and_says_how_to_make_the_rest(gathered):
    found = gathered()
    cards = [
        page.card(found, "Yes.", shelf.verdicts(), "heads/laptop.html", "make it", b"png"),
        page.card(found, "No.", [], "", "make the other", None),
    ]
    html = Page(page.front(cards))
    assert [link["href"] for link in html.all("a")] == ["heads/laptop.html"]
    assert "make the other" in html.text
    assert "make it" not in html.text
    assert "Claims: 1 holds, 1 does not hold, 1 undecided, 1 not asked." in html.text
    assert "No study has results here yet." in Page(page.front([])).text


def test_every_outcome_is_said_with_a_sign_and_in_words_and_its_interval_is_drawn(gathered):
    html = Page(built(gathered()))
    for sign, outcome in page.MARKS.items():
        assert f"{outcome} {sign}" in html.text
    drawn = [attributes["aria-label"] for attributes in html.all("svg")]
    assert "+3.2 points (95% interval +1.1 to +5.3); claimed: above 0 points" in drawn
    assert "+1.0 points (no interval); claimed: within ±0.5 points" in drawn
    assert "not measured; claimed: at most 0.2 points" in drawn
    assert "−6.1 points (95% interval −8.4 to −3.8); claimed: above 0 points" in drawn
    assert "nan" not in "".join(str(attributes) for attributes in html.all("path"))
    assert "About 12 seeds in all would settle it: python -m ablations.run heads --seeds 12" in html.text
    assert "The paper's own numbers do not fulfill it." in html.text


@pytest.mark.parametrize("kind", get_args(Plot.model_fields["kind"].annotation))
def test_every_kind_of_figure_says_how_its_table_is_read(kind):
    figure = Plot(kind=kind, x="dim" if kind == "bars" else None, hue="head" if kind == "bars" else None)
    known = {"pairs": "second across", "bars": "dim across", "budget": "image pairs that a cell is trained on across"}
    across = known.get(kind, "metric across")
    assert across in tables.reading(shelf.study_info(figure=figure))


def test_a_study_without_claims_says_so(gathered):
    assert "None of the paper's claims is about this study's cells." in Page(built(gathered(), verdicts=[])).text


@pytest.mark.usefixtures("drawing")
def test_what_failed_is_listed_with_its_log(gathered):
    records = shelf.rows(shelf.study_info(), status="failed")
    html = Page(built(gathered(records=records)))
    assert "9 trials: 9 failed" in html.text
    assert "head=linear dim=16 seed=0: the loss is not finite" in html.text
    assert "epoch 1 loss nan" in html.text
    assert "Nothing has been trained yet" in html.text


@pytest.mark.usefixtures("drawing")
def test_nothing_measured_yet_makes_a_page(gathered):
    html = Page(built(gathered(records=shelf.rows(shelf.study_info(), status="missing")), verdicts=[]))
    assert "9 trials: 9 missing" in html.text
    assert "Nothing is measured yet." in html.text


def test_one_seed_has_no_interval_and_says_so(gathered):
    about = shelf.study_info(seeds=1)
    html = Page(built(gathered(about, shelf.rows(about, seeds=1))))
    assert "no verdict follows from one seed" in html.text


def test_only_a_page_that_somebody_renews_loads_itself_again(gathered):
    found = gathered()
    refresh = [meta for meta in Page(built(found, live=True)).all("meta") if meta.get("http-equiv") == "refresh"]
    assert refresh == [{"http-equiv": "refresh", "content": "10"}]
    assert "refresh" not in [meta.get("http-equiv") for meta in Page(built(found)).all("meta")]


def test_the_tables_to_take_away_are_the_runs_own(gathered, tmp_path):
    links = {link["download"]: link["href"] for link in Page(built(gathered())).all("a") if "download" in link}
    table = (tmp_path / "results" / "heads" / "laptop.csv").read_text()
    assert unquote(links["heads-laptop.csv"].partition(",")[2]) == table
    assert unquote(links["heads-laptop.md"]).count("# Does a head help?") == 1
    assert r"\toprule" in unquote(links["heads-laptop.tex"])


def test_cells_are_sorted_by_number_and_what_is_missing_by_nothing():
    assert [tables._key(shown) for shown in ("53.7 ± 3.0", "-1.5", "–", "×", "crop", "1e5", "")] == [
        53.7, -1.5, None, None, "crop", 1e5, None,
    ]  # fmt: skip
    assert tables.number(nan, "top1").key is None
    assert tables.number(41.25, "top1") == tables.TableCell("41.2", 41.25)


def test_every_trial_has_a_row_with_the_metrics_that_any_has(gathered):
    table = tables.trials(gathered())
    assert len(table.rows) == 9
    assert table.columns[:5] == ["role", "projection head", "dim", "seed", "status"]
    assert "cosine kNN top-1 (%)" not in table.columns
    assert table.rows[0][1].key is None
    assert dict(zip(table.columns, table.numeric, strict=True))["seconds"]


@pytest.mark.usefixtures("drawing")
def test_a_figure_that_cannot_be_drawn_costs_no_page(gathered, monkeypatch):
    from ablations import figures

    monkeypatch.setattr(figures, "draw", lambda *_: 1 / 0)
    assert "The figure could not be drawn: ZeroDivisionError" in Page(built(gathered())).text


def test_an_svg_survives_its_way_into_the_page():
    content = '<svg width="1"><path d="M 0 1\nL 2 3"/><text>100% & # é</text></svg>'
    assert unquote(images.svg(content).partition(",")[2]) == content.replace("\n", " ")
    assert not set('"<>#') & set(images.svg(content))
    assert base64.b64decode(images.png(b"\x89PNG").partition(",")[2]) == b"\x89PNG"


def test_values_on_several_trials_are_counted(gathered):
    found = gathered()
    text = found.provenance.replace("2.15.0", "2.14.0", 1)
    rows = dict(page.provenance(replace(found, provenance=text)))
    assert rows["torch"] == ["2.15.0 (8 trials)", "2.14.0 (1 trial)"]


def test_the_same_material_gives_the_same_bytes(gathered):
    found = gathered()
    assert built(found) == built(found)


@pytest.mark.usefixtures("drawing")
def test_a_map_of_pairs_has_its_synergy(gathered):
    about = shelf.study_info(
        study="aug_pairs",
        paper="",
        figure=shelf.Plot(kind="pairs"),
        labels={},
        axes={"first": ("a", "b"), "second": ("a", "b")},
    )
    html = Page(built(gathered(about)))
    assert "What a pair adds, and what its order does" in html.text
    assert "The paper has no numbers for this study." in html.text
    assert "best pair: " in next(image["alt"] for image in html.all("img") if image["id"] == "figure")


def test_an_empty_frame_has_no_trials():
    assert page.counts(study_frame(["a"], [])) == "no trials"
