"""Checkpoints for exact resume. Random streams are keyed by epoch and step, so no generator has a state to keep."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch


class Stateful(Protocol):
    """A module or an optimizer."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: dict[str, Any]) -> Any: ...


@dataclass(frozen=True)
class Checkpoint:
    """A file that holds a training after its last so-many'th epoch. `recipe`: what it belongs to, as JSON."""

    path: Path
    every: int  # epochs
    recipe: str

    def save(self, parts: Mapping[str, Stateful], rows: Sequence[Mapping[str, float]]) -> None:
        """Write the state after len(rows) epochs if one is due: atomically, the last one stays until this is whole."""
        if len(rows) % self.every:
            return
        aside = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}.tmp")
        try:
            state = {name: part.state_dict() for name, part in parts.items()}
            torch.save({"recipe": self.recipe, "rows": [dict(row) for row in rows], "state": state}, aside)
            aside.replace(self.path)
        finally:
            aside.unlink(missing_ok=True)

    def restore(self, parts: Mapping[str, Stateful]) -> list[dict[str, float]]:
        """Put the parts into the saved state and return its rows; no rows where there is no sound file of this recipe.

        Only tensors and plain values are read (weights_only): a checkpoint cannot run code.
        """
        try:
            saved = torch.load(self.path, map_location="cpu", weights_only=True)
            if saved["recipe"] != self.recipe or saved["state"].keys() != parts.keys():
                return []
        except Exception:  # absent, torn or foreign: torch raises many kinds; training starts over
            return []
        for name, part in parts.items():
            part.load_state_dict(saved["state"][name])
        return list(saved["rows"])
