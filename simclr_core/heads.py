"""Projection heads g: h (N, width) -> z (N, dim)."""

from itertools import pairwise

from torch import Tensor, nn

from simclr_core import config


def head(settings: config.Head, width: int) -> nn.Sequential:
    """none: z = h. linear: one layer. nonlinear: `depth` layers, each but the last followed by a ReLU (Figure 8).

    With `batch_norm` it follows every layer, and the last one has no offset, as in the official code; without, the
    layers have biases. Weights start as torch's default (official code: normal with standard deviation 0.01).
    """
    if settings.kind == "none":
        return nn.Sequential()
    dim = width if settings.dim == "h" else settings.dim
    assert dim is not None  # Head's validation fills it in
    widths = [width, *[settings.width or width] * ((settings.depth or 1) - 1), dim]
    norm = settings.batch_norm
    output: list[nn.Module] = [nn.Linear(widths[-2], dim, bias=not norm)]
    if norm:
        last = nn.BatchNorm1d(dim)
        last.bias.requires_grad_(False)  # it starts at zero and stays there
        output.append(last)
    modules: list[nn.Module] = []
    for before, after in pairwise(widths[:-1]):
        modules.append(nn.Linear(before, after, bias=not norm))
        if norm:
            modules.append(nn.BatchNorm1d(after))
        modules.append(nn.ReLU(inplace=True))
    return nn.Sequential(*modules, *output)


def layers(head: nn.Module, h: Tensor) -> list[Tensor]:
    """What each layer of g makes of h (N, width): the hidden ones after their ReLU, z last; [] for kind none."""
    modules, outputs = list(head.children()), []
    for module in modules:
        h = module(h)
        if isinstance(module, nn.ReLU) or module is modules[-1]:
            outputs.append(h)
    return outputs
