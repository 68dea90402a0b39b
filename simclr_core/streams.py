"""Random streams keyed by what they are for, so that no draw depends on how many draws came before it.

Cells of one seed share initialization, image order and shared crops; a changed augmentation does not shift the others;
resuming needs no generator state.
"""

import hashlib

import torch


def stream(seed: int, purpose: str, epoch: int = 0, step: int = 0, device: str = "cpu") -> torch.Generator:
    """A fresh generator on `device` for (seed, purpose, epoch, step); the same key gives the same draws."""
    key = hashlib.blake2b(f"{seed}/{purpose}/{epoch}/{step}".encode(), digest_size=4).digest()
    # Four bytes: the CPU generator (mt19937) uses only the low 32 bits of its seed.
    return torch.Generator(device).manual_seed(int.from_bytes(key))
