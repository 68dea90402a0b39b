import gc
import signal
import weakref

import pytest

from ablations.console import signals


class Thing:
    pass


@pytest.fixture
def handler():
    """SIGTERM raises KeyboardInterrupt, as in a run."""

    def stop(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    yield
    signal.signal(signal.SIGTERM, before)


def lose_one(monkeypatch):
    """A signal amid a weak reference's callback, where Python drops what its handler raises."""
    monkeypatch.setattr("sys.unraisablehook", lambda _: None)

    def callback(_):
        signal.raise_signal(signal.SIGTERM)

    thing = Thing()
    watched = weakref.ref(thing, callback)
    del thing
    gc.collect()
    assert watched() is None


@pytest.mark.usefixtures("handler")
def test_a_signal_whose_exception_was_lost_is_heeded_once(monkeypatch):
    with signals.deferred_signals() as heed:
        heed()
        lose_one(monkeypatch)
        with pytest.raises(KeyboardInterrupt):
            heed()
        heed()


@pytest.mark.usefixtures("handler")
def test_signals_that_do_not_end_a_run_are_no_reason():
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with signals.deferred_signals() as heed:
            signal.raise_signal(signal.SIGUSR1)
            heed()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_the_descriptor_of_before_is_back():
    with signals.deferred_signals():
        pass
    assert signal.set_wakeup_fd(-1) == -1
