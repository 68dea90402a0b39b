from math import nan

import pytest
from builders import shelf

from ablations.pages.strips import WIDTH, strips


def test_all_strips_of_a_claim_share_one_scale():
    one, other = strips([shelf.part(effect=2, low=1, high=3), shelf.part(effect=4, low=1, high=9)])
    assert one.zero == other.zero
    assert one.interval[0] == other.interval[0]
    assert one.zero < one.interval[0] < one.effect < one.interval[1] < other.interval[1]


@pytest.mark.parametrize(
    ("relation", "holds"),
    [
        ("above", lambda strip: (strip.bounds[0], WIDTH)),
        ("at most", lambda strip: (0, strip.bounds[0])),
        ("within", lambda strip: strip.bounds),
    ],
)
def test_shaded_is_where_the_claim_would_hold(relation, holds):
    strip = strips([shelf.part(relation=relation, bound=0.5)])[0]
    assert strip.holds == holds(strip)


def test_what_is_not_known_is_not_drawn():
    lone, nothing = strips([shelf.part(low=nan, high=nan), shelf.part(effect=nan, low=nan, high=nan)])
    assert lone.effect is not None
    assert lone.interval is None
    assert nothing.effect is None
    assert strips([shelf.part(effect=0, low=0, high=0)])[0].zero == WIDTH / 2
