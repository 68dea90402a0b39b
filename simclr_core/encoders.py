"""Encoders f: images (N, C, S, S) in [0, 1] -> representations h (N, width)."""

import torch
from torch import Tensor, nn

from simclr_core import config
from simclr_core.blocks import BasicBlock, Bottleneck

Block = type[BasicBlock] | type[Bottleneck]
RESNETS: dict[str, tuple[Block, tuple[int, int, int, int]]] = {  # blocks in each of the four stages
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet34": (BasicBlock, (3, 4, 6, 3)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
    "resnet101": (Bottleneck, (3, 4, 23, 3)),
    "resnet152": (Bottleneck, (3, 8, 36, 3)),
}


class Small(nn.Module):
    """Sized for one CPU core: 5x5 stride-3 stem, three basic residual blocks, global average pooling; h: 128 * width.

    It keeps torch's default initialization and ordinary gammas: within the ten epochs it is meant for it learns much
    less with the ResNets' (fan-out scale, zero last gamma).
    """

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        a, b, c = 32 * width, 64 * width, 128 * width
        self.width = c
        first = nn.Conv2d(channels, a, 5, stride=3, bias=False)
        self.stem = nn.Sequential(first, nn.BatchNorm2d(a), nn.ReLU(inplace=True))
        self.blocks = nn.Sequential(
            residual(BasicBlock, a, a),
            residual(BasicBlock, a, b, 2, project=True),
            residual(BasicBlock, b, c, 2, project=True),
        )
        self.blocks[2].conv2 = TinyMapConv2d(c, c, 3, padding=1, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        h: Tensor = self.blocks(self.stem(images)).mean(dim=(2, 3))
        return h


class TinyMapConv2d(nn.Conv2d):
    """A 3x3 padding-1 convolution that handles a 2x2 map, where every output sees every input, as one matrix product.

    That is half the arithmetic (no padding is multiplied) and twice as fast on a CPU, in the layer that takes longest
    per operation: 24-pixel images end in a 2x2 map. Other maps are convolved as ever.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-2:] != (2, 2):
            return super().forward(x)
        # The taps that output (i, j) lays over the four inputs, flattened as (outputs, channels x inputs).
        taps = torch.stack([self.weight[..., 1 - i : 3 - i, 1 - j : 3 - j] for i in (0, 1) for j in (0, 1)])
        out = x.flatten(1) @ taps.flatten(0, 1).flatten(1).T
        return out.view(len(x), 2, 2, self.out_channels).permute(0, 3, 1, 2)


class ResNet(nn.Sequential):
    """The official code's ResNet, under torchvision's names; no classifier. h: `width`.

    `settings.width` multiplies all channel counts, the stem's too. Every block starts as its shortcut: its last gamma
    is zero. As in the official code, and unlike torchvision's ResNet-18 and 34, the first stage has a projection too:
    so the paper's parameter counts (Figure 7) come out. Two departures from that code are torchvision's ways:
    convolutions start at variance 2 / fan-out (there 1 / fan-in), and the max-pool pads both sides (there the far one).
    """

    def __init__(self, settings: config.Encoder, inward: int) -> None:
        super().__init__()
        block, depths = RESNETS[settings.name]
        channels = 64 * settings.width
        if settings.stem == "imagenet":
            self.conv1 = nn.Conv2d(inward, channels, 7, stride=2, padding=3, bias=False)
            pool: nn.Module = nn.MaxPool2d(3, stride=2, padding=1)
        else:  # for images of up to 32 pixels (Appendix B.9)
            self.conv1 = nn.Conv2d(inward, channels, 3, padding=1, bias=False)
            pool = nn.Identity()
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = pool
        self.width = channels
        for stage, depth in enumerate(depths):
            planes = channels * 2**stage
            blocks = [residual(block, self.width, planes, 1 if stage == 0 else 2, project=True)]
            self.width = planes * block.expansion
            blocks += [residual(block, self.width, planes) for _ in range(depth - 1)]
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, BasicBlock | Bottleneck):
                nn.init.zeros_((module.bn3 if isinstance(module, Bottleneck) else module.bn2).weight)


def residual(block: Block, inward: int, planes: int, stride: int = 1, project: bool = False) -> nn.Module:
    """A block, `inward` -> planes * block.expansion channels, its shortcut the identity or a projection."""
    shortcut, outward = None, planes * block.expansion
    if project:
        shortcut = nn.Sequential(nn.Conv2d(inward, outward, 1, stride, bias=False), nn.BatchNorm2d(outward))
    made: nn.Module = block(inward, planes, stride, shortcut)
    return made


class Encoder(nn.Module):
    """Centers the pixels, then the network. `width` is that of h.

    The official code feeds plain [0, 1]; (x - 0.5) / 0.25 only rescales the first layer's input and trains faster.
    statistics: mean and standard deviation of each of the `channels`, (C,), to center by instead.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, settings: config.Encoder, channels: int = 3, statistics: tuple[Tensor, Tensor] | None = None
    ) -> None:
        super().__init__()
        small = settings.name == "small"
        self.network = Small(settings.width, channels) if small else ResNet(settings, channels)
        self.width = self.network.width
        self.statistics = statistics is not None
        for name, value in zip(("mean", "deviation"), statistics or (), strict=False):
            self.register_buffer(name, value.float()[:, None, None])
        self.to(memory_format=torch.channels_last)  # faster on CPUs and on tensor cores

    def forward(self, images: Tensor) -> Tensor:
        mean, deviation = (self.mean, self.deviation) if self.statistics else (0.5, 0.25)
        centered = ((images - mean) / deviation).contiguous(memory_format=torch.channels_last)
        h: Tensor = self.network(centered)
        return h
