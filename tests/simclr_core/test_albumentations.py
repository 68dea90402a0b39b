"""Transforms of albumentations: what a recipe may say, and that a seed per image is all they depend on."""

import random
import re
import subprocess
import sys

import albumentations as A
import numpy as np
import pytest
import torch
from torch import Tensor

from simclr_core.augment.albumentations import apply, canonical
from simclr_core.config import Recipe, Views
from simclr_core.errors import BadInput
from simclr_core.streams import stream

SEEDS = torch.arange(8) * 7919 + 3


def some_images(n: int = 8, side: int = 24) -> Tensor:
    noise = torch.rand(n, 3, 6, 6, generator=stream(7, "images"))
    return torch.nn.functional.interpolate(noise, (side, side), mode="bilinear")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("A.CLAHE", "A.CLAHE"),
        ("A.CLAHE()", "A.CLAHE"),
        ("A.CLAHE( p = 1 , clip_limit=2 ) ", "A.CLAHE(clip_limit=2, p=1)"),
        ("A.RandomGamma(gamma_limit=[80, 120.5])", "A.RandomGamma(gamma_limit=(80, 120.5))"),
        ("A.RGBShift(r_shift_limit=(-20, -1), p=.5)", "A.RGBShift(p=0.5, r_shift_limit=(-20, -1))"),
        ('A.ToGray(method="max")', "A.ToGray(method='max')"),
        ("A.CoarseDropout(fill_mask=None)", "A.CoarseDropout(fill_mask=None)"),
        ("A.Perspective(keep_size=True)", "A.Perspective(keep_size=True)"),
        ("A.ShiftScaleRotate", "A.ShiftScaleRotate"),  # it only remarks that it is a special case of another
    ],
)
def test_equal_transforms_have_one_spelling(given: str, expected: str) -> None:
    assert canonical(given) == expected
    assert canonical(expected) == expected
    assert Views(right=("crop", given)).right == ("crop", expected)


FORM = "write it as A.NAME or A.NAME(argument=value, ...)"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("A.CLAHE(", FORM),
        ("A.", FORM),
        ("A.CLAHE.apply", FORM),
        ("A.CLAHE()(p=1)", FORM),
        ("B.CLAHE", FORM),
        ("A.CLAHE; A.Blur", FORM),
        ("A.CLAHE(2)", f"{FORM}; each argument by its name, once"),
        ("A.CLAHE(p=1, p=1)", f"{FORM}; each argument by its name, once"),
        ("A.CLAHE(**None)", f"{FORM}; each argument by its name, once"),
        ("A.CLAHE(p=open('x'))", "argument 'p' must be a finite number, text, True, False, None, or a tuple or list"),
        ("A.CLAHE(p=1e999)", "argument 'p' must be a finite number"),
        ("A.CLAHE(p={'a': 1})", "argument 'p' must be a finite number"),
        ("A.CLAHE(p={[]: 1})", "argument 'p' must be a finite number"),
        ("A.CLAHE(p=1j)", "argument 'p' must be a finite number"),
        ("A.clahe", "albumentations 2.0.8 has no A.clahe; nearest: A.CLAHE"),
        ("A.HorizontalFlipp(p=1)", "has no A.HorizontalFlipp; nearest: A.HorizontalFlip, A.VerticalFlip"),
        ("A.Qqqqq", "albumentations 2.0.8 has no A.Qqqqq"),
        ("A.CLAHE(clip=2)", "unknown argument 'clip'; nearest: clip_limit; allowed: clip_limit, tile_grid_size, p"),
        ("A.CLAHE(strict=True)", "unknown argument 'strict'; allowed: clip_limit, tile_grid_size, p"),
        ("A.RandomRotate90(q=1)", "unknown argument 'q'; allowed: p"),
        ("A.CLAHE(p=2)", "argument p: input should be less than or equal to 1"),
        ("A.CLAHE(clip_limit=0.5)", "argument clip_limit: all values in"),
        ("A.RandomCrop", "argument height: field required"),
        ("A.Blur(blur_limit=4)", "kernel sizes must be odd"),  # the library puts it right with a warning
        ("A.Compose", "A.Compose does not make another RGB image of one RGB image alone"),
        ("A.OneOf(transforms=[])", "A.OneOf does not make"),
        ("A.ToTensorV2", "A.ToTensorV2 does not make"),
        ("A.CubicSymmetry", "A.CubicSymmetry does not make"),
        ("A.ConstrainedCoarseDropout", "A.ConstrainedCoarseDropout does not make"),
        ("A.ImageOnlyTransform", "A.ImageOnlyTransform does not make"),
        ("A.HistogramMatching", "A.HistogramMatching needs hm_metadata beside the image"),
        ("A.MaskDropout", "A.MaskDropout needs mask beside the image"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(spec: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        canonical(spec)
    sentence = str(caught.value)
    assert sentence.startswith(f"albumentations step {spec!r}: ")
    assert "\n" not in sentence
    assert not sentence.endswith(".")
    with pytest.raises(BadInput, match=r"^recipe: views\.right"):
        Recipe.parse({"views": {"right": ["A.Blur", spec if spec.startswith("A.") else f"A.{spec}"]}})


USED = [
    "A.CLAHE(p=1)",
    "A.RandomBrightnessContrast",
    "A.GaussNoise(p=0.7)",
    "A.ElasticTransform(p=1)",
    "A.HueSaturationValue",
]


@pytest.mark.parametrize("spec", USED)
@pytest.mark.parametrize("side", [24, 32])
def test_each_image_goes_through_the_librarys_transform_with_its_own_seed(spec: str, side: int) -> None:
    images = some_images(8, side)
    ours = apply(images, SEEDS, spec)
    assert ours.dtype == torch.float32
    for image, seed, out in zip(images, SEEDS.tolist(), ours, strict=True):
        transform = eval(spec if spec.endswith(")") else f"{spec}()", {"A": A})
        transform.set_random_seed(seed)
        pixels = np.ascontiguousarray(np.rint(image.permute(1, 2, 0).numpy() * 255).astype(np.uint8))
        expected = transform(image=pixels)["image"]
        np.testing.assert_array_equal((out * 255).round().permute(1, 2, 0).numpy(), expected)
    assert ours.min() >= 0
    assert ours.max() <= 1
    assert (apply(images, SEEDS, spec) == ours).all()


def test_different_seeds_draw_different_parameters_and_p_0_leaves_the_eight_bits() -> None:
    images = some_images(1).expand(8, -1, -1, -1)
    assert len(torch.unique(apply(images, SEEDS, "A.GaussNoise(p=1)").flatten(1), dim=0)) == 8
    still = apply(images, SEEDS, "A.GaussNoise(p=0)")
    torch.testing.assert_close(still, (images * 255).round() / 255, atol=1e-7, rtol=0)
    flipped = apply(some_images(1).expand(400, -1, -1, -1), torch.arange(400), "A.HorizontalFlip(p=0.3)")
    assert 0.22 < (flipped != still[0]).flatten(1).any(1).float().mean() < 0.38


def global_state() -> list[object]:
    return [np.random.get_state()[1].tolist(), random.getstate(), torch.get_rng_state().tolist()]


# Several transforms draw nothing, or rarely; all are asked for the same promises. Left out for their slowness.
SLOW = {"Superpixels", "PiecewiseAffine", "RandomFog"}
EVERY = sorted(
    name
    for name, kind in vars(A).items()
    if isinstance(kind, type) and issubclass(kind, A.BasicTransform) and name not in SLOW
)
REFUSED = "required|beside the image|does not make|cannot be None|must be specified"
UNFIT = r"Transformation A\.\w+\(p=1\) (fails on|turns) images of 24 x 24 x 3 uint8"


def test_every_transform_is_refused_with_a_reason_or_depends_on_its_seed_alone() -> None:
    images, order = some_images(3), torch.tensor([2, 0])
    used, reasons = [], []
    for name in EVERY:
        before = global_state()
        try:
            spec = canonical(f"A.{name}(p=1)")
            out = apply(images, SEEDS[:3], spec)
        except (ValueError, BadInput) as error:
            reasons.append(str(error))
            continue
        assert global_state() == before, name
        np.random.seed(5)
        random.seed(5)
        assert torch.equal(apply(images[order], SEEDS[order], spec), out[order]), name
        used.append(name)
    assert [reason for reason in reasons if not re.search(f"{REFUSED}|{UNFIT}", reason)] == []
    assert len(used) > 70
    assert {"CLAHE", "MedianBlur", "RandomRotate90", "ToSepia", "TimeReverse", "GaussNoise", "Rotate"} <= set(used)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("A.RandomCrop(height=8, width=12)", "turns images of 24 x 24 x 3 uint8 into 8 x 12 x 3 uint8"),
        ("A.Normalize", "turns images of 24 x 24 x 3 uint8 into 24 x 24 x 3 float32"),
        ("A.ToFloat", "into 24 x 24 x 3 float32"),
        ("A.ToGray(num_output_channels=1)", "into 24 x 24 uint8"),
        ("A.Resize(height=30, width=30, p=0.01)", "into 30 x 30 x 3 uint8"),  # even where it hardly ever fires
        ("A.RandomCrop(height=32, width=32)", "fails on images of 24 x 24 x 3 uint8: "),
    ],
)
def test_a_transform_that_does_not_fit_the_images_is_refused(spec: str, said: str) -> None:
    with pytest.raises(BadInput, match=re.escape(said)) as caught:
        apply(some_images(2), SEEDS[:2], canonical(spec))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("Transformation A.")
    assert str(caught.value).endswith(".")


def test_a_shape_that_changes_with_the_draw_is_refused_at_the_image_it_changes() -> None:
    # At most one pixel from the left: the images of some seeds keep their shape.
    spec = "A.RandomCropFromBorders(crop_left=0.05, crop_right=0, crop_top=0, crop_bottom=0, p=1)"
    with pytest.raises(BadInput, match="into 24 x 23 x 3 uint8"):
        apply(some_images(1).expand(40, -1, -1, -1), torch.arange(40), spec)


def test_importing_it_asks_nothing_of_the_network_and_the_trainer_does_not_import_it() -> None:
    code = """
import os, sys
os.environ.pop("NO_ALBUMENTATIONS_UPDATE", None)
sys.addaudithook(lambda event, _: os._exit(3) if event in ("urllib.Request", "socket.connect") else None)
import simclr_core.augment.views, simclr_core.config
assert not any(name.startswith("albumentations") for name in sys.modules)
import simclr_core.augment.albumentations
assert "albumentations" in sys.modules
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
