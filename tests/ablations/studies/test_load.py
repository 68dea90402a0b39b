"""Files of studies and scales: by name, by path, damaged or absent."""

from builders import tiny
from builders.studies import sentence, tiny_trials

from ablations.studies.expand import expand
from ablations.studies.load import load_scale, load_study


def test_numbers_like_1e_3_are_numbers(tmp_path):
    study = tiny.STUDY.replace(
        "first: {append: views.right, values: [crop, color]}", "lr: {set: optimizer.lr, values: [1e-3, 2E-2]}"
    )
    assert {trial.axes["lr"] for trial in tiny_trials(tmp_path, study)} == {None, 1e-3, 2e-2}


def test_a_missing_an_empty_and_an_unknown_file_are_one_sentence_each(tmp_path):
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    (tmp_path / "list.yaml").write_text("- a\n")
    assert "no such file" in sentence(lambda: load_study(tmp_path / "missing.yaml"))
    assert "empty" in sentence(lambda: load_study(tmp_path / "empty.yaml"))
    assert "mapping" in sentence(lambda: load_scale(tmp_path / "list.yaml"))
    assert sentence(lambda: load_scale("")).startswith("An empty name of a scale; give")
    assert f"{tmp_path} is a folder; give a study by" in sentence(lambda: load_study(f"{tmp_path}/"))
    assert "nearest: aug_pairs" in sentence(lambda: load_study("aug_pair"))
    assert "nearest: laptop" in sentence(lambda: load_scale("labtop"))


def test_a_scale_of_the_users_own_may_be_used_with_any_study(tmp_path):
    tiny.write(tmp_path)
    assert len(expand(load_study("aug_pairs"), load_scale(tmp_path / "scale.yaml"))) == 51
