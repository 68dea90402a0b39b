from dataclasses import replace

from builders import repeated
from builders.repeated import verdicts

from ablations.tables import captions, render
from ablations.tables.budget_text import sentences, text_table
from ablations.tables.budgets import FAILS, HOLDS, OPEN, UNDECIDED
from ablations.tables.findings import Findings

MEANING = "To first hold at a budget is to hold there and at every larger one that is judged."


def said(**claims):
    return sentences(Findings(*repeated.heads(), verdicts(**claims)))


def test_claims_are_said_with_the_budget_at_which_each_first_holds():
    assert said(
        one=[FAILS, HOLDS, HOLDS, HOLDS],
        two=[UNDECIDED, HOLDS, HOLDS, HOLDS],
        three=[FAILS, FAILS, FAILS, HOLDS],
        four=[FAILS] * 4,
        five=[UNDECIDED] * 4,
    ) == [
        "At the largest budget judged, 100,000 image pairs, 3 of the 5 claims hold: “one” and “two” first hold at "
        "25,000, “three” first holds at 100,000; “four” does not hold; “five” is undecided.",
        MEANING,
    ]


def test_a_claim_that_held_at_a_smaller_budget_only_is_not_said_to_hold():
    assert said(one=[HOLDS, HOLDS, FAILS, FAILS], two=[HOLDS, UNDECIDED, HOLDS, UNDECIDED]) == [
        "At the largest budget judged, 100,000 image pairs, none of the 2 claims holds: "
        "“one” (held at 10,000 and 25,000) does not hold; “two” (held at 10,000 and 50,000) is undecided."
    ]


def test_budgets_that_are_not_judged_yet_are_left_out_and_a_claim_judged_less_far_says_so():
    assert said(one=[FAILS, HOLDS, OPEN, OPEN], two=[FAILS, HOLDS, HOLDS, OPEN], three=[OPEN] * 4) == [
        "At the largest budget judged, 50,000 image pairs, 2 of the 3 claims hold: "
        "“one” (judged up to 25,000) and “two” first hold at 25,000; “three” is not measured yet.",
        MEANING,
    ]


def test_before_anything_is_judged_or_measured_that_is_said():
    assert said(one=[OPEN] * 4) == ["No claim is judged yet."]
    frame, info = repeated.heads(missing={(epochs, seed) for epochs in (2, 5, 10, 20) for seed in range(3)})
    assert sentences(Findings(frame, info, verdicts(one=[OPEN] * 4))) == ["Nothing is measured yet."]


def test_one_seed_gives_no_verdict():
    frame, info = repeated.heads(seeds=1)
    assert sentences(Findings(frame, info, verdicts(one=[UNDECIDED] * 4))) == ["No verdict follows from one seed."]


def test_the_rank_correlation_with_the_papers_map_is_said_at_every_complete_budget():
    frame, info = repeated.pairs(missing={(10, 0), (10, 1)})
    last = sentences(Findings(frame, info, verdicts(one=[HOLDS] * 4)))[-1]
    assert last.startswith("Spearman's rho with the paper's map, all cells: ")
    assert last.endswith(" at 100,000 image pairs.")
    assert [f"at {pairs}" in last for pairs in ("10,000", "25,000", "50,000")] == [True, True, False]


def test_the_table_has_claims_ranks_and_levels_down_and_budgets_across():
    frame, info = repeated.pairs(missing={(10, 0), (10, 1)})
    table = text_table(Findings(frame, info, verdicts(one=[FAILS, HOLDS, OPEN, HOLDS], two=[UNDECIDED] * 4)))
    assert list(table.columns) == [
        *("image pairs per cell (epochs)", "first holds at"),
        *("10,000 (2)", "25,000 (5)", "50,000 (10)", "100,000 (20)"),
    ]
    rows = {row[0]: row[1:] for row in table.itertuples(index=False, name=None)}
    assert rows["one"] == ("25,000 (5)", FAILS, HOLDS, "–", HOLDS)
    assert rows["two"] == ("–", *[UNDECIDED] * 4)
    assert [cell == "–" for cell in rows["Spearman's rho, all cells"][1:]] == [False, False, True, False]
    assert rows["linear probe top-1 (%): crop > color"][2].split(" ± ")[0] in ("49.8", "49.9", "50.0", "50.1", "50.2")
    assert rows["linear probe top-1 (%): crop > color"][3] == "–"


def test_the_summary_and_the_markdown_have_the_claims_and_not_the_papers_table():
    frame, info = repeated.pairs()
    table = verdicts(one=[FAILS, HOLDS, HOLDS, HOLDS])
    summary, markdown = render.summary(Findings(frame, info, table)), render.markdown(Findings(frame, info, table))
    assert "“one” first holds at 25,000." in summary
    assert MEANING in summary
    assert any(
        line.split() == ["one", "25,000", "(5)", "does", "not", "hold", *["holds"] * 3] for line in summary.splitlines()
    )
    assert "| one " in markdown
    assert "The paper's, Figure 5" not in markdown
    assert "epochs × 5,000 training images" in markdown
    assert "one & 25,000 (5) & does not hold" in " ".join(render.latex(Findings(frame, info, table)).split())


def test_the_caption_of_bars_speaks_of_no_map():
    frame, info = repeated.heads()
    caption = " ".join(captions.caption(Findings(frame, replace(info, overrides=("a=1",)))))
    assert "Spearman" not in caption
    assert "Best single" not in caption
    assert "from where it first holds: there and at every larger budget that is judged" in caption
    assert "pooled over the cells of a budget" in caption
