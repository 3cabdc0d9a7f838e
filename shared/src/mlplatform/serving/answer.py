"""From rows to the bytes of an answer. Knows models, nothing of HTTP."""

from typing import Any

import orjson
import uuid_utils

from mlplatform.contracts import Contract
from mlplatform.registry import CHAMPION
from mlplatform.runtime import Answer, LiveModel
from mlplatform.serving.body import Instances


class Answerer:
    """Answers in the words of one contract."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract

    def answer(self, live: LiveModel, instances: Instances) -> tuple[bytes, int]:
        """The JSON of an answer and the number of its warnings."""
        said = live.model.predict(instances.rows)
        warnings = self._warnings(live, instances)
        body = {
            **(self._one(said) if instances.single else self._many(said)),
            **({"unit": self._contract.unit} if self._contract.unit else {}),
            "prediction_id": str(uuid_utils.uuid7()),
            "model": self._contract.model,
            "version": live.version,
            "variant": CHAMPION,
            "warnings": warnings,
        }
        return orjson.dumps(body), len(warnings)

    def _one(self, said: Answer) -> dict[str, Any]:
        probabilities = {"probabilities": self._by_label(said.probabilities[0])} if said.probabilities else {}
        return {"prediction": said.predictions[0], **probabilities}

    def _many(self, said: Answer) -> dict[str, Any]:
        probabilities = [self._by_label(row) for row in said.probabilities]
        return {
            "predictions": said.predictions,
            **({"probabilities": probabilities} if probabilities else {}),
        }

    def _by_label(self, probabilities: list[float]) -> dict[str, float]:
        return dict(zip(self._contract.labels, probabilities, strict=True))

    def _warnings(self, live: LiveModel, instances: Instances) -> list[dict[str, Any]]:
        seen = live.training_range
        if instances.single:
            return [_warning(live, position) for position in seen.unseen(instances.rows[0].tolist())]
        return [
            {**_warning(live, position), "rows": len(rows), "first_row": rows[0]}
            for position, rows in seen.unseen_rows(instances.rows).items()
        ]


def _warning(live: LiveModel, position: int) -> dict[str, Any]:
    seen = live.training_range
    low, high = seen.low[position], seen.high[position]
    return {
        "field": seen.names[position],
        "message": f"outside what version {live.version} saw in training, {low:g} to {high:g}",
        "trained_on": [low, high],
    }
