import pytest
from pydantic import ValidationError

from mlplatform.registry.evidence import Evidence

SUMS = ("disagreement", "champion_seconds", "challenger_seconds")


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_a_sum_that_no_limit_could_be_compared_with_is_no_evidence(name: str, value: float) -> None:
    with pytest.raises(ValidationError):
        Evidence.model_validate({"mark": "m", name: value})


@pytest.mark.parametrize("name", sorted(Evidence.model_fields.keys() - {"mark", *SUMS}))
def test_nor_is_a_count_below_zero(name: str) -> None:
    with pytest.raises(ValidationError):
        Evidence.model_validate({"mark": "m", name: -1})
