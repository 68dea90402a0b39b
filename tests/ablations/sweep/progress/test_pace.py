"""The time left, the overhead, and what counting them costs."""

import io
import itertools
import sys

import pytest
from builders.watched import Terminal, again, by_id, cells, done, epoch, failed, item, started

from ablations.sweep import progress
from ablations.sweep.driver import Event
from ablations.sweep.progress import Watch


def test_the_time_left_weighs_trials_by_their_work():
    planned = [
        *(item(first="a", epochs=4, work=20.0), item(first="b", epochs=4, work=10.0)),
        *(item(first="c", epochs=4, work=10.0), item("untrained", first=None, epochs=0, work=0.0)),
    ]
    a, b, c, untrained = (one.trial_id for one in planned)
    watch = Watch(planned, by_id(planned), 2, "quiet")

    def left_after(*events):
        for event in events:
            watch.show(event)
        return watch.seconds_left()

    assert left_after(started(untrained), done(untrained, seconds=7.0)) is None  # it says nothing about training
    assert left_after(started(a), started(b)) is None
    # A fifth of a's 20 (4 epochs and the probe) in 8 s: 2 s per unit. 16 + 10 + 10 units are left, on two workers.
    assert left_after(epoch(a, 1, seconds=8.0)) == pytest.approx(36.0)
    # b's 10 in 30 s: 3 s per unit. 16 + 10 are left: 13 for each worker, but a alone has 16.
    assert left_after(done(b, seconds=30.0)) == pytest.approx(48.0)
    # a from the start: 20 + 10, and a alone has 20.
    assert left_after(again(a)) == pytest.approx(60.0)
    assert left_after(started(a), epoch(a, 2, seconds=8.0)) == pytest.approx(36.0)  # 12 + 10, a alone has 12
    assert left_after(failed(a)) == pytest.approx(30.0)  # c alone
    assert left_after(started(c), done(c, seconds=50.0)) == pytest.approx(0.0)


def test_what_is_tried_again_is_all_to_be_done_again():
    planned = [item(first=name, epochs=4, work=10.0) for name in "ab"]
    a = planned[0].trial_id
    watch = Watch(planned, by_id(planned), 1, "quiet")
    watch.show(started(a))
    watch.show(epoch(a, 1, seconds=8.0))  # 2 of 20 units, 4 s for each
    assert watch.seconds_left() == pytest.approx(72.0)
    watch.show(again(a))
    assert watch.seconds_left() == pytest.approx(80.0)


def test_where_no_trial_has_work_each_counts_the_same():
    planned = [item(first=name, epochs=0, work=0.0) for name in "abcde"]
    watch = Watch(planned, by_id(planned), 2, "quiet")
    watch.show(started("first=a seed=0"))
    watch.show(done("first=a seed=0", seconds=6.0))
    assert watch.seconds_left() == pytest.approx(12.0)


def test_the_overhead_is_what_a_perfect_packing_would_not_have_taken(clock):
    planned = [item(first=name) for name in "abcdefg"]
    watch = Watch(planned, by_id(planned), 2, "quiet")
    assert watch.overhead(10.0) is None

    def trial(name, seconds, end):
        watch.show(started(f"first={name} seed=0"))
        clock.now += seconds
        watch.show(end(f"first={name} seed=0"))

    trial("a", 3.5, lambda name: done(name, seconds=3.0))  # it was waited for, half a second
    trial("b", 4.0, lambda name: done(name, seconds=100.0))  # all but 4 s of it before this run
    trial("c", 3.0, failed)
    trial("d", 50.0, again)  # lost
    assert watch.overhead(20.0) == (6.0, pytest.approx(0.7))  # 4 | 3 + 3
    trial("d", 5.0, failed)
    trial("e", 3.0, lambda name: done(name, seconds=3.0))
    assert watch.overhead(16.0) == (10.0, pytest.approx(0.375))  # longest first: 5 + 3 | 4 + 3 + 3
    watch.show(started("first=f seed=0"))
    watch.show(again("first=f seed=0"))
    clock.now += 50.0
    watch.show(failed("first=f seed=0"))  # given up while nobody worked on it
    assert watch.overhead(16.0) == (10.0, pytest.approx(0.375))


def steps(call):
    """How many lines of progress.py run in a call, those of comprehensions included."""
    count = 0

    def trace(frame, kind, _):
        nonlocal count
        count += kind == "line"
        return trace if frame.f_code.co_filename == progress.__file__ else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


class Looked(dict):
    """A dict that counts who goes through all of it."""

    walks = 0

    def __iter__(self):
        self.walks += 1
        return super().__iter__()

    def items(self):
        self.walks += 1
        return super().items()

    def values(self):
        self.walks += 1
        return super().values()


@pytest.mark.parametrize("terminal", [io.StringIO, Terminal])
def test_an_event_costs_no_more_in_a_study_of_10_000_cells(terminal):
    def per_event(side, events):
        names = [str(i) for i in range(side)]
        todo = Looked(by_id(cells(names, names)))
        watch = Watch(list(todo.values()), todo, 4, "people", stderr=terminal())
        walks = todo.walks
        happen = []
        for i, name in enumerate(itertools.islice(todo.keys(), events // 4)):
            end = (again(name), started(name), failed(name)) if i % 10 == 0 else (Event("tick"), done(name))
            happen += [started(name), epoch(name), *end]
        cost = steps(lambda: [watch.show(event) for event in happen]) / len(happen)
        with watch:  # and a view of it
            drawn = steps(watch._view)
        assert todo.walks == walks
        return cost, drawn

    small, large = per_event(11, 400), per_event(100, 10_000)
    assert large[0] < 1.5 * small[0]
    assert large[1] < 1.5 * small[1]
