"""Encoders and heads: shapes, parameter counts from the paper's definition, initialization."""

import pytest
import torch
import torchvision
from torch import nn

from simclr_core.config import Recipe
from simclr_core.encoders import Encoder, TinyMapConv2d
from simclr_core.pretrain import SimCLR


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(("name", "width"), [("small", 128), ("resnet18", 512), ("resnet34", 512), ("resnet50", 2048)])
def test_h_is_as_wide_as_said(name: str, width: int) -> None:
    encoder = Encoder(name).eval()
    assert encoder.width == width
    assert encoder(torch.rand(2, 3, 32, 32)).shape == (2, width)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_the_small_image_stem_is_the_only_change_to_torchvisions_resnet(name: str) -> None:
    reference = getattr(torchvision.models, name)()
    classifier, old_stem, new_stem = parameters(reference.fc), 64 * 3 * 7 * 7, 64 * 3 * 3 * 3
    encoder = Encoder(name)
    assert parameters(encoder) == parameters(reference) - classifier - old_stem + new_stem
    # 3x3 stride 1 without max-pool: layer1 still sees all 32 x 32 positions, so the last map is 4 x 4.
    sizes = []
    encoder.network.layer4.register_forward_hook(lambda _module, _given, out: sizes.append(out.shape[-1]))
    encoder.eval()(torch.rand(1, 3, 32, 32))
    assert sizes == [4]
    last = [
        m.bn3 if name == "resnet50" else m.bn2
        for layer in (1, 2, 3, 4)
        for m in encoder.network.get_submodule(f"layer{layer}")
    ]
    assert all((norm.weight == 0).all() for norm in last)


def test_the_small_encoders_parameters_by_hand() -> None:
    stem = 3 * 32 * 25 + 2 * 32
    blocks = 2 * 32 * 32 * 9 + 4 * 32
    blocks += 32 * 64 * 9 + 64 * 64 * 9 + 4 * 64 + 32 * 64 + 2 * 64
    blocks += 64 * 128 * 9 + 128 * 128 * 9 + 4 * 128 + 64 * 128 + 2 * 128
    assert parameters(Encoder("small")) == stem + blocks


@pytest.mark.parametrize("side", [2, 3, 4])
def test_the_tiny_map_convolution_is_the_convolution(side: int) -> None:
    layer = TinyMapConv2d(5, 7, 3, padding=1, bias=False).double()
    x = torch.randn(4, 5, side, side, dtype=torch.float64, requires_grad=True)
    ours, expected = layer(x), torch.nn.functional.conv2d(x, layer.weight, padding=1)
    torch.testing.assert_close(ours, expected)
    push = torch.randn_like(expected)
    for a, b in zip(
        torch.autograd.grad(ours, (x, layer.weight), push),
        torch.autograd.grad(expected, (x, layer.weight), push),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ({"kind": "none"}, 0),
        ({"kind": "linear", "dim": 32, "batch_norm": False}, 128 * 32 + 32),
        ({"kind": "linear", "dim": 32}, 128 * 32 + 2 * 32),
        ({"kind": "nonlinear", "dim": 32, "batch_norm": False}, 128 * 128 + 128 + 128 * 32 + 32),
        ({"kind": "nonlinear", "dim": 32}, 128 * 128 + 2 * 128 + 128 * 32 + 2 * 32),
    ],
)
def test_heads_have_the_layers_they_are_named_for(head: dict[str, object], expected: int) -> None:
    model = SimCLR(Recipe.parse({"head": head}))
    assert parameters(model.head) == expected
    z = model(torch.rand(4, 3, 24, 24))
    assert z.shape == (4, head.get("dim", 128))


def test_a_linear_head_is_linear_and_a_nonlinear_one_is_not() -> None:
    for kind, linear in (("linear", True), ("nonlinear", False)):
        head = SimCLR(Recipe.parse({"head": {"kind": kind, "batch_norm": False}})).head
        a, b, zero = torch.randn(3, 128), torch.randn(3, 128), torch.zeros(3, 128)
        additive = torch.allclose(head(a + b) + head(zero), head(a) + head(b), atol=1e-5)
        assert additive is linear


def test_cells_of_one_seed_share_the_encoders_first_weights_whatever_their_head() -> None:
    recipes = [{"head": {"kind": "none"}}, {"head": {"kind": "linear"}}, {"head": {"kind": "nonlinear", "dim": 16}}]
    first, *others = [SimCLR(Recipe.parse(recipe)).encoder.state_dict() for recipe in recipes]
    for other in others:
        assert all(torch.equal(first[key], other[key]) for key in first)
    reseeded = SimCLR(Recipe.parse({"seed": 1})).encoder.state_dict()
    assert not torch.equal(first["network.stem.0.weight"], reseeded["network.stem.0.weight"])


def test_building_a_model_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    SimCLR(Recipe())
    assert torch.equal(torch.get_rng_state(), before)
