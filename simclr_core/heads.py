"""Projection heads g: h (N, width) -> z (N, dim)."""

from torch import nn

from simclr_core import config


def head(settings: config.Head, width: int) -> nn.Module:
    """none: z = h. linear: one layer. nonlinear: a hidden layer as wide as h, ReLU, then the output (Figure 8).

    With `batch_norm` it follows every layer, and the last one has no offset, as in the official code; without, the
    layers have biases.
    """
    if settings.kind == "none":
        return nn.Identity()
    assert settings.dim is not None  # Head's validation fills it in
    norm = settings.batch_norm
    output: list[nn.Module] = [nn.Linear(width, settings.dim, bias=not norm)]
    if norm:
        last = nn.BatchNorm1d(settings.dim)
        last.bias.requires_grad_(False)  # it starts at zero and stays there
        output.append(last)
    if settings.kind == "linear":
        return nn.Sequential(*output)
    hidden: list[nn.Module] = [nn.Linear(width, width, bias=not norm)]
    if norm:
        hidden.append(nn.BatchNorm1d(width))
    return nn.Sequential(*hidden, nn.ReLU(inplace=True), *output)
