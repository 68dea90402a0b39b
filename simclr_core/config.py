"""The recipe: everything that determines one training and its probes, frozen and validated; and its content name."""

import difflib
import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from simclr_core.errors import BadInput

# Raised whenever the same recipe would give other numbers, so that stored trials of the old code are not reused.
RECIPE_VERSION = 1

TRANSFORMATIONS = ("crop", "cutout", "color", "sobel", "noise", "blur", "rotate")  # in the order of Figure 5

Probability = Annotated[float, Field(ge=0, le=1)]
Range = tuple[float, float]


class Part(BaseModel):
    """A frozen piece of a recipe; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Data(Part):
    """Which images, at which size, and how many of them."""

    source: str = "embedded"  # embedded, cifar10 or folder:PATH
    size: int = Field(default=24, ge=8, le=512)  # side in pixels after decoding
    limit: int | None = Field(default=None, ge=2)  # class-balanced subset of the training images
    test_limit: int | None = Field(default=None, ge=2)  # likewise of the test images

    @field_validator("source")
    @classmethod
    def _known(cls, source: str) -> str:
        if source in ("embedded", "cifar10") or (source.startswith("folder:") and len(source) > len("folder:")):
            return source
        raise ValueError(f"unknown data source {source!r}; allowed: embedded, cifar10, folder:PATH")


class Crop(Part):
    """Random resized crop, then a horizontal flip."""

    area: Range = (0.08, 1.0)  # fraction of the image
    ratio: Range = (3 / 4, 4 / 3)  # width / height
    flip: bool = True  # with probability 1/2

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not 0 < self.area[0] <= self.area[1] <= 1:
            raise ValueError(f"area must be two ordered fractions in (0, 1], got {list(self.area)}")
        if not 0 < self.ratio[0] <= self.ratio[1]:
            raise ValueError(f"ratio must be two ordered positive numbers, got {list(self.ratio)}")
        return self


class Cutout(Part):
    """A gray square, wholly inside the image."""

    side: float = Field(default=0.5, gt=0, le=1)  # of the image's side; measured on the paper's Figure 4


class Color(Part):
    """Jitter (brightness, contrast, saturation, hue) and random grayscale, Appendix A of the paper."""

    strength: float = Field(default=1.0, ge=0, le=2.5)  # beyond 2.5 the hue shift would exceed half a turn
    jitter_p: Probability = 0.8
    gray_p: Probability = 0.2


class Sobel(Part):
    """Gradient magnitude of the gray image."""

    scale: float = Field(default=0.5, gt=0)


class Noise(Part):
    """Additive Gaussian noise, one standard deviation per image."""

    sigma: Range = (0.0, 0.2)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not 0 <= self.sigma[0] <= self.sigma[1]:
            raise ValueError(f"sigma must be two ordered numbers >= 0, got {list(self.sigma)}")
        return self


class Blur(Part):
    """Gaussian blur; the kernel is a tenth of the side, odd, at least 3."""

    sigma: Range = (0.1, 2.0)  # pixels
    p: Probability = 0.5

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not 0 < self.sigma[0] <= self.sigma[1]:
            raise ValueError(f"sigma must be two ordered positive numbers, got {list(self.sigma)}")
        return self


class Transforms(Part):
    """Settings of the transformations; which of them are used, and where, is said in Views."""

    crop: Crop = Crop()
    cutout: Cutout = Cutout()
    color: Color = Color()
    sobel: Sobel = Sobel()
    noise: Noise = Noise()
    blur: Blur = Blur()


class Views(Part):
    """Two views of an image: `shared` acts once and both go on from its pixels, then each goes through its own chain.

    Figure 5 of the paper is shared (crop), left (), right (the targets). The usual symmetric SimCLR is shared (),
    left and right alike; `left: as_right` says so in one word.
    """

    shared: tuple[str, ...] = ()
    left: tuple[str, ...] = ("crop", "color")
    right: tuple[str, ...] = ("crop", "color")

    @model_validator(mode="before")
    @classmethod
    def _mirror(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and given.get("left") == "as_right":
            return {**given, "left": given.get("right", cls.model_fields["right"].default)}
        return given

    @field_validator("shared", "left", "right")
    @classmethod
    def _known(cls, chain: tuple[str, ...]) -> tuple[str, ...]:
        for name in chain:
            if name not in TRANSFORMATIONS:
                raise ValueError(f"unknown transformation {name!r}{nearest(name, TRANSFORMATIONS)}")
        return chain


class Encoder(Part):
    """`small` is sized for one CPU core; the ResNets have the 3x3 stride-1 stem for small images."""

    name: Literal["small", "resnet18", "resnet34", "resnet50"] = "small"


class Head(Part):
    """g(h): none (z = h), linear, or nonlinear with one hidden layer as wide as h."""

    kind: Literal["none", "linear", "nonlinear"] = "nonlinear"
    dim: int | None = Field(default=None, ge=2)  # width of z; 128 (the paper's) where a head has one and none is given
    batch_norm: bool = True  # after every layer, as in the official code; the paper does not mention it

    @model_validator(mode="before")
    @classmethod
    def _width(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and given.get("kind") != "none" and given.get("dim") is None:
            return {**given, "dim": 128}
        return given

    @model_validator(mode="after")
    def _none_has_no_width(self) -> Self:
        if self.kind == "none" and self.dim is not None:
            raise ValueError(f"a head of kind none has no width of its own: dim must be null, got {self.dim}")
        return self


class Loss(Part):
    """NT-Xent."""

    temperature: float = Field(default=0.5, gt=0)


class Optimizer(Part):
    """Weight decay spares BatchNorm and biases. `momentum` is SGD's."""

    name: Literal["adamw", "sgd"] = "adamw"
    lr: float = Field(default=1e-3, gt=0)  # at the top of the schedule
    weight_decay: float = Field(default=1e-4, ge=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)


class Schedule(Part):
    """How long and in which steps. `epochs: 0` leaves the encoder untrained."""

    epochs: int = Field(default=10, ge=0)
    batch_size: int = Field(default=64, ge=2)  # images, before the two views
    warmup: float = Field(default=0.1, ge=0, lt=1)  # fraction of all steps, linear; then cosine to zero
    precision: Literal["float32", "bfloat16"] = "float32"


class LinearProbe(Part):
    """Multinomial logistic regression on frozen, standardized h."""

    l2: tuple[float, ...] = Field(default=(1e-3, 1e-2, 1e-1), min_length=1)  # penalties tried
    validation: float = Field(default=0.2, gt=0, lt=1)  # share of the training images that chooses among them

    @field_validator("l2")
    @classmethod
    def _positive(cls, l2: tuple[float, ...]) -> tuple[float, ...]:
        if min(l2) <= 0:
            raise ValueError(f"penalties must be positive, got {list(l2)}")
        return l2


class Probes(Part):
    """What is measured on the trained encoder."""

    linear: LinearProbe = LinearProbe()


class Recipe(Part):
    """Everything that determines one training and its probes. JSON in, JSON out."""

    data: Data = Data()
    views: Views = Views()
    transforms: Transforms = Transforms()
    encoder: Encoder = Encoder()
    head: Head = Head(kind="nonlinear", dim=128)
    loss: Loss = Loss()
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    probes: Probes = Probes()
    seed: int = Field(default=0, ge=0)

    @classmethod
    def parse(cls, fields: Mapping[str, Any], where: str = "recipe") -> Self:
        """A recipe from nested plain fields. Raises BadInput: one sentence, path and what is allowed."""
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise BadInput(explain(error, cls, where)) from None

    def trial_id(self, fingerprint: str) -> str:
        """16 hex digits naming this recipe on the data set with that fingerprint, whatever the order of its keys.

        The path of a folder is no part of it: the same images elsewhere are the same trial.
        """
        fields = self.model_dump(mode="json")
        fields["data"]["source"] = fingerprint
        fields["recipe_version"] = RECIPE_VERSION
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]


def nearest(name: str, known: tuple[str, ...] | list[str]) -> str:
    """'; nearest: a, b; allowed: ...' for the end of a sentence about an unknown name."""
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return (f"; nearest: {', '.join(close)}" if close else "") + f"; allowed: {', '.join(known)}"


def explain(error: ValidationError, model: type[BaseModel], where: str) -> str:
    """The first complaint of pydantic as one sentence: where, what, what is allowed."""
    first = error.errors(include_url=False)[0]
    path = ".".join(str(step) for step in first["loc"])
    at = f"{where}: {path}" if path else where
    if first["type"] == "extra_forbidden":
        inner: Any = model
        for step in first["loc"][:-1]:
            inner = inner.model_fields[step].annotation if isinstance(step, str) else inner
        known = list(getattr(inner, "model_fields", {}))
        return f"{at}: unknown key {first['loc'][-1]!r}{nearest(str(first['loc'][-1]), known)}."
    said = (
        first["msg"].removeprefix("Value error, ").replace("valid tuple", "list").replace("tuple should", "list should")
    )
    if first["type"] == "model_type":
        said = "a mapping of fields is needed"
    given = "" if first["type"] == "value_error" else f", got {first['input']!r}"
    return f"{at}: {said[0].lower()}{said[1:]}{given}."
