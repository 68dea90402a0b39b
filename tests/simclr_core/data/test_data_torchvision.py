"""Sets of torchvision, each on a tiny set in the format of the real one, as if downloaded; the network is not used."""

import hashlib
import http.client
import json
import pickle
import tarfile
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torchvision
from PIL import Image
from scipy.io import savemat
from torchvision import datasets
from torchvision.datasets import CIFAR10

from simclr_core.config import DOWNLOADED, Data
from simclr_core.data import embedded, fingerprint, load, torchvision_sets
from simclr_core.data.decode import decode
from simclr_core.data.images import UNLABELED
from simclr_core.data.torchvision_sets import SETS
from simclr_core.errors import BadInput

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def pickled(folder: Path, name: str, content: dict[str, object]) -> list[str]:
    body = pickle.dumps(content)
    (folder / name).write_bytes(body)
    return [name, hashlib.md5(body).hexdigest()]


@pytest.fixture
def tiny_cifar(tmp_path, monkeypatch):
    """Five batches of 10 images and a test batch, in place as if downloaded; returns the cache and the raw batches."""
    folder = tmp_path / "cifar10-torchvision" / CIFAR10.base_folder
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    batches = [
        {"data": rng.integers(0, 256, (10, 3072), np.uint8), "labels": rng.permutation(10).tolist()} for _ in names
    ]
    listed = [pickled(folder, name, batch) for name, batch in zip(names, batches, strict=True)]
    meta_name, meta_md5 = pickled(folder, "batches.meta", {"label_names": CLASSES})
    monkeypatch.setattr(CIFAR10, "train_list", listed[:5])
    monkeypatch.setattr(CIFAR10, "test_list", listed[5:])
    monkeypatch.setattr(CIFAR10, "meta", {"filename": meta_name, "key": "label_names", "md5": meta_md5})
    return tmp_path, batches


def test_pixels_and_labels_are_those_of_the_batches(tiny_cifar):
    cache, batches = tiny_cifar
    loaded = torchvision_sets.load("cifar10", 32, cache)
    raw = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32)
    labels = [label for batch in batches for label in batch["labels"]]
    np.testing.assert_array_equal(loaded.train.images, raw[:50])
    np.testing.assert_array_equal(loaded.test.images, raw[50:])
    assert [*loaded.train.labels, *loaded.test.labels] == labels
    assert loaded.class_names == tuple(CLASSES)
    assert loaded.title == "CIFAR-10"


def test_the_second_start_maps_the_cache_and_needs_no_torchvision(tiny_cifar, monkeypatch):
    cache, _ = tiny_cifar
    first = torchvision_sets.load("cifar10", 32, cache)
    monkeypatch.setattr(torchvision_sets, "prepare", lambda *_: pytest.fail("fetched again"))
    second = torchvision_sets.load("cifar10", 32, cache)
    np.testing.assert_array_equal(first.train.images, second.train.images)
    assert isinstance(second.train.images, np.memmap)
    assert not second.train.images.flags.writeable


@pytest.mark.parametrize(
    "failure",
    [
        urllib.error.URLError("Name or service not known"),
        ConnectionResetError(104, "Connection reset by peer"),
        TimeoutError("timed out"),
        RuntimeError("File not found or corrupted."),
        http.client.IncompleteRead(b""),
        tarfile.ReadError("not a gzip file"),
    ],
)
def test_without_a_network_one_sentence_says_what_failed_and_what_to_do(tmp_path, monkeypatch, failure):
    def no_network(*_args, **_kwargs):
        raise failure

    monkeypatch.setattr(torchvision.datasets.cifar, "download_and_extract_archive", no_network)
    with pytest.raises(BadInput) as refusal:
        torchvision_sets.load("cifar10", 32, tmp_path)
    said = str(refusal.value)
    assert str(tmp_path / "cifar10-torchvision") in said
    assert str(getattr(failure, "reason", None) or getattr(failure, "strerror", None) or failure) in said
    assert "put cifar-10-python.tar.gz there by hand" in said
    assert "--data folder:PATH" in said
    assert "\n" not in said


def test_another_size_is_refused_before_anything_is_downloaded(tmp_path):
    with pytest.raises(BadInput, match=r"^data.size: CIFAR-10 has 32 pixels, got 24; allowed: 32\.$"):
        torchvision_sets.load("cifar10", 24, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_fingerprint_names_the_archive_that_torchvision_checks(tmp_path):
    assert fingerprint(Data(source="cifar10", size=32), tmp_path) == f"cifar10-{CIFAR10.tgz_md5}"
    assert not list(tmp_path.iterdir())


Truth = tuple[list[np.ndarray], list[int]]  # pixels (3, S, S) and labels


def photo(path: Path, seed: int) -> np.ndarray:
    """A picture of no square format, and what a user's own file with it would be decoded to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 30, 3), np.uint8)).save(path)
    return decode(path, 16)


def photos(folder: Path, names: list[str], labels: list[int], start: int = 0) -> Truth:
    return [photo(folder / name, start + i) for i, name in enumerate(names)], labels


def lines(path: Path, *text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(text) + "\n")


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def food101(root: Path, _monkeypatch) -> tuple[Truth, Truth]:
    found = []
    for start, split in ((0, "train"), (10, "test")):
        lines(root / f"food-101/meta/{split}.json", json.dumps({c: [f"{c}/{split}{i}" for i in (0, 1)] for c in "ab"}))
        names = [f"{c}/{split}{i}.jpg" for c in "ab" for i in (0, 1)]
        found.append(photos(root / "food-101/images", names, [0, 0, 1, 1], start))
    return found[0], found[1]


def dtd(root: Path, _monkeypatch) -> tuple[Truth, Truth]:
    """Train, val and test of the first split; another split's lists are there and must not be read."""
    found = []
    for start, split in ((0, "train"), (10, "val"), (20, "test")):
        names = [f"{c}/{split}.jpg" for c in ("banded", "woven")]
        lines(root / f"dtd/dtd/labels/{split}1.txt", *names)
        lines(root / f"dtd/dtd/labels/{split}2.txt", "banded/none.jpg")
        found.append(photos(root / "dtd/dtd/images", names, [0, 1], start))
    return (found[0][0] + found[1][0], [0, 1, 0, 1]), found[2]


def flowers102(root: Path, monkeypatch) -> tuple[Truth, Truth]:
    folder = root / "flowers-102"
    pixels, _ = photos(folder / "jpg", [f"image_{i:05d}.jpg" for i in range(1, 7)], [])
    savemat(folder / "imagelabels.mat", {"labels": [[1, 2, 1, 2, 2, 1]]})
    savemat(folder / "setid.mat", {"trnid": [[1, 2]], "valid": [[3, 4]], "tstid": [[6, 5]]})
    files = {key: (name, md5(folder / name)) for key, name in (("label", "imagelabels.mat"), ("setid", "setid.mat"))}
    monkeypatch.setattr(datasets.Flowers102, "_file_dict", datasets.Flowers102._file_dict | files)
    return (pixels[:4], [0, 1, 0, 1]), ([pixels[5], pixels[4]], [0, 1])


def pets(root: Path, _monkeypatch) -> tuple[Truth, Truth]:
    folder = root / "oxford-iiit-pet"
    found = []
    for start, split in ((0, "trainval"), (10, "test")):
        names = [f"{breed}_{start + i}" for breed in ("Abyssinian", "pug") for i in (1, 2)]
        labels = [0, 0, 1, 1]
        rows = [f"{name} {label + 1} 1 1" for name, label in zip(names, labels, strict=True)]
        lines(folder / f"annotations/{split}.txt", *rows)
        found.append(photos(folder / "images", [f"{name}.jpg" for name in names], labels, start))
    return found[0], found[1]


def aircraft(root: Path, _monkeypatch) -> tuple[Truth, Truth]:
    folder = root / "fgvc-aircraft-2013b/data"
    lines(folder / "variants.txt", "707-320", "A300B4")
    found = []
    for start, split in ((0, "trainval"), (10, "test")):
        lines(folder / f"images_variant_{split}.txt", f"{start} A300B4", f"{start + 1} 707-320")
        found.append(photos(folder / "images", [f"{start}.jpg", f"{start + 1}.jpg"], [1, 0], start))
    return found[0], found[1]


def stl10(root: Path, monkeypatch) -> tuple[Truth, Truth]:
    """Columns come first in its files."""
    folder, rng, found = root / "stl10_binary", np.random.default_rng(0), []
    lines(folder / "class_names.txt", "airplane", "bird")
    for split in ("train", "test"):
        images, labels = rng.integers(0, 256, (3, 3, 96, 96), np.uint8), np.array([2, 1, 2], np.uint8)
        images.transpose(0, 1, 3, 2).tofile(folder / f"{split}_X.bin")
        labels.tofile(folder / f"{split}_y.bin")
        names = [f"{split}_X.bin", f"{split}_y.bin"]
        monkeypatch.setattr(datasets.STL10, f"{split}_list", [[name, md5(folder / name)] for name in names])
        sixth = [
            np.asarray(Image.fromarray(i.transpose(1, 2, 0)).resize((16, 16), Image.Resampling.BICUBIC)) for i in images
        ]
        found.append(([image.transpose(2, 0, 1) for image in sixth], [1, 0, 1]))
    return found[0], found[1]


def svhn(root: Path, monkeypatch) -> tuple[Truth, Truth]:
    """The digit 0 is class 10 in its files."""
    root.mkdir(parents=True, exist_ok=True)
    rng, found, listed = np.random.default_rng(0), [], {}
    for split in ("train", "test"):
        images, path = rng.integers(0, 256, (32, 32, 3, 4), np.uint8), root / f"{split}_32x32.mat"
        savemat(path, {"X": images, "y": np.array([[10], [1], [9], [1]], np.uint8)})
        listed[split] = ["http://nowhere", path.name, md5(path)]
        found.append((list(images.transpose(3, 2, 0, 1)), [0, 1, 9, 1]))
    monkeypatch.setattr(datasets.SVHN, "split_list", listed)
    return found[0], found[1]


def cifar100(root: Path, monkeypatch) -> tuple[Truth, Truth]:
    """A CIFAR-100 with two kinds of labels, of which the hundred fine ones count."""
    folder, rng, found = root / "cifar-100-python", np.random.default_rng(0), []
    folder.mkdir(parents=True)
    for split in ("train", "test"):
        data, labels = rng.integers(0, 256, (4, 3072), np.uint8), [1, 0, 1, 0]
        content = {"data": data, "fine_labels": labels, "coarse_labels": [7] * 4}
        monkeypatch.setattr(datasets.CIFAR100, f"{split}_list", [pickled(folder, split, content)])
        found.append((list(data.reshape(-1, 3, 32, 32)), labels))
    name, checked = pickled(folder, "meta", {"fine_label_names": ["apple", "bear"], "coarse_label_names": ["fruit"]})
    monkeypatch.setattr(datasets.CIFAR100, "meta", {"filename": name, "key": "fine_label_names", "md5": checked})
    return found[0], found[1]


NAMES = {
    "food101": ("a", "b"),
    "dtd": ("banded", "woven"),
    "flowers102": tuple(datasets.Flowers102.classes),
    "pets": ("Abyssinian", "Pug"),
    "aircraft": ("707-320", "A300B4"),
    "stl10": ("airplane", "bird"),
    "svhn": tuple("0123456789"),
    "cifar100": ("apple", "bear"),
}
FAKES = (food101, dtd, flowers102, pets, aircraft, stl10, svhn, cifar100)


@pytest.mark.parametrize("fake", FAKES)
def test_a_set_has_its_official_splits_decoded_as_a_users_files_are(fake, tmp_path, monkeypatch):
    name = fake.__name__
    train, test = fake(tmp_path / f"{name}-torchvision", monkeypatch)
    whole = load(Data(source=name, size=SETS[name].side or 16), tmp_path)
    for part, (pixels, labels) in ((whole.train, train), (whole.test, test)):
        np.testing.assert_array_equal(part.images, np.stack(pixels))
        assert part.labels.tolist() == labels
    assert whole.class_names == NAMES[name]
    assert whole.title == SETS[name].title
    assert whole.fingerprint == fingerprint(Data(source=name, size=SETS[name].side or 16), tmp_path)


def test_stl10_with_its_unlabeled_images_trains_on_all_and_probes_on_those_with_a_label(tmp_path, monkeypatch):
    train, test = stl10(tmp_path / "stl10-torchvision", monkeypatch)
    unlabeled = np.random.default_rng(7).integers(0, 256, (5, 3, 96, 96), np.uint8)
    path = tmp_path / "stl10-torchvision/stl10_binary/unlabeled_X.bin"
    unlabeled.transpose(0, 1, 3, 2).tofile(path)
    listed = [*datasets.STL10.train_list[:2], [path.name, md5(path)]]
    monkeypatch.setattr(datasets.STL10, "train_list", listed)
    whole = load(Data(source="stl10-unlabeled", size=96), tmp_path)
    assert whole.train.labels.tolist() == [*train[1], *[UNLABELED] * 5]
    np.testing.assert_array_equal(whole.train.images[3:], unlabeled)
    assert whole.probe_train.labels.tolist() == train[1]
    np.testing.assert_array_equal(whole.probe_train.images, whole.train.images[:3])
    assert whole.test.labels.tolist() == test[1]
    assert whole.class_names == NAMES["stl10"]
    some = load(Data(source="stl10-unlabeled", size=96, limit=6), tmp_path)
    assert sorted(some.train.labels) == [UNLABELED] * 3 + [0, 1, 1]


@pytest.mark.parametrize("name", SETS)
def test_without_a_network_every_set_says_in_one_sentence_what_to_put_where(name, tmp_path, monkeypatch):
    """The archives' names and the folder are those under which torchvision looks for them."""
    asked = []

    def no_network(request, *_args, **_kwargs):
        asked.append(request.full_url)
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    with pytest.raises(BadInput) as refusal:
        torchvision_sets.load(name, 32, tmp_path)
    said, source = str(refusal.value), SETS[name]
    assert said.startswith(f"{source.title} is not in {tmp_path}")
    assert f"could not be downloaded from {source.address} (Name or service not known)" in said
    assert "--data folder:PATH" in said
    assert "\n" not in said
    assert asked == [f"{source.address}/{source.archives[0]}"]
    folder = tmp_path / f"{name.removesuffix('-unlabeled')}-torchvision" / source.folder
    assert folder.is_dir()
    assert f"put {', '.join(source.archives)} there by hand" in said


def test_every_set_that_a_recipe_may_name_is_there_with_the_version_that_torchvision_checks():
    assert set(SETS) == set(DOWNLOADED)
    checked = {
        "cifar10": datasets.CIFAR10.tgz_md5,
        "cifar100": datasets.CIFAR100.tgz_md5,
        "svhn": datasets.SVHN.split_list["train"][2],
        "stl10": datasets.STL10.tgz_md5,
        "stl10-unlabeled": datasets.STL10.tgz_md5,
        "food101": datasets.Food101._MD5,
        "dtd": datasets.DTD._MD5,
        "flowers102": datasets.Flowers102._file_dict["image"][1],
        "pets": datasets.OxfordIIITPet._RESOURCES[0][1],
        "aircraft": datasets.FGVCAircraft._URL.removesuffix(".tar.gz")[-5:],
    }
    assert {name: source.version for name, source in SETS.items()} == checked


def test_another_size_is_another_set_where_images_are_resized(tmp_path):
    marks = {fingerprint(Data(source=name, size=size), tmp_path) for name in SETS for size in (24, 48)}
    fixed = [name for name, source in SETS.items() if source.side]
    assert len(marks) == 2 * len(SETS) - len(fixed)
    assert embedded.FINGERPRINT not in marks


def test_a_damaged_picture_is_one_sentence_with_what_to_do(tmp_path, monkeypatch):
    root = tmp_path / "dtd-torchvision"
    dtd(root, monkeypatch)
    (root / "dtd/dtd/images/woven/val.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(BadInput) as refusal:
        torchvision_sets.load("dtd", 16, tmp_path)
    assert str(refusal.value).startswith(f"{root}: 1 of 2 images of Describable Textures cannot be read (")
    assert str(refusal.value).endswith("; delete this folder to have them downloaded again.")


def test_a_missing_picture_of_the_pets_is_one_sentence_too(tmp_path, monkeypatch):
    """torchvision opens their files itself."""
    root = tmp_path / "pets-torchvision"
    pets(root, monkeypatch)
    (root / "oxford-iiit-pet/images/pug_2.jpg").unlink()
    with pytest.raises(BadInput, match=r"1 of 4 images of Oxford-IIIT Pets cannot be read \(No such file"):
        torchvision_sets.load("pets", 16, tmp_path)
