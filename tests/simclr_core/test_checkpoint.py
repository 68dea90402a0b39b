"""Exact resume: killed and continued equals uninterrupted, bit for bit; and checkpoints run no code."""

import hashlib
import io
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from builders.toy import small, some_data

from simclr_core import trial
from simclr_core.checkpoint import Checkpoint
from simclr_core.config import Recipe
from simclr_core.health import TrialFailed
from simclr_core.model import SimCLR
from simclr_core.pretrain import EpochRow, pretrain
from simclr_core.trial import TrialResult

OPTIMIZERS = [
    {"name": "adamw"},
    {"name": "sgd", "lr": 0.03},
    {"name": "lars", "lr": 0.3, "scaling": "linear"},
]


def keep_at(folder: Path, recipe: Recipe, every: int = 2) -> Checkpoint:
    return Checkpoint(folder / "checkpoint.pt", every, recipe.model_dump_json())


def losses(rows: Iterator[EpochRow]) -> list[tuple[int, float, float, float, float]]:
    return [(row.epoch, row.loss, row.accuracy, row.entropy, row.lr) for row in rows]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: str(o["name"]))
@pytest.mark.parametrize("killed_after", [1, 2, 3])
def test_killed_and_resumed_equals_uninterrupted(
    tmp_path: Path, optimizer: dict[str, object], killed_after: int
) -> None:
    data = some_data()
    recipe = small(schedule={"epochs": 4, "batch_size": 32}, optimizer=optimizer, probes={"online": True})
    *rows, straight = trial.run(recipe, data)
    first = trial.run(recipe, data, keep=keep_at(tmp_path, recipe))
    for _ in range(killed_after):
        next(first)
    first.close()  # a kill between two epochs: nothing after the last save is known
    *again, resumed = trial.run(recipe, data, keep=keep_at(tmp_path, recipe))
    assert losses(again) == losses(rows)  # type: ignore[arg-type]
    assert isinstance(straight, TrialResult)
    assert isinstance(resumed, TrialResult)
    assert resumed.metrics == straight.metrics
    assert np.array_equal(resumed.predictions, straight.predictions)


def test_every_weight_and_buffer_is_the_same(tmp_path: Path) -> None:
    data, recipe = some_data().train, small(schedule={"epochs": 3, "batch_size": 32}, probes={"online": True})
    straight, resumed = SimCLR(recipe, 2), SimCLR(recipe, 2)
    list(pretrain(recipe, straight, data))
    interrupted = pretrain(recipe, SimCLR(recipe, 2), data, keep=keep_at(tmp_path, recipe, 1))
    next(interrupted)
    next(interrupted)
    rows = list(pretrain(recipe, resumed, data, keep=keep_at(tmp_path, recipe, 1)))
    assert [row.epoch for row in rows] == [1, 2, 3]
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_resuming_does_not_train_again_what_was_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, recipe = some_data().train, small(schedule={"epochs": 4, "batch_size": 32})
    interrupted = pretrain(recipe, SimCLR(recipe), data, keep=keep_at(tmp_path, recipe))
    for _ in range(3):
        next(interrupted)
    asked = []
    from simclr_core import objective

    views = objective.two_views

    def watched(*given: object) -> torch.Tensor:
        asked.append(given[4])
        return views(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(objective, "two_views", watched)
    list(pretrain(recipe, SimCLR(recipe), data, keep=keep_at(tmp_path, recipe)))
    assert sorted(set(asked)) == [2, 3]


def test_a_checkpoint_is_written_when_due_and_never_half(tmp_path: Path) -> None:
    data, recipe = some_data().train, small(schedule={"epochs": 3, "batch_size": 32})
    run = pretrain(recipe, SimCLR(recipe), data, keep=keep_at(tmp_path, recipe))
    next(run)
    assert list(tmp_path.iterdir()) == []
    next(run)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


class Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("exploded"),)


def test_damaged_foreign_and_hostile_files_are_not_resumed_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data, recipe = some_data().train, small(schedule={"epochs": 2, "batch_size": 32})
    other = small(schedule={"epochs": 2, "batch_size": 32}, seed=1)
    keep = keep_at(tmp_path, recipe, 1)
    expected = losses(pretrain(recipe, SimCLR(recipe), data))

    list(pretrain(other, SimCLR(other), data, keep=keep_at(tmp_path, other, 1)))  # another recipe's
    assert losses(pretrain(recipe, SimCLR(recipe), data, keep=keep)) == expected
    whole = keep.path.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes(255 - byte for byte in whole[middle : middle + 400]) + whole[middle + 400 :]
    for broken in (b"", whole[:middle], flipped, b"not a checkpoint", pickle.dumps(Bomb())):
        keep.path.write_bytes(broken)
        assert losses(pretrain(recipe, SimCLR(recipe), data, keep=keep)) == expected
    packed = io.BytesIO()
    torch.save({"recipe": keep._identity, "rows": [], "state": Bomb()}, packed)
    keep.path.write_bytes(hashlib.sha256(packed.getvalue()).digest() + packed.getvalue())
    assert losses(pretrain(recipe, SimCLR(recipe), data, keep=keep)) == expected
    assert not Path("exploded").exists()


def test_a_sound_checkpoint_of_other_code_fails_once_and_is_gone(tmp_path: Path) -> None:
    data, recipe = some_data().train, small(schedule={"epochs": 2, "batch_size": 32})
    keep = keep_at(tmp_path, recipe, 1)
    keep.save({"model": torch.nn.Linear(2, 2), "optimizer": torch.optim.SGD([torch.zeros(1)], lr=1)}, [{"epoch": 1}])
    with pytest.raises(TrialFailed, match="did not fit this trainer and was removed"):
        list(pretrain(recipe, SimCLR(recipe), data, keep=keep))
    assert len(list(pretrain(recipe, SimCLR(recipe), data, keep=keep))) == 2


def test_a_checkpoint_that_cannot_be_written_costs_no_training(tmp_path: Path) -> None:
    data, recipe = some_data().train, small(schedule={"epochs": 2, "batch_size": 32})
    keep = Checkpoint(tmp_path / "nowhere" / "checkpoint.pt", 1, recipe.model_dump_json())
    with pytest.warns(UserWarning, match="no checkpoint could be written: No such file"):
        assert len(list(pretrain(recipe, SimCLR(recipe), data, keep=keep))) == 2
