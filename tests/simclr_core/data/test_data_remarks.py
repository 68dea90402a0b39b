"""What a user is told about the folder, and images that belong together."""

import hashlib
import json
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simclr_core.config import Data
from simclr_core.data import fingerprint, folder, load, remarks_on
from simclr_core.data.images import Dataset
from simclr_core.data.parallel import patient_bar
from simclr_core.errors import BadInput

GROUPED = Data(group="parent")


def picture(path: Path, number: int, side: int = 12) -> None:
    """Different pixels for every number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(number).integers(0, 256, (side, side, 3), np.uint8)).save(path)


def patients(root: Path, n: int = 40, images: int = 8) -> Path:
    """Patient p has class p mod 2, and the number of its first pixel tells which patient it is."""
    for p in range(n):
        for i in range(images):
            path = root / "ab"[p % 2] / f"p{p:02}" / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng([p, i]).integers(0, 256, (12, 12, 3), np.uint8)
            pixels[0, 0] = p
            Image.fromarray(pixels).save(path)
    return root


def read(root: Path, said: Data = GROUPED) -> Dataset:
    return folder.load(str(root), 12, root.parent / "cache", said)


def seen(images: np.ndarray) -> set[int]:
    """The patients in these images."""
    return set(images[:, 0, 0, 0].tolist())


def the_one(dataset: Dataset, words: str) -> str:
    (line,) = [remark for remark in dataset.remarks if words in remark]
    return line


# Groups.


def test_whole_patients_are_held_out_a_fifth_of_the_images_and_as_many_of_each_class(tmp_path):
    loaded = read(patients(tmp_path / "own"))
    assert not seen(loaded.train.images) & seen(loaded.test.images)
    assert len(seen(loaded.test.images)) == 8
    assert np.bincount(loaded.test.labels).tolist() == [32, 32]
    for part in (loaded.train, loaded.test):  # a group is a patient
        told = {(int(group), int(p)) for group, p in zip(part.groups, part.images[:, 0, 0, 0], strict=True)}
        assert len(told) == len({group for group, _ in told}) == len(seen(part.images))
    assert "40 groups, 8 of them with the 64 test images" in the_one(loaded, "intervals count groups")


def test_a_patient_s_sessions_stay_together(tmp_path):
    plain, deep = patients(tmp_path / "own", n=20), tmp_path / "deep"
    for file in plain.rglob("*.png"):
        place = deep / file.relative_to(plain).parent / f"session{file.stem}" / "day" / file.name
        place.parent.mkdir(parents=True)
        shutil.copy(file, place)
    loaded, flat = read(deep), read(plain)
    assert "20 groups, 4 of them" in the_one(loaded, "intervals count groups")
    assert not seen(loaded.train.images) & seen(loaded.test.images)
    assert loaded.fingerprint == flat.fingerprint
    assert "(p00, p01, p02, ...)" in the_one(read(deep, Data()), "every class folder holds only subfolders")


def test_beside_a_giant_patient_two_of_each_class_are_trained_on(tmp_path):
    root = patients(tmp_path / "own", n=14, images=4)
    for giant in (0, 1):
        for i in range(96):
            picture(root / "ab"[giant] / f"p{giant:02}" / f"more{i}.png", 1000 * (giant + 1) + i)
    train = read(root).train
    assert {len(np.unique(train.groups[train.labels == label])) for label in (0, 1)} == {2}


def test_a_patient_in_two_classes_is_one_group_in_either_unicode_form(tmp_path):
    root = patients(tmp_path / "own", n=20)
    for label, form in (("a", "NFC"), ("b", "NFD")):
        for i in range(8):
            picture(root / label / unicodedata.normalize(form, "Zoé") / f"{i}.png", 1000 + i + 100 * (label == "b"))
    loaded = read(root)
    groups = [set(part.groups.tolist()) for part in (loaded.train, loaded.test)]
    assert not groups[0] & groups[1]
    assert len(groups[0] | groups[1]) == 21


def test_groups_do_not_depend_on_names_and_change_the_fingerprint(tmp_path):
    plain = read(patients(tmp_path / "own"), Data())
    first = read(tmp_path / "own")
    for p, place in enumerate(sorted((tmp_path / "own").glob("*/*"))):
        place.rename(place.with_name(f"renamed{p * 7 % 41}"))
    again = read(tmp_path / "own")
    assert first.fingerprint == again.fingerprint != plain.fingerprint
    assert np.array_equal(first.test.groups, again.test.groups)
    assert plain.test.groups is None


def test_groups_survive_the_cache_and_a_limit(tmp_path):
    root, cache = patients(tmp_path / "own"), tmp_path / "cache"
    whole = read(root)
    assert np.array_equal(read(root).train.groups, whole.train.groups)
    part = load(Data(source=f"folder:{root}", size=12, limit=50, test_limit=20, group="parent"), cache)
    assert len(part.train.groups) == 50
    of_pixel = dict(zip(whole.train.images[:, 0, 0, 0].tolist(), whole.train.groups.tolist(), strict=True))
    assert [of_pixel[p] for p in part.train.images[:, 0, 0, 0].tolist()] == part.train.groups.tolist()


def test_an_image_outside_of_any_group_is_refused_by_name(tmp_path):
    root = patients(tmp_path / "own")
    picture(root / "a" / "loose.png", 5)
    with pytest.raises(BadInput, match=r"data\.group: parent .* 1 of 321 images lie directly .* \(a/loose\.png\)\.$"):
        read(root)


def test_a_class_of_a_single_patient_is_refused(tmp_path):
    with pytest.raises(BadInput, match="the class folder a holds images of a single group; it needs at least two gro"):
        read(patients(tmp_path / "own", n=2))


def test_groups_are_for_images_of_ones_own(tmp_path):
    with pytest.raises(BadInput, match=r"^data\.group: is for images of your own .*, not for embedded\.$"):
        fingerprint(Data(group="parent"), tmp_path)
    with pytest.raises(BadInput, match=r"^data\.range: is for images of your own"):
        load(Data(range=(0, 1)), tmp_path)


def test_folders_of_subfolders_alone_are_asked_about_until_one_says_what_they_are(tmp_path):
    root = patients(tmp_path / "own")
    line = the_one(read(root, Data()), "every class folder holds only subfolders")
    assert "--set data.group=parent" in line
    assert "--set data.group=image" in line
    accepted = read(root, Data(group="image"))
    assert not accepted.remarks
    assert accepted.fingerprint == read(root, Data()).fingerprint
    for name in "ab":  # one subfolder each tells nothing
        for i in range(10):
            picture(tmp_path / "nested" / name / "images" / f"{i}.png", i + 50 * (name == "b"))
    assert not read(tmp_path / "nested", Data()).remarks


def test_a_given_split_that_tears_a_patient_apart_is_kept_and_said(tmp_path):
    patients(tmp_path / "own" / "train", n=10)
    patients(tmp_path / "own" / "test", n=4, images=2)
    for file in (tmp_path / "own" / "test").rglob("*.png"):
        picture(file, hash(file.name + file.parent.name) % 2**32)
    loaded = read(tmp_path / "own")
    assert (len(loaded.train), len(loaded.test)) == (80, 8)
    assert "4 of the groups have training images and test images (p00, p01, p02, ...)" in the_one(loaded, "too good")


# Copies.


def test_copies_across_a_given_split_are_counted_and_named_and_the_split_is_kept(tmp_path):
    root = tmp_path / "own"
    for i in range(10):
        picture(root / "train" / "ab"[i % 2] / f"{i}.png", i)
        picture(root / "test" / "ab"[i % 2] / f"{i}.png", 100 + i)
    for i in (0, 2):
        shutil.copy(root / "train" / "a" / f"{i}.png", root / "test" / "a" / f"again{i}.png")
    loaded = read(root, Data())
    assert (len(loaded.train), len(loaded.test)) == (10, 12)
    line = the_one(loaded, "training images too")
    assert "2 of 12 test images" in line
    assert "test/a/again0.png is train/a/0.png" in line


def test_a_picture_in_two_classes_is_on_one_side_and_said(tmp_path):
    """Two classes of three images that share one, with every other pair of images."""
    for seed in range(20):
        root = tmp_path / f"own{seed}"
        for i in range(2):
            picture(root / "a" / f"{i}.png", 10 * seed + i)
            picture(root / "b" / f"{i}.png", 10 * seed + 5 + i)
        picture(root / "a" / "shared.png", 10 * seed + 9)
        shutil.copy(root / "a" / "shared.png", root / "b" / "other.png")
        loaded = read(root, Data())
        sides = [{image.tobytes() for image in part.images} for part in (loaded.train, loaded.test)]
        assert not sides[0] & sides[1]
        assert "1 image has more than one label (a/shared.png is b/other.png)" in the_one(loaded, "label")


# Names, sizes, and what has not changed.


def test_a_class_is_one_class_in_either_unicode_form(tmp_path):
    names = [unicodedata.normalize(form, "café") for form in ("NFC", "NFD")]
    for part, name in zip(("train", "test"), names, strict=True):
        for i in range(4):
            picture(tmp_path / "own" / part / name / f"{i}.png", i + 10 * (part == "test"))
            picture(tmp_path / "own" / part / "tea" / f"{i}.png", 50 + i + 10 * (part == "test"))
    loaded = read(tmp_path / "own", Data())
    assert loaded.class_names == (names[0], "tea")
    assert loaded.test.labels.tolist() == [0] * 4 + [1] * 4
    for name in names:
        picture(tmp_path / "both" / name / "0.png", 3)
    if len(list((tmp_path / "both").iterdir())) == 2:  # some disks hold them for one name themselves
        with pytest.raises(BadInput, match=r"two class folders are called .* \(Unicode NFD\); rename one"):
            read(tmp_path / "both", Data())


def test_large_images_are_said_to_shrink(tmp_path):
    for i in range(4):
        picture(tmp_path / "own" / "ab"[i % 2] / f"{i}.png", i, side=30)
    assert "up to 30 x 30 pixels are shrunk to 12 x 12" in the_one(
        read(tmp_path / "own", Data()), "--set data.size=24 takes about 4"
    )


def test_remarks_come_from_the_cache_too_and_name_what_cannot_be_read(tmp_path):
    root = patients(tmp_path / "own")
    (root / "a" / "p00" / "bad.png").write_bytes(b"no image")
    for _ in ("decoded", "from the cache"):
        first, *_, last = remarks_on(Data(source=f"folder:{root}", size=12), tmp_path / "cache")
        assert first.startswith("Unreadable files skipped: 1 (a/p00/bad.png: ")
        assert "only subfolders" in last
    assert remarks_on(Data(), tmp_path / "cache") == ()


def test_the_fingerprint_of_a_given_split_of_8_bits_is_what_it_was(tmp_path):
    """Stored trials are named by it: the decoder's version, the classes, and class, side and content of every image."""
    rows = []
    for part in ("train", "test"):
        for i in range(6):
            path = tmp_path / "own" / part / "ab"[i % 2] / f"{i}.png"
            picture(path, i + 10 * (part == "test"))
            rows.append([i % 2, part == "test", hashlib.sha256(path.read_bytes()).hexdigest()])
    rows.sort(key=lambda row: (row[0], row[2]))
    named = hashlib.sha256(json.dumps([1, ["a", "b"], rows]).encode()).hexdigest()[:32]
    assert read(tmp_path / "own", Data()).fingerprint == f"folder-{named}"


def test_without_a_terminal_long_work_is_said_once(monkeypatch, capsys):
    monkeypatch.setattr("simclr_core.data.parallel.PATIENCE", -1.0)
    with patient_bar("decoding images to 32 x 32 pixels", 20_000) as advance:
        for _ in range(5):
            advance(4000)
    assert capsys.readouterr().err == "decoding images to 32 x 32 pixels (20,000)\n"
