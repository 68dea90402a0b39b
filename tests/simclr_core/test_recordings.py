"""Two recordings of each image: what views are made of them, who trains and who is tested on which."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from builders.toy import recorded_twice, small, some_data
from torch import Tensor

from simclr_core import trial
from simclr_core.augment import geometry
from simclr_core.augment.draws import Draws
from simclr_core.augment.views import one_view, two_views
from simclr_core.checkpoint import Checkpoint
from simclr_core.config import Crop, Recipe, Transforms, Views
from simclr_core.data.device import pixels
from simclr_core.data.images import Dataset, ImageSet, Pairs
from simclr_core.data.subset import balanced
from simclr_core.errors import BadInput
from simclr_core.model import SimCLR
from simclr_core.pretrain import pretrain
from simclr_core.probes import suite
from simclr_core.probes.linear import linear_probe
from simclr_core.streams import stream
from simclr_core.trial import TrialResult

SETTINGS = Transforms()
BOTH = {"views": {"left": "as_right", "right": ["crop", "color"], "recordings": "both"}}


def noise(purpose: str, n: int = 16, side: int = 24) -> Tensor:
    return torch.randint(0, 256, (n, 3, side, side), dtype=torch.uint8, generator=stream(5, purpose))


FIRST, SECOND = noise("first"), noise("second")
PAIRED = torch.stack([FIRST, SECOND], dim=1)


def views(images: Tensor, shared: tuple[str, ...], left: tuple[str, ...], right: tuple[str, ...]) -> Tensor:
    return two_views(images, Views(shared=shared, left=left, right=right), SETTINGS, 3, 1, 2)


def test_without_transformations_the_views_are_the_two_recordings() -> None:
    assert torch.equal(views(PAIRED, (), (), ()), torch.cat([FIRST, SECOND]).float() / 255)


@pytest.mark.parametrize(
    ("left", "right"), [(("crop", "color"), ("crop", "color")), (("noise",), ("crop", "blur")), ((), ("color",))]
)
def test_each_branch_sends_its_own_recording_through_its_own_chain(
    left: tuple[str, ...], right: tuple[str, ...]
) -> None:
    seen = views(PAIRED, (), left, right)
    assert torch.equal(seen[:16], views(FIRST, (), left, right)[:16])
    assert torch.equal(seen[16:], views(SECOND, (), left, right)[16:])


def test_the_second_recording_is_on_the_right_branch_alone() -> None:
    other = torch.stack([FIRST, SECOND.flip(0)], dim=1)
    before, after = (views(images, ("crop",), ("color",), ("color",)).chunk(2) for images in (PAIRED, other))
    assert torch.equal(before[0], after[0])
    assert not torch.equal(before[1], after[1])


@pytest.mark.parametrize("side", [24, 96])  # 96 pixels go through OpenCV
def test_a_shared_crop_cuts_the_same_box_from_both(side: int) -> None:
    """Oracle: the drawn box, cut out of each recording by hand, and resized by torch."""
    one, other = noise("first", side=side), noise("second", side=side)
    settings = Transforms(crop=Crop(area=(0.2, 0.5)))
    chain = Views(shared=("crop",), left=(), right=(), recordings="both")
    left, right = two_views(torch.stack([one, other], dim=1), chain, settings, 3, 1, 2).chunk(2)
    drawn = geometry.draw_crop(settings.crop, side, Draws(16, stream(3, "shared/crop/0", 1, 2)))
    for recording, view in ((one, left), (other, right)):
        for i in range(16):
            top, start, tall, wide = (int(part[i]) for part in (drawn.top, drawn.left, drawn.height, drawn.width))
            box = recording[i : i + 1, :, top : top + tall, start : start + wide].float() / 255
            expected = torch.nn.functional.interpolate(box, (side, side), mode="bilinear", align_corners=False)[0]
            expected = expected.flip(2) if drawn.flip[i] else expected
            torch.testing.assert_close(view[i], expected, atol=2e-3, rtol=0)


def test_views_of_both_recordings_of_several_steps_in_one_go_are_those_of_each_step() -> None:
    chain = Views(shared=("crop",), left=("color",), right=("color", "noise"), recordings="both")
    images = torch.stack([noise("first", 48), noise("second", 48)], dim=1)
    for make, branches in ((two_views, 2), (one_view, 1)):
        together = make(images, chain, SETTINGS, 3, 1, step=4, steps=3)
        assert len(together) == branches * 48
        for step, (batch, those) in enumerate(zip(images.chunk(3), together.chunk(3), strict=True), 4):
            assert torch.equal(those, make(batch, chain, SETTINGS, 3, 1, step=step))


def test_one_view_is_the_right_one_of_the_second_recording() -> None:
    chain = Views(shared=("rotate",), left=(), right=("color",), recordings="both")
    assert torch.equal(one_view(PAIRED, chain, SETTINGS, 3), two_views(PAIRED, chain, SETTINGS, 3)[16:])


def test_pairs_index_as_one_array_of_both_would() -> None:
    whole, index = PAIRED.numpy(), np.array([3, 1, 3])
    pairs = Pairs(FIRST.numpy(), SECOND.numpy())
    assert len(pairs) == 16
    assert np.array_equal(pairs[index], whole[index])
    assert np.array_equal(pairs[2:5], whole[2:5])
    assert torch.equal(pixels(pairs, "cpu")(torch.tensor([3, 1])), PAIRED[[3, 1]])
    elsewhere = pixels(pairs, "meta")(torch.tensor([3, 1]))  # as on a GPU: all of it is there, and indexed there
    assert (elsewhere.shape, elsewhere.dtype) == ((2, 2, 3, 24, 24), torch.uint8)


def test_a_part_of_a_set_has_its_own_second_recordings() -> None:
    train = recorded_twice(some_data()).train
    for part in (train.take(np.array([5, 0])), balanced(train, 10, ("a", "b"), "data.limit")):
        assert part.other is not None
        assert np.array_equal(part.other, part.images[:, :, ::-1] // 2)
    assert some_data().train.take(np.array([0])).other is None


@pytest.mark.parametrize(
    ("recordings", "twice", "words"),
    [
        (None, True, "has two recordings: --set views.recordings=both"),
        ("both", False, "both is for images of two recordings"),
        ("first", False, "first is for images of two recordings"),
    ],
)
def test_another_number_of_recordings_than_there_are_is_refused(recordings: str, twice: bool, words: str) -> None:
    data = recorded_twice(some_data()) if twice else some_data()
    with pytest.raises(BadInput, match=words) as refused:
        trial.check(small(views={"recordings": recordings}), data)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"views": {"shared": ["crop", "noise"], "recordings": "both"}}, ["views", "'noise'", "crop, cutout, rotate"]),
        ({"views": {"shared": ["A.HorizontalFlip"], "recordings": "both"}}, ["'A.HorizontalFlip'"]),
        ({"views": {"recordings": "second"}}, ["views.recordings", "'first' or 'both'"]),
        ({**BOTH, "loss": {"name": "cross_entropy"}}, ["views.recordings", "cross_entropy", "first"]),
    ],
)
def test_recipes_that_make_no_sense_of_two_recordings_stop_at_construction(fields: dict, words: list[str]) -> None:
    with pytest.raises(BadInput) as refused:
        Recipe.parse(fields)
    assert all(word in str(refused.value) for word in words)
    Recipe.parse({"views": {"shared": ["crop", "noise"], "recordings": "first"}})


def test_saying_nothing_of_recordings_leaves_a_trial_its_name() -> None:
    assert Recipe().trial_id("x") == Recipe.parse({"views": {"recordings": None}}).trial_id("x")
    assert len({Recipe.parse({"views": {"recordings": one}}).trial_id("x") for one in (None, "first", "both")}) == 3


def curve(recipe: Recipe, data: Dataset) -> list[float]:
    return [row.loss for row in pretrain(recipe, SimCLR(recipe, 2), data.train)]


def test_views_of_the_first_recordings_train_as_if_there_were_no_others() -> None:
    data = some_data()
    assert curve(small(views={"recordings": "first"}), recorded_twice(data)) == curve(small(), data)


def test_views_of_both_train_on_the_second_recordings_too() -> None:
    data, recipe = some_data(), small(**BOTH)
    twice = recorded_twice(data)
    alike = replace(data, train=replace(data.train, other=data.train.images))
    assert curve(recipe, alike) == curve(small(), data)  # two equal recordings are one
    assert curve(recipe, twice) != curve(recipe, alike)


def test_the_probes_are_of_the_first_recordings_and_one_is_tested_on_the_others() -> None:
    """Oracle: the linear probe fitted anew, on what the trained encoder says of each recording."""
    data, recipe = recorded_twice(some_data()), small(**BOTH)
    model = SimCLR(recipe, 2)
    list(pretrain(recipe, model, data.train))
    metrics, predictions, measured = trial.probe(recipe, model, data)

    def h(images: np.ndarray) -> Tensor:
        with torch.no_grad():
            return model.encoder.eval()(torch.from_numpy(images.copy()).float() / 255)

    y = torch.from_numpy(data.train.labels)
    assert data.test.other is not None
    for images, found in ((data.test.images, predictions), (data.test.other, measured["other_top1"].outcome)):
        expected = linear_probe(h(data.train.images), y, h(images), 2, recipe.probes.linear, recipe.seed).predictions
        assert np.array_equal(found, expected.numpy())
    assert metrics["other_top1"] == pytest.approx(100 * (measured["other_top1"].outcome == data.test.labels).mean())
    first = replace(data, train=replace(data.train, other=None), test=replace(data.test, other=None))
    alone, _, known = trial.probe(small(), model, first)
    assert "other_top1" not in known
    assert (alone["top1"], alone["knn_top1"]) == (metrics["top1"], metrics["knn_top1"])


def test_alignment_is_that_of_the_views_of_both_recordings() -> None:
    data = recorded_twice(some_data())
    chain = {"left": [], "right": [], "recordings": "both"}
    _, _, measured = trial.probe(small(views=chain), SimCLR(small(), 2), data)
    _, _, same = trial.probe(small(views={**chain, "recordings": "first"}), SimCLR(small(), 2), data)
    assert measured["alignment_h"].value > 1e-3 > same["alignment_h"].value


def test_a_training_on_both_recordings_killed_and_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    data, recipe = recorded_twice(some_data()), small(**BOTH, schedule={"epochs": 3, "batch_size": 32})

    def keep() -> Checkpoint:
        return Checkpoint(tmp_path / "checkpoint.pt", 1, recipe.model_dump_json())

    *_, straight = trial.run(recipe, data)
    first = trial.run(recipe, data, keep=keep())
    next(first)
    first.close()
    *_, resumed = trial.run(recipe, data, keep=keep())
    assert isinstance(straight, TrialResult)
    assert isinstance(resumed, TrialResult)
    assert resumed.metrics == straight.metrics


def test_transform_prediction_and_histograms_see_the_recipes_views(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    recorded = ImageSet.recorded

    def watched(images: ImageSet, views: Views) -> object:
        asked.append(views)
        return recorded(images, views)

    monkeypatch.setattr(ImageSet, "recorded", watched)
    probes = {"color_histograms": True, "transform_prediction": {"target": "gray", "epochs": 1}}
    recipe = small(**BOTH, probes=probes, head={"dim": "h"})
    data = recorded_twice(some_data())
    suite.measure(recipe, SimCLR(recipe, 2), data, None, "cpu")
    assert asked == [recipe.views] * 4  # alignment, histograms, and the predictor's training and test images
