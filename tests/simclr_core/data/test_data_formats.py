"""Formats that extras of the package read, files of several images, and any number of channels."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simclr_core.config import Data, Recipe
from simclr_core.data import decode, extras, fingerprint, folder
from simclr_core.data.images import Dataset
from simclr_core.errors import BadInput

SIDE = 12
# 16 x 16, the left half (200, 40, 40), the right half (40, 40, 200); written by pillow-heif, whose wheels hold an
# encoder under the GPL, which is why the extra is pi-heif, which only reads.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAXxtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9j"
    "AAAAAERAAAEAAQAAAAABoAABAAAAAAAAADsAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/Glw"
    "cnAAAADcaXBjbwAAAHVodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQApQgEBA3AA"
    "AAMAkAAAAwAAAwAeoCCBBZbqrprm4CGgwIAAAAyAAAADAIRiAAEABkQBwXPBiQAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABA"
    "AAAAQAAAAChjbGFwAAAAEAAAAAEAAAAQAAAAAf///9AAAAAC////0AAAAAIAAAAQcGl4aQAAAAADCAgIAAAAGGlwbWEAAAAAAAAAAQABBYEC"
    "AwWEAAAAQ21kYXQAAAA3KAGvEyF0Y0DlNVP9KpdSAWAkz7pPrBL6d9L9KjFhl39Ml9DzRq8c/e2g43/gzyLUgKSDtRFEkA=="
)


def read(root: Path, **said) -> Dataset:
    return folder.load(str(root), SIDE, root.parent / "cache", Data(**said))


def shown(dataset: Dataset) -> np.ndarray:
    return np.concatenate([dataset.train.images, dataset.test.images])


def the_one(dataset: Dataset, words: str) -> str:
    (line,) = [remark for remark in dataset.remarks if words in remark]
    return line


def two_classes(root: Path, write, n: int = 10, suffix: str = "png") -> Path:
    """write(path, i) makes the i-th file."""
    for i in range(n):
        path = root / "ab"[i % 2] / f"{i}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, i)
    return root


def scan(path: Path, stored: np.ndarray, kind: str = "MONOCHROME2", **fields) -> None:
    """A DICOM file of (H, W), (frames, H, W) or (H, W, 3) values as they are stored."""
    pydicom = pytest.importorskip("pydicom")
    file = pydicom.Dataset()
    file.file_meta = pydicom.dataset.FileMetaDataset()
    file.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    file.file_meta.MediaStorageSOPClassUID = file.SOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    file.file_meta.MediaStorageSOPInstanceUID = file.SOPInstanceUID = pydicom.uid.generate_uid(None)
    colors = 3 if stored.shape[-1] == 3 else 1
    file.Rows, file.Columns = stored.shape[:2] if colors == 3 else stored.shape[-2:]
    file.SamplesPerPixel, file.PhotometricInterpretation = colors, kind
    if colors == 3:
        file.PlanarConfiguration = 0
    bits = 8 * stored.dtype.itemsize
    file.BitsAllocated, file.BitsStored, file.HighBit = bits, bits, bits - 1
    file.PixelRepresentation = int(stored.dtype.kind == "i")
    if colors == 1 and stored.ndim == 3:
        file.NumberOfFrames = len(stored)
    for name, value in fields.items():
        setattr(file, name, value)
    file.PixelData = stored.tobytes()
    file.save_as(path, enforce_file_format=True)


def ramp(i: int = 0, kind: type = np.uint16) -> np.ndarray:
    """(SIDE, SIDE), a column a value: 0, 100, ..., 1100, but for one pixel, which tells the images apart."""
    values = np.tile(100 * np.arange(SIDE), (SIDE, 1)).astype(kind)
    values[0, 0] = i
    return values


# DICOM.


def test_dicom_is_rescaled_to_the_values_that_the_range_speaks_of(tmp_path):
    made = two_classes(
        tmp_path / "ct",
        lambda path, i: scan(path, ramp(i, np.int16), RescaleSlope=2, RescaleIntercept=-1000),
        suffix="dcm",
    )
    images = shown(read(made, range=(-1000, 1200)))
    expected = np.round(255 * 200 * np.arange(SIDE) / 2200).clip(0, 255)
    assert images.shape == (10, 3, SIDE, SIDE)
    assert np.array_equal(images[0, :, 5], np.tile(expected, (3, 1)))
    assert "of 10 images of more than 8 bits -1,000 becomes black" in the_one(read(made), "more than 8 bits")


def test_a_fractional_slope_is_not_rounded(tmp_path):
    made = two_classes(tmp_path / "pet", lambda path, i: scan(path, ramp(i), RescaleSlope=0.001), suffix="dcm")
    images = shown(read(made, range=(0, 1.1)))
    assert np.array_equal(images[0, 0, 5], np.round(255 * np.arange(SIDE) / 11))


def test_where_small_values_are_bright_they_are_made_so(tmp_path):
    one, two = (
        two_classes(tmp_path / kind, lambda path, i, kind=kind: scan(path, ramp(i), kind), suffix="dcm")
        for kind in ("MONOCHROME1", "MONOCHROME2")
    )
    inverse, plain = (shown(read(root, range=(0, 1100)))[:, :, 5] for root in (one, two))
    assert np.array_equal(inverse, 255 - plain)
    assert plain[0, 0, 0] == 0


def test_dicom_of_8_bits_stays_as_it_is_and_colors_are_colors(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (10, SIDE, SIDE, 3), np.uint8)
    made = two_classes(tmp_path / "rgb", lambda path, i: scan(path, pixels[i], "RGB"), suffix="dcm")
    assert {image.tobytes() for image in shown(read(made))} == {np.moveaxis(one, 2, 0).tobytes() for one in pixels}
    made = two_classes(tmp_path / "gray", lambda path, i: scan(path, pixels[i, ..., 0]), suffix="dcm")
    assert {image[0].tobytes() for image in shown(read(made))} == {one[..., 0].tobytes() for one in pixels}


def test_of_several_frames_the_first_is_taken_and_this_is_said_once(tmp_path):
    made = two_classes(
        tmp_path / "cine",
        lambda path, i: scan(path, np.stack([ramp(i), *[ramp(900 + j) + 7 for j in range(3)]])),
        suffix="dcm",
    )
    assert np.array_equal(shown(read(made, range=(0, 1100)))[0, 0, 5], np.round(255 * np.arange(SIDE) / 11))
    assert "10 of 10 files hold several images" in the_one(read(made), "has 4): the first of each is taken")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda path: scan(path, ramp(), "PALETTE COLOR"), "DICOM with the photometric interpretation PALETTE COLOR"),
        (lambda path: scan(path, ramp(), Rows=20_000, Columns=20_000), "more than 89 million pixels"),
        (lambda path: path.write_bytes(path.read_bytes()[:600]), ""),
        (lambda path: path.write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 50), ""),
    ],
)
def test_a_damaged_or_foreign_dicom_file_is_named_and_skipped(tmp_path, change, reason):
    made = two_classes(tmp_path / "ct", lambda path, i: scan(path, ramp(i)), n=30, suffix="dcm")
    change(made / "a" / "0.dcm")
    (skipped,) = read(made).skipped
    assert skipped.startswith(f"a/0.dcm: {reason}")
    assert "\n" not in skipped


# Extras.


@pytest.fixture
def without_extras(monkeypatch):
    monkeypatch.setattr(extras, "LIBRARIES", dict.fromkeys(extras.LIBRARIES, "no_library_of_this_name"))
    Image.init()
    monkeypatch.setattr(Image, "ID", [name for name in Image.ID if name != "HEIF"])
    for cached in (extras.installed, decode.formats):
        cached.cache_clear()
    yield
    for cached in (extras.installed, decode.formats):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("content", "suffix", "extra"),
    [
        (b"\0" * 128 + b"DICM" + b"\0" * 20, "dcm", "dicom"),
        (HEIC, "heic", "heic"),
        (HEIC, "jpg", "heic"),
        (b"II*\0\x08\0\0\0" + b"\0" * 20, "tif", "tiff"),
    ],
)
@pytest.mark.usefixtures("without_extras")
def test_where_a_library_is_missing_the_sentence_names_its_extra(tmp_path, content, suffix, extra):
    made = two_classes(tmp_path / "own", lambda path, i: path.write_bytes(content + bytes([i])), suffix=suffix)
    with pytest.raises(BadInput) as refused:
        read(made)
    said = f"a/0.{suffix}: not an image that Pillow can read; pip install 'simclr-ablations[{extra}]' may"
    assert said in str(refused.value)


@pytest.mark.usefixtures("without_extras")
def test_a_file_that_was_skipped_for_want_of_a_library_is_read_once_it_is_there(tmp_path):
    pytest.importorskip("pi_heif")
    made = two_classes(tmp_path / "own", lambda path, i: Image.new("L", (SIDE, SIDE), i).save(path), n=30)
    (made / "a" / "phone.heic").write_bytes(HEIC)
    assert len(read(made).skipped) == 1
    extras.LIBRARIES.update(heic="pi_heif")
    extras.installed.cache_clear()
    decode.formats.cache_clear()
    assert read(made).skipped == ()


def test_the_photographs_of_a_phone_are_read(tmp_path):
    pytest.importorskip("pi_heif")
    made = two_classes(tmp_path / "own", lambda path, i: Image.new("L", (SIDE, SIDE), i).save(path))
    (made / "a" / "phone.heic").write_bytes(HEIC)
    images = shown(read(made)).astype(int)
    (left,) = [image for image in images if abs(image[:, 6, 1] - [200, 40, 40]).max() < 12]
    assert abs(left[:, 6, 10] - [40, 40, 200]).max() < 12


# Several images in a file.


def test_of_an_animation_the_first_image_is_taken_and_this_is_said_once_with_a_count(tmp_path):
    def write(path: Path, i: int) -> None:
        frames = [Image.new("L", (SIDE, SIDE), 20 * i + 50 * j) for j in range(3 if i < 2 else 1)]
        frames[0].save(path, save_all=len(frames) > 1, append_images=frames[1:])

    made = two_classes(tmp_path / "own", write, suffix="gif")
    loaded = read(made)
    assert sorted(shown(loaded)[:, 0, 5, 5].tolist()) == [20 * i for i in range(10)]
    line = the_one(loaded, "several images")
    assert "2 of 10 files hold several images, as stacks and animations do (a/0.gif has 3)" in line
    (made / "a" / "0.gif").rename(made / "a" / "renamed.gif")
    assert "(a/renamed.gif has 3)" in the_one(read(made), "several images")


# Channels.


def bands_of(i: int, n: int, kind: type = np.uint8) -> np.ndarray:
    """(SIDE, SIDE, n): band b holds 10 b + i."""
    return np.broadcast_to(10 * np.arange(n) + i, (SIDE, SIDE, n)).astype(kind)


def multiband(path: Path, pixels: np.ndarray, **how) -> None:
    pytest.importorskip("tifffile").imwrite(path, pixels, photometric="minisblack", **how)


@pytest.mark.parametrize("n", [2, 4, 5, 13, 16])
@pytest.mark.parametrize("planes", [False, True])
def test_all_bands_of_a_tiff_are_channels_however_they_lie(tmp_path, n, planes):
    def write(path: Path, i: int) -> None:
        pixels = bands_of(i, n)
        if planes:
            multiband(path, np.moveaxis(pixels, 2, 0).copy(), planarconfig="separate")
        else:
            multiband(path, pixels, planarconfig="contig")

    images = shown(read(two_classes(tmp_path / "own", write, suffix="tif"), channels=n))
    assert images.shape == (10, n, SIDE, SIDE)
    assert sorted(images[:, :, 3, 3].tolist()) == [(10 * np.arange(n) + i).tolist() for i in range(10)]


def test_more_bands_than_pillow_reads_are_found_from_the_files_and_asking_for_them_is_the_same_trial(tmp_path):
    made = two_classes(
        tmp_path / "own", lambda path, i: multiband(path, bands_of(i, 6), planarconfig="contig"), suffix="tif"
    )
    found, asked = read(made), read(made, channels=6)
    assert found.train.channels == 6
    assert found.fingerprint == asked.fingerprint
    names = [Recipe.parse({"data": {"channels": n}}).trial_id(found.fingerprint) for n in (None, 6)]
    assert names[0] == names[1]


def test_one_range_is_for_all_bands_of_all_files(tmp_path):
    made = two_classes(
        tmp_path / "own",
        lambda path, i: multiband(path, bands_of(i, 5, np.uint16), planarconfig="contig"),
        suffix="tif",
    )
    images = shown(read(made, range=(0, 100)))
    assert sorted(images[:, 2, 3, 3].tolist()) == np.round(255 * (20 + np.arange(10)) / 100).tolist()


def test_gray_is_one_channel_only_where_this_is_asked_for_and_then_is_other_data(tmp_path):
    made = two_classes(tmp_path / "own", lambda path, i: Image.new("L", (SIDE, SIDE), 20 * i).save(path))
    three, one = read(made), read(made, channels=1)
    assert three.train.channels == 3
    assert three.fingerprint == read(made, channels=3).fingerprint
    assert one.fingerprint != three.fingerprint
    assert np.array_equal(shown(three)[:, :1], shown(one))


def test_colors_are_made_gray_where_one_channel_is_asked_for_and_this_is_counted(tmp_path):
    def write(path: Path, i: int) -> None:
        Image.new("RGB" if i < 4 else "L", (SIDE, SIDE), (200, 10 * i, 30) if i < 4 else 20 * i).save(path)

    loaded = read(two_classes(tmp_path / "own", write), channels=1)
    luma = [round(0.299 * 200 + 0.587 * 10 * i + 0.114 * 30) for i in range(4)]
    assert sorted(shown(loaded)[:, 0, 5, 5].tolist()) == sorted([*luma, *[20 * i for i in range(4, 10)]])
    assert "4 of 10 images lose their colors" in the_one(loaded, "data.channels is 1")


@pytest.mark.parametrize(
    ("odd", "asked", "said"),
    [
        (
            bands_of(0, 5),
            None,
            "9 of 10 files have 6 bands, the others not (a/0.tif has 5); allowed: one number of bands",
        ),
        (
            bands_of(0, 1)[..., 0],
            6,
            "data.channels is 6, but 1 of 10 files have another number of bands (a/0.tif has 1)",
        ),
        (
            bands_of(0, 6),
            1,
            "data.channels is 1, but 10 of 10 files have another number of bands (a/0.tif has 6); allo",
        ),
        (bands_of(0, 20), None, "a/0.tif has 20 bands; allowed: up to 16."),
    ],
)
def test_files_of_different_numbers_of_bands_are_refused_in_one_sentence_and_nothing_is_cached(
    tmp_path, odd, asked, said
):
    made = two_classes(
        tmp_path / "own", lambda path, i: multiband(path, bands_of(i, 6), planarconfig="contig"), suffix="tif"
    )
    multiband(made / "a" / "0.tif", odd, **({"planarconfig": "contig"} if odd.ndim == 3 else {}))
    with pytest.raises(BadInput) as refused:
        read(made, channels=asked)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "cache").exists()


def test_pages_that_are_called_channels_are_and_of_a_stack_the_first_is_taken(tmp_path):
    stack = np.stack([np.moveaxis(bands_of(j, 5), 2, 0) for j in range(3)])  # 3 depths of 5 channels

    def write(path: Path, i: int) -> None:
        pytest.importorskip("tifffile").imwrite(path, stack + np.uint8(i), imagej=True, metadata={"axes": "ZCYX"})

    loaded = read(two_classes(tmp_path / "own", write, suffix="tif"), channels=5)
    assert sorted(shown(loaded)[:, :, 3, 3].tolist()) == [(10 * np.arange(5) + i).tolist() for i in range(10)]
    assert "(a/0.tif has 3)" in the_one(loaded, "several images")


def test_channels_are_for_images_of_ones_own(tmp_path):
    with pytest.raises(BadInput, match=r"^data\.channels: is for images of your own .*, not for embedded\.$"):
        fingerprint(Data(channels=1), tmp_path)


def test_a_truncated_animation_still_gives_its_first_image(tmp_path):
    frames = [Image.effect_noise((64, 64), 90) for _ in range(6)]
    whole = io.BytesIO()
    frames[0].save(whole, "GIF", save_all=True, append_images=frames[1:])

    def write(path: Path, i: int) -> None:
        path.write_bytes(whole.getvalue()[: 2 * len(whole.getvalue()) // 3] if i == 0 else b"")
        if i:
            Image.new("L", (SIDE, SIDE), i).save(path)

    assert read(two_classes(tmp_path / "own", write, n=10, suffix="gif")).skipped == ()


def test_what_acts_on_such_channels_is_said_and_of_rgb_nothing(tmp_path):
    made = two_classes(tmp_path / "own", lambda path, i: Image.new("L", (SIDE, SIDE), 20 * i).save(path))
    assert "of the transformation color only brightness and contrast act" in the_one(
        read(made, channels=1), "1 channel"
    )
    assert read(made).remarks == ()
