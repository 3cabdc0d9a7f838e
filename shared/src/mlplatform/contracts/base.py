"""What a contract is: the features a model takes, in tensor order, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, nextafter
from typing import Any

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo


class Features(BaseModel):
    """One row of features. The order of the fields is the order of the tensor's columns.

    Strict: numbers only (no strings, no booleans), finite, no unknown field. The bounds of a field say what
    cannot be; what the training data never saw is a matter of the model version (`Manifest.training_range`).
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


def feature(  # as Field: what stands for a default is typed by the field
    *,
    description: str,
    unit: str,
    example: float,
    le: float,
    ge: float | None = None,
    gt: float | None = None,
) -> Any:  # noqa: ANN401 # as Field: what stands for a default is typed by the field
    """A required number with what a reader of the API needs to know, and the bounds of what can be."""
    return Field(
        le=le,
        ge=ge,
        gt=gt,
        description=f"{description} Unit: {unit}.",
        examples=[example],
        json_schema_extra={"unit": unit},
    )


def _limits(field: FieldInfo) -> tuple[float, float]:
    low, high = -inf, inf
    for bound in field.metadata:
        match bound:
            case Ge():
                low = float(bound.ge)  # type: ignore[arg-type] # what `feature` took
            case Gt():
                low = nextafter(float(bound.gt), inf)  # type: ignore[arg-type] # what `feature` took
            case Le():
                high = float(bound.le)  # type: ignore[arg-type] # what `feature` took
    return low, high


@dataclass(frozen=True)
class Contract:
    """One model's promise to its clients.

    Args:
        model: the short name in paths and metrics, such as `housing`.
        registered_model: the name in the registry, such as `CaliforniaHousingBestModel`.
        features: the type of one row.
        target: the column of the raw data that the model predicts.
        unit: the unit of the prediction; none for a class.
        labels: the classes in the order of the probabilities; empty for a regression.
        scale: round numbers across the range of a regression's predictions, to count those by.
    """

    model: str
    registered_model: str
    features: type[Features]
    target: str
    unit: str | None = None
    labels: tuple[str, ...] = ()
    scale: tuple[float, ...] = ()

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The columns of the tensor, in order."""
        return tuple(self.features.model_fields)

    @property
    def bounds(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The least and the greatest value of each feature that can be, both inclusive."""
        limits = [_limits(field) for field in self.features.model_fields.values()]
        low, high = zip(*limits, strict=True)
        return low, high

    @property
    def is_classification(self) -> bool:
        return bool(self.labels)

    @property
    def example(self) -> Mapping[str, float]:
        """A valid row, from the examples of the fields."""
        fields = self.features.model_fields
        return {name: field.examples[0] for name, field in fields.items() if field.examples}
