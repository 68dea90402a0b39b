"""Progress as lines: for people beside the live view or without one, for machines, and none."""

import io
import json

import pytest
from builders.watched import Terminal, again, by_id, cells, done, epoch, failed, people, started

from ablations.sweep.driver import Event
from ablations.sweep.progress import Watch


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


def test_without_labels_a_line_says_how_many_views_are_retrieved():
    planned = cells(["a"], ["x", "y"])
    x, stderr = planned[0].trial_id, io.StringIO()
    with Watch(planned, by_id(planned), 1, "people", stderr=stderr, headline="crop_retrieval") as watch:
        for event in (started(x), epoch(x), Event("done", x, {"crop_retrieval": 51.26, "seconds": 8.0})):
            watch.show(event)
    assert "[1/2] first=a second=x seed=0: retrieval 51.3 in 8 s" in stderr.getvalue()
