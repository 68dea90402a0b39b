"""CIFAR-10 through torchvision, on a tiny set in the format of the real one; nothing is downloaded."""

import hashlib
import pickle
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torchvision
from torchvision.datasets import CIFAR10

from simclr_core.config import Data
from simclr_core.data import cifar10, fingerprint
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
    loaded = cifar10.load(32, cache)
    raw = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32)
    labels = [label for batch in batches for label in batch["labels"]]
    np.testing.assert_array_equal(loaded.train.images, raw[:50])
    np.testing.assert_array_equal(loaded.test.images, raw[50:])
    assert [*loaded.train.labels, *loaded.test.labels] == labels
    assert loaded.class_names == tuple(CLASSES)
    assert loaded.title == "CIFAR-10"


def test_the_second_start_maps_the_cache_and_needs_no_torchvision(tiny_cifar, monkeypatch):
    cache, _ = tiny_cifar
    first = cifar10.load(32, cache)
    monkeypatch.setattr(cifar10, "fetch", lambda *_: pytest.fail("fetched again"))
    second = cifar10.load(32, cache)
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
    ],
)
def test_without_a_network_one_sentence_says_what_failed_and_what_to_do(tmp_path, monkeypatch, failure):
    def no_network(*_args, **_kwargs):
        raise failure

    monkeypatch.setattr(torchvision.datasets.cifar, "download_and_extract_archive", no_network)
    with pytest.raises(BadInput) as refusal:
        cifar10.load(32, tmp_path)
    said = str(refusal.value)
    assert str(tmp_path / "cifar10-torchvision") in said
    assert str(getattr(failure, "reason", None) or failure.args[-1]) in said
    assert "put cifar-10-python.tar.gz there by hand" in said
    assert "--data folder:PATH" in said
    assert "\n" not in said


def test_another_size_is_refused_before_anything_is_downloaded(tmp_path):
    with pytest.raises(BadInput, match=r"^data.size: CIFAR-10 has 32 pixels, got 24; allowed: 32\.$"):
        cifar10.load(24, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_fingerprint_names_the_archive_that_torchvision_checks(tmp_path):
    assert fingerprint(Data(source="cifar10", size=32), tmp_path) == f"cifar10-{CIFAR10.tgz_md5}"
    assert not list(tmp_path.iterdir())
