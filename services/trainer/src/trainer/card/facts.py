"""What a card says. Written once, beside the version's model, and never changed."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from trainer.options import Effort


class Facts(BaseModel):
    """A group of facts."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Measure(Facts):
    """A metric on the hold-out with its 95 % interval."""

    value: float
    low: float
    high: float


class Feedback(Facts):
    """The labelled feedback that was trained on, and how many rows were left out why."""

    used: int
    refused: dict[str, int]
    sha256: str


class Data(Facts):
    """What was trained and measured on; `feedback` is none where it was not asked for."""

    file: str
    sha256: str
    description: str
    period: str
    rows: int
    train_rows: int
    holdout_rows: int
    feedback: Feedback | None


class Code(Facts):
    """`version` holds a digest of the platform's own source, `revision` the commit an image was built from."""

    version: str
    revision: str
    libraries: dict[str, str]


class Candidate(Facts):
    """One that was tried: the metric over the folds, and why it was refused if it was."""

    name: str
    parameters: dict[str, str]
    folds: list[float]
    mean: float
    std: float
    refused: str | None


class Making(Facts):
    """How the version came about; `parent` is the champion that it met."""

    reason: str
    effort: Effort
    run_id: str
    made_at: AwareDatetime
    seed: int
    metric: str
    candidates: list[Candidate]
    winner: str
    parent: str | None


class Feature(Facts):
    """A feature, what can be (`low` to `high`) and what was seen in training."""

    name: str
    description: str
    low: float
    high: float
    seen_low: float
    seen_high: float


class Slice(Facts):
    """A part of the hold-out; `champion` is that one's loss, `is_judged` whether there are rows enough for the gate."""

    name: str
    rows: int
    loss: float
    champion: float | None
    is_judged: bool


class Reason(Facts):
    """A check of the gate."""

    check: str
    passed: bool
    detail: str
    numbers: dict[str, float]


class Gate(Facts):
    """What the gate decided."""

    verdict: str
    summary: str
    reasons: list[Reason]


class Parity(Facts):
    """How ONNX Runtime answered beside scikit-learn: rows of each kind, and the greatest difference of all."""

    rows: dict[str, int]
    greatest_difference: float
    tolerance: float


class Card(Facts):
    """All that is known of a version when it is registered."""

    schema_version: Literal[1] = 1
    model: str
    registered_model: str
    target: str
    unit: str | None
    labels: list[str]
    loss: str
    onnx_bytes: int
    onnx_sha256: str
    features: list[Feature]
    data: Data
    making: Making
    code: Code
    metrics: dict[str, Measure]
    slices: list[Slice]
    gate: Gate
    parity: Parity
    limits: list[str]
