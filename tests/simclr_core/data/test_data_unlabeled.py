"""Images without labels: what a folder's structure says, who trains on what, and how data sets are named."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from builders.photographs import photographs

from simclr_core.config import Data, Recipe
from simclr_core.data import fingerprint, load, remarks_on
from simclr_core.data.images import UNLABELED, Dataset, ImageSet
from simclr_core.errors import BadInput


def own(path: Path, **said) -> Data:
    return Data(source=f"folder:{path}", size=12, **said)


def contents(images: ImageSet) -> set[bytes]:
    return {image.tobytes() for image in images.images}


def taken(dataset: Dataset) -> tuple[int, int, bool]:
    """How many images are trained and tested on, and whether they have labels."""
    return len(dataset.train), len(dataset.test), dataset.labeled


def labels(images: ImageSet) -> set[int]:
    return set(images.labels.tolist())


def test_images_side_by_side_have_no_labels_and_a_fifth_is_held_out(tmp_path):
    whole = load(own(photographs(tmp_path / "flat", 20)), tmp_path)
    assert taken(whole) == (16, 4, False)
    assert labels(whole.train) == labels(whole.test) == {UNLABELED}
    assert len(contents(whole.train) | contents(whole.test)) == 20
    assert whole.probe_train is whole.train


def test_the_split_of_a_flat_folder_goes_by_content(tmp_path):
    before = load(own(photographs(tmp_path / "flat", 20)), tmp_path)
    moved = tmp_path / "elsewhere"
    for i, path in enumerate(sorted((tmp_path / "flat").iterdir(), reverse=True)):
        (moved / "deep" if i % 2 else moved).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, (moved / "deep" if i % 2 else moved) / f"renamed{i}.png")
    after = load(own(moved), tmp_path)
    assert after.fingerprint == before.fingerprint
    np.testing.assert_array_equal(after.test.images, before.test.images)
    np.testing.assert_array_equal(after.train.images, before.train.images)


def test_a_copy_of_a_test_image_is_a_test_image(tmp_path):
    flat = photographs(tmp_path / "flat", 10)
    for path in list(flat.iterdir()):
        shutil.copy(path, flat / f"copy-{path.name}")
    whole = load(own(flat), tmp_path)
    assert not contents(whole.train) & contents(whole.test)


def test_train_and_test_of_flat_images_are_the_split(tmp_path):
    for name, n, start in (("train", 7, 0), ("test", 3, 7)):
        photographs(tmp_path / "own" / name, n, start)
    assert taken(load(own(tmp_path / "own"), tmp_path)) == (7, 3, False)


def test_validation_images_without_labels_are_tested_on_where_there_are_no_others(tmp_path):
    for name, n, start in (("train", 7, 0), ("val", 3, 7)):
        photographs(tmp_path / "own" / name, n, start)
    whole = load(own(tmp_path / "own"), tmp_path)
    assert taken(whole) == (7, 3, False)
    assert whole.validation is None
    assert any("has no test images; its validation images are tested on" in one for one in whole.remarks)
    more = shutil.copytree(tmp_path / "own", tmp_path / "more")
    photographs(more / "test", 4, 20)
    whole = load(own(more), tmp_path)
    assert taken(whole) == (7, 4, False)
    assert whole.validation is not None
    assert labels(whole.validation) == {UNLABELED}
    assert any("without labels its validation images serve for nothing" in one for one in whole.remarks)


def test_train_alone_without_labels_is_split(tmp_path):
    for name in ("train", "train/deep"):
        photographs(tmp_path / "own" / name, 5, len(name))
    said = own(tmp_path / "own", labels="none")
    assert taken(load(said, tmp_path)) == (8, 2, False)


def test_test_images_elsewhere_need_labels_only_where_the_others_have_some(tmp_path):
    flat, classes = photographs(tmp_path / "flat", 10), tmp_path / "classes"
    for i, name in enumerate("ab"):
        photographs(classes / name, 5, 20 + 5 * i)
    assert taken(load(own(flat, test=f"folder:{classes}"), tmp_path)) == (10, 10, False)
    with pytest.raises(BadInput, match=r"flat: the images of data.test have no labels, but those of .*classes have\.$"):
        load(own(classes, test=f"folder:{flat}"), tmp_path)


def test_a_manifest_needs_labels_unless_none_are_asked_for(tmp_path):
    flat = photographs(tmp_path / "flat", 10)
    lines = [f"{path.name},{'test' if i < 3 else 'train'}" for i, path in enumerate(sorted(flat.iterdir()))]
    (flat / "metadata.csv").write_text("\n".join(["file_name,split", *lines]))
    with pytest.raises(BadInput, match="has no column label"):
        load(own(flat), tmp_path)
    assert taken(load(own(flat, labels="none"), tmp_path)) == (7, 3, False)


def test_class_folders_are_classes_whatever_lies_beside_them(tmp_path):
    for name, start in (("a", 0), ("b", 10)):
        photographs(tmp_path / "own" / name, 10, start)
    alone = load(own(tmp_path / "own"), tmp_path)
    shutil.copytree(tmp_path / "own", tmp_path / "more")
    beside = load(own(photographs(tmp_path / "more", 3, 20)), tmp_path)
    assert beside.class_names == alone.class_names == ("a", "b")
    assert beside.fingerprint == alone.fingerprint


def test_folders_without_images_beside_images_are_no_classes(tmp_path):
    photographs(tmp_path / "own", 10)
    for name in ("notes", "raw"):
        (tmp_path / "own" / name).mkdir()
        (tmp_path / "own" / name / "read me.txt").write_text("")
    assert taken(load(own(tmp_path / "own"), tmp_path)) == (8, 2, False)


@pytest.mark.parametrize("names", [("a", "b"), ("one",), ("a/deep", "b")])
def test_labels_none_takes_any_nested_folder_without_labels(tmp_path, names):
    for i, name in enumerate(names):
        photographs(tmp_path / "own" / name, 10, 10 * i)
    whole = load(own(tmp_path / "own", labels="none"), tmp_path)
    assert taken(whole) == (8 * len(names), 2 * len(names), False)


def test_one_class_folder_is_told_of_labels_none(tmp_path):
    photographs(tmp_path / "own/one", 5)
    with pytest.raises(BadInput, match=r"has only one class folder, 'one'; .*or --set data.labels=none for images wit"):
        load(own(tmp_path / "own"), tmp_path)


def test_groups_of_images_without_labels_are_held_out_whole(tmp_path):
    for patient in range(10):
        photographs(tmp_path / "own" / f"p{patient}", 3, 3 * patient)
    whole = load(own(tmp_path / "own", labels="none", group="parent"), tmp_path)
    assert not set(whole.train.groups) & set(whole.test.groups)
    assert len(set(whole.test.groups)) == 2
    (said,) = (one for one in remarks_on(own(tmp_path / "own", labels="none"), tmp_path) if "subfolders" in one)
    assert "all images lie in subfolders (p0, p1, p2, ...)" in said


def partly_labeled(path: Path) -> Path:
    for name, n, start in (("train/a", 4, 0), ("train/b", 4, 4), ("test/a", 3, 8), ("test/b", 3, 11)):
        photographs(path / name, n, start)
    photographs(path / "train/Unlabeled/deep", 30, 20)
    return path


def test_unlabeled_within_train_is_trained_on_and_not_probed_on(tmp_path):
    whole = load(own(partly_labeled(tmp_path / "own")), tmp_path)
    assert taken(whole) == (38, 6, True)
    assert whole.class_names == ("a", "b")
    assert (whole.train.labels == UNLABELED).sum() == 30
    assert len(whole.probe_train) == 8
    shutil.copytree(tmp_path / "own", tmp_path / "less", ignore=shutil.ignore_patterns("Unlabeled"))
    without = load(own(tmp_path / "less"), tmp_path)
    np.testing.assert_array_equal(whole.probe_train.images, without.train.images)
    np.testing.assert_array_equal(whole.probe_train.labels, without.train.labels)
    np.testing.assert_array_equal(whole.test.images, without.test.images)
    assert whole.fingerprint != without.fingerprint


def test_unlabeled_within_train_needs_images_to_measure_on(tmp_path):
    path = partly_labeled(tmp_path / "own")
    (path / "test").rename(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match=r"training images without a label, but no test/, val/ or data\.test to measure"):
        load(own(path), tmp_path)
    assert taken(load(own(path, test=f"folder:{tmp_path / 'elsewhere'}"), tmp_path)) == (38, 6, True)
    (tmp_path / "elsewhere").rename(path / "val")
    assert taken(load(own(path), tmp_path)) == (38, 6, True)


def test_unlabeled_in_train_and_test_is_a_class_as_any_other(tmp_path):
    for split, start in (("train", 0), ("test", 9)):
        for i, name in enumerate(("a", "unlabeled")):
            photographs(tmp_path / "own" / split / name, 4, start + 4 * i)
    assert load(own(tmp_path / "own"), tmp_path).class_names == ("a", "unlabeled")


def test_an_image_with_a_label_and_again_without_has_one_label(tmp_path):
    path = partly_labeled(tmp_path / "own")
    shutil.copy(path / "train/a/000.png", path / "train/Unlabeled/again.png")
    shutil.copy(path / "test/a/008.png", path / "train/Unlabeled/leak.png")
    said = remarks_on(own(path), tmp_path)
    assert not any("more than one label" in one for one in said)
    assert any("1 of 6 test images are training images too" in one for one in said)


def test_what_has_no_label_is_said_once(tmp_path):
    flat = photographs(tmp_path / "flat", 20)
    said = remarks_on(own(flat), tmp_path)
    assert said[0] == f"{flat}: its 20 images are taken without labels, because they lie in no class folders."
    assert remarks_on(own(flat, labels="none"), tmp_path)[0] == f"{flat}: its 20 images are taken without labels."
    path = partly_labeled(tmp_path / "own")
    assert remarks_on(own(path), tmp_path)[0] == (
        f"{path}: 30 training images have no label: the encoder trains on all 38, probes on the 8 with one."
    )


def test_a_limit_counts_images_without_a_label_as_one_more_class(tmp_path):
    whole = load(own(partly_labeled(tmp_path / "own"), limit=9), tmp_path)
    assert np.unique(whole.train.labels, return_counts=True)[1].tolist() == [3, 3, 3]
    flat = load(own(photographs(tmp_path / "flat", 20), limit=5, test_limit=2), tmp_path)
    assert taken(flat) == (5, 2, False)


def test_labels_none_leaves_a_public_sets_images_as_they_are(tmp_path):
    known, unknown = (load(Data(labels=labels, limit=50, test_limit=20), tmp_path) for labels in (None, "none"))
    assert known.labeled
    assert taken(unknown) == (50, 20, False)
    assert known.fingerprint == unknown.fingerprint
    assert Recipe(data=Data()).trial_id("x") != Recipe(data=Data(labels="none")).trial_id("x")


# Pretraining on one data set, probing on another


def probing(path: Path) -> Path:
    for split, n, start in (("train", 6, 100), ("test", 4, 120)):
        for i, name in enumerate("xy"):
            photographs(path / split / name, n, start + 10 * i)
    return path


def test_another_source_can_be_probed_on(tmp_path):
    a, b = photographs(tmp_path / "a", 20), probing(tmp_path / "b")
    both = load(own(a, probe=f"folder:{b}"), tmp_path)
    first, second = load(own(a), tmp_path), load(own(b), tmp_path)
    np.testing.assert_array_equal(both.train.images, first.train.images)
    assert labels(both.train) == {UNLABELED}
    np.testing.assert_array_equal(both.probe_train.images, second.train.images)
    np.testing.assert_array_equal(both.probe_train.labels, second.train.labels)
    np.testing.assert_array_equal(both.test.images, second.test.images)
    assert both.class_names == ("x", "y")
    assert both.title == "folder a, probed on folder b"
    assert both.fingerprint == fingerprint(own(a, probe=f"folder:{b}"), tmp_path)
    assert both.fingerprint not in (first.fingerprint, second.fingerprint)


def test_the_labels_of_what_is_pretrained_on_are_not_used_and_its_groups_are_not_asked(tmp_path):
    b = probing(tmp_path / "b")
    for i, patient in enumerate(("train/x/p1", "train/x/p2", "train/y/p3", "test/x/p4", "test/y/p5")):
        photographs(tmp_path / "c" / patient, 3, 200 + 3 * i)
    both = load(own(b, probe=f"folder:{tmp_path / 'c'}", group="parent"), tmp_path)
    assert labels(both.train) == {UNLABELED}
    assert both.train.groups is None
    assert len(set(both.test.groups)) == 2


def test_test_and_validation_images_are_those_of_what_is_probed(tmp_path):
    a, b = photographs(tmp_path / "a", 20), probing(tmp_path / "b")
    (b / "test").rename(tmp_path / "elsewhere")
    both = load(own(a, probe=f"folder:{b}", test=f"folder:{tmp_path / 'elsewhere'}"), tmp_path)
    assert taken(both) == (16, 8, True)
    shutil.copytree(tmp_path / "elsewhere", b / "test")
    (tmp_path / "elsewhere").rename(b / "val")
    both = load(own(a, probe=f"folder:{b}"), tmp_path)
    assert both.validation is not None
    assert labels(both.validation) == {0, 1}


@pytest.mark.parametrize("said", [Data(probe="pairs:x"), Data(source="embedded-pairs", probe="embedded")])
def test_two_recordings_are_neither_pretrained_on_nor_probed_where_probes_are_elsewhere(tmp_path, said):
    with pytest.raises(
        BadInput, match=r"^data\.probe: is for images of one recording each, and those of .* have two\.$"
    ):
        load(said, tmp_path)


def test_both_have_as_many_channels(tmp_path):
    said = own(photographs(tmp_path / "a", 10), probe="embedded", channels=1)
    with pytest.raises(BadInput, match=r"has 3 channel\(s\), but folder a, .* has 1; allowed: as many"):
        load(said.model_copy(update={"size": 24}), tmp_path)


def test_two_recordings_without_labels_are_two_recordings(tmp_path):
    known, unknown = (load(Data(source="embedded-pairs", labels=said), tmp_path) for said in (None, "none"))
    assert labels(unknown.train) == labels(unknown.test) == {UNLABELED}
    assert known.test.other is not None
    np.testing.assert_array_equal(known.test.other, unknown.test.other)


def test_a_limit_holds_for_both(tmp_path):
    both = load(own(photographs(tmp_path / "a", 20), probe=f"folder:{probing(tmp_path / 'b')}", limit=7), tmp_path)
    assert (len(both.train), len(both.probe_train)) == (7, 7)


def test_trials_on_the_same_images_elsewhere_are_the_same_trials(tmp_path):
    a, b = photographs(tmp_path / "a", 20), probing(tmp_path / "b")
    shutil.copytree(a, tmp_path / "a2")
    shutil.copytree(b, tmp_path / "b2")

    def trial(pretrained: str, probed: str, **said) -> str:
        data = own(tmp_path / pretrained, probe=f"folder:{tmp_path / probed}", **said)
        return Recipe(data=data).trial_id(fingerprint(data, tmp_path))

    assert trial("a", "b") == trial("a2", "b2") == trial("a", "b", labels="none")
    assert trial("a", "b") != trial("b", "b")
    flat, said = own(a), own(a, labels="none")
    assert Recipe(data=flat).trial_id(fingerprint(flat, tmp_path)) == (
        Recipe(data=said).trial_id(fingerprint(said, tmp_path))
    )


def test_remarks_are_of_both_folders(tmp_path):
    a, b = photographs(tmp_path / "a", 20), partly_labeled(tmp_path / "b")
    said = remarks_on(own(a, probe=f"folder:{b}"), tmp_path)
    assert list(dict.fromkeys(one.partition(":")[0] for one in said)) == [str(a), str(b)]
