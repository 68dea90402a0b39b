"""Encoders f: images (N, 3, S, S) in [0, 1] -> representations h (N, width)."""

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet


class Small(nn.Module):
    """Sized for one CPU core: 5x5 stride-3 stem, three basic residual blocks, global average pooling; h is 128 wide.

    It keeps torch's default initialization and ordinary gammas: within the ten epochs it is meant for it learns much
    less with the ResNets' (fan-out scale, zero last gamma).
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 5, stride=3, bias=False), nn.BatchNorm2d(32), nn.ReLU(inplace=True))
        self.blocks = nn.Sequential(residual(32, 32, 1), residual(32, 64, 2), residual(64, 128, 2))
        self.blocks[2].conv2 = TinyMapConv2d(128, 128, 3, padding=1, bias=False)

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


def residual(inward: int, outward: int, stride: int) -> BasicBlock:
    """torchvision's basic block with its projection shortcut where the shape changes."""
    shortcut = None
    if stride != 1 or inward != outward:
        shortcut = nn.Sequential(nn.Conv2d(inward, outward, 1, stride, bias=False), nn.BatchNorm2d(outward))
    return BasicBlock(inward, outward, stride, shortcut)


def resnet(name: str) -> ResNet:
    """torchvision's ResNet for small images: 3x3 stride-1 padding-1 stem, no max-pool (Appendix B.9); no classifier.

    Every block starts as its shortcut: the last gamma of each is zero, as in the official code.
    """
    model: ResNet = getattr(torchvision.models, name)(zero_init_residual=True)
    model.conv1 = nn.Conv2d(3, 64, 3, stride=1, padding=1, bias=False)
    nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
    model.maxpool = nn.Identity()
    model.fc = nn.Identity()
    return model


class Encoder(nn.Module):
    """Centers the pixels, then the network. `width` is that of h.

    The official code feeds plain [0, 1]; (x - 0.5) / 0.25 only rescales the first layer's input and trains faster.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.network: nn.Module = Small() if name == "small" else resnet(name)
        self.width: int = {"small": 128, "resnet50": 2048}.get(name, 512)
        self.to(memory_format=torch.channels_last)  # faster on CPUs and on tensor cores

    def forward(self, images: Tensor) -> Tensor:
        centered = ((images - 0.5) / 0.25).contiguous(memory_format=torch.channels_last)
        h: Tensor = self.network(centered)
        return h
