"""What the driver takes, and not whoever started it."""

import numpy as np

from benchmarks import scaling


def test_time_and_memory_of_each_step_are_its_own(tmp_path):
    held = np.ones(2**28, dtype=np.uint8)  # all of it touched
    costs = {step: scaling._measured(step, 10, str(tmp_path)) for step in scaling.STEPS}
    assert all(milliseconds > 0 for milliseconds, _ in costs.values())
    assert 20 < costs["planning"][1] < len(held) / 1e6
    assert costs["planning"][1] < costs["reporting"][1]  # which has pandas and matplotlib
