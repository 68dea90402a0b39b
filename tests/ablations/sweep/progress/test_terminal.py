"""Terminals of any size and encoding, and how they are left."""

import fcntl
import os
import pty
import struct
import sys
import termios
import threading

import pytest
from builders.watched import (
    AsciiTerminal,
    Terminal,
    by_id,
    cells,
    done,
    failed,
    item,
    last_view,
    people,
    plain,
    started,
    view,
)

from ablations.sweep import progress
from ablations.sweep.progress import Watch


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
