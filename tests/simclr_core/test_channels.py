"""Images of one channel and of many: what the transformations, the encoder and the pictures make of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from builders.toy import small, some_data
from torch import Tensor

from ablations.pictures.views import as_shown, gallery
from simclr_core import trial
from simclr_core.augment.draws import Draws
from simclr_core.augment.transforms import apply, draw
from simclr_core.augment.views import _of
from simclr_core.config import TRANSFORMATIONS, Color, Transforms
from simclr_core.data.images import Dataset, ImageSet
from simclr_core.encoders import Encoder
from simclr_core.errors import BadInput
from simclr_core.model import SimCLR
from simclr_core.streams import stream
from simclr_core.trial import TrialResult

BY_CHANNEL = ("crop", "cutout", "blur", "rotate", "solarize", "equalize", "motion_blur")
WORKING = tuple(name for name in TRANSFORMATIONS if name != "autoaugment")


def of_channels(n: int, side: int = 24) -> Dataset:
    """The toy data with this many channels, each the inverse of the one before."""

    def part(images: ImageSet) -> ImageSet:
        planes = [images.images[:, i % 3] ^ np.uint8(255 * (i % 2)) for i in range(n)]
        return replace(images, images=np.stack(planes, axis=1))

    data = some_data(size=side)
    return replace(data, train=part(data.train), test=part(data.test))


def noise(n: int, channels: int, side: int) -> Tensor:
    return torch.rand(n, channels, side, side, generator=stream(0, "images"))


def drawn(name: str, n: int, side: int, settings: Transforms = Transforms()) -> object:  # noqa: B008 - frozen
    return draw(name, settings, side, Draws(n, stream(0, name)))


@pytest.mark.parametrize("side", [24, 100])
@pytest.mark.parametrize("name", BY_CHANNEL)
def test_what_acts_on_each_channel_alone_acts_on_many_as_on_three(name: str, side: int) -> None:
    images, parameters = noise(6, 5, side), drawn(name, 6, side)
    many = apply(images, name, parameters)
    for three in ([0, 1, 2], [2, 3, 4]):
        torch.testing.assert_close(many[:, three], apply(images[:, three], name, parameters), atol=1e-5, rtol=0)


@pytest.mark.parametrize("brightness", ["multiply", "add"])
@pytest.mark.parametrize("name", ["color", "sobel"])
def test_one_channel_is_changed_as_the_same_gray_in_three(name: str, brightness: str) -> None:
    """Saturation, hue and gray leave gray pixels as they are, so the whole of color is an oracle of a part of it."""
    settings = Transforms(color=Color(brightness=brightness))
    gray = noise(64, 1, 24)
    parameters = drawn(name, 64, 24, settings)
    one, three = apply(gray, name, parameters), apply(gray.repeat(1, 3, 1, 1), name, parameters)
    assert one.shape == gray.shape
    torch.testing.assert_close(one.repeat(1, 3, 1, 1), three, atol=2e-5, rtol=0)
    assert (one - gray).abs().mean() > 0.01


def test_contrast_of_many_channels_is_toward_the_mean_of_all() -> None:
    images = noise(32, 5, 24)
    color = draw("color", Transforms(color=Color(jitter_p=1)), 24, Draws(32, stream(0, "color")))
    assert not isinstance(color, Tensor)
    out = apply(images, "color", color)
    for i in range(32):
        expected = images[i]
        for operation in color.order[i].tolist():
            factor = color.factor[i, operation]
            if operation == 0:
                expected = (expected * factor).clamp(0, 1)
            elif operation == 1:
                expected = (expected.mean() + factor * (expected - expected.mean())).clamp(0, 1)
        torch.testing.assert_close(out[i], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("channels", [1, 5])
@pytest.mark.parametrize("name", WORKING)
def test_a_row_does_not_depend_on_its_company(name: str, channels: int) -> None:
    images, parameters = noise(16, channels, 24), drawn(name, 16, 24)
    whole = apply(images, name, parameters)
    assert whole.shape == images.shape
    for rows in (slice(3, 4), slice(5, 16)):
        part = _of(rows, parameters)
        assert torch.equal(apply(images[rows], name, part), whole[rows])


def test_noise_on_one_channel_is_one_grain() -> None:
    assert apply(noise(4, 1, 24), "noise", drawn("noise", 4, 24)).shape == (4, 1, 24, 24)


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_a_trial_trains_and_measures_images_of_any_channels(channels: int) -> None:
    recipe = small(
        views={"right": ["crop", "color", "sobel", "A.HorizontalFlip"]},
        probes={"online": True, "color_histograms": True, "finetune": {"shares": {"1.0": 1}, "batch_size": 32}},
    )
    *_, result = trial.run(recipe, of_channels(channels))
    assert isinstance(result, TrialResult)
    assert all(np.isfinite(value) for value in result.metrics.values())
    assert "finetune_100_top1" in result.metrics


@pytest.mark.parametrize("name", ["small", "resnet18", "resnet50"])
def test_only_the_first_convolution_knows_the_number_of_channels(name: str) -> None:
    settings = small(encoder={"name": name}).encoder
    three, five = Encoder(settings).state_dict(), Encoder(settings, 5).state_dict()
    assert three.keys() == five.keys()
    differing = [key for key in three if three[key].shape != five[key].shape]
    assert len(differing) == 1
    assert five[differing[0]].shape[1] == 5


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"views": {"right": ["autoaugment"]}}, "autoaugment needs red, green and blue, but fake set has 2 channel"),
        (
            {"head": {"dim": "h"}, "probes": {"transform_prediction": {"target": "gray"}}},
            "target gray needs red, green and blue",
        ),
        ({"views": {"right": ["A.ToSepia"]}}, "A.ToSepia fails on images of 24 x 24 x 2 uint8"),
    ],
)
def test_what_needs_colors_is_refused_in_one_sentence(fields: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput) as refused:
        trial.check(small(**fields), of_channels(2))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_other_channels_to_transfer_to_are_refused_in_one_sentence() -> None:
    recipe = small(probes={"transfer": {"source": "cifar10"}})
    with pytest.raises(
        BadInput, match=r"has 3 channel\(s\), but fake set, on which the encoder is trained, has 1; allo"
    ):
        trial.check(recipe, of_channels(1), transfer=some_data())


@pytest.mark.parametrize(("channels", "bands"), [(1, [0, 0, 0]), (2, [0, 0, 0]), (3, [0, 1, 2]), (7, [0, 1, 2])])
def test_pictures_show_one_channel_as_gray_and_of_many_the_first_three(channels: int, bands: list[int]) -> None:
    some = of_channels(channels).test.take(np.arange(4))
    assert np.array_equal(as_shown(some.images), some.images[:, bands].transpose(0, 2, 3, 1) / np.float32(255))
    assert gallery(some, small()).shape == (8, 24, 24, 3)


# What the encoder sees.


def test_the_sets_own_mean_and_deviation_are_numpys() -> None:
    train = of_channels(5).train
    mean, deviation = train.statistics()
    np.testing.assert_allclose(mean, (train.images / 255).mean(axis=(0, 2, 3)))
    np.testing.assert_allclose(deviation, (train.images / 255).std(axis=(0, 2, 3)))


def test_by_the_sets_own_the_network_sees_zero_mean_and_unit_deviation_and_that_is_another_trial() -> None:
    data, recipe = of_channels(2), small(data={"normalize": "set"})
    seen: list[Tensor] = []
    model = SimCLR.of(recipe, data)
    model.encoder.network.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    model.encoder(torch.from_numpy(data.train.images).float() / 255)
    assert seen[0].mean(dim=(0, 2, 3)).abs().max() < 1e-4
    torch.testing.assert_close(seen[0].std(dim=(0, 2, 3)), torch.ones(2), atol=1e-3, rtol=0)
    assert recipe.trial_id("x") != small().trial_id("x")
    *_, result = trial.run(recipe, data)
    assert isinstance(result, TrialResult)


def test_a_channel_that_is_the_same_everywhere_does_no_harm() -> None:
    data = of_channels(2)
    data.train.images[:, 1] = 7
    *_, result = trial.run(small(data={"normalize": "set"}), data)
    assert isinstance(result, TrialResult)


def test_the_normalization_of_a_set_to_transfer_to_is_refused() -> None:
    with pytest.raises(
        BadInput, match=r"probes\.transfer\.normalize has no meaning; the encoder keeps data\.normalize"
    ):
        small(probes={"transfer": {"normalize": "set"}})
