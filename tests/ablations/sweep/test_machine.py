import pytest

from ablations.studies.model import Resources
from ablations.sweep import machine
from ablations.sweep.machine import Node, TooLittle, allot

GB = 10**9


def node(**changes):
    return Node(**{"name": "here", "cpus": 8, "memory": 64 * GB, **changes})


def test_on_cpus_a_trial_gets_one_and_as_many_run_as_memory_holds():
    assert allot(Resources(), [node()], GB) == machine.Allotment(1, 0, 8)
    assert allot(Resources(), [node(memory=5 * GB)], 2 * GB).parallel == 2
    assert allot(Resources(cpus=3), [node()], GB) == machine.Allotment(3, 0, 2)


def test_on_a_gpu_as_many_share_it_as_its_memory_holds():
    share = allot(Resources(), [node(gpus=1, gpu_bytes=80 * GB)], 20 * GB)
    assert share == machine.Allotment(1, 0.3333, 3)
    assert share.device == "cuda"
    assert allot(Resources(), [node(gpus=1, gpu_bytes=80 * GB)], 60 * GB).parallel == 1
    assert allot(Resources(), [node(gpus=1, gpu_bytes=80 * GB)], 1).parallel == machine.PER_GPU
    assert allot(Resources(), [node(cpus=2, gpus=1, gpu_bytes=80 * GB)], 1).parallel == 2
    assert allot(Resources(cpus=0.01, gpus=0.25), [node(gpus=2, gpu_bytes=80 * GB)], GB).parallel == 8
    assert allot(Resources(gpus=0), [node(gpus=1, gpu_bytes=80 * GB)], GB).device == "cpu"


def test_nodes_add_up_and_one_that_holds_none_does_not_count():
    assert allot(Resources(), [node(cpus=4), node(cpus=2), node(cpus=0.5)], GB).parallel == 6
    assert allot(Resources(gpus=1), [node(), node(gpus=4)], GB).parallel == 4  # a GPU whose memory is not known


@pytest.mark.parametrize(
    ("resources", "nodes", "need", "said"),
    [
        (Resources(cpus=9), [node()], GB, "want 9 CPUs per trial, but here has 8"),
        (Resources(cpus=9), [node(), node()], GB, "but none of the 2 nodes has"),
        (Resources(gpus=1), [node()], GB, "none that PyTorch can use"),
        (Resources(), [node()], 65 * GB, "needs about 65.0 GB of memory, but here has 64.0 GB for it"),
        (
            Resources(),
            [node(gpus=1, gpu_bytes=16 * GB)],
            17 * GB,
            "needs about 17.0 GB of memory, but here has 16.0 GB",
        ),
    ],
)
def test_what_can_never_be_is_refused_at_once(resources, nodes, need, said):
    with pytest.raises(TooLittle, match=said):
        allot(resources, nodes, need)


def test_this_computer_has_something():
    here = machine.here(Resources())
    assert here.cpus >= 1
    assert here.memory > 10**8
