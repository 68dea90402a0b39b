"""A user's own images: any layout, format and damage; decoded once; named by content."""

import os
import shutil
import struct
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simclr_core.config import Data
from simclr_core.data import cache as store
from simclr_core.data import decode, fingerprint, folder, listing, load
from simclr_core.data.images import Dataset
from simclr_core.errors import BadInput


def picture(number: int, size: tuple[int, int] = (12, 12)) -> Image.Image:
    """Different pixels for every number."""
    rng = np.random.default_rng(number)
    return Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), np.uint8))


def fill(parent: Path, classes: dict[str, int], start: int = 0, suffix: str = "png") -> Path:
    """A folder of pictures, all different, e.g. {"cat": 5, "dog": 5}."""
    for name, count in classes.items():
        (parent / name).mkdir(parents=True, exist_ok=True)
        for _ in range(count):
            picture(start).save(parent / name / f"{start:03}.{suffix}")
            start += 1
    return parent


@pytest.fixture
def pets(tmp_path) -> Path:
    return fill(tmp_path / "pets", {"cat": 25, "dog": 25})


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "cache"


def same(a: Dataset, b: Dataset) -> bool:
    return a.fingerprint == b.fingerprint and all(
        np.array_equal(x.images, y.images) and np.array_equal(x.labels, y.labels)
        for x, y in ((a.train, b.train), (a.test, b.test))
    )


def contents(images: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in images}


def refusal(path: Path | str, cache: Path) -> str:
    with pytest.raises(BadInput) as refused:
        folder.load(str(path), 12, cache)
    said = str(refused.value)
    assert "\n" not in said
    return said


@pytest.fixture
def decoded_again(monkeypatch) -> list[Path]:
    """The files decoded from here on."""
    seen: list[Path] = []

    def counted(path: Path, *how) -> np.ndarray:
        seen.append(path)
        return decode.decode(path, *how)

    monkeypatch.setattr(folder, "decode", counted)
    return seen


# Layout and split.


def test_classes_are_the_sorted_names_and_every_image_keeps_its_class(pets, cache):
    loaded = folder.load(str(pets), 12, cache)
    assert loaded.class_names == ("cat", "dog")
    assert loaded.title == "folder pets"
    for label, name in enumerate(loaded.class_names):
        on_disk = {np.asarray(Image.open(file)).transpose(2, 0, 1).tobytes() for file in (pets / name).iterdir()}
        in_memory = [part.images[part.labels == label] for part in (loaded.train, loaded.test)]
        assert contents(np.concatenate(in_memory)) == on_disk


def test_a_fifth_of_each_class_is_held_out_and_never_trained_on(tmp_path, cache):
    loaded = folder.load(str(fill(tmp_path / "many", {"a": 150, "b": 20, "c": 2})), 12, cache)
    assert np.bincount(loaded.train.labels).tolist() == [120, 16, 1]
    assert np.bincount(loaded.test.labels).tolist() == [30, 4, 1]
    assert not contents(loaded.train.images) & contents(loaded.test.images)


def test_when_an_image_is_added_at_most_one_other_of_its_class_changes_its_side(pets, cache):
    before = folder.load(str(pets), 12, cache)
    for start in range(500, 530):
        fill(pets, {"cat": 1}, start=start)
        after = folder.load(str(pets), 12, cache)
        moved = contents(before.test.images) & contents(after.train.images)
        moved |= contents(before.train.images) & contents(after.test.images)
        assert len(moved) <= 1
        assert before.fingerprint != after.fingerprint
        before = after


def test_copies_of_an_image_are_all_on_one_side(tmp_path, cache):
    fill(tmp_path / "pets", {"cat": 10, "dog": 10})
    for file in list((tmp_path / "pets").glob("*/*.png")):
        shutil.copy(file, file.with_name(f"copy of {file.name}"))
    loaded = folder.load(str(tmp_path / "pets"), 12, cache)
    assert len(loaded.train) + len(loaded.test) == 40
    assert not contents(loaded.train.images) & contents(loaded.test.images)


@pytest.mark.parametrize(
    ("train", "test"), [("train", "test"), ("Training", "TESTING"), ("train", "val"), ("train", "Valid")]
)
def test_the_users_own_split_is_kept(tmp_path, cache, train, test):
    fill(tmp_path / "own" / train, {"cat": 4, "dog": 3})
    fill(tmp_path / "own" / test, {"cat": 2, "dog": 1}, start=100)
    fill(tmp_path / "own" / "notes", {"cat": 1, "bird": 1}, start=200)
    loaded = folder.load(str(tmp_path / "own"), 12, cache)
    assert loaded.validation is None
    assert loaded.train.labels.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert loaded.test.labels.tolist() == [0, 0, 1]
    assert contents(loaded.test.images) == {
        np.asarray(picture(i)).transpose(2, 0, 1).tobytes() for i in range(100, 103)
    }


def test_what_is_called_validation_is_tested_on_where_there_is_nothing_else_and_this_is_said(tmp_path, cache):
    fill(tmp_path / "own" / "train", {"cat": 4, "dog": 3})
    fill(tmp_path / "own" / "val", {"cat": 2, "dog": 1}, start=100)
    (remark,) = folder.load(str(tmp_path / "own"), 12, cache).remarks
    assert "has no test images; its validation images are tested on" in remark
    (tmp_path / "own" / "val").rename(tmp_path / "own" / "test")
    assert folder.load(str(tmp_path / "own"), 12, cache).remarks == ()


@pytest.mark.parametrize("name", ["val", "valid", "Validation"])
def test_beside_test_images_validation_images_are_neither_trained_nor_tested_on(tmp_path, cache, name):
    fill(tmp_path / "own" / "train", {"cat": 4, "dog": 3})
    fill(tmp_path / "own" / "test", {"cat": 2, "dog": 1}, start=100)
    without = folder.load(str(tmp_path / "own"), 12, cache)
    fill(tmp_path / "own" / name, {"cat": 2, "dog": 3}, start=200)
    loaded = folder.load(str(tmp_path / "own"), 12, cache)
    assert loaded.validation is not None
    assert contents(loaded.validation.images) == {
        np.asarray(picture(i)).transpose(2, 0, 1).tobytes() for i in range(200, 205)
    }
    assert loaded.validation.labels.tolist() == [0, 0, 1, 1, 1]
    assert np.array_equal(loaded.train.images, without.train.images)
    assert np.array_equal(loaded.test.images, without.test.images)
    assert loaded.fingerprint != without.fingerprint
    assert any("the linear probe chooses its penalty" in remark for remark in loaded.remarks)


def test_training_images_alone_are_split_as_an_unsplit_folder_is(tmp_path, pets, cache):
    plain = folder.load(str(pets), 12, cache)
    (tmp_path / "own").mkdir()
    pets.rename(tmp_path / "own" / "train")
    loaded = folder.load(str(tmp_path / "own"), 12, cache)
    assert same(loaded, plain)
    assert any("a fifth of them is held out to test on" in remark for remark in loaded.remarks)


def test_test_images_may_lie_elsewhere_and_are_the_same_data_as_in_one_folder(tmp_path, cache):
    fill(tmp_path / "own" / "train", {"cat": 4, "dog": 3})
    fill(tmp_path / "own" / "test", {"cat": 2, "dog": 1}, start=100)
    together = folder.load(str(tmp_path / "own"), 12, cache)
    (tmp_path / "own" / "test").rename(tmp_path / "hospital")
    said = Data(test=f"folder:{tmp_path / 'hospital'}")
    assert same(folder.load(str(tmp_path / "own"), 12, cache, said), together)
    assert same(folder.load(str(tmp_path / "own" / "train"), 12, cache, said), together)
    fill(tmp_path / "hospital", {"dog": 1}, start=150)
    assert folder.load(str(tmp_path / "own"), 12, cache, said).fingerprint != together.fingerprint


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda path: fill(path, {"cat": 2, "bird": 2}, 100),
            "data.test has the classes bird, cat, but the images",
        ),
        (lambda path: [fill(path / part, {"cat": 2, "dog": 2}, 100) for part in ("train", "test")], "not a split"),
        (lambda _: None, "cannot open this folder: No such file or directory"),
    ],
)
def test_test_images_elsewhere_that_do_not_fit_are_one_sentence(tmp_path, pets, cache, make, said):
    make(tmp_path / "there")
    with pytest.raises(BadInput) as refused:
        folder.load(str(pets), 12, cache, Data(test=f"folder:{tmp_path / 'there'}"))
    assert said in str(refused.value)
    assert str(refused.value).startswith(str(tmp_path / "there"))


def test_two_sets_of_test_images_are_one_sentence(tmp_path, pets, cache):
    fill(tmp_path / "own" / "train", {"cat": 4, "dog": 3})
    fill(tmp_path / "own" / "test", {"cat": 2, "dog": 1}, start=100)
    with pytest.raises(BadInput, match=r"has test images of its own; data\.test is for folders that have none\.$"):
        folder.load(str(tmp_path / "own"), 12, cache, Data(test=f"folder:{pets}"))


def test_a_class_may_be_called_test_when_it_holds_images_itself(tmp_path, cache):
    fill(tmp_path / "odd", {"test": 3, "other": 3})
    assert folder.load(str(tmp_path / "odd"), 12, cache).class_names == ("other", "test")


def test_images_are_found_at_any_depth_and_hidden_and_other_files_are_not(pets, cache):
    plain = folder.load(str(pets), 12, cache)
    fill(pets / ".trash", {"cat": 1}, start=300)
    fill(pets / "cat", {".thumbs": 1, "@eaDir": 1, "__MACOSX": 1}, start=310)
    picture(320).save(pets / "dog" / "._001.png")
    for name in ("Thumbs.db", "desktop.ini", "notes.txt", "boxes.json", "png"):
        (pets / "dog" / name).write_text("no image")
    assert same(folder.load(str(pets), 12, cache), plain)
    fill(pets / "cat", {"deep": 1}, start=330)
    fill(pets / "cat" / "deep", {"er": 1}, start=340)
    assert len(folder.load(str(pets), 12, cache).train) + len(folder.load(str(pets), 12, cache).test) == 52


def test_links_in_circles_end(pets, cache):
    plain = folder.load(str(pets), 12, cache)
    (pets / "cat" / "up").symlink_to(pets)
    (pets / "cat" / "self").symlink_to(pets / "cat")
    (pets / "dog" / "loop").symlink_to(pets / "dog" / "loop")
    (pets / "loop").symlink_to(pets / "loop")
    found = listing.list_images(pets)
    assert len([file for file in found.files if file.label == 1]) == 25
    assert found.class_names == plain.class_names


# What cannot be used.


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda _: None, "cannot open this folder: No such file or directory"),
        (lambda path: path.write_text(""), "is a file"),
        (lambda path: path.mkdir(), "the folder is empty"),
        (lambda path: (path / ".hidden").mkdir(parents=True), "the folder is empty"),
        (lambda path: fill(path, {"cat": 3}), "has only one class folder, 'cat'; at least two are needed"),
        (lambda path: fill(path, {".": 1}), "the folder holds a single image, or copies of one; it needs at least two"),
        (lambda path: [(path / name).mkdir(parents=True) for name in "ab"], "none of its class folders holds an image"),
        (lambda path: fill(path, {"a": 3, "b": 0}), "the class folder b holds no readable image"),
        (lambda path: fill(path, {"a": 3, "b": 1}), "the class folder b holds a single image"),
        (lambda path: fill(path / "test", {"a": 3, "b": 3}), "has test/ but no train/; allowed: train/ with test/ or"),
        (lambda path: fill(path / "val", {"a": 3, "b": 3}), "has val/ but no train/; allowed: train/ with test/ or"),
        (
            lambda path: (fill(path / "train", {"a": 3, "b": 3}), fill(path / "plane", {"a": 3})),
            "has train/ beside other folders (plane); allowed: train/ with test/ or val/ or both",
        ),
        (
            lambda path: [fill(path / name, {"a": 3, "b": 3}) for name in ("train", "val", "Valid")],
            "has both Valid/ and val/; allowed: one of them",
        ),
        (
            lambda path: [fill(path / name, {"a": 3, "b": 3}) for name in ("train", "training", "test")],
            "has both train/ and training/; allowed: one of them",
        ),
        (
            lambda path: (fill(path / "train", {"a": 3, "b": 3, "d": 1}), fill(path / "test", {"a": 3, "c": 3})),
            "must have the same class folders, but not all of them have train/b, train/d, test/c",
        ),
        (
            lambda path: (fill(path / "train", {"a": 3, "b": 3}), fill(path / "test", {"a": 3, "b": 0})),
            "the class folder test/b holds no readable image",
        ),
        (lambda path: (fill(path, {"train": 3, "test/a": 3, "test/b": 3})), "its images lie side by side"),
    ],
)  # fmt: skip
def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path, cache, make, said):
    path = tmp_path / "given"
    make(path)
    sentence = refusal(path, cache)
    assert sentence.startswith(str(path))
    assert said in sentence
    assert sentence.endswith(".")


def test_a_part_without_classes_beside_one_with_them_is_told_that_labels_are_needed_and_why(tmp_path, cache):
    said = refusal(fill(tmp_path / "loose", {"train": 3, "test/a": 3, "test/b": 3}), cache)
    assert "one subfolder per class, at least two, because representations are judged by how well they tell" in said
    assert "the folders are the labels" in said


@pytest.mark.parametrize("path", ["~nobody-of-this-name/images", "a\0b", "x" * 5000])
def test_a_path_that_is_none_is_one_sentence(cache, path):
    assert "folder" in refusal(path, cache)


def test_a_link_to_itself_as_the_folder_is_one_sentence(tmp_path, cache):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "loop" in refusal(tmp_path / "loop", cache)


def test_a_folder_that_may_not_be_listed_is_one_sentence(pets, cache, monkeypatch):
    real = os.scandir

    def guarded(path):
        if Path(path).name == "cat":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(listing.os, "scandir", guarded)
    assert refusal(pets, cache) == f"{pets / 'cat'}: cannot list this folder: Permission denied."


def png_with_size(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims these sides."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def damage(kind: str, path: Path) -> None:
    whole = path.with_suffix(".whole")
    picture(0, (200, 200)).save(whole, format="PNG")
    if kind == "a folder":
        path.mkdir()
    elif kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a link to nowhere":
        path.symlink_to("nowhere.png")
    else:
        path.write_bytes(
            {
                "empty": b"",
                "truncated": whole.read_bytes()[:5000],
                "text": b"this is no image",
                "a bomb": png_with_size(12_000, 9_000),
                "a large bomb": png_with_size(60_000, 60_000),
                "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
            }[kind]
        )
    whole.unlink()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("empty", "not an image that Pillow can read"),
        ("truncated", "truncated"),
        ("text", "not an image that Pillow can read"),
        ("a bomb", "more than 89 million pixels"),
        ("a large bomb", "more than 89 million pixels"),
        ("postscript", "not an image that Pillow can read"),
        ("a folder", "not a file"),
        ("a pipe", "not a file"),
        ("a link to nowhere", "No such file or directory"),
    ],
)
def test_an_unreadable_image_is_named_and_skipped_with_its_reason(pets, cache, kind, reason):
    plain = folder.load(str(pets), 12, cache)
    damage(kind, pets / "cat" / "bad.png")
    for _ in ("decoded", "from the cache"):
        loaded = folder.load(str(pets), 12, cache)
        assert len(loaded.skipped) == 1
        assert loaded.skipped[0].startswith("cat/bad.png: ")
        assert reason in loaded.skipped[0]
        assert same(loaded, plain)


def test_a_file_that_may_not_be_read_is_named(pets, cache, monkeypatch):
    def guarded(self, mode="r"):
        if self.name == "003.png":
            raise PermissionError(13, "Permission denied")
        return real(self, mode)

    real = Path.open
    monkeypatch.setattr(Path, "open", guarded)
    assert folder.load(str(pets), 12, cache).skipped == ("cat/003.png: Permission denied",)


def test_more_than_one_in_twenty_unreadable_is_one_sentence(pets, cache):
    for name in ("x", "y", "z"):
        (pets / "dog" / f"{name}.jpg").write_bytes(b"")
    assert refusal(pets, cache) == (
        f"{pets}: 3 of 53 images cannot be read, more than 5%: dog/x.jpg: not an image that Pillow can read; "
        "dog/y.jpg: not an image that Pillow can read; dog/z.jpg: not an image that Pillow can read."
    )


def test_pillows_limits_and_the_warning_filters_are_left_as_they_were(pets, cache):
    limit, filters = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    damage("a bomb", pets / "cat" / "bad.png")
    folder.load(str(pets), 12, cache)
    assert limit == Image.MAX_IMAGE_PIXELS
    assert warnings.filters == filters


# The fingerprint and the cache.


def test_neither_place_nor_names_nor_order_matter_but_content_does(tmp_path, pets, cache):
    original = folder.load(str(pets), 12, cache)
    for name in ("cat", "dog"):
        for i, file in enumerate(sorted((pets / name).iterdir(), reverse=True)):
            (tmp_path / "elsewhere" / name / str(i % 3)).mkdir(parents=True, exist_ok=True)
            shutil.copy(file, tmp_path / "elsewhere" / name / str(i % 3) / f"{i}.png")
    assert same(folder.load(str(tmp_path / "elsewhere"), 12, tmp_path / "other cache"), original)

    (pets / "cat" / "000.png").rename(pets / "dog" / "moved.png")
    assert folder.load(str(pets), 12, cache).fingerprint != original.fingerprint


def test_class_names_and_the_split_are_part_of_the_fingerprint(tmp_path, pets, cache):
    original = folder.load(str(pets), 12, cache)
    (tmp_path / "own").mkdir()
    shutil.copytree(pets, tmp_path / "own" / "train")
    shutil.copytree(pets, tmp_path / "own" / "test")
    split = folder.load(str(tmp_path / "own"), 12, cache)
    (pets / "dog").rename(pets / "hound")
    renamed = folder.load(str(pets), 12, cache)
    assert len({original.fingerprint, split.fingerprint, renamed.fingerprint}) == 3


def test_the_second_start_opens_no_image_and_maps_the_pixels(pets, cache, decoded_again, monkeypatch):
    first = folder.load(str(pets), 12, cache)
    assert len(decoded_again) == 50
    monkeypatch.setattr(folder, "hash_all", lambda *_: pytest.fail("hashed again"))
    second = folder.load(str(pets), 12, cache)
    assert len(decoded_again) == 50
    assert same(first, second)
    for images in (second.train.images, second.test.images):
        assert isinstance(images, np.memmap)
        assert not images.flags.writeable


def test_the_same_images_under_other_names_are_not_decoded_again(pets, cache, decoded_again):
    (pets / "cat" / "bad.png").write_bytes(b"no image")
    folder.load(str(pets), 12, cache)
    (pets / "cat").rename(pets / "moved")
    pets.rename(pets.with_name("animals"))
    (pets.with_name("animals") / "moved").rename(pets.with_name("animals") / "cat")
    (pets.with_name("animals") / "cat" / "bad.png").rename(pets.with_name("animals") / "cat" / "worse.png")
    decoded_again.clear()
    loaded = folder.load(str(pets.with_name("animals")), 12, cache)
    assert decoded_again == []
    assert loaded.title == "folder animals"
    assert loaded.skipped == ("cat/worse.png: not an image that Pillow can read",)


def test_an_image_changed_in_place_is_noticed_even_with_its_old_size_and_time(tmp_path, cache):
    bitmaps = fill(tmp_path / "bitmaps", {"a": 5, "b": 5}, suffix="bmp")
    before = folder.load(str(bitmaps), 12, cache)
    changed = bitmaps / "a" / "000.bmp"
    times = changed.stat()
    picture(999).save(changed)
    os.utime(changed, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert changed.stat().st_size == times.st_size
    assert folder.load(str(bitmaps), 12, cache).fingerprint != before.fingerprint


def test_an_empty_class_folder_added_later_is_noticed(pets, cache):
    folder.load(str(pets), 12, cache)
    (pets / "zebra").mkdir()
    assert "the class folder zebra holds no readable image" in refusal(pets, cache)


def test_another_size_is_another_entry_of_the_same_fingerprint(pets, cache):
    small, large = (folder.load(str(pets), size, cache) for size in (12, 16))
    assert small.fingerprint == large.fingerprint
    assert large.train.images.shape[1:] == (3, 16, 16)
    assert same(folder.load(str(pets), 12, cache), small)


def overwrite_the_middle(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 0xFF
    path.write_bytes(body)


@pytest.mark.parametrize("which", ["pixels", "fields", "index"])
@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-3]),
        lambda path: path.write_bytes(b"PK\x03\x04 not what it was"),
        overwrite_the_middle,
    ],
    ids=["missing", "empty", "cut short", "something else", "one byte flipped"],
)
def test_a_damaged_cache_is_made_again(pets, cache, which, harm):
    first = folder.load(str(pets), 12, cache)
    sound = folder.Dataset(
        first.train.take(np.arange(len(first.train))),
        first.test.take(np.arange(len(first.test))),
        first.class_names, first.fingerprint, first.title,
    )  # fmt: skip
    index = next((cache / "folders").glob("listing-*.json"))
    pixels = next((cache / "folders").glob("*.npy"))
    damaged = {"pixels": pixels, "fields": pixels.with_suffix(".json"), "index": index}[which]
    before = damaged.read_bytes()
    harm(damaged)
    assert same(folder.load(str(pets), 12, cache), sound)
    assert damaged.read_bytes() == before


def test_a_writer_that_dies_half_way_leaves_nothing_that_is_read(tmp_path):
    def blocks():
        yield np.zeros((2, 3, 4, 4), np.uint8)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.write(tmp_path / "entry", blocks(), (3, 4, 4), np.zeros(4, np.int64), 2, {})
    assert store.read(tmp_path / "entry") is None
    assert not list(tmp_path.iterdir())


def test_pixels_of_one_writer_with_fields_of_another_are_not_trusted(tmp_path):
    for name, value in (("one", 1), ("two", 2)):
        store.write(tmp_path / name, [np.full((2, 3, 4, 4), value, np.uint8)], (3, 4, 4), np.zeros(2, np.int64), 1, {})
    (tmp_path / "two.npy").replace(tmp_path / "one.npy")
    assert store.read(tmp_path / "one") is None


def test_a_cache_that_cannot_be_written_is_one_sentence(pets, tmp_path):
    (tmp_path / "occupied").write_text("a file where the cache should be")
    assert "cannot write the image cache" in refusal(pets, tmp_path / "occupied")


def test_several_processes_may_prepare_the_same_folder_at_once(pets, cache):
    program = (
        "import sys; from pathlib import Path; from simclr_core.data import folder\n"
        "d = folder.load(sys.argv[1], 12, Path(sys.argv[2])); print(d.fingerprint, int(d.train.images.sum()))"
    )

    def start(_: int) -> str:
        return subprocess.check_output([sys.executable, "-c", program, str(pets), str(cache)], text=True)

    with ThreadPoolExecutor(3) as pool:
        answers = set(pool.map(start, range(3)))
    here = folder.load(str(pets), 12, cache)
    assert answers == {f"{here.fingerprint} {int(here.train.images.sum())}\n"}
    assert not list((cache / "folders").glob("*.tmp"))


def test_load_reaches_the_folder_and_its_limit(pets, cache):
    source = Data(source=f"folder:{pets}", size=12, limit=20)
    assert np.bincount(load(source, cache).train.labels).tolist() == [10, 10]
    assert (
        fingerprint(source, cache) == load(source, cache).fingerprint == folder.load(str(pets), 12, cache).fingerprint
    )


def test_reading_a_folder_brings_neither_torch_nor_plotting():
    program = "import sys; from simclr_core import data; print(*sys.modules)"
    loaded = set(subprocess.check_output([sys.executable, "-c", program], text=True).split())
    assert not loaded & {"torch", "torchvision", "ray", "pandas", "matplotlib"}
