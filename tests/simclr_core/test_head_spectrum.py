"""Spectra against matrices built with known eigenvalues, and against numpy's."""

import numpy as np
import pytest
import torch
from builders.toy import small, some_data
from numpy.typing import NDArray

from simclr_core import trial
from simclr_core.config import Head
from simclr_core.heads import head
from simclr_core.model import SimCLR
from simclr_core.probes.head_spectrum import (
    head_spectrum,
    rank_share,
    squared_real_eigenvalues,
    squared_singular_values,
)
from simclr_core.trial import TrialResult

SQUARE = {"kind": "linear", "dim": "h"}


def turn(angle: float) -> NDArray[np.float64]:
    """A rotation of the plane: eigenvalues cos(angle) ± i sin(angle), both singular values 1."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def test_the_eigenvalues_are_those_the_matrix_was_built_with() -> None:
    """Real ones of both signs, and a complex pair 2 exp(± i pi / 3) whose real part is 1, seen in a crooked basis."""
    blocks = np.zeros((6, 6))
    blocks[:4, :4] = np.diag([3.0, -4.0, 0.5, 0.0])
    blocks[4:, 4:] = 2 * turn(np.pi / 3)
    basis = np.random.default_rng(0).normal(size=(6, 6))
    weight = torch.from_numpy(basis @ blocks @ np.linalg.inv(basis))
    assert squared_real_eigenvalues(weight).numpy() == pytest.approx([16, 9, 1, 1, 0.25, 0], abs=1e-9)


def test_they_agree_with_numpy_and_its_singular_values() -> None:
    weight = np.random.default_rng(1).normal(size=(40, 40)).astype(np.float32)
    expected = np.sort(np.linalg.eigvals(weight.astype(np.float64)).real ** 2)[::-1]
    np.testing.assert_allclose(squared_real_eigenvalues(torch.from_numpy(weight)), expected, rtol=1e-9, atol=1e-12)
    singular = np.linalg.eigvalsh(weight.astype(np.float64).T @ weight)[::-1]
    np.testing.assert_allclose(squared_singular_values(torch.from_numpy(weight)), singular, rtol=1e-9, atol=1e-12)


def test_a_quarter_turn_has_no_real_part_but_full_rank() -> None:
    quarter = torch.from_numpy(turn(np.pi / 2))
    assert squared_real_eigenvalues(quarter).numpy() == pytest.approx([0, 0], abs=1e-30)
    assert squared_singular_values(quarter).numpy() == pytest.approx([1, 1])
    assert rank_share(squared_singular_values(quarter)).value == 100


def test_a_random_matrix_has_the_real_parts_of_the_circular_law() -> None:
    """Eigenvalues fill a disc evenly; of a disc of radius 1, 87.3% have a real part beyond ± 0.1."""
    weight = torch.from_numpy(np.random.default_rng(2).normal(size=(400, 400)) / 20)
    spectrum = squared_real_eigenvalues(weight)
    assert spectrum[0].item() == pytest.approx(1, abs=0.15)
    assert rank_share(spectrum).value == pytest.approx(87.3, abs=2)


def test_the_rank_counts_what_is_above_one_percent_of_the_largest() -> None:
    measured = rank_share(torch.tensor([8.0, 0.081, 0.08, 0.0]))
    assert measured.value == 50
    assert measured.outcome.tolist() == pytest.approx([8, 0.081, 0.08, 0])
    assert measured.outcome.dtype == np.float32
    assert rank_share(torch.zeros(5)).value == 0


def test_a_batch_norm_after_the_layer_changes_nothing() -> None:
    with_norm = head(Head.model_validate(SQUARE), 8)
    without = head(Head.model_validate(SQUARE | {"batch_norm": False}), 8)
    without[0].weight.data = with_norm[0].weight.data
    with_norm[1].weight.data.fill_(3)
    for name, answer in head_spectrum(with_norm).items():
        assert answer.outcome.tolist() == head_spectrum(without)[name].outcome.tolist()


def test_a_trial_keeps_the_spectrum_of_its_head() -> None:
    recipe = small(head=SQUARE, schedule={"epochs": 0, "batch_size": 32}, probes={"head_spectrum": True})
    (result,) = trial.run(recipe, some_data())
    assert isinstance(result, TrialResult)
    weight = SimCLR(recipe).head[0].weight.detach().double().numpy()  # type: ignore[index, union-attr, operator]
    expected = np.sort(np.linalg.eigvals(weight).real ** 2)[::-1]
    spectrum = result.outcomes["head_eigen_rank"]
    np.testing.assert_allclose(spectrum, expected, rtol=1e-5, atol=1e-9)
    assert result.metrics["head_eigen_rank"] == 100 * (spectrum > 0.01 * spectrum[0]).mean()
    assert len(result.outcomes["head_singular_rank"]) == len(weight)


def test_without_being_asked_or_without_a_head_there_is_none() -> None:
    for fields in ({}, {"probes": {"head_spectrum": True}, "loss": {"name": "cross_entropy"}}):
        *_, result = trial.run(small(head=SQUARE, **fields), some_data())
        assert isinstance(result, TrialResult)
        assert "head_eigen_rank" not in result.metrics
