import fcntl
import io
import itertools
import json
import os
import pty
import re
import struct
import sys
import termios
import threading
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from ablations.studies.model import Trial
from ablations.sweep import grid, plan, progress
from ablations.sweep.driver import Event
from ablations.sweep.progress import Watch


@dataclass(frozen=True)
class Item:
    """As plan.Planned, with as much of a recipe as progress looks at."""

    trial: Trial
    status: str = "missing"
    result: object = None

    @property
    def trial_id(self):
        return self.trial.label


def item(role="cell", seed=0, epochs=10, work=1.0, status="missing", top1=None, **axes):
    recipe = SimpleNamespace(schedule=SimpleNamespace(epochs=epochs), work=work)
    done = None if top1 is None else SimpleNamespace(metrics={"top1": top1}, seconds=1.0)
    return Item(Trial(role, axes, seed, recipe), "done" if done else status, done)


def cells(firsts, seconds, seeds=1, **more):
    return [item(first=a, second=b, seed=i, **more) for i in range(seeds) for a in firsts for b in seconds]


def by_id(items):
    return {one.trial_id: one for one in items}


def started(trial_id):
    return Event("started", trial_id)


def epoch(trial_id, number=1, loss=4.0, seconds=1.0):
    row = {"epoch": number, "loss": loss, "accuracy": 10.0, "entropy": 1.0, "lr": 0.1, "seconds": seconds}
    return Event("epoch", trial_id, row)


def done(trial_id, top1=50.0, seconds=1.0):
    return Event("done", trial_id, {"top1": top1, "seconds": seconds})


def failed(trial_id, error="it broke"):
    return Event("failed", trial_id, error=error)


def again(trial_id, error="its process died"):
    return Event("again", trial_id, error=error)


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


class AsciiTerminal(Terminal):
    encoding = "ascii"


@pytest.fixture(autouse=True)
def size(monkeypatch):
    """A color terminal of 80 x 24; call it for another size."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")

    def set_size(width, height):
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("LINES", str(height))

    set_size(80, 24)
    return set_size


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Stands still, but for what a test adds to `now`. Work is what a test's recipe says."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(plan, "work", lambda recipe: recipe.work)
    return clock


def people(planned, *events, todo=None, parallel=2, terminal=None):
    """All that is written on a terminal, escape sequences included."""
    terminal = terminal or Terminal()
    with Watch(planned, by_id(planned) if todo is None else todo, parallel, "people", stderr=terminal) as watch:
        for event in events:
            watch.show(event)
    return terminal.getvalue()


def last_view(written):
    """The lines that were on the screen at the end; colors are kept."""
    before_the_end = written.split("\x1b[?25h")[0].rstrip("\n")
    return re.split(r"\r\x1b\[2K(?:\x1b\[1A\x1b\[2K)*|\x1b\[\?25l", before_the_end)[-1].split("\n")


def plain(text):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def view(planned, *events, **options):
    return [plain(line).rstrip() for line in last_view(people(planned, *events, **options))]


# The grid


def test_the_grid_starts_with_what_is_done_and_fills_in():
    planned = [
        item("untrained", first=None, second=None, epochs=0),
        *(item(first="crop", second="crop", top1=30.0), item(first="crop", second="color")),
        *(item(first="color", second="crop"), item(first="color", second="color")),
    ]
    todo = by_id(one for one in planned if one.status != "done")
    assert view(planned, todo=todo)[:5] == [
        "top-1 in %: first down, second across",
        *("       crop   color", "crop   30.0     ·", "color    ·      ·", "untrained ·"),
    ]
    cell, running, baseline = planned[2].trial_id, planned[3].trial_id, planned[0].trial_id
    events = started(cell), epoch(cell), done(cell, 61.26), started(running), epoch(running, 3), done(baseline, 24.8)
    lines = view(planned, *events, todo=todo)
    assert lines[2:5] == ["crop   30.0   61.3", "color  3/10     ·", "untrained 24.8"]
    assert lines[6].endswith(" 2/4")
    assert lines[7].startswith("1 running, 0 s so far, about ")
    assert lines[8:] == ["  first=color second=crop seed=0  epoch 3/10  loss 4.000"]


def test_a_cell_shows_the_mean_over_its_finished_seeds_and_how_many_they_are():
    planned = cells(["a"], ["x", "y", "z"], seeds=3)
    x, y, z = ([f"first=a second={name} seed={i}" for i in range(3)] for name in "xyz")
    events = done(x[0], 40.0), done(x[1], 42.4), done(y[0], 10.0), done(y[1], 20.0), done(y[2], 30.0), started(z[0])
    assert view(planned, *events)[2] == "a  41.2 2/3    20.0      0/10"
    assert view(planned, *events, failed(x[2]), failed(z[0]))[2] == "a 41.2 2/3✗    20.0       ·✗"


def test_a_failed_cell_says_so_with_and_without_colors(monkeypatch):
    planned = cells(["a"], ["x", "y"], seeds=2)
    events = [failed(f"first=a second=x seed={i}") for i in range(2)]
    colored = last_view(people(planned, *events))
    assert re.search(r"\x1b\[1;31m +failed", colored[2])
    assert any("\x1b[1;31m2 failed\x1b[0m" in line for line in colored)
    monkeypatch.setenv("NO_COLOR", "1")
    written = people(planned, *events, done("first=a second=y seed=0", 12.3))
    assert not re.search(r"\x1b\[[0-9;]*[34][0-9][;m]", written)
    assert plain(last_view(written)[2]).split() == ["a", "failed", "12.3", "1/2"]


def test_what_failed_before_and_is_not_tried_again_is_failed_and_what_another_run_trains_is_blank():
    failed_before = item(first="a", second="x", status="failed")
    tried_again, elsewhere = item(first="a", second="y", status="failed"), item(first="a", second="z", status="running")
    assert view([failed_before, tried_again, elsewhere], todo=by_id([tried_again]))[2] == "a failed    ·"


def test_a_trial_that_is_tried_again_waits_until_it_starts():
    planned = cells(["a"], ["x"])
    name = planned[0].trial_id
    events = started(name), epoch(name, 7), again(name)
    assert view(planned, *events)[2] == "a    ·"
    assert view(planned, *events, started(name))[2] == "a  0/10"
    assert view(planned, *events, started(name), epoch(name, 2), done(name, 33.0))[2] == "a  33.0"


def test_an_extra_cell_without_a_value_has_a_column_of_its_own():
    planned = [*cells(["linear"], [8, 32]), item(first="none", second=None)]
    lines = view(planned, done("first=none seed=0", 12.0))
    assert lines[1].split() == ["8", "32", "-"]
    assert lines[2].split() == ["linear", "·", "·"]
    assert lines[3] == "none                  12.0"


def test_one_axis_is_one_row_and_further_axes_are_in_the_row_labels():
    lines = view([item(tau=value) for value in (0.1, 0.5)], done("tau=0.5 seed=0", 40.0))
    assert lines[:3] == ["top-1 in %: tau across", "   0.1    0.5", "    ·    40.0"]
    planned = [item(a=a, b=b, c=c) for a, b, c in itertools.product("pq", "xy", (1, None))]
    lines = view(planned, done("a=q b=y seed=0", 40.0))
    assert lines[0] == "top-1 in %: a, c down, b across"
    assert [line.split()[:2] for line in lines[2:6]] == [["p,", "1"], ["p,", "-"], ["q,", "1"], ["q,", "-"]]
    assert lines[5].split() == ["q,", "-", "·", "40.0"]


def test_cells_of_the_same_content_share_their_trial():
    class Same(Item):
        trial_id = "same"

    planned = [Same(one.trial) for one in cells(["a"], ["x", "y"])]
    assert view(planned, started("same"), done("same", 20.0))[2].split() == ["a", "20.0", "20.0"]


def test_low_numbers_are_dark_high_ones_bright_and_all_can_be_read():
    planned = cells(["a"], ["x", "y", "z"])
    tops = {"x": 20.0, "y": 40.0, "z": 60.0}
    row = last_view(people(planned, *(done(f"first=a second={name} seed=0", top1) for name, top1 in tops.items())))[2]
    backgrounds = [tuple(map(int, found)) for found in re.findall(r"48;2;(\d+);(\d+);(\d+)m", row)]
    assert (backgrounds[0], backgrounds[-1]) == ((0x44, 0x01, 0x54), (0xFD, 0xE7, 0x25))
    luminances = [luminance(color) for color in backgrounds]
    assert len(set(luminances)) == 3
    assert luminances == sorted(luminances)
    for style in grid.RAMP:
        text, ground = (luminance(bytes.fromhex(color.removeprefix("#"))) for color in style.split(" on "))
        assert (max(text, ground) + 0.05) / (min(text, ground) + 0.05) >= 4.5


def luminance(color):
    """Relative luminance as WCAG defines it."""
    red, green, blue = (
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in color
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_sixteen_colors_are_left_alone(monkeypatch):
    monkeypatch.delenv("COLORTERM")
    monkeypatch.setenv("TERM", "xterm-16color")
    planned = cells(["a"], ["x"])
    row = last_view(people(planned, done(planned[0].trial_id, 20.0)))[2]
    assert row.rstrip() == "a  20.0"


# What fits

SEVEN = ("crop", "cutout", "color", "sobel", "noise", "blur", "rotate")


@pytest.mark.parametrize("seeds", [1, 3])
def test_seven_by_seven_cells_with_bar_and_32_running_fit_80_by_24(seeds):
    planned = [item("untrained", first=None, second=None, epochs=0), *cells(SEVEN, SEVEN, seeds)]
    names = [one.trial_id for one in planned]
    events = [*map(failed, names[1:3]), *(done(name, 99.96) for name in names[3:10]), *map(started, names[10:42])]
    lines = view(planned, *events, parallel=32)
    assert lines[0] == "top-1 in %: first down, second across"
    assert [line.split()[0] for line in lines[2:9]] == list(SEVEN)
    assert lines[2].split().count("100") == 5  # 100.0 would not fit
    assert lines[-8:-1] == [f"  {name:{max(map(len, names[10:17]))}}  starting" for name in names[10:17]]
    assert lines[-1] == "  ... and 25 more"
    assert len(lines) < 24
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("width", "height", "fits"), [(56, 15, True), (55, 15, False), (56, 14, False), (20, 4, False)]
)
def test_a_grid_that_does_not_fit_is_left_out(size, width, height, fits):
    size(width, height)
    planned = cells(SEVEN, SEVEN)
    events = [event for one in planned[:2] for event in (started(one.trial_id), epoch(one.trial_id))]
    lines = view(planned, *events)
    assert (lines[0] == "top-1 in %: first down, second across") is fits
    assert ("The grid needs a terminal of 56 x 15." in lines) is (not fits and width > 20)
    assert any(line.endswith(" 0/49") for line in lines)
    assert len(lines) < height
    assert max(map(len, lines)) <= width


def test_what_is_cut_off_shows_it(size):
    size(30, 24)
    planned = cells(["A.RandomBrightnessContrast(p=1)"], ["crop"])
    lines = view(planned, started(planned[0].trial_id))
    assert "  first=A.RandomBrightnessCon…" in lines
    lines = view(planned, started(planned[0].trial_id), terminal=AsciiTerminal())
    assert "  first=A.RandomBrightnessC..." in lines


def test_the_size_is_that_of_the_terminal_written_to(size):
    size(200, 50)  # as if the standard streams were another terminal
    ends = pty.openpty()
    fcntl.ioctl(ends[1], termios.TIOCSWINSZ, struct.pack("HHHH", 24, 30, 0, 0))
    terminal = Terminal()
    terminal.fileno = lambda: ends[1]
    assert "The grid needs a terminal of …" in view(cells(["a"], ["x", "y"]), terminal=terminal)
    for end in ends:
        os.close(end)


def test_an_ascii_terminal_gets_ascii():
    planned = [item(first="naïve", second=name) for name in "xyz"]
    names = [one.trial_id for one in planned]
    events = done(names[0]), started(names[1]), failed(names[2], "l'été")
    written = people(planned, *events, terminal=AsciiTerminal())
    assert written.isascii()
    assert plain(last_view(written)[2]).split() == ["na\\xefve", "50.0", "0/10", "failed"]
    assert "failed: l'\\xe9t\\xe9" in written


# Lines that stay


def test_failures_and_second_tries_stay_above_the_live_view():
    planned = cells(["crop"], ["blur", "color"])
    blur, color = (one.trial_id for one in planned)
    events = started(blur), again(blur, "killed"), started(blur), failed(blur, "Two\nlines [red]"), done(color)
    written = people(planned, *events)
    assert "2 trials to train, 2 at a time.\n" in written
    assert "\x1b[33m[0/2] first=crop second=blur seed=0: will be tried again: killed\x1b[0m\n" in written
    assert "\x1b[31m[1/2] first=crop second=blur seed=0: failed: Two lines [red]\x1b[0m\n" in written
    assert "[2/2]" not in written


def test_without_a_terminal_there_are_plain_lines(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # as CI services do
    planned = cells(["a"], ["x", "y", "z"])
    x, y, z = (one.trial_id for one in planned)
    stderr = io.StringIO()
    with Watch(planned, by_id(planned), 1, "people", stderr=stderr) as watch:
        for event in (started(x), epoch(x), done(x, 51.26, 8.0), Event("tick"), started(y), again(y, "it died\n")):
            watch.show(event)
        for event in (
            started(y),
            failed(y, "\x1b[31mred\x1b[0m\r\n\tTraceback [/bold]"),
            started(z),
            done(z, 7.0, 2.0),
        ):
            watch.show(event)
    assert stderr.getvalue().splitlines() == [
        "3 trials to train, 1 at a time.",
        "[1/3] first=a second=x seed=0: top-1 51.3 in 8 s, 16 s left",
        "[1/3] first=a second=y seed=0: will be tried again: it died",
        "[2/3] first=a second=y seed=0: failed: \\x1b[31mred\\x1b[0m Traceback [/bold]",
        "[3/3] first=a second=z seed=0: top-1 7.0 in 2 s",
    ]
    assert all(char.isprintable() or char == "\n" for char in stderr.getvalue())


def test_a_dumb_terminal_gets_plain_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    planned = cells(["a"], ["x"])
    written = people(planned, done(planned[0].trial_id))
    assert written == "1 trials to train, 2 at a time.\n[1/1] first=a second=x seed=0: top-1 50.0 in 1 s\n"


def test_machines_get_valid_json_at_once():
    planned = cells(["a"], ["x", "y"])
    x, y = (one.trial_id for one in planned)
    raw, stderr = io.BytesIO(), io.StringIO()
    stdout = io.TextIOWrapper(raw, encoding="ascii")
    events = started(x), epoch(x, loss=float("nan")), Event("tick"), again(x, "died"), started(x), done(x)
    with Watch(planned, by_id(planned), 1, "json", stderr=stderr, stdout=stdout) as watch:
        for event in (*events, failed(y, "naïve\n\udc80")):
            before = raw.tell()
            watch.show(event)
            assert (raw.tell() > before) is (event.kind != "tick")
    rows = [json.loads(line, parse_constant=pytest.fail) for line in raw.getvalue().splitlines()]
    assert [row["event"] for row in rows] == ["started", "epoch", "again", "started", "done", "failed"]
    assert {(row["trial_id"], row["trial"]) for row in rows} == {(x, x), (y, y)}
    assert rows[1] == {
        **{"event": "epoch", "trial_id": x, "trial": x, "epoch": 1, "loss": None},
        **{"accuracy": 10.0, "entropy": 1.0, "lr": 0.1, "seconds": 1.0},
    }
    assert (rows[2]["error"], rows[5]["error"], "error" in rows[4]) == ("died", "naïve\n\udc80", False)
    assert rows[4]["top1"] == 50.0
    assert stderr.getvalue() == ""


def test_quiet_says_nothing_but_keeps_count(clock):
    planned = cells(["a"], ["x", "y"])
    x, y = (one.trial_id for one in planned)
    stderr, stdout = Terminal(), Terminal()
    with Watch(planned, by_id(planned), 1, "quiet", stderr=stderr, stdout=stdout) as watch:
        watch.show(started(x))
        clock.now += 3
        watch.show(done(x, seconds=3.0))
        watch.show(failed(y))
    assert stderr.getvalue() == stdout.getvalue() == ""
    assert watch.overhead(4.0) == (3.0, 0.25)


# Time


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


# Leaving


def test_control_c_leaves_the_terminal_as_it_was():
    planned, terminal = cells(["a"], ["x"]), Terminal()
    stdout, stderr = sys.stdout, sys.stderr
    join_refreshing()  # those of other tests

    def sweep():
        with Watch(planned, by_id(planned), 1, "people", stderr=terminal):
            assert len(refreshing()) == 1
            assert (sys.stdout, sys.stderr) == (stdout, stderr)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep()
    join_refreshing()
    assert not refreshing()
    assert_cursor_is_shown(terminal)


@pytest.mark.parametrize("where", ["start", "stop"])
def test_control_c_while_the_view_comes_or_goes_shows_the_cursor(monkeypatch, where):
    usual = getattr(progress.Live, where)

    def interrupted(live, *args, **options):
        usual(live, *args, **options)
        live.console.show_cursor(False)
        raise KeyboardInterrupt

    monkeypatch.setattr(progress.Live, where, interrupted)
    planned, terminal = cells(["a"], ["x"]), Terminal()
    with pytest.raises(KeyboardInterrupt), Watch(planned, by_id(planned), 1, "people", stderr=terminal):
        pass
    assert_cursor_is_shown(terminal)


def refreshing():
    return [thread for thread in threading.enumerate() if type(thread).__name__ == "_RefreshThread"]


def join_refreshing():
    for thread in refreshing():
        thread.join(5)


def assert_cursor_is_shown(terminal):
    assert terminal.getvalue().rindex("\x1b[?25h") > terminal.getvalue().rindex("\x1b[?25l")
