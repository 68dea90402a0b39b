"""The transformations by name: `draw_*` samples parameters per image, `apply_*` is a pure function of them.

Images are float32 (N, C, S, S) in [0, 1] and stay there, or still uint8; RGB where C is 3 (see trial.check_channels).
Parameters are drawn on the CPU, where they also decide which images an operation touches, so that nothing has to come
back from the device; only the noise itself is drawn there. AutoAugment and albumentations work on the CPU, image by
image. What the paper leaves open (cutout's size, the Sobel variant, the noise level, motion blur) is set in
`simclr_core.config`; each departure is noted where it happens.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from simclr_core import config
from simclr_core.augment import autoaugment, colors, filters, geometry
from simclr_core.augment.draws import Draws, floats


def augment(images: Tensor, name: str, settings: config.Transforms, generator: torch.Generator) -> Tensor:
    """Draw and apply the transformation called `name`: one of config.TRANSFORMATIONS, or albumentations' "A.NAME"."""
    return apply(images, name, draw(name, settings, images.shape[-1], Draws(len(images), generator)))


def draw(name: str, settings: config.Transforms, side: int, draws: Draws) -> Any:
    """The parameters for as many images of that side as are drawn for; seeds for a transform of albumentations."""
    if name.startswith("A."):
        return draws.seeds()
    return REGISTRY[name][0](getattr(settings, name, None), side, draws)


def apply(images: Tensor, name: str, drawn: Any) -> Tensor:
    """A new batch; `drawn` as it comes from `draw`. images: float32 or uint8; what comes may be uint8 if they are."""
    if name not in BYTES:
        images = floats(images)
    if name.startswith("A."):
        from simclr_core.augment import albumentations  # takes seconds to import, and is rarely needed

        return albumentations.apply(images, drawn, name)
    return REGISTRY[name][1](images, drawn)


REGISTRY: dict[str, tuple[Callable[..., Any], Callable[..., Tensor]]] = {
    "crop": (geometry.draw_crop, geometry.apply_crop),
    "cutout": (geometry.draw_cutout, geometry.apply_cutout),
    "color": (colors.draw_color, colors.apply_color),
    "sobel": (filters.draw_sobel, filters.apply_sobel),
    "noise": (filters.draw_noise, filters.apply_noise),
    "blur": (filters.draw_blur, filters.apply_blur),
    "rotate": (geometry.draw_rotate, geometry.apply_rotate),
    "solarize": (colors.draw_solarize, colors.apply_solarize),
    "equalize": (colors.draw_equalize, colors.apply_equalize),
    "motion_blur": (filters.draw_motion_blur, filters.apply_motion_blur),
    "autoaugment": (autoaugment.draw_autoaugment, autoaugment.apply_autoaugment),
}
BYTES = ("crop", "rotate", "solarize", "equalize")  # take uint8 images as they are, which saves passes over them
