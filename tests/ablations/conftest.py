import functools

import pytest

from simclr_core.data import embedded


@pytest.fixture(scope="session", autouse=True)
def _tiles_are_generated_once():
    """Every test has a results folder, and so a cache, of its own; the embedded set is the same in all of them."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(embedded, "generate", functools.cache(embedded.generate))
        yield
