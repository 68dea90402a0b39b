import pytest
from builders.trials import run

from ablations.store.trials import Store


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "results")
    store.prepare()
    return store


@pytest.fixture
def said(capsys, store):
    """The lines on stdout of a command that ends well."""

    def said(*argv):
        assert run(store, *argv) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out.splitlines()

    return said


@pytest.fixture
def refused(capsys, store):
    """The one sentence on stderr of a command that is bad input."""

    def refused(*argv):
        assert run(store, *argv) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1
        return err.rstrip()

    return refused
