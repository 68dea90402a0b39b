"""A training that cannot go on ends with a reason, before the optimizer's next step."""

import pytest
import torch
from builders.toy import small, some_data

from simclr_core import pretrain as loop
from simclr_core.config import Recipe
from simclr_core.data.images import ImageSet
from simclr_core.health import LARGEST, SPREAD, StepHealth, TrialFailed
from simclr_core.model import SimCLR
from simclr_core.pretrain import pretrain
from simclr_core.streams import stream

FINE = torch.randn(8, 4, generator=stream(0, "z"))


@pytest.mark.parametrize(
    ("loss", "embeddings", "words"),
    [
        (float("nan"), FINE, "the loss is not finite here"),
        (float("inf"), FINE, "the loss is not finite here"),
        (float("nan"), FINE / 0, "the embeddings are not finite here"),
        (1.0, FINE.masked_fill(FINE.max() == FINE, torch.nan), "the embeddings are not finite here"),
        (1.0, 2 * LARGEST * FINE / FINE.abs().max(), "the embeddings explode here"),
        (1.0, torch.ones(8, 4), "has collapsed here: all embeddings are equal"),
        (1.0, torch.ones(8, 4) * torch.arange(1, 9)[:, None], "has collapsed here"),  # one direction is one embedding
        (1.0, torch.zeros(8, 4), "has collapsed here"),
        (1.0, torch.ones(8, 4, dtype=torch.bfloat16), "has collapsed here"),
    ],
)
def test_what_ends_a_training(loss: float, embeddings: torch.Tensor, words: str) -> None:
    with pytest.raises(TrialFailed, match=words):
        StepHealth(torch.tensor(loss), embeddings).require_health("here")


def test_what_does_not() -> None:
    StepHealth(torch.tensor(1.0), FINE).require_health("here")
    StepHealth(torch.tensor(1.0), 0.4 * LARGEST * FINE / FINE.abs().max()).require_health("here")
    nearly = torch.ones(8, 4) + 1e-2 * FINE  # cosines above 0.9999 still differ
    StepHealth(torch.tensor(1.0), nearly).require_health("here")


@pytest.mark.parametrize(
    ("encoder", "head"),
    [
        ("small", {"kind": "none"}),
        ("small", {"kind": "nonlinear"}),
        ("small", {"kind": "nonlinear", "batch_norm": False}),
        ("resnet18", {"kind": "none"}),
        ("resnet50", {"kind": "nonlinear", "batch_norm": False}),
    ],
)
def test_no_untrained_network_counts_as_collapsed(encoder: str, head: dict[str, object]) -> None:
    torch.manual_seed(0)
    recipe = Recipe.parse({"encoder": {"name": encoder}, "head": head, "data": {"size": 16}})
    images = torch.rand(8, 3, 16, 16, generator=stream(0, "images")) * 0.2 + 0.4  # dull images, much alike
    with torch.no_grad():
        _, z = SimCLR(recipe).train()(images)
    unit = torch.nn.functional.normalize(z, dim=1)
    assert (unit - unit.mean(0)).square().sum(1).mean() > 30 * SPREAD


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"optimizer": {"name": "sgd", "lr": 1e30}, "head": {"dim": 16, "batch_norm": False}}, "in step 2 of epoch 1"),
        ({"optimizer": {"name": "sgd", "lr": 1e9}, "head": {"kind": "none"}, "loss": {"normalize": False}}, "epoch 1"),
    ],
)
def test_no_optimizer_step_follows(fields: dict[str, object], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights at the end are those of the last healthy step, and as many steps were taken."""
    steps = []
    build = loop.optimizer

    def counting(*given: object) -> torch.optim.Optimizer:
        made = build(*given)  # type: ignore[arg-type]
        take = made.step
        made.step = lambda *a: (steps.append(1), take(*a))[1]  # type: ignore[method-assign]
        return made

    monkeypatch.setattr(loop, "optimizer", counting)
    recipe = small(**{"schedule": {"epochs": 1, "batch_size": 16, "warmup": 0.0}, **fields})
    with pytest.raises(TrialFailed, match=words) as caught:
        list(pretrain(recipe, SimCLR(recipe), some_data().train))
    ended = int(str(caught.value).split("in step ")[1].split(" ")[0])
    assert len(steps) == ended - 1


def test_images_that_are_all_the_same_collapse() -> None:
    data = some_data(64).train
    same = ImageSet(data.images * 0 + 100, data.labels)
    recipe = small(views={"left": [], "right": []})
    with pytest.raises(TrialFailed, match=r"collapsed in step 1 of epoch 1 of 2"):
        list(pretrain(recipe, SimCLR(recipe), same))
