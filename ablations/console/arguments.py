"""A command line whose mistakes are one sentence, as all others are."""

import argparse
from typing import NoReturn

from simclr_core.errors import BadInput


class Parser(argparse.ArgumentParser):
    """argparse's, but for a mistake: that raises BadInput."""

    def error(self, message: str) -> NoReturn:
        """Raise BadInput in place of printing the usage and exiting."""
        raise BadInput(f"{message}; see --help.")
