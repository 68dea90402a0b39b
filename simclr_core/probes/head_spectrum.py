"""The spectrum of a linear head z = W h with z as wide as h: is W of low rank? (Figure B.3)

W is the weight matrix of the linear layer alone. A BatchNorm after it scales the rows of W, which moves eigenvalues;
the published caption has g(h) = W h, so it is left out here, and so is a bias.

The figure shows "squared real eigenvalues". W is not symmetric, so most of its eigenvalues are complex, in conjugate
pairs, and the paper does not say what of them is squared. Here it is the real part. The drawing says so: near the end
of the ranks its values fall tenfold from rank 1,340 to 1,789 of 2,048 and by seven decades more to the last, as squares
of real parts do, of which many lie near zero. Squared moduli would need a whole eigenvalue near zero: those of a random
matrix of that size fall by a factor of 2.6 and by two decades. Counting the truly real eigenvalues only would leave
some dozens of 2,048.

A real part says little about rank where W rotates: a quarter turn has none. So the squared singular values, which no
rotation changes, are measured beside it.
"""

import torch
from torch import Tensor, nn

from simclr_core.probes.measured import Measured

FLOOR = 0.01  # of the largest: the paper's Figure B.3 has about 300 of 2,048 above it


def squared_real_eigenvalues(weight: Tensor) -> Tensor:
    """(D,) float64 squares of the real parts of the eigenvalues of a (D, D) matrix, the largest first."""
    squares: Tensor = torch.linalg.eigvals(weight.double()).real.square()
    return squares.sort(descending=True).values


def squared_singular_values(weight: Tensor) -> Tensor:
    """(D,) float64 squared singular values of a (D, D) matrix, the largest first."""
    singular: Tensor = torch.linalg.svdvals(weight.double())
    return singular.square()


def rank_share(spectrum: Tensor) -> Measured:
    """How many of (D,) sorted values are above FLOOR times the largest, in percent of D; the outcome is the spectrum.

    A matrix of zeros has none: 0.
    """
    above = (spectrum > FLOOR * spectrum[0]).double().mean()
    return Measured(100 * above.item(), spectrum.float().numpy())


@torch.no_grad()
def head_spectrum(head: nn.Sequential) -> dict[str, Measured]:
    """head_eigen_rank and head_singular_rank, in percent of the width, of a head whose first module is linear.

    On the CPU and in float64: a matrix of width 2,048 takes about half a minute.
    """
    linear = head[0]
    assert isinstance(linear, nn.Linear)  # the recipe's validation sees to it
    weight = linear.weight.cpu()
    return {
        "head_eigen_rank": rank_share(squared_real_eigenvalues(weight)),
        "head_singular_rank": rank_share(squared_singular_values(weight)),
    }
