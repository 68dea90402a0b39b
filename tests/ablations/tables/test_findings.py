"""What a study's findings are, against the functions and numbers that they come from; and that each is derived once."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from builders import repeated
from builders.drawings import FULL, HEADS, PAIRS, PART, POINTS, heads_frame, points_frame, row

from ablations import figures
from ablations.studies.plot import Plot
from ablations.tables import captions, findings, render
from ablations.tables.budgets import FAILS, HOLDS, OPEN
from ablations.tables.findings import Findings
from ablations.tables.frame import study_frame

DERIVED = (
    "long_table",
    "cell_table",
    "seed_spread",
    "pair_table",
    "pair_failed",
    "gaps",
    "published",
    "paper_agreement",
)


@pytest.fixture
def derived(monkeypatch):
    """How often each derivation was made of each thing."""
    calls = Counter()

    def counting(name, derive):
        def counted(*args):
            calls[name, args[0].to_csv() if isinstance(args[0], pd.DataFrame) else args[0]] += 1
            return derive(*args)

        return counted

    for name in DERIVED:
        monkeypatch.setattr(findings, name, counting(name, getattr(findings, name)))
    return calls


@pytest.mark.parametrize(("frame", "info"), [(FULL, PAIRS), (PART, PAIRS), (heads_frame(), HEADS)])
def test_all_that_is_said_and_drawn_of_a_study_derives_each_thing_once(frame, info, derived):
    found = Findings(frame, info)
    render.markdown(found)
    render.latex(found)
    render.summary(found)
    render.described(found)
    figures.draw(found)
    for drawing in figures.more(found, {}, lambda _: []).values():
        drawing()
    assert derived
    assert set(derived.values()) == {1}, derived.most_common(3)


def test_nothing_is_derived_before_it_is_asked_for(derived):
    found = Findings(FULL, PAIRS)
    assert not derived
    assert found.pairs.loc["crop", "color"] == 47.0
    assert derived == {("pair_table", FULL.to_csv()): 1}


def test_the_cells_are_the_means_of_their_seeds():
    found = Findings(heads_frame(), HEADS)
    cells = found.cells.set_index(["head", "dim"])
    assert cells.loc[("linear", 16), ["mean", "sd", "n"]].tolist() == [45.0, 1.0, 3]
    assert len(found.per_seed) == 3 * len(found.cells)
    assert found.spread.sd == pytest.approx(1.0)
    assert found.baselines == {"top1": {"untrained": 20.6}}
    assert (found.gaps.cells, found.gaps.missing, found.gaps.failed, found.gaps.short) == (5, 0, 0, 0)


def test_a_map_knows_which_of_its_pairs_failed():
    found = Findings(PART, PAIRS)
    assert found.failed_pairs.to_numpy().tolist() == [[False] * 3, [True, False, False], [False] * 3]
    assert found.done["status"].unique().tolist() == ["done"]
    assert found.gaps.failed == 1


def test_a_pair_whose_other_seed_is_done_has_not_failed():
    cells = [
        row("cell", {"first": "crop", "second": "color"}, top1, seed) for seed, top1 in enumerate(["failed", 40.0])
    ]
    found = Findings(study_frame(["first", "second"], cells), PAIRS)
    assert not found.failed_pairs.any(axis=None)
    assert found.pairs.loc["crop", "color"] == 40.0


def test_the_papers_numbers_are_findings_too():
    ours = Findings(points_frame(), POINTS)
    assert list(ours.sides) == [POINTS.title, f"paper: {ours.paper.setting}"]
    theirs = ours.theirs
    assert theirs.info.axes == ours.paper.axes
    pd.testing.assert_frame_equal(theirs.frame, ours.paper.frame)
    assert theirs.cells["mean"].notna().all()
    assert theirs.spread.df == 0


def test_without_numbers_in_the_paper_there_is_one_side():
    found = Findings(FULL, replace(PAIRS, paper=""))
    assert (found.paper, found.theirs, found.papers_map, found.agreement) == (None, None, None, [])
    assert list(found.sides.values()) == [found]


def test_a_map_is_ranked_against_the_papers_printed_one():
    paper = Findings(FULL, PAIRS).papers_map
    names = tuple(paper.index)
    cells = [row("cell", {"first": a, "second": b}, float(paper.loc[a, b])) for a in names for b in names]
    info = replace(PAIRS, axes={"first": names, "second": names})
    assert [(label, one.rho) for label, one in Findings(study_frame(["first", "second"], cells), info).agreement] == [
        ("all cells", 1.0),
        ("those without crop", 1.0),
    ]
    assert Findings(FULL, PAIRS).agreement == []  # three of the paper's seven names
    bars = Findings(
        heads_frame(), replace(HEADS, paper="fig5_aug_pairs", figure=Plot(kind="bars", x="dim", hue="head"))
    )
    assert bars.papers_map is None


def test_at_a_budget_are_the_findings_of_the_repeated_study():
    frame, info = repeated.pairs()
    found = Findings(frame, info)
    assert list(found.at_budget) == list(found.budgets) == [2, 5, 10, 20]
    here = found.at_budget[5]
    assert here.info.study == "aug_pairs"
    assert list(here.info.axes) == ["first", "second"]
    chosen = frame[(frame["epochs"] == 5) & (frame["first"] == "crop") & (frame["second"] == "color")]
    assert here.pairs.loc["crop", "color"] == pytest.approx(chosen["top1"].mean())
    line = found.levels[(found.levels["name"] == "crop > color") & (found.levels["epochs"] == 5)]
    assert line["mean"].item() == pytest.approx(chosen["top1"].mean())
    assert np.isfinite(found.agreements["rho"]).all()


def test_claims_are_as_they_were_judged():
    frame, info = repeated.heads()
    found = Findings(frame, info, repeated.verdicts(one=[FAILS, HOLDS, OPEN, HOLDS], two=[OPEN] * 4))
    assert found.first_held == {"one": 5, "two": None}
    assert found.judged["one"]["epochs"].tolist() == [2, 5, 20]
    assert found.judged["two"].empty
    assert Findings(frame, info).first_held == {}


def test_a_caption_given_with_the_study_asks_for_no_numbers(derived):
    assert captions.caption(Findings(FULL, replace(PAIRS, caption=("So.",)))) == ["So."]
    assert not derived
