"""Each transformation against an independent implementation, with the same drawn parameters."""

import math

import cv2
import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as TF
from PIL import Image, ImageOps
from torch import Tensor
from torchvision.transforms import v2

from simclr_core import config
from simclr_core.augment import autoaugment, colors, filters, geometry
from simclr_core.augment import transforms as T
from simclr_core.augment.draws import Draws, floats
from simclr_core.streams import stream

SIDES = (24, 32, 45, 101)  # the last is large: on the CPU these go another way


def some_images(n: int, side: int) -> Tensor:
    """Smooth random images that reach both ends of [0, 1], with gray and black pixels among them."""
    noise = torch.rand(n, 3, 6, 6, generator=stream(7, "images"))
    images = torch.nn.functional.interpolate(noise, (side, side), mode="bilinear")
    low, high = images.amin(dim=(1, 2, 3), keepdim=True), images.amax(dim=(1, 2, 3), keepdim=True)
    images = (images - low) / (high - low)
    images[:, :, :3, :3] = 0.0
    images[:, :, -3:, -3:] = 0.5
    return images


def draw(name: str, n: int, side: int, settings: object, seed: int = 3):
    return T.REGISTRY[name][0](settings, side, Draws(n, stream(seed, name)))


@pytest.mark.parametrize("side", SIDES)
def test_crop_is_torchvisions_resized_crop_of_the_drawn_box(side: int) -> None:
    images = some_images(40, side)
    crop = draw("crop", 40, side, config.Crop())
    ours = geometry.apply_crop(images, crop)
    for i, image in enumerate(images):
        box = [int(part[i]) for part in (crop.top, crop.left, crop.height, crop.width)]
        expected = TF.resized_crop(image, *box, size=[side, side], antialias=True)
        if crop.flip[i]:
            expected = TF.horizontal_flip(expected)
        torch.testing.assert_close(ours[i], expected, atol=2e-6, rtol=0)
    assert 0 < crop.flip.sum() < 40


@pytest.mark.parametrize("side", SIDES)
def test_bicubic_crop_is_torchvisions_with_antialias(side: int) -> None:
    images = some_images(40, side)
    crop = draw("crop", 40, side, config.Crop(interpolation="bicubic"))
    ours = geometry.apply_crop(images, crop)
    for i, image in enumerate(images):
        box = [int(part[i]) for part in (crop.top, crop.left, crop.height, crop.width)]
        expected = TF.resized_crop(image, *box, size=[side, side], interpolation=v2.InterpolationMode.BICUBIC)
        if crop.flip[i]:
            expected = TF.horizontal_flip(expected)
        torch.testing.assert_close(ours[i], expected.clamp(0, 1), atol=4e-6, rtol=0)
    linear = draw("crop", 40, side, config.Crop())
    assert all(torch.equal(a, b) for a, b in zip(crop[:5], linear[:5], strict=True))
    assert (ours - geometry.apply_crop(images, linear)).abs().max() > 0.01


@pytest.mark.parametrize("length", [1, 2, 3])
def test_bicubic_crop_of_the_smallest_boxes_is_torchvisions(length: int) -> None:
    images = torch.rand(4, 3, 24, 24, generator=stream(7, "images"))
    start, size = torch.tensor([0, 5, 23 - length, 24 - length]), torch.full((4,), length)
    ours = geometry.apply_crop(images, geometry.Crop(start, start, size, size, torch.zeros(4, dtype=torch.bool), True))
    for i, image in enumerate(images):
        corner = [int(start[i])] * 2
        expected = TF.resized_crop(image, *corner, length, length, [24, 24], v2.InterpolationMode.BICUBIC)
        torch.testing.assert_close(ours[i], expected.clamp(0, 1), atol=4e-6, rtol=0)


def test_crop_agrees_with_pillow_to_its_eight_bits() -> None:
    images = (some_images(20, 32) * 255).round() / 255
    crop = draw("crop", 20, 32, config.Crop(flip=False))
    ours = geometry.apply_crop(images, crop)
    for i, image in enumerate(images):
        picture = Image.fromarray((image * 255).byte().permute(1, 2, 0).numpy())
        top, left, height, width = (int(part[i]) for part in crop[:4])
        small = picture.crop((left, top, left + width, top + height)).resize((32, 32), Image.Resampling.BILINEAR)
        expected = np.asarray(small).transpose(2, 0, 1) / 255
        assert np.abs(ours[i].numpy() - expected).max() < 1.5 / 255


def test_crop_boxes_are_distributed_as_torchvisions() -> None:
    n, side = 4000, 24
    settings = config.Crop(area=(0.2, 1.0))
    crop = draw("crop", n, side, settings)
    assert ((crop.top + crop.height <= side) & (crop.left + crop.width <= side)).all()
    assert (crop.height >= 1).all()
    assert (crop.top >= 0).all()
    from torchvision.transforms import RandomResizedCrop

    torch.manual_seed(0)
    image = torch.zeros(3, side, side)
    theirs = torch.tensor([RandomResizedCrop.get_params(image, [0.2, 1.0], [3 / 4, 4 / 3]) for _ in range(n)]).double()
    ours = torch.stack(crop[:4], dim=1).double()
    error = (theirs.var(0) / n + ours.var(0) / n).sqrt()
    assert ((ours.mean(0) - theirs.mean(0)).abs() < 4 * error).all()
    assert ((ours.std(0) / theirs.std(0) - 1).abs() < 0.06).all()
    area = (crop.height * crop.width) / side**2
    assert area.min() > 0.15
    assert area.max() > 0.95


def test_a_crop_takes_the_first_of_ten_candidates_that_fits() -> None:
    n, side, settings = 200, 24, config.Crop(area=(0.5, 1.0), ratio=(0.5, 2.0))
    crop, generator = draw("crop", n, side, settings), stream(3, "crop")
    areas = torch.empty(10 * n).uniform_(0.5, 1, generator=generator).view(n, 10).tolist()
    ratios = torch.empty(10 * n).uniform_(math.log(0.5), math.log(2), generator=generator).exp().view(n, 10).tolist()
    places = []
    for i in range(n):
        for place in range(10):
            area, ratio = areas[i][place] * side**2, ratios[i][place]
            width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if max(width, height) <= side:
                break
        assert (int(crop.width[i]), int(crop.height[i])) == (width, height)
        places.append(place)
    assert {0, 1, 2} <= set(places)


def test_a_crop_without_a_fitting_candidate_takes_the_whole_image() -> None:
    crop = draw("crop", 50, 24, config.Crop(area=(1.0, 1.0), ratio=(1.3, 4 / 3), flip=False))
    assert (crop.height == 24).all()
    assert (crop.width == 24).all()
    images = some_images(50, 24)
    torch.testing.assert_close(geometry.apply_crop(images, crop), images, atol=1e-6, rtol=0)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("side", [8, 23, 95, 96, *SIDES])
def test_a_crop_of_the_whole_area_at_ratio_1_is_the_flip_alone_to_the_bit(side: int, interpolation: str) -> None:
    crop = draw("crop", 20, side, config.Crop(area=(1.0, 1.0), ratio=(1.0, 1.0), interpolation=interpolation))
    assert 0 < crop.flip.sum() < 20
    pixels = torch.randint(0, 256, (20, 3, side, side), dtype=torch.uint8, generator=stream(7, "images"))
    expected = torch.where(crop.flip[:, None, None, None], floats(pixels).flip(3), floats(pixels))
    for images in (pixels, floats(pixels)):
        assert torch.equal(geometry.apply_crop(images, crop), expected)


@pytest.mark.parametrize("side", SIDES)
def test_cutout_is_a_gray_square_wholly_inside(side: int) -> None:
    images = some_images(60, side)
    cutout = draw("cutout", 60, side, config.Cutout(side=0.5))
    expected = images.clone().numpy()
    for i in range(60):
        top, left = int(cutout.top[i]), int(cutout.left[i])
        assert 0 <= top <= side - cutout.side
        assert 0 <= left <= side - cutout.side
        cv2_image = np.ascontiguousarray(expected[i].transpose(1, 2, 0))
        cv2.rectangle(cv2_image, (left, top), (left + cutout.side - 1, top + cutout.side - 1), (0.5, 0.5, 0.5), -1)
        expected[i] = cv2_image.transpose(2, 0, 1)
    assert cutout.side == round(side / 2)
    np.testing.assert_array_equal(geometry.apply_cutout(images, cutout).numpy(), expected)
    assert len(set(cutout.top.tolist())) == side - cutout.side + 1 or side > 24


@pytest.mark.parametrize("side", [24, 101])
def test_color_is_torchvisions_four_operations_in_the_drawn_order(side: int) -> None:
    images = some_images(200, side)
    color = draw("color", 200, side, config.Color(strength=1.0))
    ours = colors.apply_color(images, color)
    operations = (TF.adjust_brightness, TF.adjust_contrast, TF.adjust_saturation, TF.adjust_hue)
    for i, image in enumerate(images):
        expected = image
        if color.jitter[i]:
            for operation in color.order[i].tolist():
                expected = operations[operation](expected, float(color.factor[i, operation]))
        if color.gray[i]:
            expected = TF.rgb_to_grayscale(expected, num_output_channels=3)
        # torchvision weighs the channels 0.2989, 0.587, 0.114 (sum 0.9999), hence not tighter.
        torch.testing.assert_close(ours[i], expected, atol=6e-4, rtol=0)
    assert len({tuple(order) for order in color.order.tolist()}) == 24
    assert 0.7 < color.jitter.float().mean() < 0.9
    assert 0.1 < color.gray.float().mean() < 0.3


def plain_color(image: Tensor, color: colors.Color, i: int) -> Tensor:
    """One image's operations one after the other, in float64, with the hue by the choice of the greatest channel."""
    image, weights = image.double(), torch.tensor(colors.LUMA, dtype=torch.float64).view(3, 1, 1)
    for operation in color.order[i].tolist() if color.jitter[i] else ():
        factor, gray = float(color.factor[i, operation]), (image * weights).sum(0)
        if operation == colors.HUE:
            value, least = image.amax(0), image.amin(0)
            chroma = value - least
            red, green, blue = image
            place = torch.where(red == value, (green - blue) / chroma, (blue - red) / chroma + 2)
            place = torch.where((blue == value) & (red < value) & (green < value), (red - green) / chroma + 4, place)
            far = (place.nan_to_num() + 6 * factor - torch.tensor([0.0, 2, 4]).view(3, 1, 1)).remainder(6)
            image = least + chroma * (2 - torch.minimum(far, 6 - far)).clamp(0, 1)
        elif operation == colors.BRIGHTNESS and color.additive:
            image = image + factor
        else:
            toward = {colors.BRIGHTNESS: 0, colors.CONTRAST: gray.mean(), colors.SATURATION: gray}[operation]
            image = factor * image + (1 - factor) * toward
        image = image.clamp(0, 1)
    return (image * weights).sum(0).expand_as(image) if color.gray[i] else image


@pytest.mark.parametrize("settings", [{}, {"strength": 2.5}, {"brightness": "add"}])
@pytest.mark.parametrize("side", [24, 101])
def test_color_in_few_passes_is_color_operation_by_operation(side: int, settings: dict[str, object]) -> None:
    images = some_images(100, side)
    color = draw("color", 100, side, config.Color(**settings))
    ours = colors.apply_color(images, color)
    for i, image in enumerate(images):
        # OpenCV, which has the large ones, turns the hue in degrees.
        expected = plain_color(image, color, i).float()
        torch.testing.assert_close(ours[i], expected, atol=2e-6 if side == 24 else 1e-5, rtol=0)
    assert ours.min() >= 0
    assert ours.max() <= 1


def test_added_brightness_is_the_papers_tensorflow_listing() -> None:
    images = some_images(50, 24)
    color = draw("color", 50, 24, config.Color(strength=1.0, brightness="add", gray_p=0))
    ours = colors.apply_color(images, color)
    for i, image in enumerate(images):
        expected = image
        for operation in color.order[i].tolist() if color.jitter[i] else ():
            value = float(color.factor[i, operation])
            if operation == 0:
                expected = (expected.double() + value).clamp(0, 1).float()
            else:
                expected = (None, TF.adjust_contrast, TF.adjust_saturation, TF.adjust_hue)[operation](expected, value)
        torch.testing.assert_close(ours[i], expected, atol=6e-4, rtol=0)
    many = draw("color", 4000, 24, config.Color(strength=0.5, brightness="add"))
    assert -0.4 <= many.factor[:, 0].min() < -0.39
    assert 0.39 < many.factor[:, 0].max() <= 0.4
    times = draw("color", 4000, 24, config.Color(strength=0.5))
    for field in ("jitter", "order", "gray"):
        assert torch.equal(getattr(many, field), getattr(times, field))
    assert torch.equal(many.factor[:, 1:], times.factor[:, 1:])


def test_hue_agrees_with_opencvs_hsv() -> None:
    image = some_images(1, 32)
    for shift in (-0.2, -0.05, 0.1, 0.2):
        hsv = cv2.cvtColor(image[0].permute(1, 2, 0).numpy(), cv2.COLOR_RGB2HSV)  # hue in degrees
        hsv[..., 0] = (hsv[..., 0] + 360 * shift) % 360
        expected = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
        ours = image.clone()
        colors.hue_(ours, colors.hue_turn(torch.full((1, 1, 1, 1), shift)))
        np.testing.assert_allclose(ours[0].permute(1, 2, 0).numpy(), expected, atol=2e-5)


def test_color_of_strength_zero_leaves_images_as_they_are() -> None:
    images = some_images(30, 24)
    still = draw("color", 30, 24, config.Color(strength=0, gray_p=0))
    torch.testing.assert_close(colors.apply_color(images, still), images, atol=2e-6, rtol=0)


def test_color_factors_follow_the_papers_ranges() -> None:
    color = draw("color", 4000, 24, config.Color(strength=0.5))
    assert 0.6 <= color.factor[:, :3].min() < 0.61
    assert 1.39 < color.factor[:, :3].max() <= 1.4
    assert -0.1 <= color.factor[:, 3].min() < -0.098
    assert 0.098 < color.factor[:, 3].max() <= 0.1


@pytest.mark.parametrize("side", SIDES)
def test_sobel_is_opencvs_gradient_magnitude_of_the_gray_image(side: int) -> None:
    images = some_images(5, side)
    ours = filters.apply_sobel(images, filters.Sobel(0.5, torch.ones(5, dtype=torch.bool)))
    for i, image in enumerate(images):
        gray = cv2.cvtColor(image.permute(1, 2, 0).numpy(), cv2.COLOR_RGB2GRAY)
        dx, dy = (
            cv2.Sobel(gray, cv2.CV_32F, *axes, ksize=3, borderType=cv2.BORDER_REPLICATE) for axes in ((1, 0), (0, 1))
        )
        expected = np.clip(0.5 * np.sqrt(dx**2 + dy**2), 0, 1)
        for channel in range(3):
            np.testing.assert_allclose(ours[i, channel].numpy(), expected, atol=3e-6)


def test_noise_has_the_drawn_deviation_in_every_image_and_is_independent_between_channels() -> None:
    gray = torch.full((50, 3, 45, 45), 0.5)
    noise = draw("noise", 50, 45, config.Noise(sigma=(0.02, 0.1)))
    grain = filters.apply_noise(gray, noise) - gray
    measured = grain.flatten(1).std(1)
    np.testing.assert_allclose(measured, noise.sigma, rtol=0.06)
    assert noise.sigma.min() >= 0.02
    assert noise.sigma.max() <= 0.1
    correlation = np.corrcoef(grain.transpose(0, 1).flatten(1).numpy())
    assert np.abs(correlation - np.eye(3)).max() < 0.02
    assert len(torch.unique(grain.flatten(1) / noise.sigma[:, None], dim=0)) == 50
    between = np.corrcoef(grain.flatten(1).numpy())
    assert np.abs(between - np.eye(50)).max() < 0.07  # of 1,225 pairs over 6,075 pixels: five standard deviations
    assert filters.apply_noise(torch.ones(2, 3, 24, 24), draw("noise", 2, 24, config.Noise())).max() <= 1


@pytest.mark.parametrize("side", SIDES)
def test_blur_is_torchvisions_gaussian(side: int) -> None:
    images = some_images(30, side)
    blur = draw("blur", 30, side, config.Blur(p=0.5))
    ours = filters.apply_blur(images, blur)
    kernel = max(3, side // 10 + (1 - side // 10 % 2))
    for i, image in enumerate(images):
        expected = TF.gaussian_blur(image, [kernel, kernel], [float(blur.sigma[i])] * 2) if blur.fires[i] else image
        torch.testing.assert_close(ours[i], expected, atol=2e-6, rtol=0)
    assert 0 < blur.fires.sum() < 30


def test_blur_kernel_is_a_tenth_of_the_side_at_the_papers_size() -> None:
    # 224 pixels: 23 wide, as in the official code (height // 10, made odd). A single bright pixel shows its reach.
    point = torch.zeros(1, 3, 224, 224)
    point[..., 112, 112] = 1
    spread = filters.apply_blur(point, filters.Blur(torch.tensor([50.0]), torch.tensor([True])))
    assert int((spread[0, 0, 112] > 0).sum()) == 23


def test_rotation_is_by_the_drawn_quarter_turns() -> None:
    images = some_images(40, 24)
    turns = draw("rotate", 40, 24, None)
    assert set(turns.tolist()) == {0, 1, 2, 3}
    ours = geometry.apply_rotate(images, turns)
    for i, image in enumerate(images):
        np.testing.assert_array_equal(ours[i].numpy(), np.rot90(image.numpy(), int(turns[i]), axes=(1, 2)))


def test_solarize_is_pillows_and_torchvisions() -> None:
    images = (some_images(20, 24) * 255).round() / 255
    solarize = draw("solarize", 20, 24, config.Solarize(threshold=128 / 255))
    ours = colors.apply_solarize(images, solarize)
    for i, image in enumerate(images):
        picture = Image.fromarray((image * 255).round().byte().permute(1, 2, 0).numpy())
        expected = np.asarray(ImageOps.solarize(picture, threshold=128)).transpose(2, 0, 1) / 255
        np.testing.assert_allclose(ours[i].numpy(), expected, atol=1e-6)
        torch.testing.assert_close(ours[i], TF.solarize(image, 128 / 255), atol=0, rtol=0)
    halves = colors.apply_solarize(
        torch.full((20, 3, 8, 8), 0.25), draw("solarize", 20, 8, config.Solarize(threshold=0.25))
    )
    assert (halves == 0.75).all()  # at the threshold is above it


@pytest.mark.parametrize("side", SIDES)
def test_equalize_is_pillows_of_each_image(side: int) -> None:
    images = some_images(20, side) * torch.rand(20, 1, 1, 1, generator=stream(8, "dim")) ** 2
    ours = colors.apply_equalize(images, draw("equalize", 20, side, config.Equalize()))
    for i, image in enumerate(images):
        picture = Image.fromarray((image * 255).round().byte().permute(1, 2, 0).numpy())
        expected = np.asarray(ImageOps.equalize(picture)).transpose(2, 0, 1)
        np.testing.assert_array_equal((ours[i] * 255).round().numpy(), expected)
    spread = ours.flatten(1).std(1)
    assert (spread > images.flatten(1).std(1)).float().mean() > 0.5


def test_equalize_leaves_images_below_sixteen_pixels_at_their_eight_bits() -> None:
    images = some_images(5, 15)
    ours = colors.apply_equalize(images, torch.ones(5, dtype=torch.bool))
    torch.testing.assert_close(ours, (images * 255).round() / 255, atol=1e-7, rtol=0)


def line(reach: int, degrees: float) -> np.ndarray:
    """Each whole step along the line shared out between the four pixels around it."""
    kernel = np.zeros((2 * reach + 3, 2 * reach + 3))
    for t in range(-reach, reach + 1):
        x = reach + 1 + t * math.cos(math.radians(degrees))
        y = reach + 1 - t * math.sin(math.radians(degrees))
        column, row = math.floor(x), math.floor(y)
        for i, down in ((row, 1 - (y - row)), (row + 1, y - row)):
            for j, right in ((column, 1 - (x - column)), (column + 1, x - column)):
                kernel[i, j] += down * right / (2 * reach + 1)
    return kernel


@pytest.mark.parametrize("side", SIDES)
def test_motion_blur_is_opencvs_filter_with_the_drawn_line(side: int) -> None:
    images = some_images(40, side)
    motion = draw("motion_blur", 40, side, config.MotionBlur(length=(0.1, 0.5)))
    ours = filters.apply_motion_blur(images, motion)
    for i, image in enumerate(images):
        kernel = line(int(motion.reach[i]), float(motion.angle[i]))
        picture = np.ascontiguousarray(image.permute(1, 2, 0).double().numpy())
        expected = cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
        np.testing.assert_allclose(ours[i].permute(1, 2, 0).numpy(), expected, atol=3e-6)
    assert len(set(motion.reach.tolist())) > 3


def test_motion_blur_of_a_row_or_a_column_is_a_box() -> None:
    images = some_images(2, 24)
    motion = filters.MotionBlur(torch.tensor([2, 3]), torch.tensor([0.0, 90.0]), torch.tensor([True, True]), 3)
    ours = filters.apply_motion_blur(images, motion)
    for i, size in enumerate([(5, 1), (1, 7)]):
        picture = np.ascontiguousarray(images[i].permute(1, 2, 0).numpy())
        expected = cv2.blur(picture, size, borderType=cv2.BORDER_REFLECT_101)
        np.testing.assert_allclose(ours[i].permute(1, 2, 0).numpy(), expected, atol=2e-6)


def test_motion_blur_lines_have_odd_lengths_of_the_given_share_and_any_direction() -> None:
    motion = draw("motion_blur", 4000, 224, config.MotionBlur(length=(0.1, 0.3)))
    assert set(motion.reach.tolist()) == set(range(11, 34))  # 23 to 67 pixels: the odd numbers nearest 22.4 to 67.2
    assert 0 <= motion.angle.min() < 1
    assert 179 < motion.angle.max() < 180
    assert abs(motion.angle.mean() - 90) < 4
    short = draw("motion_blur", 50, 8, config.MotionBlur(length=(0.01, 0.02)))
    assert (short.reach == 1).all()
    long = draw("motion_blur", 5, 24, config.MotionBlur(length=(1.0, 1.0)))
    assert filters.apply_motion_blur(some_images(5, 24), long).shape == (5, 3, 24, 24)


@pytest.mark.parametrize("policy", ["imagenet", "cifar10"])
def test_autoaugment_is_torchvisions_on_each_image_with_its_seed(policy: str) -> None:
    images = some_images(60, 24)
    auto = draw("autoaugment", 60, 24, config.AutoAugment(policy=policy))
    before = torch.get_rng_state()
    ours = autoaugment.apply_autoaugment(images, auto)
    assert torch.equal(torch.get_rng_state(), before)
    theirs = v2.AutoAugment(v2.AutoAugmentPolicy[policy.upper()])
    with torch.random.fork_rng(devices=[]):
        for i, image in enumerate(images):
            torch.manual_seed(int(auto.seeds[i]))
            expected = theirs((image * 255).round().to(torch.uint8))
            np.testing.assert_array_equal((ours[i] * 255).round().numpy(), expected.numpy())
        torch.manual_seed(1)
        alone = autoaugment.apply_autoaugment(images[30:], auto._replace(seeds=auto.seeds[30:]))
    assert torch.equal(alone, ours[30:])
    assert len(set(auto.seeds.tolist())) == 60


FIRING = ("cutout", "sobel", "noise", "blur", "solarize", "equalize", "motion_blur")


def fires_of(drawn: Tensor | tuple) -> Tensor:
    return drawn if isinstance(drawn, Tensor) else drawn.fires


@pytest.mark.parametrize("name", FIRING)
def test_a_transformation_fires_on_a_share_p_of_the_images_and_leaves_the_others_untouched(name: str) -> None:
    images = some_images(400, 24)
    settings = getattr(config.Transforms(), name)
    apply = T.REGISTRY[name][1]
    drawn = {p: draw(name, 400, 24, settings.model_copy(update={"p": p})) for p in (0.0, 0.3, 1.0)}
    assert fires_of(drawn[1.0]).all()
    assert 0.22 < fires_of(drawn[0.3]).float().mean() < 0.38
    always, sometimes = apply(images, drawn[1.0]), apply(images, drawn[0.3])
    fires = fires_of(drawn[0.3])
    assert torch.equal(sometimes[fires], always[fires])
    assert (always != images).flatten(1).any(1).all()
    assert torch.equal(sometimes[~fires], images[~fires])
    assert torch.equal(apply(images, drawn[0.0]), images)


def test_whether_one_fires_is_drawn_last() -> None:
    # So that recipes from before there was a choice keep their numbers.
    generator = stream(3, "cutout")
    top, left = (torch.randint(0, 13, (50,), generator=generator) for _ in range(2))
    cutout = draw("cutout", 50, 24, config.Cutout(p=0.4))
    assert torch.equal(cutout.top, top)
    assert torch.equal(cutout.left, left)
    assert torch.equal(cutout.fires, torch.rand(50, generator=generator) < 0.4)
    generator = stream(3, "noise")
    sigma = torch.empty(50).uniform_(0.0, 0.2, generator=generator)
    seeds = torch.randint(0, 2**31, (50,), generator=generator)
    noise = draw("noise", 50, 24, config.Noise(p=0.4))
    assert torch.equal(noise.sigma, sigma)
    assert torch.equal(noise.seed, seeds)
    assert torch.equal(noise.fires, torch.rand(50, generator=generator) < 0.4)


@pytest.mark.parametrize("name", config.TRANSFORMATIONS)
def test_every_transformation_stays_in_range_keeps_its_input_and_differs_between_images(name: str) -> None:
    images = some_images(1, 24).expand(64, -1, -1, -1).contiguous()
    before = images.clone()
    settings = config.Transforms(blur=config.Blur(p=1.0))
    out = T.augment(images, name, settings, stream(0, name))
    assert torch.equal(images, before)
    assert out.shape == images.shape
    assert out.dtype == torch.float32
    assert out.min() >= 0
    assert out.max() <= 1
    distinct = len(torch.unique(out.flatten(1), dim=0))
    exactly = {"sobel": 1, "solarize": 1, "equalize": 1, "rotate": 4}  # nothing, or nothing else, is random in them
    assert distinct == exactly[name] if name in exactly else distinct > (10 if name == "autoaugment" else 30)
    assert torch.equal(out, T.augment(images, name, settings, stream(0, name)))


def test_the_registry_holds_the_names_that_recipes_allow() -> None:
    assert tuple(T.REGISTRY) == config.TRANSFORMATIONS


@pytest.mark.parametrize("side", [24, 101])
@pytest.mark.parametrize("name", T.BYTES)
def test_images_of_eight_bits_give_what_their_floats_give(name: str, side: int) -> None:
    images = (some_images(20, side) * 255).byte()
    settings = getattr(config.Transforms(), name, None)
    drawn = draw(name, 20, side, settings)
    expected = T.apply(images.float() / 255, name, drawn)
    torch.testing.assert_close(floats(T.apply(images, name, drawn)), expected, atol=1e-6, rtol=0)
