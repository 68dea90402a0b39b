import pytest
from builders import shelf

from ablations.outputs import record as run_record
from ablations.outputs.paths import Paths
from ablations.outputs.record import RunRecord
from ablations.store import files
from ablations.studies.expand import expand
from ablations.studies.info import study_info
from ablations.studies.load import GRIDS, load_scale, load_study
from simclr_core.errors import BadInput


def written(out, content):
    paths = Paths(out, "heads", "laptop")
    files.replace_file(paths.record, content)
    return paths


def images(trials, many):
    return {trial.recipe.data: ("tiles", many) for trial in trials}


@pytest.mark.parametrize("name", sorted(path.stem for path in GRIDS.glob("*.yaml")))
def test_what_a_run_was_asked_for_reads_back_as_it_was(name, tmp_path):
    study = load_study(name)
    scale = load_scale(study.scales[0])
    trials = expand(study, scale)
    asked = RunRecord(
        "python -m ablations.run",
        study_info(study, scale, trials, images(trials, 320), ["a=1"]),
        run_record.shared(trials),
    )
    back = run_record.read(written(tmp_path, run_record.dump(asked)))
    assert back.context == asked.context
    kinds = [[type(value) for value in values] for values in asked.context.axes.values()]
    assert [[type(value) for value in values] for values in back.context.axes.values()] == kinds
    assert run_record.dump(back) == run_record.dump(asked)


def test_every_kind_of_axis_value_keeps_its_kind(tmp_path):
    values = ("1", 1, 1.0, True, None, "<b>")
    asked = RunRecord("", shelf.study_info(axes={"a": values}), {})
    back = run_record.read(written(tmp_path, run_record.dump(asked))).context.axes["a"]
    assert [(type(value), value) for value in back] == [(type(value), value) for value in values]


def test_the_shared_fields_are_those_that_no_axis_changes():
    study = load_study("heads")
    fields = run_record.shared(expand(study, load_scale("smoke")))
    assert fields["schedule.epochs"] == 1
    assert "seed" not in fields
    assert not {"head.kind", "head.dim"} & fields.keys()


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"command": "x", "context": 1, "recipe": {}}'])
def test_a_damaged_file_is_said_with_the_command_that_makes_it(content, tmp_path):
    with pytest.raises(BadInput, match=r"laptop\.run\.json: damaged; .*: make it$"):
        run_record.read(written(tmp_path, content), "make it")


def test_a_missing_file_is_said_with_the_command_that_makes_it(tmp_path):
    with pytest.raises(BadInput, match=r"no such file; this makes it: make it$"):
        run_record.read(Paths(tmp_path, "heads", "laptop"), "make it")


def test_what_makes_the_files_again_is_what_made_them_else_it_goes_by_their_names(tmp_path):
    paths = Paths(tmp_path, "heads", "laptop")
    assert run_record.made_by(paths, "own.yaml", "my scale.yaml") == (
        f"python -m ablations.run own.yaml --scale 'my scale.yaml' --out {tmp_path}"
    )
    assert (
        run_record.made_by(paths, seeds=4) == f"python -m ablations.run heads --scale laptop --seeds 4 --out {tmp_path}"
    )
    asked = RunRecord("python -m ablations.run heads --data cifar10 --only head=none", shelf.study_info(), {})
    written(tmp_path, run_record.dump(asked))
    assert run_record.made_by(paths, "own.yaml") == f"python -m ablations.run heads --data cifar10 --out {tmp_path}"
    written(tmp_path, b"{")
    assert run_record.made_by(paths) == f"python -m ablations.run heads --scale laptop --out {tmp_path}"


def test_images_are_those_that_fill_whole_batches():
    study, scale = load_study("flip"), load_scale("smoke")
    trials = expand(study, scale)
    assert {trial.recipe.schedule.batch_size for trial in trials} == {64}
    assert [study_info(study, scale, trials, images(trials, n), ()).images for n in (320, 319, 120, 64)] == [
        320,
        256,
        64,
        64,
    ]


def test_a_map_is_of_transformations_where_both_axes_append_to_one_chain():
    def composed(name):
        study = load_study(name)
        scale = load_scale(study.scales[0])
        trials = expand(study, scale)
        return study_info(study, scale, trials, images(trials, 320), ()).composed

    assert [composed(name) for name in ("aug_pairs", "albumentations_pairs", "budget_pairs")] == [True, True, True]
    assert [composed(name) for name in ("heads", "budget_heads", "lr_scaling")] == [False, False, False]
