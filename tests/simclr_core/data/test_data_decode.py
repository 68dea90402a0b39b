"""Files of every mode to square RGB."""

import warnings

import numpy as np
import pytest
from PIL import Image

from simclr_core.data.decode import Unreadable, decode, strict_warnings, suffixes


@pytest.fixture
def decoded(tmp_path):
    """Saves an image under a name and decodes it: (H, W, 3)."""

    def through(image: Image.Image, name: str = "image.png", size: int = 8, **settings) -> np.ndarray:
        image.save(tmp_path / name, **settings)
        return decode(tmp_path / name, size).transpose(1, 2, 0)

    return through


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


@pytest.mark.parametrize(
    ("sides", "resized"),  # of resized the shorter is 8 and the margins are whole pixels
    [((8, 8), (8, 8)), ((48, 24), (16, 8)), ((24, 48), (8, 16)), ((8, 100), (8, 100)), ((4, 5), (8, 10))],
)
def test_the_square_is_what_resizing_the_shorter_side_and_cropping_the_longer_gives(decoded, sides, resized):
    image = noise(*sides)
    left, top = (resized[0] - 8) // 2, (resized[1] - 8) // 2
    expected = image.resize(resized, Image.Resampling.BICUBIC).crop((left, top, left + 8, top + 8))
    assert np.abs(decoded(image) - np.asarray(expected, int)).max() <= 1


def test_shrinking_is_antialiased(decoded):
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(decoded(Image.fromarray(stripes)).astype(int) - 127).max() < 10


def test_a_large_jpeg_is_close_to_the_plain_way(decoded, tmp_path):
    smooth = noise(9, 9).resize((900, 700), Image.Resampling.BICUBIC)
    fast = decoded(smooth, "large.jpg", quality=95).astype(int)
    with Image.open(tmp_path / "large.jpg") as image:
        plain = np.asarray(image.resize((8, 8), Image.Resampling.BICUBIC, box=(100, 0, 800, 700)), int)
    assert np.abs(fast - plain).mean() <= 3  # neighboring pixels differ by about 60
    assert np.abs(fast - plain).max() <= 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(decoded, orientation):
    upright = noise(8, 8)
    turned = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    stored = upright if turned is None else upright.transpose(turned)
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(decoded(stored, exif=exif), np.asarray(upright))


def test_gray_palette_and_bilevel_become_rgb(decoded):
    gray = noise(8, 8).convert("L")
    np.testing.assert_array_equal(decoded(gray), np.asarray(gray.convert("RGB")))
    palette = noise(8, 8).quantize(16)
    np.testing.assert_array_equal(decoded(palette), np.asarray(palette.convert("RGB")))
    bilevel = gray.convert("1")
    np.testing.assert_array_equal(decoded(bilevel), np.asarray(bilevel.convert("RGB")))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_lies_on_white(decoded, mode):
    if mode == "P":
        image = Image.new("P", (8, 8), 0)
        image.putpalette([200, 0, 0, 0, 0, 200])
        shown = decoded(image, transparency=0)
    else:
        shown = decoded(Image.new(mode, (8, 8), (10, 20, 30, 0) if mode == "RGBA" else (10, 0)))
    assert (shown == 255).all()


def test_half_transparency_is_half_white(decoded):
    shown = decoded(Image.new("RGBA", (8, 8), (0, 100, 200, 128)))
    assert np.abs(shown[0, 0].astype(int) - [127, 177, 227]).max() <= 1


@pytest.mark.parametrize("name", ["deep.png", "deep.tif"])
def test_16_bit_gray_keeps_its_full_range(decoded, name):
    ramp = np.linspace(0, 65535, 64).round().astype(np.uint16).reshape(8, 8)
    shown = decoded(Image.fromarray(ramp), name)
    np.testing.assert_array_equal(shown[..., 0], np.round(ramp / 257).astype(np.uint8))
    assert (shown[..., 0] == shown[..., 1]).all()


@pytest.mark.parametrize("values", [np.linspace(0, 1, 64), np.linspace(-3, 5, 64)])
def test_floats_are_scaled_to_8_bits_from_0_to_1_unless_another_range_is_given(decoded, values):
    shown = decoded(Image.fromarray(values.astype(np.float32).reshape(8, 8)), "float.tif")[..., 0].ravel()
    assert np.abs(shown - (values * 255).clip(0, 255)).max() <= 0.51


def test_values_that_are_not_finite_are_unreadable(decoded):
    values = np.full((8, 8), np.nan, np.float32)
    with pytest.raises(Unreadable, match="not finite"):
        decoded(Image.fromarray(values), "nan.tif")


def test_cmyk_jpeg_has_the_colors_of_its_rgb_twin(decoded):
    smooth = Image.new("RGB", (16, 16), (200, 40, 90))
    assert np.abs(decoded(smooth.convert("CMYK"), "c.jpg", quality=95).astype(int) - [200, 40, 90]).max() <= 4


def test_of_an_animation_the_first_picture_is_taken(decoded):
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    shown = decoded(frames[0], "two.gif", save_all=True, append_images=frames[1:])
    assert shown[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("name", ["x.jpg", "x.JPEG", "x.png", "x.bmp", "x.gif", "x.tif", "x.webp", "x.ppm", "x.tga"])
def test_usual_formats_are_known_and_decoded(decoded, name):
    assert name[1:].lower() in suffixes()
    assert np.abs(decoded(Image.new("RGB", (20, 30), (0, 128, 255)), name)[4, 4].astype(int) - [0, 128, 255]).max() < 6


@pytest.mark.parametrize("suffix", [".txt", ".csv", ".json", ".md", ".eps", ".pdf", ".mpg", ".h5", ".npy", ""])
def test_what_is_no_image_is_not_looked_at(suffix):
    assert suffix not in suffixes()


def test_bombs_are_refused_without_and_with_pillows_own_limit(tmp_path, monkeypatch):
    Image.new("1", (400, 400)).save(tmp_path / "large.png")
    monkeypatch.setattr("simclr_core.data.decode.MAX_PIXELS", 100_000)
    for pillows in (None, 100_000, 10_000):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pillows)
        with strict_warnings(), pytest.raises(Unreadable, match="million pixels"):
            decode(tmp_path / "large.png", 8)


def test_pillows_other_warnings_make_no_image_unreadable(tmp_path, monkeypatch):
    noise(8, 8).save(tmp_path / "fine.png")
    real = Image.Image.convert

    def talkative(self, *args, **kwargs):
        warnings.warn("Palette images with Transparency", UserWarning, stacklevel=1)
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Image.Image, "convert", talkative)
    with strict_warnings():
        assert decode(tmp_path / "fine.png", 8).shape == (3, 8, 8)
