import json

import pytest
from builders.trials import FILES, begin, edit, fail, finish

from ablations.store.trials import Store


def test_all_of_a_done_trial(store, said):
    trial_id = finish(store, optimizer={"lr": 0.3})
    store.log(trial_id).write_text("".join(f"line {i}\n" for i in range(50)))
    text = "\n".join(said("show", trial_id[:6].upper()))
    assert text.startswith(f"{trial_id}: done\n\nDiffers from the defaults:\n  optimizer.lr: 0.3 (default 0.001)\n")
    assert "Metrics:\n  n_test  4\n  top1    50.0\n" in text
    assert "  seconds   12.5\n" in text
    assert "Epochs:\n  epoch  loss  seconds\n  1      5     0.5\n  2      2.5   0.5\n" in text
    assert "  line 49\n" in text
    assert "  line 30\n" in text
    assert "  line 29\n" not in text
    assert "  labels.npy       136 B\n" in text
    assert "\nRecipe:\n" in text
    assert "\n  optimizer:\n    lr: 0.3\n" in text


def test_all_of_a_failed_trial(store, said):
    trial_id = fail(store)
    text = "\n".join(said("show", trial_id))
    assert text.startswith(f"{trial_id}: failed: the loss is not finite\n")
    assert "Error:\n  the loss is not finite (cause: numbers, after epoch 2)\n  Traceback\n    here\n" in text


def test_many_epochs_are_the_first_and_the_last(store, said):
    lines = said("show", begin(store, 30))
    table = lines[lines.index("Epochs:") + 2 :][:9]
    assert [line.split()[0] for line in table] == ["1", "2", "3", "4", "...", "27", "28", "29", "30"]


def test_names_that_are_none(store, refused, monkeypatch):
    ids = ["00aa000000000000", "00ab000000000000", "ff00000000000000"]
    for trial_id in ids:
        store.folder(trial_id).mkdir()
    assert refused("show", "00a") == f"ID 00a: 2 trials begin like that: {ids[0]}, {ids[1]}."
    assert refused("show", "fe") == f"ID fe: no trial begins like that; nearest: {ids[2]}, {ids[0]}, {ids[1]}."
    monkeypatch.setattr(store.__class__, "folder", None)  # nothing below reaches the file system
    for name in ("../x", "", "0" * 17, "00*", "x", "00aa\x1b[31m", "００"):
        assert "is 1 to 16 of the digits 0-9 and a-f" in refused("show", name)


def test_an_id_when_nothing_is_stored(refused):
    assert refused("show", "ab") == "ID ab: no trial begins like that; none is stored."


# --- damage and hostile content ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*FILES, "error.json", "log.txt", "checkpoint.pt"])
@pytest.mark.parametrize("how", ["absent", "empty", "garbage", "half", "folder", "list", "deep", "link"])
def test_damage_of_any_file_is_no_traceback(store, said, name, how):
    trial_id = fail(store) if name == "error.json" else finish(store)
    path = store.folder(trial_id) / name
    content = path.read_bytes() if path.exists() else b"text"
    path.unlink(missing_ok=True)
    if how == "folder":
        path.mkdir()
    elif how == "link":
        path.symlink_to(path)
    elif how != "absent":
        deep = b'{"a":' + b"[" * 900 + b"]" * 900 + b"}"
        path.write_bytes(
            {"empty": b"", "garbage": b"\xff\x00{", "half": content[:-9], "list": b"[1]", "deep": deep}[how]
        )
    whole = name in ("log.txt", "checkpoint.pt")
    (line,) = [line for line in said("ls") if line.startswith(trial_id)]
    assert (line.split()[1] == "done") == whole
    assert said("show", trial_id)[0].startswith(f"{trial_id}: {line.split()[1]}")
    assert said("ls", "--json")
    assert said("prune")


def test_a_file_where_a_folder_should_be(store, said):
    store.folder("0" * 16).write_text("x")
    assert said("ls")[1].split()[:2] == ["0" * 16, "damaged"]
    assert said("show", "0")[0] == f"{'0' * 16}: damaged: result.json cannot be read: Not a directory"
    assert said("prune", "--delete", "damaged")[0].startswith("damaged: 1 deleted")
    assert not store.folder("0" * 16).exists()


def test_a_trial_deleted_while_it_is_read(store, said, monkeypatch):
    finish(store)
    monkeypatch.setattr(Store, "trial_ids", lambda _: ["ab" * 8])
    assert said("ls") == ["0 trials; 0 B"]


@pytest.mark.parametrize(
    "value", ["\x1b[2J\x9bevil\r\n\u202e", "x" * 10**6, {"a": {"b": 1}}, [[[]]], None, float("nan"), 10**400, "\ud800"]
)
def test_hostile_fields_cannot_break_the_terminal(store, said, value):
    trial_id = begin(store, 1)
    begin(store, seed=1)
    path = store.folder(trial_id) / "recipe.json"
    fields = json.loads(path.read_text())
    fields["recipe"] |= {
        "seed": value,
        "encoder": {"name": value},
        "\x1b[31m": value,
        "data": {"source": value, "size": value},
    }
    edit(path, recipe=fields["recipe"], fingerprints=[value], recipe_version=value)
    store.epoch(trial_id, {"epoch": value, "\x1b": value, "loss": value})
    store.log(trial_id).write_bytes(b"\x1b[31mred\r\x07\xff\n")
    for argv in (["ls"], ["ls", "--json"], ["show", trial_id], ["prune"]):
        lines = said(*argv)
        assert all(line.isprintable() for line in lines)
        assert max(map(len, lines)) < 5000
