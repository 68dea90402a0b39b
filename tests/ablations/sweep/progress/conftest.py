"""A terminal of a known size, and a clock that stands still."""

from types import SimpleNamespace

import pytest

from ablations.sweep import plan, progress


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
