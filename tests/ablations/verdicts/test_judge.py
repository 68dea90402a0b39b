import numpy as np
import pytest
from builders.made import CLAIM, cell, frame, right
from scipy.stats import ttest_rel

from ablations.verdicts.contrasts import NotAsked
from ablations.verdicts.evidence import Evidence
from ablations.verdicts.judge import judge, seeds_to_settle
from ablations.verdicts.statement import All, Best, Correlation, Most, above, at_most, increasing, within

WOBBLE = {
    3: [-1.0, 0.0, 1.0],
    2: [-1.0, 1.0],
    1: [0.0],
    4: [-1.0, 1.0, 1.0, -1.0],
    6: [-1.0, 1.0, 1.0, -1.0, 1.0, -1.0],
}


def steady(seeds=3, sd=0.0, **levels):
    """Cells at these levels; every other one wobbles the other way, so that pairs of neighbors differ by twice as much.

    With sd 0 the differences are exact.
    """
    return {
        name: [level + (-1) ** i * sd * wobble for wobble in WOBBLE[seeds]]
        for i, (name, level) in enumerate(levels.items())
    }


def verdict(statement, table, store=None, **more):
    return judge(CLAIM, statement, Evidence({"made": frame(table, **more)}, store), "laptop")


def differences(*values, seeds=3, sd=1.0):
    """Cells x0, y0, x1, y1 ... whose differences have these means; all with the same spread over seeds."""
    rng = np.random.default_rng(12)
    table = {}
    for i, value in enumerate(values):
        noise = rng.normal(size=seeds)
        noise = (noise - noise.mean()) / noise.std(ddof=1) * sd if seeds > 1 else noise * 0
        table[f"x{i}"], table[f"y{i}"] = list(50 + value + noise), [50.0 + 3 * i] * seeds
        table[f"x{i}"] = [one + 3 * i for one in table[f"x{i}"]]
    return table


def parts(count, relation=above, bound=0.0):
    return tuple(relation(cell(f"x{i}") - cell(f"y{i}"), bound) for i in range(count))


# --- one comparison ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("relation", "bound", "effect", "outcome"),
    [
        (above, 0.0, 20.0, "holds"),
        (above, 0.0, -20.0, "does not hold"),
        (above, 0.0, 1.0, "undecided"),
        (above, 0.0, -1.0, "undecided"),
        (above, 10.0, 20.0, "holds"),
        (above, 30.0, 20.0, "does not hold"),
        (above, 18.0, 20.0, "undecided"),
        (at_most, 0.5, -20.0, "holds"),
        (at_most, 0.5, 20.0, "does not hold"),
        (at_most, 0.5, 1.0, "undecided"),
        (at_most, 30.0, 20.0, "holds"),
        (within, 30.0, 20.0, "holds"),
        (within, 30.0, -20.0, "holds"),
        (within, 5.0, 20.0, "does not hold"),
        (within, 5.0, -20.0, "does not hold"),
        (within, 19.0, 20.0, "undecided"),
        (within, 21.0, -20.0, "undecided"),
        (within, 1.0, 0.0, "undecided"),
    ],
)
def test_a_comparison_is_decided_where_its_interval_is_clear_of_the_bound(relation, bound, effect, outcome):
    table = differences(effect, sd=1.0)
    found = verdict(All(parts(1, relation, bound)), table)
    assert found.outcome == outcome
    (part,) = found.parts
    assert (part.low, part.high) == pytest.approx(ttest_rel(table["x0"], table["y0"]).confidence_interval())
    assert part.effect == pytest.approx(effect)
    assert found.deciding == part


@pytest.mark.parametrize(("sd", "outcome"), [(2.3, "holds"), (2.5, "undecided")])
def test_the_interval_is_at_95_percent(sd, outcome):
    """Three seeds have mean 6 and half-width 4.303 sd / sqrt(3), which is 6 at sd 2.415."""
    assert verdict(All(parts(1)), differences(6.0, sd=sd)).outcome == outcome
    assert verdict(All(parts(1)), differences(-6.0, sd=sd)).outcome == {"holds": "does not hold"}.get(outcome, outcome)


@pytest.mark.parametrize("relation", [above, at_most, within])
def test_no_variance_is_no_certainty(relation):
    """Without test images nothing says what could have been; with them, what so many exclude."""
    found = verdict(All((relation(cell("a") - cell("b"), 0.5),)), steady(a=50, b=50))
    assert (found.outcome, found.more_seeds) == ("undecided", None)
    answers = {"a": np.ones((3, 26), bool), "b": np.ones((3, 26), bool)}
    store, table = right(answers)
    assert verdict(All((within(cell("a") - cell("b"), 0.5),)), table, store).outcome == "undecided"
    assert verdict(All((within(cell("a") - cell("b"), 11.0),)), table, store).outcome == "holds"
    answers["b"] = ~answers["b"]
    store, table = right(answers)
    assert verdict(All((above(cell("a") - cell("b")),)), table, store).outcome == "holds"


def test_a_correlation_is_judged_as_any_number():
    rng, names = np.random.default_rng(2), "abcdef"
    x, y = ({name: list(10.0 * i + rng.normal(size=3)) for i, name in enumerate(names)} for _ in range(2))
    statement = Correlation(tuple(map(cell, names)), tuple(cell(name, "y") for name in names), "r")
    found = verdict(All((above(statement, 0.9, unit=""),)), x, y=y)
    assert found.outcome == "holds"
    assert found.parts[0].label == "r"
    assert 0.9 < found.parts[0].low < found.parts[0].effect < found.parts[0].high < 1
    assert verdict(All((at_most(statement, 0.9, unit=""),)), x, y=y).outcome == "does not hold"


# --- All --------------------------------------------------------------------------------------------------------------


def test_all_holds_if_each_does_at_95_percent_however_many():
    table = differences(*[6.0] * 8, sd=2.2)
    found = verdict(All(parts(8)), table)
    assert found.outcome == "holds"
    assert {part.outcome for part in found.parts} == {"holds"}


def test_all_is_undecided_where_one_is_and_that_one_is_the_deciding():
    found = verdict(All(parts(3)), differences(20.0, 0.5, 9.0))
    assert found.outcome == "undecided"
    assert found.deciding.label == "x1 − y1"


def test_that_one_fails_must_show_at_the_level_divided_by_their_number():
    """Mean -3, sd 1, of three seeds: t 5.2, beyond 4.3 for 5% and short of 7.6 for 5% / 3."""
    alone = frame(differences(-3.0))
    assert judge(CLAIM, All(parts(1)), Evidence({"made": alone}), "s").outcome == "does not hold"
    table = differences(-3.0)
    same = (parts(1)[0], above(cell("y0") - cell("x0"), -5.0), above(cell("y0") - cell("x0"), -9.0))
    found = verdict(All(same), table)
    assert [part.outcome for part in found.parts] == ["undecided", "holds", "holds"]
    assert found.outcome == "undecided"
    assert found.parts[0].high < 0  # what is shown is the 95% interval
    assert verdict(All(same), differences(-5.0)).outcome == "does not hold"


def test_where_all_does_not_hold_the_deciding_comparison_fails():
    """Not one that is farther below, in half-widths, but undecided at its level."""
    table = differences(-8.0, 30.0, sd=1.0) | {"short": [10.0, None, None], "far": [99.0, None, None]}
    found = verdict(All((*parts(2), above(cell("short") - cell("far")))), table)
    assert found.outcome == "does not hold"
    assert found.deciding.label == "x0 − y0"


def test_an_ordering_is_every_step():
    cells = [cell(name) for name in "abc"]
    assert verdict(All(increasing(cells)), steady(sd=0.2, a=30, b=40, c=50)).outcome == "holds"
    assert verdict(All(increasing(cells)), steady(sd=0.2, a=40, b=30, c=50)).outcome == "does not hold"


# --- Most -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effects", "outcome"),
    [
        ([20, 20, 20, -20, -20], "holds"),
        ([20, 20, 0, -20, -20], "undecided"),
        ([20, 20, -20, -20, -20], "does not hold"),
        ([20, 20, -20, -20], "does not hold"),
        ([20, 20, 0, -20], "undecided"),
        ([20, 20, 20, -20], "holds"),
        ([20, 0, 0, 0], "undecided"),
    ],
)
def test_most_is_more_than_half(effects, outcome):
    found = verdict(Most(parts(len(effects))), differences(*effects, sd=0.5))
    assert found.outcome == outcome


def test_most_is_judged_at_the_level_divided_by_their_number_both_ways():
    rng = np.random.default_rng(3)
    one = rng.normal(size=3)
    one = (one - one.mean()) / one.std(ddof=1)
    table = {"x": list(53 + one), "y": [50.0] * 3}
    same = [cell("x") - cell("y")] * 3
    assert verdict(All(tuple(map(above, same))), table).outcome == "holds"
    assert verdict(Most(tuple(map(above, same))), table).outcome == "undecided"
    assert verdict(Most(tuple(above(one.scaled(-1)) for one in same)), table).outcome == "undecided"
    table["x"] = list(56 + one)
    assert verdict(Most(tuple(map(above, same))), table).outcome == "holds"


# --- Best -------------------------------------------------------------------------------------------------------------

BEST = Best(winners=(cell("a"), cell("b")), losers=(cell("c"), cell("d")))


def test_the_best_must_beat_every_other():
    assert verdict(BEST, steady(sd=0.2, a=60, b=30, c=50, d=40)).outcome == "holds"
    assert verdict(BEST, steady(sd=0.2, a=50, b=30, c=60, d=40)).outcome == "does not hold"
    assert verdict(BEST, steady(sd=5.0, a=50, b=30, c=49, d=40)).outcome == "undecided"


def test_the_best_is_compared_with_every_rival():
    found = verdict(BEST, steady(sd=0.2, a=60, b=30, c=50, d=40))
    assert [part.label for part in found.parts] == ["a − c", "a − d"]
    assert (found.chosen_on, found.seeds) == (1, 2)
    lost = verdict(BEST, steady(sd=0.2, a=50, b=30, c=60, d=40))
    assert [part.label for part in lost.parts] == ["c − a", "c − b"]
    assert found.deciding.label == "a − c"


def test_the_seed_that_chooses_does_not_judge():
    """Its own numbers, however large, move no estimate; those of the others alone do."""
    table = {"a": [99.0, 51.0, 51.5, 51.2], "b": [1.0, 50.0, 50.0, 50.5], "c": [0.0, 50.1, 49.9, 50.0], "d": [0.0] * 4}
    found = verdict(BEST, table)
    assert found.parts[0].effect == pytest.approx(np.mean([0.9, 1.6, 1.2]))
    assert (found.outcome, found.seeds) == ("undecided", 3)
    for first in (55.0, 70.0):
        moved = verdict(BEST, table | {"a": [first, *table["a"][1:]]})
        assert [part.effect for part in moved.parts] == [part.effect for part in found.parts]


def test_the_validation_split_chooses_and_not_the_test_images():
    table = steady(a=60, b=70, c=50, d=40)
    split = {name: [80.0 if name in "ac" else 20.0] * 3 for name in table}
    found = verdict(BEST, table, probe_validation_top1=split)
    assert [part.label for part in found.parts] == ["a − c", "a − d"]


def test_the_best_by_luck_of_the_first_seed_is_found_out():
    table = {"a": [60.0, 40.0, 40.2, 40.1], "b": [50.0, 50.0, 50.0, 50.1], "c": [45.0] * 4, "d": [20.0] * 4}
    assert verdict(BEST, table).outcome == "undecided"


def test_chosen_cells_are_judged_without_the_seed_that_chose_them():
    table = {"a": [99.0, 50.0, 51.0], "b": [0.0, 50.5, 50.5]}
    whole, chosen = (verdict(All((above(cell("a") - cell("b")),), chosen), table) for chosen in (False, True))
    assert whole.parts[0].effect == pytest.approx(33)
    assert (whole.chosen_on, whole.seeds) == (0, 3)
    assert chosen.parts[0].effect == pytest.approx(0)
    assert (chosen.chosen_on, chosen.seeds) == (1, 2)


# --- too little -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("relation", [above, at_most, within])
def test_one_seed_gives_no_verdict_whatever_the_effect(relation):
    found = verdict(All(parts(1, relation, 10.0)), differences(90.0, seeds=1))
    assert (found.outcome, found.seeds, found.more_seeds) == ("undecided", 1, None)
    assert found.why == "No verdict follows from one seed."
    assert found.parts[0].effect == pytest.approx(90)
    assert np.isnan(found.parts[0].low)
    assert np.isnan(found.parts[0].high)


def test_one_seed_gives_no_verdict_with_all_its_images_either():
    store, table = right({"a": np.ones((1, 500), bool), "b": np.zeros((1, 500), bool)})
    found = verdict(All((above(cell("a") - cell("b")),)), table, store)
    assert (found.outcome, found.why) == ("undecided", "No verdict follows from one seed.")


def test_two_seeds_of_which_one_chose_give_none():
    found = verdict(BEST, steady(seeds=2, a=60, b=30, c=50, d=40))
    assert (found.outcome, found.seeds, found.chosen_on) == ("undecided", 1, 1)
    assert found.why == "No verdict follows from one seed besides the one that chose the cells."


def test_what_is_not_measured_is_said():
    table = differences(20.0, 20.0) | {"z": [None] * 3}
    two = All((*parts(2), above(cell("x0") - cell("z"))))
    found = verdict(two, table)
    assert (found.outcome, found.why) == ("undecided", "1 of its 3 comparisons is not measured yet.")
    assert np.isnan(found.parts[2].effect)
    assert found.more_seeds is None
    found = verdict(All((above(cell("z") - cell("x0")), above(cell("x1") - cell("z")))), table)
    assert found.why == "2 of its 2 comparisons are not measured yet."
    assert found.deciding is None


def test_one_that_fails_is_enough_even_if_others_are_not_measured():
    table = differences(-20.0) | {"z": [None] * 3}
    found = verdict(All((*parts(1), above(cell("x0") - cell("z")))), table)
    assert (found.outcome, found.deciding.label) == ("does not hold", "x0 − y0")
    assert found.why.startswith("Of 2 comparisons 1 does not hold, 1 is undecided; judged on 3 seeds")


def test_nothing_to_choose_from_is_no_error():
    found = verdict(BEST, {name: [None, 50.0, 50.0] for name in "abcd"})
    assert (found.outcome, found.parts) == ("undecided", ())
    assert found.why == "The first seed, which chooses, has none of the cells done."


@pytest.mark.parametrize("statement", [All(()), Most(()), Best((), ()), Best((cell("x0"),), ()), All((), True)])
def test_a_statement_about_no_cells_is_not_asked(statement):
    with pytest.raises(NotAsked, match="made has no cells to compare at this scale"):
        verdict(statement, differences(1.0))


# --- more seeds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", [1.0, 1.6, 2.4, -1.0, -2.4])
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_so_many_seeds_of_the_same_spread_settle_it_and_one_fewer_do_not(effect, seeds):
    statement = All(parts(1))
    found = verdict(statement, differences(effect, seeds=seeds, sd=2.0))
    if found.outcome == "undecided":
        assert found.more_seeds > seeds
        settled = "holds" if effect > 0 else "does not hold"
        assert verdict(statement, differences(effect, seeds=found.more_seeds, sd=2.0)).outcome == settled
        assert verdict(statement, differences(effect, seeds=found.more_seeds - 1, sd=2.0)).outcome == "undecided"


def apart(*slacks):
    """Comparisons of one and the same difference, which is 0, with bounds that it is so far above."""
    return tuple(above(cell("x0") - cell("y0"), -slack) for slack in slacks)


@pytest.mark.parametrize(
    ("statement", "settled"),
    [
        (All(apart(1.5, 2.5, 20.0)), "holds"),  # the last that holds
        (All(apart(0.8, 20.0, -1.0)), "does not hold"),  # the first that fails
        (All(apart(-0.8, 20.0, -1.0)), "does not hold"),
        (Most(apart(1.5, 1.2, 1.0, -0.7, -20.0)), "holds"),  # a majority, of which none is there yet
        (Most(apart(20.0, 1.2, 0.8, -1.0, -0.7)), "holds"),
        (Most(apart(-1.5, -1.2, 1.0, -1.0, 20.0)), "does not hold"),
    ],
)
def test_of_several_the_seeds_are_those_until_the_whole_is_settled(statement, settled):
    found = verdict(statement, differences(0.0))
    assert found.outcome == "undecided"
    assert verdict(statement, differences(0.0, seeds=found.more_seeds)).outcome == settled
    assert verdict(statement, differences(0.0, seeds=found.more_seeds - 1)).outcome == "undecided"


def test_the_seed_that_chooses_is_counted_among_the_seeds():
    table = differences(1.5, seeds=4, sd=2.0)
    chosen = verdict(All(parts(1), chosen=True), table)
    assert (chosen.outcome, chosen.seeds) == ("undecided", 3)
    found = Evidence({"made": frame(table)}).estimate(cell("x0") - cell("y0"), {0})
    assert chosen.more_seeds == 1 + seeds_to_settle(chosen.parts[0], found, 0.95)


def test_for_a_maximum_the_seeds_are_those_until_one_side_beats_the_whole_other():
    table = {name: [level + one for one in WOBBLE[4]] for name, level in (("a", 55.0), ("c", 50.0), ("d", 51.0))}
    table = {name: [one + 3 * ("acd".index(name) == i) for i, one in enumerate(row)] for name, row in table.items()}
    found = verdict(Best((cell("a"),), (cell("c"), cell("d"))), table)
    assert found.outcome == "undecided"
    lone = [verdict(All((above(cell("a") - cell(name)),), chosen=True), table) for name in "cd"]
    assert found.more_seeds == max(one.more_seeds or 0 for one in lone)
    lost = verdict(Best((cell("c"), cell("d")), (cell("a"),)), table)
    assert (lost.outcome, lost.more_seeds) == ("undecided", found.more_seeds)


def test_no_number_of_seeds_is_named_where_none_would_do():
    assert verdict(All(parts(1)), differences(0.0)).more_seeds is None  # exactly at the bound
    assert verdict(All(parts(1)), differences(0.01, sd=3.0)).more_seeds is None  # more than a hundred
    assert verdict(All(parts(1)), differences(20.0)).more_seeds is None  # settled
    rng = np.random.default_rng(1)
    store, table = right({"a": rng.uniform(size=(3, 60)) < 0.55, "b": rng.uniform(size=(3, 60)) < 0.5})
    assert verdict(All((above(cell("a") - cell("b")),)), table, store).more_seeds is None  # too few test images


# --- sentences --------------------------------------------------------------------------------------------------------

NO_IMAGES = "no images (not measured on test images, or not at hand)"


@pytest.mark.parametrize(
    ("statement", "effects", "sentence"),
    [
        (All(parts(1)), (20.0,), f"One comparison, judged on 3 seeds and {NO_IMAGES}."),
        (All(parts(2)), (20.0, 20.0), f"Of 2 comparisons 2 hold; judged on 3 seeds and {NO_IMAGES}."),
        (
            All(parts(2)),
            (20.0, -20.0),
            f"Of 2 comparisons 1 holds, 1 does not hold; judged on 3 seeds and {NO_IMAGES}; "
            "that a single one fails must show at 5% / 2 (Bonferroni).",
        ),
        (
            All(parts(4)),
            (20.0, -0.1, 20.0, 0.1),
            f"Of 4 comparisons 2 hold, 2 are undecided; judged on 3 seeds and {NO_IMAGES}; "
            "that a single one fails must show at 5% / 4 (Bonferroni).",
        ),
        (
            All(parts(1), chosen=True),
            (20.0,),
            f"One comparison, judged on 2 seeds and {NO_IMAGES}, "
            "the cells chosen on another seed by the validation split.",
        ),
    ],
)
def test_why_in_one_sentence(statement, effects, sentence):
    assert verdict(statement, differences(*effects, sd=0.3)).why == sentence


def test_test_images_are_counted_in_it():
    rng = np.random.default_rng(1)
    store, table = right({"a": rng.uniform(size=(3, 1200)) < 0.9, "b": rng.uniform(size=(3, 1200)) < 0.2})
    found = verdict(All((above(cell("a") - cell("b")),)), table, store)
    assert found.why == "One comparison, judged on 3 seeds and 1,200 test images."
