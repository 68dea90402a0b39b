"""Two views: who shares what, and what the random streams promise."""

import numpy as np
import pytest
import torch
from torch import Tensor

from simclr_core.augment import colors, geometry
from simclr_core.augment import views as made
from simclr_core.augment.draws import Draws
from simclr_core.augment.views import one_view, one_view_and_draw, steps_at_once, two_views
from simclr_core.config import TRANSFORMATIONS, Transforms, Views
from simclr_core.streams import stream

SETTINGS = Transforms()


def images(n: int = 16) -> Tensor:
    return torch.randint(0, 256, (n, 3, 24, 24), dtype=torch.uint8, generator=stream(5, "images"))


def views(shared: tuple[str, ...], left: tuple[str, ...], right: tuple[str, ...], seed=0, epoch=0, step=0) -> Tensor:
    return two_views(images(), Views(shared=shared, left=left, right=right), SETTINGS, seed, epoch, step)


def test_without_transformations_both_views_are_the_image() -> None:
    both = views((), (), ())
    expected = images().float() / 255
    assert torch.equal(both, torch.cat([expected, expected]))


def test_a_shared_crop_gives_both_branches_the_same_pixels() -> None:
    left, right = views(("crop",), (), ()).chunk(2)
    assert torch.equal(left, right)
    assert not torch.equal(left, images().float() / 255)


def test_targets_act_on_the_right_branch_only() -> None:
    plain, _ = views(("crop",), (), ()).chunk(2)
    left, right = views(("crop",), (), ("color",)).chunk(2)
    assert torch.equal(left, plain)
    assert not torch.equal(right, plain)


def test_symmetric_branches_draw_apart() -> None:
    left, right = views((), ("crop",), ("crop",)).chunk(2)
    assert not torch.isclose(left, right).all(dim=(1, 2, 3)).any()


def test_draws_differ_between_samples_epochs_steps_and_seeds_and_a_rerun_is_identical() -> None:
    same = images(1).expand(32, -1, -1, -1)
    chain = Views(shared=(), left=("crop", "noise"), right=("noise",))
    out = two_views(same, chain, SETTINGS, 0)
    assert len(torch.unique(out.flatten(1), dim=0)) == 64
    base = views((), ("crop",), ("color",))
    assert torch.equal(base, views((), ("crop",), ("color",)))
    for changed in ({"seed": 1}, {"epoch": 1}, {"step": 1}):
        other = views((), ("crop",), ("color",), **changed)
        assert not torch.equal(base[:16], other[:16])
        assert not torch.equal(base[16:], other[16:])


def test_another_augmentation_does_not_shift_the_draws_of_the_rest() -> None:
    # Cutout fills with gray but leaves the other pixels: outside the hole the crop must be the same crop.
    crop = views(("crop",), (), ("crop",))[16:]
    both = views(("crop",), (), ("crop", "cutout"))[16:]
    outside = both != 0.5
    assert 0.5 < outside.float().mean() < 0.9
    assert torch.equal(crop[outside], both[outside])
    shared = views(("crop",), (), ())[:16]
    assert torch.equal(shared, views(("crop",), (), ("rotate", "noise"))[:16])


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_a_batch_gone_through_in_portions_gives_the_same_views(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = views(("crop",), (), (name, "color"))
    monkeypatch.setattr(made, "PORTION", 5 * 3 * 24 * 24)  # 16 images: 5, 5, 5, 1
    torch.testing.assert_close(views(("crop",), (), (name, "color")), whole, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_branches_that_are_alike_give_the_same_views_in_one_go_as_one_by_one(name: str) -> None:
    chain, key = ("crop", name, "color"), (SETTINGS, 0, 1, range(2, 3))
    branches = (("left",), ("right",))
    apart = [made._through(images(), chain, made._draws(images(), branch, chain, *key)) for branch in branches]
    torch.testing.assert_close(views((), chain, chain, 0, 1, 2), torch.cat(apart), atol=1e-6, rtol=0)


def test_order_within_a_chain_matters() -> None:
    one, other = (views((), (), chain)[16:] for chain in (("crop", "cutout"), ("cutout", "crop")))
    assert not torch.equal(one, other)


def test_a_transformation_twice_in_a_chain_draws_twice() -> None:
    once, twice = (views((), (), chain)[16:] for chain in (("rotate",), ("rotate", "rotate")))
    start = images().float() / 255
    turned = [
        [k for k in range(4) if torch.equal(start[i].rot90(k, (1, 2)), v[i])] for v in (once, twice) for i in range(16)
    ]
    first, total = np.array([t[0] for t in turned[:16]]), np.array([t[0] for t in turned[16:]])
    assert len(set(((total - first) % 4).tolist())) > 1


def test_streams_differ_by_every_part_of_their_key() -> None:
    keys = [(0, "a", 0, 0), (1, "a", 0, 0), (0, "b", 0, 0), (0, "a", 1, 0), (0, "a", 0, 1)]
    first = {torch.rand(1, generator=stream(*key)).item() for key in keys}
    assert len(first) == len(keys)
    assert torch.rand(1, generator=stream(*keys[0])).item() in first


def test_a_stream_is_that_of_branch_name_and_occurrence() -> None:
    # Stored trials rely on these keys.
    start = images().float() / 255
    crop = geometry.draw_crop(SETTINGS.crop, 24, Draws(16, stream(3, "shared/crop/0", 1, 2)))
    common = geometry.apply_crop(start, crop)
    colored = [
        colors.draw_color(SETTINGS.color, 24, Draws(16, stream(3, f"{key}", 1, 2)))
        for key in ("left/color/0", "right/color/0", "right/color/1")
    ]
    left, right = views(("crop",), ("color",), ("color", "color"), 3, 1, 2).chunk(2)
    assert torch.equal(left, colors.apply_color(common, colored[0]))
    assert torch.equal(right, colors.apply_color(colors.apply_color(common, colored[1]), colored[2]))


CHAINS = [
    Views(shared=(), left=(), right=()),
    Views(shared=("crop",), left=("noise",), right=("color", "rotate")),
    Views(shared=("rotate",), left=("crop",), right=("crop", "A.ISONoise(p=1)", "autoaugment")),
]


@pytest.mark.parametrize("chain", CHAINS)
def test_one_view_is_the_right_half_of_two(chain: Views) -> None:
    both = two_views(images(), chain, SETTINGS, 3, 1, 2)
    assert torch.equal(one_view(images(), chain, SETTINGS, 3, 1, 2), both[16:])
    assert torch.equal(one_view(images(), chain, SETTINGS, 3), two_views(images(), chain, SETTINGS, 3)[16:])


def test_the_draw_returned_is_that_of_the_last_occurrence_on_the_way_to_the_right_view() -> None:
    chain = Views(shared=("noise", "rotate"), left=("sobel",), right=("color", "rotate", "crop", "color"))
    view, drawn = one_view_and_draw(images(), chain, SETTINGS, 3, 1, 2, "color")
    assert torch.equal(view, one_view(images(), chain, SETTINGS, 3, 1, 2))
    expected = colors.draw_color(SETTINGS.color, 24, Draws(16, stream(3, "right/color/1", 1, 2)))
    assert all(np.array_equal(a, b) for a, b in zip(drawn, expected, strict=True))
    _, turns = one_view_and_draw(images(), chain, SETTINGS, 3, 1, 2, "rotate")
    assert torch.equal(turns, torch.randint(0, 4, (16,), generator=stream(3, "right/rotate/0", 1, 2)))
    _, noise = one_view_and_draw(images(), chain, SETTINGS, 3, 1, 2, "noise")
    assert torch.equal(noise.sigma, torch.empty(16).uniform_(0, 0.2, generator=stream(3, "shared/noise/0", 1, 2)))
    with pytest.raises(KeyError):
        one_view_and_draw(images(), chain, SETTINGS, 3, 1, 2, "sobel")


def test_a_transform_of_albumentations_draws_the_same_whatever_its_arguments() -> None:
    seldom, often, twice = (
        one_view(images(256), Views(shared=(), left=(), right=chain), SETTINGS, 0)
        for chain in (["A.HorizontalFlip(p=0.3)"], ["A.HorizontalFlip(p=0.6)"], ["A.HorizontalFlip(p=0.5)"] * 2)
    )
    start = images(256).float() / 255
    flipped = [(out != start).flatten(1).any(1) for out in (seldom, often, twice)]
    assert not (flipped[0] & ~flipped[1]).any()
    assert 0.2 < flipped[0].float().mean() < 0.4
    assert 0.5 < flipped[1].float().mean() < 0.7
    assert 0.4 < flipped[2].float().mean() < 0.6  # once and twice: two draws


def test_albumentations_draws_differ_between_images_views_epochs_steps_and_seeds() -> None:
    chain = Views(shared=(), left=("A.ISONoise(p=1)",), right=("A.ISONoise(p=1)",))
    same = images(1).expand(16, -1, -1, -1)
    keys = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    out = torch.cat([two_views(same, chain, SETTINGS, *key) for key in keys])
    assert len(torch.unique(out.flatten(1), dim=0)) == 4 * 32
    assert torch.equal(out[:32], two_views(same, chain, SETTINGS, 0, 0, 0))


@pytest.mark.parametrize(
    "chain",
    [
        Views(left=("crop", "color", "noise"), right=("crop", "color", "noise")),
        Views(shared=("crop",), left=(), right=("color", "blur")),
        Views(shared=("noise",), left=("cutout", "motion_blur"), right=("rotate", "A.HorizontalFlip")),
    ],
    ids=["alike", "shared", "apart"],
)
def test_views_of_several_steps_in_one_go_are_those_of_each_step(chain: Views) -> None:
    key = (chain, SETTINGS, 3, 1)
    for make, branches in ((two_views, 2), (one_view, 1)):
        together = make(images(48), *key, step=4, steps=3)
        assert len(together) == branches * 48
        for step, (batch, those) in enumerate(zip(images(48).chunk(3), together.chunk(3), strict=True), 4):
            assert torch.equal(those, make(batch, *key, step=step))


def test_as_many_steps_go_at_once_as_the_cache_holds_and_one_on_a_gpu() -> None:
    assert steps_at_once(64, 24, "cpu") == 2
    assert 2 * 2 * 64 * 3 * 24 * 24 <= made.PORTION < 3 * 2 * 64 * 3 * 24 * 24
    assert steps_at_once(512, 32, "cpu") == 1
    assert steps_at_once(8, 24, "cuda") == 1
