"""The grid of a study's cells on a terminal."""

import itertools
import re

import pytest
from builders.watched import (
    Item,
    again,
    by_id,
    cells,
    done,
    epoch,
    failed,
    item,
    last_view,
    people,
    plain,
    started,
    view,
)

from ablations.sweep import grid
from ablations.sweep.driver import Event


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


def test_without_labels_the_grid_shows_the_headline():
    planned = cells(["crop"], ["color"])
    signs = grid.Signs()
    shown = grid.Grid(planned, by_id(planned), signs, "utf-8", "crop_retrieval")
    shown.note(Event("done", planned[0].trial_id, {"crop_retrieval": 61.26, "seconds": 1.0}), None)
    lines = [line.plain for line in shown.lines(False)]
    assert lines[0] == "retrieval in %: first down, second across"
    assert "61.3" in lines[2]
