"""metadata.csv at the top of a folder: what it says, and each way in which it can be wrong."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simclr_core.config import Data
from simclr_core.data import folder
from simclr_core.data.images import Dataset
from simclr_core.errors import BadInput


def picture(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 256, (12, 12, 3), np.uint8)
    pixels[0, 0] = number
    Image.fromarray(pixels).save(path)


def listed(root: Path, columns: str, *lines: str, n: int = 20) -> Path:
    """Images 0.png to n - 1, and a manifest with a line for each, where {i} is its number and {ab} one of two."""
    for i in range(n):
        picture(root / f"{i}.png", i)
    rows = lines or ("{i}.png,{ab}",)
    text = [columns, *(row.format(i=i, ab="ab"[i % 2]) for i in range(n) for row in rows)]
    (root / "metadata.csv").write_text("\n".join(text), encoding="utf-8")
    return root


def read(root: Path, **said) -> Dataset:
    return folder.load(str(root), 12, root.parent / "cache", Data(**said))


def numbers(images: np.ndarray) -> list[int]:
    return sorted(images[:, 0, 0, 0].tolist())


def test_a_manifest_that_says_what_class_folders_say_gives_the_same_trials(tmp_path):
    root = listed(tmp_path / "listed", "file_name,label")
    for i in range(20):
        picture(tmp_path / "folders" / "ab"[i % 2] / f"{i}.png", i)
    said, plain = read(root), read(tmp_path / "folders")
    assert said.fingerprint == plain.fingerprint
    assert said.class_names == ("a", "b")
    assert np.array_equal(said.test.images, plain.test.images)
    assert said.remarks == ()


def test_the_column_split_is_kept_and_its_validation_images_are_neither_trained_nor_tested_on(tmp_path):
    root = listed(tmp_path / "own", "file_name,label,split", "{i}.png,{ab},train", n=12)
    lines = (root / "metadata.csv").read_text().splitlines()
    lines[1:3] = ["0.png,a,Test", "1.png,b,test"]
    lines[3:5] = ["2.png,a,valid", "3.png,b,validation"]
    (root / "metadata.csv").write_text("\n".join(lines))
    loaded = read(root)
    assert numbers(loaded.test.images) == [0, 1]
    assert loaded.validation is not None
    assert numbers(loaded.validation.images) == [2, 3]
    assert numbers(loaded.train.images) == list(range(4, 12))


def test_without_the_column_the_first_folders_are_the_split_where_all_files_lie_in_such(tmp_path):
    root = tmp_path / "own"
    for i in range(12):
        picture(root / ("train" if i < 8 else "test") / f"{i}.png", i)
    lines = [f"{'train' if i < 8 else 'test'}/{i}.png,{'ab'[i % 2]}" for i in range(12)]
    (root / "metadata.csv").write_text("\n".join(["file_name,label", *lines]))
    assert numbers(read(root).test.images) == [8, 9, 10, 11]


def test_groups_of_the_manifest_are_held_out_whole_and_asked_for_where_nothing_is_said(tmp_path):
    root = listed(tmp_path / "own", "file_name,label,group", "{i}.png,{ab},p")
    lines = [f"{i}.png,{'ab'[i % 2]},patient {i // 2 % 5} {i % 2}" for i in range(20)]
    (root / "metadata.csv").write_text("\n".join(["file_name,label,group", *lines]))
    loaded = read(root, group="manifest")
    assert loaded.train.groups is not None
    assert not {(n // 2 % 5, n % 2) for n in numbers(loaded.train.images)} & {
        (n // 2 % 5, n % 2) for n in numbers(loaded.test.images)
    }
    assert any("10 groups, 2 of them" in remark for remark in loaded.remarks)
    assert any("--set data.group=manifest" in remark for remark in read(root).remarks)
    assert read(root, group="image").remarks == ()
    (root / "metadata.csv").write_text(
        "\n".join(["file_name,label,group", *lines]).replace("patient 4 1", "patient 3 1")
    )
    assert any("9 groups" in remark for remark in read(root, group="manifest").remarks)


def test_an_unlisted_image_is_counted_and_named_and_other_columns_are_passed_over(tmp_path):
    root = listed(tmp_path / "own", "file_name,label,pair,note", '{i}.png,{ab},x{i},"a, b"')
    picture(root / "deep" / "new.png", 50)
    (remark,) = read(root).remarks
    assert remark == f"{root}: 1 image(s) are not in metadata.csv and left out (deep/new.png)."
    assert len(read(root).train) == 16


def test_spaces_quotes_blank_lines_a_byte_order_mark_and_line_ends_of_windows_are_no_trouble(tmp_path):
    root = listed(tmp_path / "own", "file_name,label")
    plain = read(root).fingerprint
    lines = [f'"{i}.png", {"ab"[i % 2]} ' for i in range(20)]
    (root / "metadata.csv").write_bytes("\ufefffile_name, label\r\n\r\n{}\r\n".format("\r\n".join(lines)).encode())
    assert read(root).fingerprint == plain


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no column file_name and no column label but nothing; rename it where it is no list of images"),
        ("file_name,label\n", "lists no file."),
        ("file_name,class\n0.png,a\n", "has no column label but file_name, class; rename it where"),
        ("file_name;label\n0.png;a\n", "has no column file_name and no column label but file_name;label; rename"),
        ("file_name,label,label\n", "has two columns 'label'."),
        ("file_name,label\n0.png,a\n0.png,b\n", "lists 0.png twice, in lines 2 and 3."),
        ("file_name,label\n0.png,a\n./0.png,b\n", "lists 0.png twice, in lines 2 and 3."),
        ("file_name,label\n0.png,a\n1.png,\n", "line 3 has an empty label (1.png)."),
        ("file_name,label\n0.png,a\n1.png\n", "line 3 has 1 values for 2 columns."),
        ("file_name,label\n0.png,a,b\n", "line 2 has 3 values for 2 columns."),
        ("file_name,label\n0.png,a\n1.png,a\n", "has the one label 'a'; a probe needs at least two."),
        ("file_name,label\n0.png,a\ngone.png,b\n", "1 of 2 listed files do not exist (gone.png)."),
        ("file_name,label\n0.png,a\n" + "x" * 5000 + ",b\n", "1 of 2 listed files do not exist (xxx"),
        ("file_name,label\n0.png,a\n../1.png,b\n", "line 3 has the file_name '../1.png'; allowed: relative paths"),
        ("file_name,label\n0.png,a\n/etc/passwd,b\n", "line 3 has the file_name '/etc/passwd'; allowed: relative"),
        ("file_name,label\n0.png,a\n,b\n", "line 3 has the file_name ''; allowed: relative paths"),
        ("file_name,label,split\n0.png,a,train\n1.png,b,dev\n", "line 3 has the split 'dev'; allowed: train, training"),
        ("file_name,label,split\n0.png,a,train\n1.png,b,\n", "line 3 has the split ''; allowed: train, training,"),
        ("file_name,label,split\n0.png,a,test\n1.png,b,val\n", "no file is of the split train; some must be"),
        ('file_name,label\n"0.png,a\n1.png,b\n', "is no CSV: unexpected end of data."),
        ("file_name,label\n0.png,é\n".encode("latin-1"), "is not text in UTF-8; save it as such"),
        ("file_name,label\n0.png,a\n".encode("utf-16"), "is not text in UTF-8; save it as such"),
        (b"PK\x03\x04\x00\xff\xfe", "is not text in UTF-8; save it as such"),
    ],
)  # fmt: skip
def test_a_manifest_that_cannot_be_used_is_one_sentence_and_nothing_is_cached(tmp_path, text, said):
    root = listed(tmp_path / "own", "file_name,label")
    (root / "metadata.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadInput) as refused:
        read(root)
    sentence = str(refused.value)
    assert sentence.startswith(f"{root / 'metadata.csv'}: ")
    assert said in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("columns", "row", "said"),
    [
        ("file_name,label", "{i}.png,{ab}", "has no column group, which data.group: manifest takes; it has file_name,"),
        ("file_name,label,group", "{i}.png,{ab},", "line 2 has an empty group (0.png)."),
    ],
)
def test_groups_of_a_manifest_that_has_none_are_refused(tmp_path, columns, row, said):
    with pytest.raises(BadInput) as refused:
        read(listed(tmp_path / "own", columns, row), group="manifest")
    assert said in str(refused.value)


@pytest.mark.parametrize("place", ["{p}/s{i}", "scans/{p}/s{i}", "{ab}/{p}/s{i}", "train/{ab}/{p}", "{split}/{p}/s{i}"])
def test_the_first_folder_below_split_and_label_is_the_group_of_a_manifest_too(tmp_path, place):
    lines = []
    for i in range(48):
        p, split = i % 12, "test" if i % 12 > 8 else "train"
        name = f"{place.format(p=f'p{p}', i=i, ab='ab'[p % 2], split=split)}/{i}.png"
        picture(tmp_path / "own" / name, i)
        lines.append(f"{name},{'ab'[p % 2]}")
    (tmp_path / "own" / "metadata.csv").write_text("\n".join(["file_name,label", *lines]))
    assert any("12 groups, 3 of them" in remark for remark in read(tmp_path / "own", group="parent").remarks)


def test_groups_of_a_manifest_that_is_not_there_are_refused(tmp_path):
    for i in range(4):
        picture(tmp_path / "own" / "ab"[i % 2] / f"{i}.png", i)
    with pytest.raises(BadInput, match=r"takes the column group of a metadata\.csv, and there is none\.$"):
        read(tmp_path / "own", group="manifest")


def test_another_label_or_split_or_group_in_the_manifest_is_noticed_at_the_next_start(tmp_path):
    root = listed(tmp_path / "own", "file_name,label,group", "{i}.png,{ab},g{i}")
    before = read(root, group="manifest")
    text = (root / "metadata.csv").read_text()
    (root / "metadata.csv").write_text(text.replace("0.png,a,g0", "0.png,a,g2"))
    assert read(root, group="manifest").fingerprint != before.fingerprint
    (root / "metadata.csv").write_text(text.replace("0.png,a,g0", "0.png,b,g0"))
    assert read(root, group="manifest").fingerprint != before.fingerprint
    (root / "metadata.csv").write_text(text)
    assert read(root, group="manifest").fingerprint == before.fingerprint
