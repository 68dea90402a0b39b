"""Crops and their intensity histograms, without and with color distortion (Figure 6)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ablations.pictures.views import channels_last, one_per_class
from simclr_core.config import Recipe, Views

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from simclr_core.data.images import Dataset


CROPPED, CROPS = 2, 4  # images of the histograms, and crops of each


def draw_histograms(recipe: Recipe, dataset: "Dataset", about: Sequence[str]) -> "Figure":
    from ablations.figures import histograms

    images, _ = one_per_class(dataset, CROPPED)
    plain, distorted = crops(images.images, recipe)
    crop, color = recipe.transforms.crop, recipe.transforms.color
    said = [
        f"{CROPS} random crops of each of {len(images)} test images; below each crop, how often each intensity occurs "
        "in it (three channels pooled, 100 bins from the crop's minimum to its maximum). All axes have the same range, "
        "intensities from 0 to 1; a bar of a crop's darkest or brightest values, where clipping heaps them up, may be "
        "cut off at the top. (b) has the crops of (a).",
        f"Crop area {crop.area[0]:g} to {crop.area[1]:g} of the image; color strength {color.strength:g} (jitter with "
        f"probability {color.jitter_p:g}, gray with {color.gray_p:g}).",
        "Where crops of one image share a histogram that crops of other images lack, it alone solves the contrastive "
        "task.",
    ]
    title = "Do the pixel intensities alone tell which image a crop is from? (Figure 6 of the paper)"
    return histograms.draw(plain, distorted, title, [*said, *about])


def crops(images: NDArray[np.uint8], recipe: Recipe) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Crops of each image, the same ones without and with color distortion: (n, 4, S, S, 3) in [0, 1], both.

    images: (n, 3, S, S). A crop draws from a stream of its own, so the boxes do not depend on what follows.
    """
    import torch

    from simclr_core.augment.views import one_view
    from simclr_core.trial import deterministic

    repeated = torch.from_numpy(images).repeat_interleave(CROPS, dim=0)
    with deterministic("cpu"):
        plain, distorted = (
            channels_last(one_view(repeated, Views(left=(), right=chain), recipe.transforms, recipe.seed))
            for chain in (("crop",), ("crop", "color"))
        )
    shape = (len(images), CROPS, *plain.shape[1:])
    return plain.reshape(shape), distorted.reshape(shape)
