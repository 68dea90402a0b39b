"""AutoAugment (Cubuk et al., 2019), a policy learned with labels: torchvision's, one sub-policy drawn per image."""

from typing import NamedTuple

import torch
from torch import Tensor

from simclr_core import config
from simclr_core.augment.draws import Draws


class AutoAugment(NamedTuple):
    """A seed per image, (N,), and the name of the policy."""

    seeds: Tensor
    policy: str


def draw_autoaugment(settings: config.AutoAugment, side: int, draws: Draws) -> AutoAugment:
    del side
    return AutoAugment(draws.seeds(), settings.policy)


def apply_autoaugment(images: Tensor, auto: AutoAugment) -> Tensor:
    """Each image, rounded to 8 bits, through one sub-policy; what a shear or a rotation uncovers is black.

    On the CPU wherever the images are, since it is many small operations on one image at a time.
    """
    from torchvision.transforms import v2  # takes seconds to import, and is rarely needed

    policy = v2.AutoAugment(v2.AutoAugmentPolicy(auto.policy))
    out = []
    with torch.random.fork_rng(devices=[]):  # torchvision draws from the global generator
        for image, seed in zip((images * 255).round().byte().cpu(), auto.seeds.tolist(), strict=True):
            torch.default_generator.manual_seed(seed)
            out.append(policy(image))
    return torch.stack(out).to(images.device).float() / 255
