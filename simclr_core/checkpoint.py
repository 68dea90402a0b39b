"""Checkpoints for exact resume. Random streams are keyed by epoch and step, so no generator has a state to keep."""

import contextlib
import hashlib
import io
import secrets
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from simclr_core.config import RECIPE_VERSION
from simclr_core.health import TrialFailed


class Unfit(TrialFailed):
    """A checkpoint did not fit the trainer and was removed: another attempt starts over."""


class Stateful(Protocol):
    """A module or an optimizer."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: dict[str, Any]) -> Any: ...


@dataclass(frozen=True)
class Checkpoint:
    """A file that holds a training as it was after one of its epochs. `recipe`: what it belongs to, as JSON."""

    path: Path
    every: int  # epochs
    recipe: str

    def save(self, parts: Mapping[str, Stateful], rows: Sequence[Mapping[str, float]]) -> None:
        """Write the state after len(rows) epochs if one is due: atomically, the last one stays until this is whole.

        Where it cannot be written, a warning says so and the training goes on.
        """
        if len(rows) % self.every:
            return
        packed = io.BytesIO()
        state = {name: part.state_dict() for name, part in parts.items()}
        torch.save({"recipe": self._identity, "rows": [dict(row) for row in rows], "state": state}, packed)
        content = packed.getbuffer()
        aside = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}.tmp")
        try:
            with aside.open("wb") as file:
                file.write(hashlib.sha256(content).digest())  # torch reads over damaged bytes
                file.write(content)
            aside.replace(self.path)
        except OSError as error:
            warnings.warn(f"{self.path}: no checkpoint could be written: {error.strerror}", stacklevel=2)
        finally:
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)

    def restore(self, parts: Mapping[str, Stateful]) -> list[dict[str, float]]:
        """Put the parts into the saved state and return its rows; no rows where there is no sound file of this recipe.

        Only tensors and plain values are read (weights_only): a checkpoint cannot run code. Raises Unfit for a
        sound one that the parts do not fit, made by other code under the same RECIPE_VERSION; it is then removed.
        """
        try:
            content = self.path.read_bytes()
            digest, content = content[:32], content[32:]
            if hashlib.sha256(content).digest() != digest:
                return []
            saved = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            if saved["recipe"] != self._identity:
                return []
        except Exception:  # absent, torn or foreign: torch raises many kinds; training starts over
            return []
        try:
            for name, part in parts.items():
                part.load_state_dict(saved["state"][name])
        except Exception as error:
            self.path.unlink(missing_ok=True)
            raise Unfit(f"{self.path} did not fit this trainer and was removed; run it again.") from error
        return list(saved["rows"])

    @property
    def _identity(self) -> str:
        return f"{RECIPE_VERSION} {self.recipe}"
