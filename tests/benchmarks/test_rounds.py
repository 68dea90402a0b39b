from benchmarks.rounds import Case, play, spread


def test_everyone_is_called_once_before_the_figures_count_and_the_order_turns():
    calls = []

    def contender(name):
        return lambda: calls.append(name) or float(len(calls))

    figures = play({name: contender(name) for name in "abc"}, rounds=4)
    assert "".join(calls) == "abc" + "abc" + "bca" + "cab" + "abc"
    assert figures == {"a": [4.0, 9.0, 11.0, 13.0], "b": [5.0, 7.0, 12.0, 14.0], "c": [6.0, 8.0, 10.0, 15.0]}


def test_a_ratio_above_one_is_in_our_favor_whatever_the_unit():
    figures = {"ours": [10.0, 30.0], "peer": [5.0, 60.0]}
    assert Case("b", "t", "images/s", figures).ratios("peer") == [2.0, 0.5]
    assert Case("b", "t", "s", figures, more_is_better=False).ratios("peer") == [0.5, 2.0]
    assert Case("b", "t", "s", figures).ours == "ours"
    assert spread([3.0, 1.0, 2.0, 9.0]) == (2.5, 1.0, 9.0)
