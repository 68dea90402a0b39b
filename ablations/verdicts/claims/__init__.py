"""All claims of the paper, by group, and their verdicts."""

from ablations.verdicts.claims import augmentation, encoders_heads, losses, training, transfer
from ablations.verdicts.claims.registry import CLAIMS, Entry

__all__ = ["CLAIMS", "Entry", "augmentation", "encoders_heads", "losses", "training", "transfer"]
