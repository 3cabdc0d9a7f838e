"""What a registered version says of itself, in one file beside the model: written by the trainer, checked
by the predictor before the version takes traffic.

The version's tag `manifest_sha256` vouches for the manifest, and the manifest for the ONNX file.
"""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

MANIFEST_FILE = "manifest.json"
MODEL_FILE = "model.onnx"
MANIFEST_TAG = "manifest_sha256"
MODEL_TAG = "onnx_sha256"
CHAMPION = "champion"
CHALLENGER = "challenger"
PREVIOUS = "previous"
VERSION_NUMBER = r"[1-9][0-9]{0,8}"
"""The pattern of what MLflow calls a version by: an integer of its database, of 32 bits."""


class GoldenRows(BaseModel):
    """Rows with the answers that the scikit-learn pipeline gave when the version was made.

    `rows` is (n, features). `predictions` holds n numbers or n labels; `probabilities` is (n, labels) for a
    classification and empty for a regression. An answer may differ by `tolerance`, relative above 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: list[list[float]]
    predictions: list[float] | list[str]
    probabilities: list[list[float]] = []
    tolerance: float = 1e-5

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not self.rows or len(self.predictions) != len(self.rows):
            raise ValueError("there should be golden rows, and an answer to each")
        if self.probabilities and len(self.probabilities) != len(self.rows):
            raise ValueError("there should be probabilities of every golden row or of none")
        return self


class Manifest(BaseModel):
    """The facts a predictor needs of a version.

    `training_range` gives for each feature the least and the greatest value of the training data.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    model: str
    features: list[str]
    labels: list[str] = []
    onnx_sha256: str
    onnx_bytes: int
    training_range: dict[str, tuple[float, float]]
    golden: GoldenRows

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if set(self.training_range) != set(self.features):
            raise ValueError("there should be a training range of every feature")
        if {len(row) for row in self.golden.rows} != {len(self.features)}:
            raise ValueError("a golden row should have a value for every feature")
        if bool(self.labels) != bool(self.golden.probabilities):
            raise ValueError("golden rows should have probabilities where there are labels, and only there")
        return self
