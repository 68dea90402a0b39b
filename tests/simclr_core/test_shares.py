"""A share of a batch: its rows are those of the whole batch, bit for bit, for every transformation.

So views depend neither on how many steps are made in one go nor, later, on how many devices share a batch.
"""

import pytest
import torch

from simclr_core import config
from simclr_core.augment.draws import Draws
from simclr_core.augment.transforms import apply, draw
from simclr_core.augment.views import _of
from simclr_core.streams import stream

SETTINGS = config.Transforms()
N = 37
CASES = {
    **{name: (name, SETTINGS) for name in (*config.TRANSFORMATIONS, "A.ISONoise", "A.CLAHE")},
    "bicubic crop": ("crop", config.Transforms(crop={"interpolation": "bicubic"})),
    "additive color": ("color", config.Transforms(color={"brightness": "add"})),
    "noise on some": ("noise", config.Transforms(noise={"p": 0.5})),
    "long motion blur": ("motion_blur", config.Transforms(motion_blur={"length": (0.1, 1.0)})),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("side", [9, 24, 33, 96])
def test_the_rows_of_a_share_are_those_of_the_whole_batch(case: str, side: int) -> None:
    name, settings = CASES[case]
    generator = torch.Generator().manual_seed(side)
    images = torch.randint(0, 256, (N, 3, side, side), dtype=torch.uint8, generator=generator)
    drawn = draw(name, settings, side, Draws(N, stream(0, name)))
    whole = apply(images, name, drawn)
    assert not torch.equal(whole, apply(images.roll(1, 0), name, drawn))
    for share in (1, 2, 5, 8, 16):
        parts = [slice(start, min(N, start + share)) for start in range(0, N, share)]
        assert torch.equal(torch.cat([apply(images[part], name, _of(part, drawn)) for part in parts]), whole)
