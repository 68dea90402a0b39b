"""Which cells and seeds two sides have in common, by hand."""

import numpy as np
import pytest
from builders.made import frame, right

from ablations.verdicts.contrasts import mean
from ablations.verdicts.differences import counterparts, matched, split
from ablations.verdicts.evidence import Evidence


def sides(table, axes=("head", "dim"), store=None):
    """The evidence, and its cells by their value on the first axis."""
    evidence = Evidence({"made": frame(table, axes)}, store)
    cells = {one.weights[0][0].axes: one for one in evidence.cells("made").every()}
    return evidence, split(cells, axes[0])


def block(found):
    return [tuple(value for _, value in axes) for axes in found.cells], found.seeds


def test_cells_are_set_beside_each_other_by_what_else_they_are():
    evidence, by = sides({("a", 1): [50.0], ("a", 2): [51.0], ("b", 2): [40.0], ("b", 3): [41.0]})
    assert [[one.label for one in ones] for ones in counterparts([by["a"], by["b"]]).values()] == [
        ["a dim 2", "b dim 2"]
    ]
    found = matched(evidence, [by["b"], by["a"]])
    assert found.difference(evidence, 1, 0).mean == 11.0
    assert found.difference(evidence, 0, 1).mean == -11.0
    assert found.level(evidence, 1).mean == 51.0


def test_a_side_without_the_axis_is_set_beside_every_value():
    evidence, by = sides({("none", None): [30.0], ("a", 1): [50.0], ("a", 2): [60.0]})
    assert matched(evidence, [by["none"], by["a"]]).difference(evidence, 1, 0).mean == 25.0
    assert matched(evidence, [by["a"], by["none"]]).difference(evidence, 1, 0).mean == -25.0
    assert block(matched(evidence, [by["a"], by["none"]])) == ([(1,), (2,)], (0,))


def test_a_cell_without_a_value_is_the_counterpart_of_such_a_cell():
    evidence, by = sides({("a", None): [30.0], ("b", None): [35.0], ("b", 1): [99.0]})
    assert matched(evidence, [by["a"], by["b"]]).difference(evidence, 1, 0).mean == 5.0


@pytest.mark.parametrize(
    ("done", "cells", "seeds"),
    [
        ({1: "xxx", 2: "xxx", 3: "xxx"}, [1, 2, 3], (0, 1, 2)),
        ({1: "xxx", 2: "xxx", 3: "xx."}, [1, 2], (0, 1, 2)),
        ({1: "xxx", 2: "xx.", 3: "xx."}, [1, 2, 3], (0, 1)),
        ({1: ".xx", 2: ".xx", 3: "x.."}, [1, 2], (1, 2)),
        ({1: "x..", 2: ".x.", 3: "..x"}, [1], (0,)),
    ],
)
def test_every_seed_that_counts_has_every_cell_that_counts(done, cells, seeds):
    table = {("a", dim): [50.0 if one == "x" else None for one in known] for dim, known in done.items()}
    table |= {("b", dim): [60.0] * 3 for dim in done}
    evidence, by = sides(table)
    assert block(matched(evidence, [by["a"], by["b"]])) == ([(dim,) for dim in cells], seeds)


def test_levels_are_of_the_seeds_that_the_difference_is_of():
    evidence, by = sides({("a", 1): [50.0, 52.0, 99.0], ("b", 1): [40.0, 41.0, None]})
    found = matched(evidence, [by["a"], by["b"]])
    assert [found.level(evidence, side).mean for side in (0, 1)] == [51.0, 40.5]
    assert found.difference(evidence, 1, 0).mean == -10.5


def test_nothing_in_common_is_none():
    evidence, by = sides({("a", 1): [50.0, None], ("b", 1): [None, 40.0], ("c", 2): [30.0, 30.0]})
    assert matched(evidence, [by["a"], by["b"]]) is None
    assert matched(evidence, [by["a"], by["c"]]) is None
    assert matched(evidence, [by["a"], {}]) is None


def test_the_difference_is_the_estimate_of_the_mean_contrast_on_those_seeds():
    rng = np.random.default_rng(1)
    answers = {
        (head, dim): rng.uniform(size=(3, 200)) < share for head, share in (("a", 0.5), ("b", 0.7)) for dim in (1, 2)
    }
    store, table = right(answers)
    table["a", 2][2] = None
    evidence, by = sides(table, store=store)
    found = matched(evidence, [by["a"], by["b"]])
    assert found.seeds == (0, 1)
    gaps = [y - x for x, y in found.cells.values()]
    assert found.difference(evidence, 1, 0) == evidence.estimate(mean(gaps, ""), {2})
