"""The tiles as two cameras see them: the same scenes and labels, other pictures, the same every time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simclr_core.config import Data
from simclr_core.data import embedded, embedded_pairs, fingerprint, load
from simclr_core.data.embedded_pairs import LEFT, RIGHT, Camera, picture, record
from simclr_core.data.images import ImageSet
from simclr_core.errors import BadInput

PLAIN = Camera(1.0, (0, 0), 0, 0.05, (1, 1, 1), (1, 1), 0)  # sees the scene as it is


@pytest.fixture(scope="module")
def scenes() -> ImageSet:
    return embedded.generate(200, seed=77)


def test_the_whole_set_has_the_embedded_scenes_and_comes_from_the_cache_the_second_time(tmp_path, monkeypatch):
    some = {n: embedded.generate(n // 50, seed) for n, seed in ((5000, 1), (4000, 2))}
    monkeypatch.setattr(embedded, "generate", lambda n, _: some[n])
    whole = load(Data(source="embedded-pairs"), tmp_path)
    monkeypatch.setattr(embedded_pairs, "record", None)
    again = embedded_pairs.load(24, tmp_path)
    for one, other, known in ((whole.train, again.train, some[5000]), (whole.test, again.test, some[4000])):
        assert np.array_equal(one.labels, known.labels)
        assert np.array_equal(one.images, other.images)
        assert np.array_equal(one.other, other.other)
        assert isinstance(other.other, np.memmap)
        assert one.images.shape == one.other.shape == known.images.shape
    assert whole.fingerprint == fingerprint(Data(source="embedded-pairs"), Path("nothing")) == "embedded-pairs-v1"
    with pytest.raises(BadInput, match="24"):
        embedded_pairs.load(32, tmp_path)


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    some = embedded.generate(20, 1)
    monkeypatch.setattr(embedded, "generate", lambda *_: some)
    (tmp_path / "cache").write_text("a file where a folder should be")
    assert embedded_pairs.load(24, tmp_path / "cache").train.other is not None


def test_the_same_seed_gives_the_same_pictures_and_every_picture_its_own_draws(scenes):
    once, again, apart = record(scenes, 5), record(scenes, 5), record(scenes, 6)
    assert np.array_equal(once.images, again.images)
    assert np.array_equal(once.other, again.other)
    assert not np.array_equal(once.images, apart.images)
    same = np.repeat(scenes.images[:1], 50, axis=0)
    assert len({one.tobytes() for one in picture(same, LEFT, 0, 0)}) == 50


def test_a_camera_that_changes_nothing_shows_the_scene(scenes):
    assert np.array_equal(picture(scenes.images, PLAIN, 0, 0), scenes.images)


def test_a_camera_looks_where_its_table_says(scenes):
    """A third of the scene, 8 of its 24 pixels: every third pixel of the picture lies on one of the scene's."""
    closer = picture(scenes.images, replace(PLAIN, view=1 / 3, center=(2, -3)), 0, 0)
    assert np.array_equal(closer[:, :, 1::3, 1::3], scenes.images[:, :, 5:13, 10:18])


def test_tint_gain_and_noise_are_those_of_the_table():
    gray = np.full((4000, 3, 24, 24), 100, np.uint8)
    tinted = picture(gray, replace(PLAIN, tint=(0.5, 1, 2)), 0, 0)
    assert tinted[0, :, 0, 0].tolist() == [50, 100, 200]
    gained = picture(gray, replace(PLAIN, gain=(0.5, 1.5)), 0, 0)[:, 0, 0, 0] / 100
    assert (gained.min(), gained.max(), gained.mean()) == pytest.approx((0.5, 1.5, 1), abs=0.02)
    noisy = picture(gray[:100], replace(PLAIN, noise=0.04), 0, 0)
    assert noisy.std() / 255 == pytest.approx(0.04, abs=0.001)


@pytest.mark.parametrize("camera", [LEFT, RIGHT], ids=["left", "right"])
def test_no_camera_looks_beyond_the_scene(camera):
    reach = camera.view * 12 + camera.shake
    assert all(reach + abs(offset) <= 12 for offset in camera.center)


def test_the_two_cameras_differ_more_than_two_pictures_of_one(scenes):
    both = record(scenes, 5)
    assert both.other is not None
    again = picture(scenes.images, LEFT, 99, 0)
    one, two = (np.abs(both.images.astype(int) - others).mean() for others in (again, both.other))
    assert two > 2 * one > 0
