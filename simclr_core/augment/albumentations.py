"""Any image transform of albumentations 2.0.8 by name: "A.CLAHE", "A.CLAHE(clip_limit=2, p=1)"."""

import ast
import difflib
import inspect
import math
import os
import warnings
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor

from simclr_core.errors import BadInput

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # or importing it asks the network for a newer version
import albumentations as A

# They need boxes, masks or functions beside the image and do not say so in `targets_as_params`, or leave RGB as it is.
UNUSABLE = {
    "AtLeastOneBBoxRandomCrop",
    "BBoxSafeRandomCrop",
    "ConstrainedCoarseDropout",
    "CropNonEmptyMaskIfExists",
    "Lambda",
    "RandomSizedBBoxSafeCrop",
    "ToRGB",
}


@cache
def canonical(spec: str) -> str:
    """The spelling under which equal transforms are equal: keywords sorted, lists as tuples, no empty parentheses.

    Arguments are keywords with literal values: numbers, strings, booleans, None, and tuples or lists of them.
    Raises ValueError: one sentence with what is wrong and what is allowed.
    """
    name, arguments = _parse(spec)
    _build(spec, name, arguments)
    written = ", ".join(f"{key}={arguments[key]!r}" for key in sorted(arguments))
    return f"A.{name}({written})" if written else f"A.{name}"


def apply(images: Tensor, seeds: Tensor, spec: str) -> Tensor:
    """Each image, rounded to 8 bits, through the transform with a generator of its own.

    images: (N, C, S, S) in [0, 1], on any device; the work is done on the CPU. seeds: (N,) whole numbers.
    Raises BadInput where the transform fails on such images, or changes their shape or type.
    """
    transform = _ready(spec, images.shape[-1], images.shape[1])
    pixels = (images * 255).round().byte().permute(0, 2, 3, 1).contiguous().cpu().numpy()
    out = np.empty_like(pixels)
    for i, (image, seed) in enumerate(zip(pixels, seeds.tolist(), strict=True)):
        transform.set_random_seed(seed)
        out[i] = _transformed(image, transform, spec)
    return torch.from_numpy(out).to(images.device).permute(0, 3, 1, 2).float() / 255


@cache
def _ready(spec: str, side: int, channels: int) -> Any:
    """The transform, tried on one image whatever its p, so that an unfit one is found before it happens to fire."""
    transform = _build(spec, *_parse(spec))
    generator = np.random.default_rng(0)
    transform.set_random_seed(0)
    _transformed(generator.integers(0, 256, (side, side, channels), dtype=np.uint8), transform, spec, force_apply=True)
    return transform


def _transformed(image: NDArray[np.uint8], transform: Any, spec: str, **options: bool) -> NDArray[np.uint8]:
    try:
        out: NDArray[np.uint8] = transform(image=image, **options)["image"]
    except Exception as error:  # whatever the library raises, this transform does not fit these images
        raise BadInput(f"Transformation {spec} fails on images of {_described(image)}: {_reason(error)}.") from error
    if out.shape != image.shape or out.dtype != image.dtype:
        raise BadInput(
            f"Transformation {spec} turns images of {_described(image)} into {_described(out)}; "
            "only those that keep shape and type are allowed."
        )
    return out


def _described(image: NDArray[Any]) -> str:
    return f"{' x '.join(map(str, image.shape))} {image.dtype}"


def _parse(spec: str) -> tuple[str, dict[str, Any]]:
    """The transform's name and its arguments."""
    form = f"albumentations step {spec!r}: write it as A.NAME or A.NAME(argument=value, ...)"
    try:
        node = ast.parse(spec.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):  # the last two: nested too deep
        raise ValueError(form) from None
    call = node if isinstance(node, ast.Call) else ast.Call(node, [], [])
    if not (
        isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name) and call.func.value.id == "A"
    ):
        raise ValueError(form)
    arguments: dict[str, Any] = {}
    for keyword in call.keywords:
        try:
            arguments[keyword.arg or ""] = _plain(ast.literal_eval(keyword.value))
        except (ValueError, TypeError):
            raise ValueError(
                f"albumentations step {spec!r}: argument {keyword.arg!r} must be a finite number, text, True, False, "
                f"None, or a tuple or list of these, got {ast.unparse(keyword.value)}"
            ) from None
    if call.args or "" in arguments or len(arguments) < len(call.keywords):
        raise ValueError(f"{form}; each argument by its name, once")
    return call.func.attr, arguments


def _plain(value: Any) -> Any:
    """The value with lists as tuples. Raises ValueError where it is none that YAML can hold."""
    if isinstance(value, list | tuple):
        return tuple(_plain(item) for item in value)
    if value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise ValueError


def _build(spec: str, name: str, arguments: dict[str, Any]) -> Any:
    """The transform itself. Raises ValueError: one sentence."""
    where = f"albumentations step {spec!r}"
    known = _names()
    if name not in known:
        if hasattr(A, name):
            raise ValueError(f"{where}: A.{name} does not make another RGB image of one RGB image alone")
        raise ValueError(f"{where}: albumentations 2.0.8 has no A.{name}{_nearest(name, known, 'A.')}")
    kind = getattr(A, name)
    accepted = [key for key in inspect.signature(kind.__init__).parameters if key not in ("self", "strict")]
    for key in arguments:
        if key not in accepted:
            raise ValueError(
                f"{where}: unknown argument {key!r}{_nearest(key, accepted)}; allowed: {', '.join(accepted)}"
            )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # the library warns and goes on where an argument is not what it allows
            warnings.filterwarnings("ignore", message=".*(alias|special|very slow)")
            transform = kind(**arguments)
    except Exception as error:  # the library raises what it likes
        raise ValueError(f"{where}: {_reason(error)}") from None
    if transform.targets_as_params:
        raise ValueError(f"{where}: A.{name} needs {', '.join(transform.targets_as_params)} beside the image")
    return transform


@cache
def _names() -> list[str]:
    """The transforms of one image and nothing else; some turn out only when built."""
    bases = (A.ImageOnlyTransform, A.DualTransform)
    kinds = {name: kind for name, kind in vars(A).items() if inspect.isclass(kind) and issubclass(kind, bases)}
    return sorted(
        name
        for name, kind in kinds.items()
        if kind not in bases and not issubclass(kind, A.Transform3D) and name not in UNUSABLE
    )


def _nearest(name: str, known: Iterable[str], prefix: str = "") -> str:
    lower = {other.lower(): other for other in known}
    close = difflib.get_close_matches(name.lower(), list(lower), n=3, cutoff=0.5)
    return f"; nearest: {', '.join(prefix + lower[other] for other in close)}" if close else ""


def _reason(error: Exception) -> str:
    """The first sentence of what the library or pydantic has to say, without its full stop."""
    said, path = str(error) or type(error).__name__, ""
    if isinstance(error.__cause__, ValidationError):
        first = error.__cause__.errors(include_url=False)[0]
        said, path = first["msg"].removeprefix("Value error, "), ".".join(map(str, first["loc"]))
        said = said[0].lower() + said[1:]
    sentence = " ".join(said.split()).split(". ")[0].rstrip(".")
    return f"argument {path}: {sentence}" if path else sentence
