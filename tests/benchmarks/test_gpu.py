import pytest
import torch

from benchmarks import gpu


def test_without_a_gpu_nothing_is_measured_and_said(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [(case.figures, case.missing) for case in gpu.cases()] == 2 * [({}, {"simclr_core": gpu.NO_GPU})]


def test_what_is_measured_there_runs_here():
    recipe = gpu.cifar_recipe("small", 16, "float32")
    assert gpu.whole_step(recipe, 2, "cpu")() > 0
    assert gpu.model_step(recipe, 2, "cpu")() > 0
    assert gpu.matmul(64, 2, "cpu") > 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_a_step_is_no_faster_than_its_model():
    speed, share = gpu.cases(rounds=2)
    assert max(speed.figures["whole step"]) < 1.1 * max(speed.figures["forward and backward"])
    assert max(share.figures["whole step"]) < max(share.figures["matrix product"])
