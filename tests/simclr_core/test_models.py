"""Encoders and heads: shapes, the paper's parameter counts, torchvision's outputs, initialization."""

import math

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from simclr_core import config
from simclr_core.config import Recipe
from simclr_core.encoders import Encoder, TinyMapConv2d
from simclr_core.heads import head, layers
from simclr_core.model import SimCLR

# Figure 7 of the paper (SimCLR, 100 epochs), read off its vector graphics: name, width, millions of parameters.
FIGURE_7 = [
    ("resnet18", 1, 11.19),
    ("resnet34", 1, 21.31),
    ("resnet50", 1, 23.56),
    ("resnet101", 1, 42.61),
    ("resnet152", 1, 58.30),
    ("resnet18", 2, 44.70),
    ("resnet34", 2, 85.14),
    ("resnet50", 2, 94.01),
    ("resnet101", 2, 169.98),
    ("resnet152", 2, 232.56),
    ("resnet18", 4, 178.70),
    ("resnet34", 4, 340.38),
    ("resnet50", 4, 375.60),
]
NAMES = ["small", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]
H = {"small": 128, "resnet18": 512, "resnet34": 512, "resnet50": 2048, "resnet101": 2048, "resnet152": 2048}
RESIDUAL = {"small": 3, "resnet18": 8, "resnet34": 16, "resnet50": 16, "resnet101": 33, "resnet152": 50}  # blocks


def build(name: str, width: int = 1, stem: str = "cifar", device: str = "cpu") -> Encoder:
    with torch.device(device):
        return Encoder(config.Encoder.model_validate({"name": name, "width": width, "stem": stem}))


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(("name", "width", "millions"), FIGURE_7)
def test_parameters_are_those_of_figure_7(name: str, width: int, millions: float) -> None:
    encoder = build(name, width, "imagenet", "meta")
    statistics = sum(b.numel() for key, b in encoder.named_buffers() if "running" in key)  # the paper counts them
    assert (parameters(encoder) + statistics) / 1e6 == pytest.approx(millions, abs=0.01)


def test_trained_parameters_are_those_printed_in_table_6() -> None:
    millions = [parameters(build("resnet50", width, "imagenet", "meta")) / 1e6 for width in (1, 2, 4)]
    assert [round(m) for m in millions] == [24, 94, 375]


@pytest.mark.parametrize(("name", "width"), [*((name, 1) for name in NAMES), ("small", 2), ("resnet18", 4)])
def test_h_is_as_wide_as_said(name: str, width: int) -> None:
    encoder = build(name, width, device="meta").eval()
    assert encoder.width == H[name] * width
    assert encoder(torch.empty(2, 3, 32, 32, device="meta")).shape == (2, encoder.width)


@pytest.mark.parametrize("width", [2, 4])
@pytest.mark.parametrize(("name", "stem"), [*((name, "cifar") for name in NAMES), ("resnet50", "imagenet")])
def test_width_multiplies_every_channel_count(name: str, stem: str, width: int) -> None:
    one, several = (build(name, w, stem, "meta") for w in (1, width))
    assert several.width == width * one.width
    narrow, wide = one.state_dict(), several.state_dict()
    assert list(narrow) == list(wide)
    for key, value in narrow.items():
        channels = [c if c == 3 and axis == 1 else width * c for axis, c in enumerate(value.shape[:2])]  # 3: the colors
        assert list(wide[key].shape) == [*channels, *value.shape[2:]], key


@pytest.mark.parametrize(
    ("name", "stem", "side", "expected"),
    [
        ("resnet18", "cifar", 32, [32, 32, 32, 16, 8, 4]),  # 3x3 stride 1 without max-pool
        ("resnet50", "cifar", 32, [32, 32, 32, 16, 8, 4]),
        ("resnet34", "imagenet", 64, [32, 16, 16, 8, 4, 2]),  # 7x7 stride 2, then a stride-2 max-pool
        ("resnet50", "imagenet", 224, [112, 56, 56, 28, 14, 7]),
    ],
)
def test_the_maps_are_as_large_as_the_stem_leaves_them(name: str, stem: str, side: int, expected: list[int]) -> None:
    encoder, sizes = build(name, 1, stem, "meta").eval(), []
    for part in ("conv1", "maxpool", "layer1", "layer2", "layer3", "layer4"):
        encoder.network.get_submodule(part).register_forward_hook(lambda _m, _given, out: sizes.append(out.shape[-1]))
    encoder(torch.empty(1, 3, side, side, device="meta"))
    assert sizes == expected


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_torchvisions_weights_give_torchvisions_outputs(name: str) -> None:
    reference = getattr(torchvision.models, name)()
    reference.fc = nn.Identity()
    reference.double()
    generator = torch.Generator().manual_seed(0)
    for key, value in reference.state_dict().items():  # statistics and gammas that leave their traces
        if value.ndim == 1:
            value.copy_(0.5 + torch.rand(value.shape, generator=generator) if "weight" in key or "var" in key else 0.1)
    encoder = build(name, stem="imagenet").double()
    if name == "resnet18":  # the official code's first stage has a projection here, torchvision's an identity
        encoder.network.layer1[0].downsample = None
    encoder.network.load_state_dict(reference.state_dict())
    images = torch.rand(3, 3, 64, 64, generator=generator).double()
    for mode in (False, True):
        with torch.no_grad():
            ours, theirs = encoder.train(mode)(images), reference.train(mode)((images - 0.5) / 0.25)
        assert theirs.std() > 0.01
        torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(dict(encoder.network.named_buffers()), dict(reference.named_buffers()))  # moved alike


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_every_block_of_a_resnet_starts_as_its_shortcut(name: str) -> None:
    encoder = build(name)
    inputs = torch.Generator().manual_seed(0)
    blocks = [block for n in (1, 2, 3, 4) for block in encoder.network.get_submodule(f"layer{n}")]
    assert len(blocks) == RESIDUAL[name]
    for stage in (1, 2, 3, 4):
        first, *others = encoder.network.get_submodule(f"layer{stage}")
        assert first.downsample is not None
        assert all(block.downsample is None for block in others)
    for block in blocks:
        x = torch.randn(2, block.conv1.in_channels, 4, 4, generator=inputs)
        shortcut = x if block.downsample is None else block.downsample(x)
        assert torch.equal(block(x), shortcut.relu())
        norms = {key: m for key, m in block.named_children() if key.startswith("bn")}
        assert [key for key, m in norms.items() if (m.weight == 0).all()] == [max(norms)]  # the last, and no other
        assert shortcut.relu().any()


def test_the_resnets_convolutions_start_at_fan_out_scale() -> None:
    for module in build("resnet18").modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * math.prod(module.kernel_size)
            assert module.weight.std().item() == pytest.approx(math.sqrt(2 / fan_out), rel=0.1)


def test_the_small_encoders_parameters_by_hand() -> None:
    stem = 3 * 32 * 25 + 2 * 32
    blocks = 2 * 32 * 32 * 9 + 4 * 32
    blocks += 32 * 64 * 9 + 64 * 64 * 9 + 4 * 64 + 32 * 64 + 2 * 64
    blocks += 64 * 128 * 9 + 128 * 128 * 9 + 4 * 128 + 64 * 128 + 2 * 128
    assert parameters(build("small")) == stem + blocks


@pytest.mark.parametrize("width", [1, 2])
def test_the_small_encoder_step_by_step(width: int) -> None:
    torch.manual_seed(0)
    encoder = build("small", width).eval()
    a, b, c = 32 * width, 64 * width, 128 * width
    drawn = [  # torch's default initialization, in this order
        ("stem.0", (3, a, 5)),
        ("blocks.0.conv1", (a, a, 3)),
        ("blocks.0.conv2", (a, a, 3)),
        ("blocks.1.downsample.0", (a, b, 1)),
        ("blocks.1.conv1", (a, b, 3)),
        ("blocks.1.conv2", (b, b, 3)),
        ("blocks.2.downsample.0", (b, c, 1)),
        ("blocks.2.conv1", (b, c, 3)),
        ("", (c, c, 3)),  # the block's own second convolution, replaced by the next
        ("blocks.2.conv2", (c, c, 3)),
    ]
    torch.manual_seed(0)
    w = {name: nn.Conv2d(*shape, bias=False).weight for name, shape in drawn}
    for name in w.keys() - {""}:
        assert torch.equal(encoder.network.state_dict()[f"{name}.weight"], w[name]), name
    assert all((m.weight == 1).all() for m in encoder.modules() if isinstance(m, nn.BatchNorm2d))  # no zero gammas

    def norm(x: Tensor) -> Tensor:  # untrained and in eval mode: mean 0, variance 1
        return x / math.sqrt(1 + 1e-5)

    images = torch.rand(3, 3, 24, 24, generator=torch.Generator().manual_seed(1))
    x = norm(F.conv2d((images - 0.5) / 0.25, w["stem.0"], stride=3)).relu()
    assert x.shape[-1] == 7
    for n, stride in enumerate((1, 2, 2)):
        block = f"blocks.{n}"
        shortcut = norm(F.conv2d(x, w[f"{block}.downsample.0"], stride=stride)) if n else x
        x = norm(F.conv2d(x, w[f"{block}.conv1"], stride=stride, padding=1)).relu()
        x = (norm(F.conv2d(x, w[f"{block}.conv2"], padding=1)) + shortcut).relu()
    assert x.shape[-1] == 2
    torch.testing.assert_close(encoder(images), x.mean(dim=(2, 3)))


@pytest.mark.parametrize("name", ["small", "resnet18"])
def test_weights_lie_channels_last(name: str) -> None:
    weights = [p for p in build(name).parameters() if p.ndim == 4]
    assert all(w.is_contiguous(memory_format=torch.channels_last) for w in weights)


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


def g(settings: dict[str, object], width: int = 128) -> nn.Sequential:
    return head(config.Head.model_validate(settings), width)


@pytest.mark.parametrize(
    ("settings", "dim", "expected"),
    [
        ({"kind": "none"}, 96, 0),
        ({"kind": "linear", "dim": 32, "batch_norm": False}, 32, 96 * 32 + 32),
        ({"kind": "linear", "dim": 32}, 32, 96 * 32 + 2 * 32),
        ({"kind": "nonlinear", "dim": 32, "batch_norm": False}, 32, 96 * 96 + 96 + 96 * 32 + 32),
        ({"kind": "nonlinear", "dim": 32}, 32, 96 * 96 + 2 * 96 + 96 * 32 + 2 * 32),
        ({"dim": "h"}, 96, 2 * (96 * 96 + 2 * 96)),
        ({"kind": "linear", "dim": "h"}, 96, 96 * 96 + 2 * 96),
        ({"depth": 3}, 128, 2 * 96 * 96 + 96 * 128 + 2 * (2 * 96 + 128)),
        ({"depth": 2, "width": 7, "dim": 5}, 5, 96 * 7 + 7 * 5 + 2 * (7 + 5)),
        ({"depth": 4, "width": 7, "dim": 5}, 5, 96 * 7 + 2 * 7 * 7 + 7 * 5 + 2 * (3 * 7 + 5)),
        ({"depth": 4, "width": 7, "dim": 5, "batch_norm": False}, 5, 96 * 7 + 2 * 7 * 7 + 7 * 5 + 3 * 7 + 5),
    ],
)
def test_heads_have_the_layers_they_are_named_for(settings: dict[str, object], dim: int, expected: int) -> None:
    projection = g(settings, 96)
    assert parameters(projection) == expected
    assert projection(torch.rand(4, 96)).shape == (4, dim)
    # Offsets: the last BatchNorm's stays at zero; everything else is trained.
    frozen = [p for p in projection.parameters() if not p.requires_grad]
    normed = settings.get("batch_norm", settings.get("kind") != "none")
    assert [tuple(p.shape) for p in frozen] == ([(dim,)] if normed else [])
    assert all((p == 0).all() for p in frozen)


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_layers_are_the_heads_arithmetic_step_by_step(depth: int, batch_norm: bool) -> None:
    shape = {"kind": "linear"} if depth == 1 else {"depth": depth, "width": 9}
    projection = g({"dim": 5, "batch_norm": batch_norm, **shape}, 12).double()
    generator = torch.Generator().manual_seed(0)
    for p in projection.parameters():  # gammas and offsets that leave their traces
        if p.ndim == 1 and p.requires_grad:
            p.data.copy_(torch.rand(p.shape, generator=generator))
    h = torch.randn(6, 12, generator=generator).double()
    given, expected, x = h.clone(), [], h
    for n, layer in enumerate([m for m in projection if isinstance(m, nn.Linear)], 1):
        x = x @ layer.weight.T
        if batch_norm:
            norm = [m for m in projection if isinstance(m, nn.BatchNorm1d)][n - 1]
            x = (x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt() * norm.weight + (norm.bias if n < depth else 0)
            assert layer.bias is None
        else:
            x = x + layer.bias
        if n < depth:
            x = x.clamp(min=0)
        expected.append(x)
    outputs = layers(projection, h)
    assert len(outputs) == depth
    for ours, theirs in zip(outputs, expected, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert torch.equal(outputs[-1], projection(h))
    assert torch.equal(h, given)


def test_no_head_has_no_layers_and_leaves_h_as_it_is() -> None:
    h = torch.randn(4, 128)
    assert layers(g({"kind": "none"}), h) == []
    assert g({"kind": "none"})(h) is h


@pytest.mark.parametrize("batch_norm", [True, False])
def test_a_heads_weights_are_torchs_default_output_layer_first(batch_norm: bool) -> None:
    torch.manual_seed(0)
    projection = g({"dim": 5, "depth": 3, "width": 9, "batch_norm": batch_norm}, 12)
    torch.manual_seed(0)
    output, first, second = (nn.Linear(a, b, bias=not batch_norm) for a, b in ((9, 5), (12, 9), (9, 9)))
    ours = [m for m in projection if isinstance(m, nn.Linear)]
    for layer, expected in zip(ours, (first, second, output), strict=True):
        assert torch.equal(layer.weight, expected.weight)


def test_a_linear_head_is_linear_and_a_nonlinear_one_is_not() -> None:
    for kind, linear in (("linear", True), ("nonlinear", False)):
        projection = g({"kind": kind, "batch_norm": False})
        a, b, zero = torch.randn(3, 128), torch.randn(3, 128), torch.zeros(3, 128)
        additive = torch.allclose(projection(a + b) + projection(zero), projection(a) + projection(b), atol=1e-5)
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
