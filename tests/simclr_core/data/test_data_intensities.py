"""More than 8 bits to 8: one mapping for all files of a data set."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from simclr_core.config import Data
from simclr_core.data import folder
from simclr_core.data.images import Dataset
from simclr_core.errors import BadInput

SIDE = 8


def save(path: Path, pixels: np.ndarray) -> None:
    """As OpenCV writes it, which writes every type; colors are given as RGB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    order = [2, 1, 0, *range(3, pixels.shape[2])] if pixels.ndim == 3 else slice(None)
    assert cv2.imwrite(str(path), pixels[..., order])


def many(root: Path, suffix: str, make, n: int = 10) -> Path:
    """Two classes of n files each, made(i) for i in 0 ... 2 n - 1."""
    for i in range(2 * n):
        save(root / "ab"[i % 2] / f"{i}.{suffix}", make(i))
    return root


def load(root: Path, **said) -> Dataset:
    return folder.load(str(root), SIDE, root.parent / "cache", Data(**said))


def shown(dataset: Dataset) -> np.ndarray:
    """All images, (N, 3, 8, 8)."""
    return np.concatenate([dataset.train.images, dataset.test.images])


def ramp(low: float, high: float, kind: type) -> np.ndarray:
    return np.linspace(low, high, SIDE * SIDE).reshape(SIDE, SIDE).astype(kind)


def noisy(i: int) -> int:
    """Makes files differ."""
    return i % 7


def intensity_line(dataset: Dataset) -> str:
    (line,) = [remark for remark in dataset.remarks if "becomes black" in remark]
    return line


@pytest.mark.parametrize("bands", [1, 3])
def test_a_12_bit_ramp_in_16_bit_files_has_nearly_all_grays_and_one_line_says_so(tmp_path, bands):
    def make(i: int) -> np.ndarray:
        gray = np.roll(ramp(0, 4095, np.uint16), i)
        return gray if bands == 1 else np.stack([gray, gray // 2, gray // 4], axis=2)

    loaded = load(many(tmp_path / "deep", "png", make))
    red, green, blue = shown(loaded)[0]
    assert len(np.unique(red)) > 60
    assert (red.min(), red.max()) == (0, 255)
    if bands == 3:
        assert np.abs(green.astype(float) - red / 2).max() <= 1
        assert np.abs(blue.astype(float) - red / 4).max() <= 1
    line = intensity_line(loaded)
    assert "of 20 images of more than 8 bits 0 becomes black and 4,095 white, the 0.1 and 99.9 percentiles" in line
    assert "--set data.range=[LOW, HIGH]" in line


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.float32])
def test_a_value_has_one_gray_in_every_file_whatever_else_the_file_holds(tmp_path, kind):
    """40 Hounsfield units in slices that end at 400 and in others that end at 3,000."""

    def make(i: int) -> np.ndarray:
        pixels = ramp(-1000, 400 if i % 4 < 2 else 3000, kind)
        pixels[:, :4] = 40
        pixels[0, 7] += noisy(i)
        return pixels

    loaded = load(many(tmp_path / "ct", "tif", make))
    left = shown(loaded)[:, 0, 2:6, 1]
    assert len(np.unique(left)) == 1
    low = np.linspace(-1000, 400, SIDE * SIDE)[4]  # the lowest value that is left
    assert left[0, 0] == pytest.approx((40 - low) / (3000 - low) * 255, abs=2)


def test_floats_up_to_1_and_up_to_50_are_scaled_alike(tmp_path):
    def make(i: int) -> np.ndarray:
        pixels = np.full((SIDE, SIDE), 0.45, np.float32)
        pixels[-1, :] = (1.0, 1.1, 50.0)[i % 3] + 0.01 * noisy(i)
        return pixels

    loaded = load(many(tmp_path / "floats", "tif", make))
    assert len(np.unique(shown(loaded)[:, 0, :4])) == 1


@pytest.mark.parametrize(("kind", "top"), [(np.uint16, 65535), (np.float32, 1.0)])
def test_where_files_fill_their_type_its_range_is_taken(tmp_path, kind, top):
    loaded = load(many(tmp_path / "full", "tif", lambda i: np.roll(ramp(0, top, kind), i)))
    assert "the range of their type" in intensity_line(loaded)
    one = shown(loaded)[0, 0].ravel().astype(float)
    assert np.sort(one) == pytest.approx(np.linspace(0, 255, 64), abs=0.51)


@pytest.mark.parametrize("share", [0.0017, 0.05])
def test_saturated_pixels_do_not_darken_12_bits(tmp_path, share):
    rng = np.random.default_rng(1)

    def make(_: int) -> np.ndarray:
        pixels = rng.integers(0, 4096, (80, 80)).astype(np.uint16)
        pixels[rng.random((80, 80)) < share] = 65535
        return pixels

    loaded = load(many(tmp_path / "deep", "png", make))
    line = intensity_line(loaded)
    low, high = (float(line.split(words)[0].split()[-1].replace(",", "")) for words in (" becomes", " white"))
    assert low == pytest.approx(4, abs=2)
    assert high == pytest.approx(4091, abs=2)
    said = re.search(r"percentiles of all of them but the ([\d.]+) that are saturated, at 65,535\.", line)
    assert said is not None
    assert float(said[1]) == pytest.approx(share, rel=0.2)
    assert 100 < shown(loaded).mean() < 150


def test_photographs_with_blown_highlights_take_the_range_of_their_type(tmp_path):
    rng = np.random.default_rng(2)

    def blown(_: int) -> np.ndarray:
        return rng.gamma(2, 15_000, (80, 80)).clip(0, 65535).astype(np.uint16)

    assert "0 becomes black and 65,535 white, the range of their type" in intensity_line(
        load(many(tmp_path / "light", "png", blown))
    )


def test_masks_of_black_and_white_alone_stay_so(tmp_path):
    masks = many(tmp_path / "masks", "png", lambda i: np.roll(65535 * np.eye(SIDE, dtype=np.uint16), i, axis=1))
    for i in range(20):  # more shapes than an identity can be rolled to
        Image.fromarray(np.pad(np.full((SIDE, SIDE), 65535, np.uint16), (0, i + 1))).save(masks / "a" / f"more{i}.png")
    assert "0 becomes black and 65,535 white" in intensity_line(load(masks))


def test_integers_beside_floats_are_refused_by_count_and_name_unless_a_range_is_given(tmp_path):
    root = tmp_path / "kinds"
    for i in range(10):
        save(root / "a" / f"{i}.png", np.roll(ramp(0, 65535, np.uint16), i))
        save(root / "b" / f"{i}.tif", np.roll(ramp(0, 1, np.float32), i))
    save(root / "b" / "ten.tif", ramp(0, 0.5, np.float32))
    with pytest.raises(BadInput) as refused:
        load(root)
    said = str(refused.value)
    assert re.search(r"10 images hold integers of more than 8 bits \(a/\d\.png\) and 11 hold floats \(b/.*tif\)", said)
    assert "convert one kind to the other" in said
    assert len(load(root, range=[0, 1]).train) > 0


def test_the_recipe_can_set_the_range_of_8_bits_and_of_more(tmp_path):
    deep = load(many(tmp_path / "deep", "png", lambda i: np.roll(ramp(0, 4095, np.uint16), i)), range=[1000, 3000])
    assert np.sort(shown(deep)[0, 0].ravel()) == pytest.approx(
        ((np.linspace(0, 4095, 64).astype(int) - 1000) / 2000 * 255).clip(0, 255), abs=0.51
    )
    assert not any("becomes black" in remark for remark in deep.remarks)
    dark = load(many(tmp_path / "dark", "png", lambda i: np.roll(ramp(0, 50, np.uint8), i)), range=[0, 50])
    assert shown(dark)[0].max() == 255


def test_another_range_is_another_fingerprint_and_8_bits_have_none(tmp_path):
    root = many(tmp_path / "deep", "png", lambda i: np.roll(ramp(0, 4095, np.uint16), i))
    prints = {load(root).fingerprint, load(root, range=[0, 4095]).fingerprint, load(root, range=[0, 999]).fingerprint}
    assert len(prints) == 2  # the range that was found is the one that could have been said
    save(root / "a" / "brighter.png", ramp(0, 20_000, np.uint16))
    assert load(root).fingerprint not in prints


def test_beside_files_of_8_bits_these_stay_as_they_are(tmp_path):
    root = many(tmp_path / "mixed", "png", lambda i: np.roll(ramp(0, 4095, np.uint16), i))
    for i in range(10):
        save(root / "a" / f"plain{i}.png", np.full((SIDE, SIDE), 100 + i, np.uint8))
    loaded = load(root)
    assert "the other 10 of 8 bits stay as they are" in intensity_line(loaded)
    assert {100 + i for i in range(10)} <= {int(image.max()) for image in shown(loaded) if np.ptp(image) == 0}


def test_a_constant_data_set_is_no_error(tmp_path):
    loaded = load(many(tmp_path / "flat", "tif", lambda i: np.full((SIDE, SIDE + i), 7.0, np.float32)))
    assert np.ptp(shown(loaded)) == 0


def test_16_bit_colors_keep_transparency_and_orientation(tmp_path):
    pixels = np.zeros((SIDE, SIDE, 4), np.uint16)
    pixels[..., :3], pixels[..., 3], pixels[0, 0, :3] = 60_000, 0, 65_535
    root = many(tmp_path / "clear", "png", lambda i: np.pad(pixels, ((0, 2 * i), (0, 2 * i), (0, 0))))
    assert (shown(load(root)) == 255).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_files_with_values_that_are_not_finite_are_named(tmp_path, value):
    root = many(tmp_path / "holes", "tif", lambda i: np.roll(ramp(0, 1, np.float32), i), n=15)
    save(root / "a" / "hole.tif", np.full((SIDE, SIDE), value, np.float32))
    assert load(root).skipped == ("a/hole.tif: holds values that are not finite (NaN or infinite)",)


def test_a_damaged_file_of_16_bit_colors_is_named(tmp_path):
    rng = np.random.default_rng(0)
    root = many(tmp_path / "torn", "png", lambda _: rng.integers(0, 4096, (40, 40, 3), np.uint16), n=15)
    whole = (root / "a" / "0.png").read_bytes()
    (root / "a" / "0.png").write_bytes(whole[: len(whole) // 2])
    (named,) = load(root).skipped
    assert named.startswith("a/0.png: ")


def test_what_opencv_says_of_a_tiff_does_not_reach_the_terminal(tmp_path, capfd):
    root = many(
        tmp_path / "odd", "tif", lambda i: np.roll(np.stack(3 * [ramp(0, 65535, np.uint16)], axis=2), i, axis=0)
    )
    for i, path in enumerate(sorted(root.rglob("*.tif"))):
        raw = path.read_bytes()
        last = raw.index(b"\x53\x01\x03\x00")  # SampleFormat, 339, becomes a tag that nobody knows
        path.write_bytes(raw[:last] + bytes([0x60 + i, 0xEA]) + raw[last + 2 :])
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_WARNING)
    assert cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED) is not None
    assert "Unknown field" in capfd.readouterr().err
    load(root)
    assert "TIFF" not in capfd.readouterr().err


def four_bands(path: Path, extra: int | None, i: int) -> None:
    """(90, 60, 30) and a fourth band of 8 bits, of which the file says what it is or does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGBA", (SIDE, SIDE), (90, 60, 30, 10))
    image.putpixel((0, 0), (i, i, i, 10))
    image.save(path)
    if extra is None:  # Pillow writes the tag always: rename it to one that nobody knows
        raw = path.read_bytes()
        assert raw.count(b"\x52\x01\x03\x00") == 1
        path.write_bytes(raw.replace(b"\x52\x01\x03\x00", b"\x55\x01\x03\x00"))
        with Image.open(path) as made:
            assert isinstance(made, TiffImagePlugin.TiffImageFile)
            assert 338 not in made.tag_v2


def test_a_fourth_band_that_may_be_anything_is_refused_with_both_ways_to_say_what_it_is(tmp_path):
    root = tmp_path / "infrared"
    for i in range(20):
        four_bands(root / "ab"[i % 2] / f"{i}.tif", None, i)
    with pytest.raises(BadInput) as refused:
        load(root)
    said = str(refused.value)
    assert "20 TIFF file(s) have a fourth band" in said
    assert "--set data.fourth_band=ignored" in said
    assert "--set data.fourth_band=alpha" in said
    ignored, alpha = (load(root, fourth_band=kind) for kind in ("ignored", "alpha"))
    assert shown(ignored)[0, :, 4, 4].tolist() == [90, 60, 30]
    assert shown(alpha)[0, :, 4, 4].tolist() == [249, 247, 246]
    assert ignored.fingerprint != alpha.fingerprint


def test_a_fourth_band_that_says_it_is_transparency_needs_no_word(tmp_path):
    root = tmp_path / "clear"
    for i in range(20):
        four_bands(root / "ab"[i % 2] / f"{i}.tif", 2, i)
    assert shown(load(root))[0, :, 4, 4].tolist() == [249, 247, 246]
