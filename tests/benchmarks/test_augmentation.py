import pytest
import torch

from benchmarks import augmentation


@pytest.mark.parametrize("task", augmentation.TASKS)
def test_every_contender_makes_float_views_of_the_batch_anew_each_time(task):
    pytest.importorskip("kornia")
    batch = augmentation.images(8, 32)
    runs, missing = augmentation.contenders(task, 32, batch)
    assert next(iter(runs)) == augmentation.OURS
    assert len(runs) + len(missing) == 5
    assert set(missing) == {
        "sobel": {augmentation.TENSORS, augmentation.PICTURES, augmentation.ALBUMENTATIONS},
        "noise": {augmentation.PICTURES},
    }.get(task, set())
    for name, run in runs.items():
        first, second = run(), run()
        assert (first.shape, first.dtype) == ((8, 3, 32, 32), torch.float32), name
        if (name, task) not in {(augmentation.KORNIA, "sobel"), (augmentation.KORNIA, "noise")}:  # these do not clip
            assert first.min() >= 0, name
            assert first.max() <= 1, name
        if task not in ("sobel", "solarize", "equalize"):
            assert not torch.equal(first, second), name


def test_everyone_jitters_as_strongly():
    """How far the means of images are spread: another strength or probability, or a forgotten /255, would show."""
    pytest.importorskip("kornia")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        runs, _ = augmentation.contenders("color", 32, augmentation.images(64, 32))
        spreads = {
            name: torch.cat([run() for _ in range(4)]).mean((1, 2, 3)).std().item() for name, run in runs.items()
        }
    ours = spreads.pop(augmentation.OURS)
    for name, theirs in spreads.items():
        assert theirs == pytest.approx(ours, rel=0.2), name


def test_a_figure_is_images_per_second_of_processor_time(monkeypatch):
    clock = iter([0.0, 0.0, 0.05, 0.2])
    monkeypatch.setattr(augmentation.time, "process_time", lambda: next(clock))
    assert augmentation.clocked(lambda: torch.zeros(()), 30)() == pytest.approx(2 * 30 / 0.2)
