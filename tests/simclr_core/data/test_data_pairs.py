"""A user's pairs: matched by name, split and grouped whole, named by both recordings' content."""

import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simclr_core.config import Data
from simclr_core.data import decode, fingerprint, folder, load, pairs, remarks_on
from simclr_core.data.images import UNLABELED, Dataset, ImageSet
from simclr_core.errors import BadInput


def picture(path: Path, number: int, brighter: int = 0, side: int = 12) -> None:
    """Different pixels for every number, the first of them telling which number it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng([number, brighter]).integers(0, 256, (side, side, 3), np.uint8)
    pixels[: side // 12, : side // 12] = number
    Image.fromarray(pixels).save(path)


def fill(root: Path, devices: tuple[str, str] = ("left", "right"), n: int = 20, sub: str = "") -> Path:
    """n pairs of each of two classes, all contents different."""
    for number in range(2 * n):
        for i, device in enumerate(devices):
            ending = (".png", ".bmp")[i]
            picture(root / device / sub / "ab"[number % 2] / f"{number:03}{ending}", number, i)
    return root


@pytest.fixture
def own(tmp_path) -> Path:
    return fill(tmp_path / "own")


def read(root: Path, said: Data = Data()) -> Dataset:  # noqa: B008 - frozen
    return pairs.load(str(root), 12, root.parent / "cache", said)


def numbers(images: np.ndarray) -> list[int]:
    """Which pictures these are."""
    return images[:, 0, 0, 0].tolist()


def refusal(root: Path, said: Data = Data()) -> str:  # noqa: B008 - frozen
    with pytest.raises(BadInput) as refused:
        read(root, said)
    sentence = str(refused.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


def the_one(dataset: Dataset, words: str) -> str:
    (line,) = [remark for remark in dataset.remarks if words in remark]
    return line


def other(part: ImageSet) -> np.ndarray:
    assert part.other is not None
    return part.other


# Matching.


def test_files_of_one_name_are_a_pair_whatever_they_end_in(own):
    loaded = read(own)
    assert loaded.class_names == ("a", "b")
    assert (len(loaded.train), len(loaded.test)) == (32, 8)
    for part in (loaded.train, loaded.test):
        assert numbers(part.images) == numbers(other(part))
        assert [number % 2 for number in numbers(part.images)] == part.labels.tolist()
    for number, image, second in zip(
        numbers(loaded.train.images), loaded.train.images, other(loaded.train), strict=True
    ):
        for seen, place in ((image, f"left/{'ab'[number % 2]}/{number:03}.png"),
                            (second, f"right/{'ab'[number % 2]}/{number:03}.bmp")):  # fmt: skip
            assert np.array_equal(seen.transpose(1, 2, 0), np.asarray(Image.open(own / place)))


def test_the_first_folder_by_name_is_the_left_one_and_that_is_said(tmp_path):
    loaded = read(fill(tmp_path / "own", ("visible", "infrared")))
    assert "40 pairs; infrared/ holds the left recordings, visible/ the right ones." in the_one(loaded, "holds the")
    number = numbers(loaded.test.images)[0]
    (place,) = (tmp_path / "own" / "infrared").rglob(f"{number:03}.*")
    assert np.array_equal(loaded.test.images[0].transpose(1, 2, 0), np.asarray(Image.open(place)))


def test_the_same_name_in_another_subfolder_is_another_pair(tmp_path):
    for device in ("left", "right"):
        for label in "ab":
            for i, day in enumerate(("monday", "tuesday")):
                picture(tmp_path / "own" / device / label / day / "001.png", 100 * (label == "b") + i, device == "left")
    loaded = read(tmp_path / "own")
    seen = numbers(loaded.train.images) + numbers(loaded.test.images)
    assert sorted(seen) == [0, 1, 100, 101]
    assert numbers(other(loaded.train)) == numbers(loaded.train.images)


def test_links_to_folders_of_one_name_are_told_apart_by_their_own(own, tmp_path):
    for device in ("left", "right"):
        (tmp_path / device).mkdir()
        (own / device).rename(tmp_path / device / "images")
        (own / device).symlink_to(tmp_path / device / "images")
    assert "left/ holds the left recordings, right/ the right ones" in the_one(read(own), "holds the")


def test_partners_are_of_one_split_class_and_folder_however_these_are_written(tmp_path):
    root = tmp_path / "own"
    for device, train, form in (("left", "train", "NFC"), ("right", "Training", "NFD")):
        for split, start in ((train, 0), ("test", 20)):
            for i in range(8):
                label, folder, name = (
                    unicodedata.normalize(form, text) for text in (f"é{i % 2}", "ä", f"{start + i} ö")
                )
                picture(root / device / split / label / folder / f"{name}.png", start + i, device == "left")
    loaded = read(root)
    assert (len(loaded.train), len(loaded.test)) == (8, 8)
    assert numbers(loaded.train.images) == numbers(other(loaded.train))


def test_files_without_a_partner_are_left_out_counted_and_three_are_named(own):
    for number in (2, 3, 4, 5):
        next((own / "right").rglob(f"{number:03}.*")).unlink()
    picture(own / "right" / "a" / "extra.png", 99)
    loaded = read(own)
    assert len(loaded.train) + len(loaded.test) == 36
    assert not {2, 3, 4, 5, 99} & {*numbers(loaded.train.images), *numbers(loaded.test.images)}
    said = the_one(loaded, "without a partner")
    assert said.endswith("left out: 5 (left/a/002.png, left/a/004.png, left/b/003.png, ...).")


def test_two_files_of_one_name_on_one_side_are_refused(own):
    picture(own / "left" / "a" / "002.bmp", 77)
    said = refusal(own)
    assert f"{own / 'left'}: 2 files are called alike" in said
    assert "a/002.bmp, a/002.png" in said


def test_an_unreadable_recording_takes_its_pair_along_and_both_are_not_in_the_set(own):
    (own / "right" / "a" / "006.bmp").write_bytes(b"BM and no more")
    loaded = read(own)
    assert len(loaded.train) + len(loaded.test) == 39
    assert 6 not in numbers(loaded.train.images) + numbers(loaded.test.images)
    (said,) = loaded.skipped
    assert said.startswith("right/a/006.bmp: ")
    for number in range(8, 14):
        next((own / "left").rglob(f"{number:03}.*")).write_bytes(b"no image")
    assert "of 7 of 40 pairs a file cannot be read" in refusal(own)


def test_nothing_readable_is_one_sentence(own):
    for place in own.rglob("*.*"):
        place.write_bytes(b"no image")
    assert "of 40 of 40 pairs a file cannot be read" in refusal(own)


# Layout.


def test_a_given_split_inside_both_folders_is_kept(tmp_path):
    root = tmp_path / "own"
    fill(root, n=6, sub="train")
    fill(root, n=3, sub="test")
    loaded = read(root)
    assert (len(loaded.train), len(loaded.test)) == (12, 6)
    assert numbers(loaded.test.images) == numbers(other(loaded.test))
    assert "6 of 6 test images are training images too" in the_one(loaded, f"{root / 'left'}: 6 of 6")
    assert "6 of 6 test images are training images too" in the_one(loaded, f"{root / 'right'}: 6 of 6")
    shutil.rmtree(root / "right")
    fill(tmp_path / "unsplit", n=3)
    shutil.move(tmp_path / "unsplit" / "right", root / "right")
    assert "left/ has train/ and test/, right/ has not" in refusal(root)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda own: shutil.rmtree(own), "No such file or directory; pairs:PATH takes a folder with two subfolders"),
        (lambda own: shutil.rmtree(own / "right"), "has 1 (left); pairs:PATH takes a folder with two subfolders"),
        (lambda own: (own / "third").mkdir(), "has 3 (left, right, third); pairs:PATH takes"),
        (lambda own: [(own / "left").rename(own / "train"), (own / "right").rename(own / "test")], "are a split"),
        (lambda own: (own / "left" / "a").rename(own / "left" / "c"), "one alone has left/c, right/a"),
        (lambda own: [p.rename(p.with_stem(f"x{p.stem}")) for p in (own / "left").rglob("*.png")], "has a partner in"),
    ],
)
def test_what_is_no_pair_of_folders_is_refused_in_one_sentence(own, change, words):
    change(own)
    assert words in refusal(own)


def test_pairs_side_by_side_have_no_labels_and_keep_their_other_recordings(tmp_path):
    for number in range(10):
        for i, device in enumerate(("left", "right")):
            picture(tmp_path / "own" / device / f"{number}.png", number, i)
    dataset = read(tmp_path / "own")
    assert not dataset.labeled
    assert (len(dataset.train), len(dataset.test)) == (8, 2)
    for part in (dataset.train, dataset.test):
        assert set(part.labels.tolist()) == {UNLABELED}
        assert numbers(other(part)) == numbers(part.images)
    assert "taken without labels, because they lie in no class folders" in the_one(dataset, "without labels")


def test_labels_none_takes_pairs_of_class_folders_without_labels(own):
    known, unknown = read(own), read(own, Data(labels="none"))
    assert not unknown.labeled
    for part, same in ((unknown.train, known.train), (unknown.test, known.test)):
        assert len(part) == len(same)
        assert numbers(other(part)) == numbers(part.images)
    assert unknown.fingerprint != known.fingerprint


def test_class_folders_on_one_side_alone_are_refused_unless_labels_are_none(own):
    for path in list((own / "right").rglob("*.bmp")):
        path.rename(own / "right" / path.name)
    assert "left/ has class folders, right/ has not; both or neither may, or --set data.labels=none" in refusal(own)


def test_pairs_without_a_label_are_trained_on_beside_those_with_one(tmp_path):
    root = tmp_path / "own"
    for number in range(24):
        for i, device in enumerate(("left", "right")):
            for split, name in (("train", ("a", "b", "unlabeled")[number % 3]), ("test", "ab"[number % 2])):
                picture(root / device / split / name / f"{number}.png", number + 24 * (split == "test"), i)
    dataset = read(root)
    assert (len(dataset.train), len(dataset.probe_train), len(dataset.test)) == (24, 16, 24)
    assert numbers(other(dataset.train)) == numbers(dataset.train.images)
    assert numbers(other(dataset.probe_train)) == numbers(dataset.probe_train.images)


# Whole pairs.


def test_pairs_that_share_a_recording_are_on_one_side(tmp_path):
    root = fill(tmp_path / "own", n=30)
    for start in range(
        0, 20, 4
    ):  # the left recordings of start and start + 2 are copies, the right ones of + 2 and + 4
        shutil.copy(root / f"left/a/{start:03}.png", root / f"left/a/{start + 2:03}.png")
        shutil.copy(root / f"right/a/{start + 2:03}.bmp", root / f"right/a/{start + 4:03}.bmp")
    loaded = read(root)
    chain = {*range(0, 22, 2)}
    sides = [chain & {*numbers(part.images), *numbers(other(part))} for part in (loaded.train, loaded.test)]
    assert len(sides[0]) * len(sides[1]) == 0
    assert len(loaded.test) >= 12


def test_whole_groups_are_held_out(tmp_path):
    for patient in range(20):
        for shot in range(4):
            for device in ("left", "right"):
                place = tmp_path / "own" / device / "ab"[patient % 2] / f"p{patient:02}" / f"{shot}.png"
                picture(place, patient, 10 * shot + (device == "right"))
    loaded = read(tmp_path / "own", Data(group="parent"))
    assert not {*numbers(loaded.train.images)} & {*numbers(loaded.test.images)}
    assert len(loaded.test) == 16
    for part in (loaded.train, loaded.test):
        assert part.groups is not None
        assert len({*zip(part.groups.tolist(), numbers(part.images), strict=True)}) == len({*part.groups.tolist()})
    assert "20 groups, 4 of them with the 16 test images" in the_one(loaded, "intervals count groups")
    assert loaded.fingerprint != read(tmp_path / "own").fingerprint
    picture(tmp_path / "own" / "left" / "a" / "loose.png", 90)
    picture(tmp_path / "own" / "right" / "a" / "loose.png", 91)
    assert "data.group: parent takes the folders below each class folder" in refusal(
        tmp_path / "own", Data(group="parent")
    )


# Pixels.


def test_each_side_has_its_own_size_and_its_own_range_of_intensities(tmp_path):
    root = tmp_path / "own"
    for number in range(8):
        label = "ab"[number % 2]
        picture(root / "left" / label / f"{number}.png", number, side=36)
        place = root / "right" / label / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        ramp = np.linspace(100, 1100 + number, 20 * 20).reshape(20, 20).astype(np.uint16)
        Image.fromarray(ramp).save(place)
    loaded = read(root)
    assert loaded.train.images.shape == other(loaded.train).shape == (len(loaded.train), 3, 12, 12)
    assert (other(loaded.train)[0].min(), other(loaded.train)[0].max()) == (
        pytest.approx(5, abs=6),
        pytest.approx(250, abs=6),
    )
    assert f"{root / 'right'}: of 8 images of more than 8 bits" in the_one(loaded, "more than 8 bits")
    assert f"{root / 'left'}: images of up to 36 x 36" in the_one(loaded, "are shrunk")
    other_range = read(root, Data(range=(0, 2000)))
    assert other_range.fingerprint != loaded.fingerprint
    assert other(other_range.train).max() < 150


# Names.


def test_the_fingerprint_covers_both_sides_and_neither_names_nor_places(own, tmp_path):
    first = read(own)
    moved = shutil.copytree(own, tmp_path / "elsewhere")
    for side, name in (("left", "camera 1"), ("right", "camera 2")):
        (moved / side).rename(moved / name)
    for place in [*moved.rglob("*.bmp"), *moved.rglob("*.png")]:
        place.rename(place.with_stem(f"shot {place.stem}"))
    assert read(moved).fingerprint == first.fingerprint
    prints = {first.fingerprint, folder.load(str(own / "left"), 12, tmp_path / "cache").fingerprint}
    for side in ("left", "right"):
        changed = shutil.copytree(own, tmp_path / f"changed {side}")
        picture(next((changed / side).rglob("004.*")), 4, 50)
        prints.add(read(changed).fingerprint)
    swapped = shutil.copytree(own, tmp_path / "swapped")
    (swapped / "left").rename(swapped / "z")
    prints.add(read(swapped).fingerprint)
    exchanged = shutil.copytree(own, tmp_path / "exchanged")  # the same files, but two right ones change partners
    places = [exchanged / f"right/a/{number}.bmp" for number in ("004", "006")]
    contents = [place.read_bytes() for place in places]
    for place, content in zip(places, reversed(contents), strict=True):
        place.write_bytes(content)
    prints.add(read(exchanged).fingerprint)
    assert len(prints) == 6
    assert all(name.startswith(("pairs-", "folder-")) for name in prints)


def test_the_second_start_decodes_nothing_and_a_damaged_cache_is_made_again(own, monkeypatch):
    first, seen = read(own), []
    known = np.array(other(first.test))

    def counted(path: Path, *how) -> np.ndarray:
        seen.append(path)
        return decode.decode(path, *how)

    monkeypatch.setattr(folder, "decode", counted)
    again = read(own)
    assert isinstance(other(again.train), np.memmap)
    assert again.fingerprint == first.fingerprint
    assert np.array_equal(other(again.test), known)
    assert again.remarks == first.remarks
    assert not seen
    (damaged,) = (own.parent / "cache" / "pairs").glob("*-second.npy")
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert np.array_equal(other(read(own).test), known)
    assert len(seen) == 80


def test_pairs_are_a_source_like_others(own, tmp_path):
    said = Data(source=f"pairs:{own}", size=12, limit=10, test_limit=4)
    loaded = load(said, tmp_path / "cache")
    assert (len(loaded.train), len(other(loaded.train)), len(other(loaded.test))) == (10, 10, 4)
    assert numbers(loaded.train.images) == numbers(other(loaded.train))
    assert fingerprint(said, tmp_path / "cache") == loaded.fingerprint
    assert "left recordings" in remarks_on(said, tmp_path / "cache")[0]
    assert loaded.title == "pairs own"


@pytest.mark.parametrize("said", [{"test": "folder:elsewhere"}, {"group": "manifest"}])
def test_what_only_a_folder_has_is_refused_of_pairs(tmp_path, said):
    with pytest.raises(BadInput, match=r"is for --data folder:PATH, not for pairs:own\.$"):
        fingerprint(Data(source="pairs:own", **said), tmp_path)
