"""The recipe: everything that determines one training and its probes, frozen and validated; and its content name."""

import difflib
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from simclr_core.errors import BadInput
from simclr_core.sources import DOWNLOADED, DRAWN, OWN, SOURCES

# Raised whenever the same recipe would give other numbers, so that stored trials of the old code are not reused; and
# whenever a default changes, since a trial's name is made of what differs from the defaults.
RECIPE_VERSION = 3

FIGURE_5 = ("crop", "cutout", "color", "sobel", "noise", "blur", "rotate")  # in its order
TRANSFORMATIONS = (*FIGURE_5, "solarize", "equalize", "motion_blur", "autoaugment")
PLACES = ("crop", "cutout", "rotate")  # those that mean the same in two recordings of one thing: where, not what

MOMENTUM = 0.9
MAX_SIDE = 512  # pixels

Probability = Annotated[float, Field(ge=0, le=1)]
Range = tuple[float, float]
FourthBand = Literal["alpha", "ignored"]

CANDIDATES = 2000  # test images, at most, among which a retrieval looks for the one


class Part(BaseModel):
    """A frozen piece of a recipe; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Data(Part):
    """Which images, at which size, and how many of them."""

    source: str = "embedded"  # one of SOURCES
    size: int = Field(default=24, ge=8, le=MAX_SIDE)  # side in pixels after decoding
    limit: int | None = Field(default=None, ge=2)  # at most so many training images, as balanced as classes allow
    test_limit: int | None = Field(default=None, ge=2)  # likewise of the test images
    labels: Literal["none"] | None = None  # none: no label is used; null: as the source has them
    probe: str | None = None  # another source, on which is probed; of `source` no label is used then
    # Of a folder of one's own. What belongs together and is never torn apart by a split, and what intervals count:
    # parent: the folder below the class folder, with all in it; manifest: the column `group` of its metadata.csv;
    # image: nothing does, and subfolders need no warning; null: not said.
    group: Literal["parent", "manifest", "image"] | None = None
    test: str | None = None  # folder:PATH of the test images, where they lie elsewhere
    range: Range | None = None  # the values that become black and white; null: see simclr_core.data.intensities
    fourth_band: FourthBand | None = None  # what it is in a TIFF that does not say so
    # 1: gray, 3: RGB, others: as many bands as the files have. null: RGB, unless the files have other numbers of bands.
    channels: int | None = Field(default=None, ge=1, le=16)
    # What the encoder sees: (x - 0.5) / 0.25, or each channel by the training images' own mean and standard deviation.
    normalize: Literal["half", "set"] = "half"

    @field_validator("range")
    @classmethod
    def _ordered(cls, between: Range | None) -> Range | None:
        if between is not None and not between[0] < between[1]:
            raise ValueError(f"range must be two numbers, the value of black below that of white, got {list(between)}")
        return between

    @field_validator("test")
    @classmethod
    def _a_folder(cls, test: str | None) -> str | None:
        if test is None or (test.startswith("folder:") and len(test) > len("folder:")):
            return test
        raise ValueError(f"test images elsewhere are named as folder:PATH, got {test!r}")

    @property
    def grouped(self) -> bool:
        """Whether images belong together."""
        return self.group in ("parent", "manifest")

    @field_validator("source", "probe")
    @classmethod
    def _known(cls, source: str | None) -> str | None:
        if source is None or source in (*DRAWN, *DOWNLOADED) or (source.startswith(OWN) and source not in OWN):
            return source
        raise ValueError(f"unknown data source {source!r}{nearest(source, SOURCES)}")


class Crop(Part):
    """Random resized crop, then a horizontal flip."""

    area: Range = (0.08, 1.0)  # fraction of the image
    ratio: Range = (3 / 4, 4 / 3)  # width / height, absolute (official code, torchvision), not relative to the image's
    flip: bool = True  # with probability 1/2
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"  # the official code is bicubic

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
    p: Probability = 1.0


class Color(Part):
    """Jitter (brightness, contrast, saturation, hue) and random grayscale, Appendix A of the paper."""

    strength: float = Field(default=1.0, ge=0, le=2.5)  # beyond 2.5 the hue shift would exceed half a turn
    jitter_p: Probability = 0.8
    gray_p: Probability = 0.2
    # multiply: by U(1 - 0.8 s, 1 + 0.8 s), as torchvision and the later official code; add: U(-0.8 s, 0.8 s), the paper
    brightness: Literal["multiply", "add"] = "multiply"


class Sobel(Part):
    """Gradient magnitude of the gray image."""

    scale: float = Field(default=0.5, gt=0)
    p: Probability = 1.0


class Noise(Part):
    """Additive Gaussian noise, one standard deviation per image."""

    sigma: Range = (0.0, 0.2)
    p: Probability = 1.0

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
        if not 0.01 <= self.sigma[0] <= self.sigma[1]:
            raise ValueError(f"sigma must be two ordered numbers of at least 0.01, got {list(self.sigma)}")
        return self


class Solarize(Part):
    """Pixels at or above the threshold are inverted."""

    threshold: Probability = 0.5
    p: Probability = 1.0


class Equalize(Part):
    """Histogram equalization of each channel."""

    p: Probability = 1.0


class MotionBlur(Part):
    """Mean along a line through each pixel, of random length and direction."""

    length: Range = (0.1, 0.3)  # of the image's side
    p: Probability = 1.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not 0 < self.length[0] <= self.length[1] <= 1:
            raise ValueError(f"length must be two ordered fractions in (0, 1], got {list(self.length)}")
        return self


class AutoAugment(Part):
    """torchvision's AutoAugment policy (Table 1's last column)."""

    policy: Literal["imagenet", "cifar10"] = "imagenet"


class Transforms(Part):
    """Settings of the transformations; which of them are used, and where, is said in Views.

    `p` is the probability that one fires on an image. What the paper leaves open is ours, and said where it is applied.
    """

    crop: Crop = Crop()
    cutout: Cutout = Cutout()
    color: Color = Color()
    sobel: Sobel = Sobel()
    noise: Noise = Noise()
    blur: Blur = Blur()
    solarize: Solarize = Solarize()
    equalize: Equalize = Equalize()
    motion_blur: MotionBlur = MotionBlur()
    autoaugment: AutoAugment = AutoAugment()


class Views(Part):
    """Two views of an image: `shared` acts once and both go on from its pixels, then each goes through its own chain.

    A chain's steps are the names above, or any transform of albumentations: "A.CLAHE", "A.CLAHE(clip_limit=2, p=1)".
    Figure 5 of the paper is shared (crop), left (), right (the targets). The usual symmetric SimCLR is shared (),
    left and right alike; `left: as_right` says so in one word.
    """

    shared: tuple[str, ...] = ()
    left: tuple[str, ...] = ("crop", "color")
    right: tuple[str, ...] = ("crop", "color")
    # Where each image has two recordings, as of two cameras: both views are made of the first one, or the left view of
    # the first and the right view of the second; `shared` then acts alike on both. null: there is one.
    recordings: Literal["first", "both"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _mirror(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and given.get("left") == "as_right":
            return {**given, "left": given.get("right", cls.model_fields["right"].default)}
        return given

    @field_validator("shared", "left", "right")
    @classmethod
    def _known(cls, chain: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_step(name) for name in chain)

    @model_validator(mode="after")
    def _shared_by_recordings(self) -> Self:
        unfit = [name for name in self.shared if name not in PLACES]
        if self.recordings == "both" and unfit:
            raise ValueError(
                f"recordings both have no pixels in common that {unfit[0]!r} could act on once: shared may have "
                f"{', '.join(PLACES)}, at the same place in both; put {unfit[0]!r} into left and right"
            )
        return self


def _step(name: str) -> str:
    """The name of a transformation, in its canonical form."""
    if name.startswith("A."):
        from simclr_core.augment.albumentations import canonical  # takes seconds to import, and is rarely needed

        return canonical(name)
    if name not in TRANSFORMATIONS:
        known = f"{nearest(name, TRANSFORMATIONS)}, or A.NAME of albumentations"
        raise ValueError(f"unknown transformation {name!r}{known}")
    return name


class Encoder(Part):
    """`small` is sized for one CPU core; the ResNets are torchvision's blocks, all channel counts times `width`."""

    name: Literal["small", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152"] = "small"
    width: Literal[1, 2, 4] = 1
    stem: Literal["cifar", "imagenet"] = "cifar"  # 3x3 stride 1 without max-pool (B.9), or 7x7 stride 2 with it

    @model_validator(mode="after")
    def _small_has_its_stem(self) -> Self:
        if self.name == "small" and self.stem == "imagenet":
            raise ValueError("the small encoder has a stem of its own; stem: imagenet is for the ResNets")
        return self


class Head(Part):
    """g(h): none (z = h), linear, or nonlinear with ReLU between its layers."""

    kind: Literal["none", "linear", "nonlinear"] = "nonlinear"
    # Width of z; "h": as wide as h (Table 3). The paper's 128 where a head has a width and none is given.
    dim: int | Literal["h"] | None = None
    depth: int | None = Field(default=None, ge=2, le=8)  # layers of a nonlinear head: 2 (the paper's) unless given
    width: int | None = Field(default=None, ge=2)  # of its hidden layers; as wide as h (official code) unless given
    batch_norm: bool = True  # after every layer, as in the official code; the paper does not mention it

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        kind, filled = given.get("kind", "nonlinear"), dict(given)
        if kind != "none" and given.get("dim") is None:
            filled["dim"] = 128
        if kind == "nonlinear" and given.get("depth") is None:
            filled["depth"] = 2
        return filled

    @field_validator("dim", mode="before")
    @classmethod
    def _a_width(cls, dim: Any) -> Any:
        if dim is None or dim == "h" or (isinstance(dim, int) and not isinstance(dim, bool) and dim >= 2):
            return dim
        raise ValueError(f"a whole number of at least 2, h (as wide as h) or null is needed, got {dim!r}")

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind == "none" and self.dim is not None:
            raise ValueError(f"a head of kind none has no width of its own: dim must be null, got {self.dim}")
        if self.kind != "nonlinear" and (self.depth, self.width) != (None, None):
            raise ValueError(f"only a nonlinear head has depth and width; with kind {self.kind} they must be null")
        return self


class Loss(Part):
    """What is minimized. cross_entropy is the supervised twin: labels, one view, a linear classifier instead of g.

    The other settings are those of the contrastive losses (Tables 2, 4 and 5), and idle in the supervised twin.
    """

    name: Literal["nt_xent", "nt_logistic", "margin_triplet", "cross_entropy"] = "nt_xent"
    temperature: float = Field(default=0.5, gt=0)  # margin_triplet has none, but for the measurements of Table 5
    normalize: bool = True  # cosine similarity; false: plain dot products
    negatives: Literal["both", "one"] = "both"  # of both views, or only of the view that holds the positive (Table 4)
    semi_hard: bool = False  # only the nearest negative that is farther than the positive
    margin: float = Field(default=0.8, ge=0)

    @model_validator(mode="after")
    def _semi_hard_is_for_the_others(self) -> Self:
        if self.semi_hard and self.name == "nt_xent":
            raise ValueError("semi_hard is for nt_logistic and margin_triplet; nt_xent weighs negatives by hardness")
        return self


class Optimizer(Part):
    """Weight decay spares BatchNorm and biases, and so does LARS's trust ratio. `momentum` is that of LARS and SGD."""

    name: Literal["lars", "sgd", "adamw"] = "adamw"
    lr: float = Field(default=1e-3, gt=0)  # at the top of the schedule, before scaling
    # With the batch size B: lr itself, lr * B / 256 or lr * sqrt(B) (Appendix B.1: 0.3 and 0.075 with LARS).
    scaling: Literal["none", "linear", "sqrt"] = "none"
    weight_decay: float = Field(default=1e-4, ge=0)
    momentum: float = Field(default=MOMENTUM, ge=0, lt=1)

    @field_validator("momentum")
    @classmethod
    def _idle_in_adamw(cls, momentum: float, given: ValidationInfo) -> float:
        return MOMENTUM if given.data.get("name") == "adamw" else momentum  # else one training would have two names


class Schedule(Part):
    """How long and in which steps. `epochs: 0` leaves the encoder untrained."""

    epochs: int = Field(default=10, ge=0)
    batch_size: int = Field(default=64, ge=2)  # images, before the two views
    # A larger batch goes through the encoder that many images at a time, twice (gradient caching), for less memory.
    # It is part of the recipe because BatchNorm then sees one chunk.
    chunk: int | None = Field(default=None, ge=2)
    warmup: float = Field(default=0.1, ge=0, lt=1)  # fraction of all steps, linear; then cosine to zero
    precision: Literal["float32", "bfloat16", "float64"] = "float32"  # float64 is for checks: slow

    @field_validator("chunk")
    @classmethod
    def _whole_chunks(cls, chunk: int | None, given: ValidationInfo) -> int | None:
        batch: int | None = given.data.get("batch_size")  # None where it is invalid itself
        if chunk is None or batch is None or chunk >= batch:
            return None  # one chunk is the batch
        if batch % chunk:
            raise ValueError(f"chunk must divide batch_size {batch}, got {chunk}")
        return chunk

    def images_per_epoch(self, images: int) -> int:
        """Count the images that fill whole batches: of a set of so many, an epoch trains on those."""
        return images - images % self.batch_size


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


class KNNProbe(Part):
    """Cosine k nearest neighbors on frozen h, a neighbor's vote weighing exp(cosine / temperature)."""

    k: int = Field(default=10, ge=1)
    temperature: float = Field(default=0.1, gt=0)


class Geometry(Part):
    """Alignment, uniformity (Wang and Isola, 2020) and RankMe (Garrido et al., 2023) of h and z on test images."""

    pairs: int = Field(default=1000, ge=1)  # test images whose two views alignment compares, at most


class SGDProbe(Part):
    """A classifier trained on augmented images (crop and flip) by Nesterov SGD with a cosine schedule (B.5, B.6)."""

    epochs: int = Field(default=90, ge=1)
    batch_size: int = Field(default=512, ge=2)
    lr: float = Field(default=0.1, gt=0)  # times batch_size / 256
    weight_decay: float = Field(default=0.0, ge=0)


class Finetune(Part):
    """The whole network trained on with a share of the labels (Appendix B.5), once per share."""

    shares: dict[float, int] = {0.01: 60, 0.1: 30, 1.0: 30}  # share of the labels -> epochs; 100%'s are not published
    batch_size: int = Field(default=512, ge=2)
    lr: float = Field(default=0.05, gt=0)  # times batch_size / 256
    weight_decay: float = Field(default=0.0, ge=0)

    def __hash__(self) -> int:
        return hash(self.model_dump_json())  # pydantic's own would hash the mapping, which has none

    @field_validator("shares")
    @classmethod
    def _fractions(cls, shares: dict[float, int]) -> dict[float, int]:
        if not shares or not all(0 < share <= 1 and epochs >= 1 for share, epochs in shares.items()):
            raise ValueError(f"shares must map fractions in (0, 1] to epochs of at least 1, got {shares}")
        if len({f"{100 * share:g}" for share in shares}) < len(shares):  # they name the metrics
            raise ValueError(f"shares must differ in their first six digits, got {list(shares)}")
        return shares


class TransformPrediction(Part):
    """Which transformation was applied to the image? A small MLP's answer from h and from z = g(h) (Table 3)."""

    target: Literal["gray", "rotate", "noise", "sobel"]
    epochs: int = Field(default=30, ge=1)
    lr: float = Field(default=1e-3, gt=0)  # AdamW's


class Probes(Part):
    """What is measured on the trained encoder: the first three always, the others where they are asked for."""

    linear: LinearProbe = LinearProbe()
    knn: KNNProbe = KNNProbe()
    geometry: Geometry = Geometry()
    head_layers: bool = False  # the linear probe on every layer of the head, z among them
    head_spectrum: bool = False  # eigenvalues of a linear head whose z is as wide as h (Figure B.3)
    online: bool = False  # a linear classifier trained along with the encoder, behind a stop-gradient
    augmented_linear: SGDProbe | None = None
    finetune: Finetune | None = None
    transform_prediction: TransformPrediction | None = None
    color_histograms: bool = False  # retrieval of an image's other view by its pixel intensities alone (Figure 6)
    transfer: Data | None = None  # the linear probe on another data set
    transfer_finetune: SGDProbe | None = None  # the whole network trained on with that data set (Table 8)

    @model_validator(mode="after")
    def _somewhere_to_transfer_to(self) -> Self:
        if self.transfer_finetune is not None and self.transfer is None:
            raise ValueError("transfer_finetune needs the data set that probes.transfer names")
        return self


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

    @model_validator(mode="after")
    def _spectrum_of_a_square_head(self) -> Self:
        if self.probes.head_spectrum and (self.head.kind, self.head.dim) != ("linear", "h"):
            raise ValueError(
                f"probes.head_spectrum needs head.kind linear and head.dim h, got {self.head.kind} and {self.head.dim}"
            )
        return self

    @model_validator(mode="after")
    def _two_views_of_two_recordings(self) -> Self:
        if self.loss.name == "cross_entropy" and self.views.recordings == "both":
            raise ValueError("views.recordings: both makes two views, and loss.name cross_entropy trains on one: first")
        return self

    @model_validator(mode="after")
    def _one_normalization(self) -> Self:
        if self.probes.transfer is not None and self.probes.transfer.normalize != "half":
            raise ValueError("probes.transfer.normalize has no meaning; the encoder keeps data.normalize")
        return self

    @classmethod
    def parse(cls, fields: Mapping[str, Any], where: str = "recipe") -> Self:
        """A recipe from nested plain fields. Raises BadInput: one sentence, path and what is allowed."""
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise BadInput(complaint(error, cls, where)) from None

    @property
    def peak_lr(self) -> float:
        """The learning rate at the top of the schedule, scaled with the batch size."""
        batch = self.schedule.batch_size
        factors = {"none": 1.0, "linear": batch / 256, "sqrt": math.sqrt(batch)}
        return self.optimizer.lr * factors[self.optimizer.scaling]

    def without_labels(self) -> Self:
        """The recipe with those probes alone that need no label."""
        asked = {"head_layers": False, "online": False, "augmented_linear": None, "finetune": None}
        return self.model_copy(update={"probes": self.probes.model_copy(update=asked)})

    @property
    def data_sets(self) -> tuple[Data, ...]:
        """The images trained and tested on, then those of the transfer probe, if any."""
        return (self.data,) if self.probes.transfer is None else (self.data, self.probes.transfer)

    def trial_id(self, fingerprint: str, transfer: str = "") -> str:
        """16 hex digits naming this recipe on the data sets with these fingerprints, however it was said.

        What differs from the defaults is hashed, so that a field that is added later renames no trial of before.
        The path of a folder is no part of it: the same images elsewhere are the same trial.
        """
        fields = self.model_dump(mode="json", exclude_defaults=True)
        fields.setdefault("data", {})["source"] = fingerprint
        if self.probes.transfer is not None:
            fields["probes"]["transfer"]["source"] = transfer
        for part, data in zip((fields["data"], fields.get("probes", {}).get("transfer")), self.data_sets, strict=False):
            part.pop("probe", None)  # it has its share in the fingerprint
            if data.group == "image":  # said, and the same as not said
                del part["group"]
            if data.group == "manifest":  # which images belong together, however it was said
                part["group"] = "parent"
            for said in ("test", "channels"):  # the fingerprint speaks of both
                part.pop(said, None)
            if data.probe is not None or data.source.startswith(OWN):  # whose fingerprint tells that of labels
                part.pop("labels", None)
        fields["recipe_version"] = RECIPE_VERSION
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]


def nearest(name: str, known: tuple[str, ...] | list[str]) -> str:
    """'; nearest: a, b; allowed: ...' for the end of a sentence about an unknown name."""
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return (f"; nearest: {', '.join(close)}" if close else "") + f"; allowed: {', '.join(known)}"


def complaint(error: ValidationError, model: type[BaseModel], where: str) -> str:
    """The first complaint of pydantic as one sentence: where, what, what is allowed."""
    first = error.errors(include_url=False)[0]
    path = ".".join(str(step) for step in first["loc"])
    at = f"{where}: {path}" if path else where
    if first["type"] == "extra_forbidden":
        inner: Any = model
        for step in first["loc"][:-1]:
            inner = inner.model_fields[step].annotation if isinstance(step, str) else inner
            inner = next((part for part in get_args(inner) if isinstance(part, type(BaseModel))), inner)  # X | None
        known = list(getattr(inner, "model_fields", {}))
        return f"{at}: unknown key {first['loc'][-1]!r}{nearest(str(first['loc'][-1]), known)}."
    said = (
        first["msg"].removeprefix("Value error, ").replace("valid tuple", "list").replace("tuple should", "list should")
    )
    if first["type"] == "model_type":
        said = "a mapping of fields is needed"
    given = "" if first["type"] == "value_error" else f", got {first['input']!r}"
    return f"{at}: {said[0].lower()}{said[1:]}{given}."
