"""The same model behind ordinary FastAPI routes: Pydantic body, response model, the same session.

The routes are `async def`: with `def` each request would pass through a thread, which is slower for one row and no
faster for a thousand. Run as `python -m tests.load.fastapi_app PORT MODEL`.
"""

import sys
from pathlib import Path
from uuid import uuid4

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

from mlplatform.contracts import HOUSING
from mlplatform.contracts.housing import HousingFeatures
from mlplatform.runtime import OnnxModel
from mlplatform.web.server import serve


class _Answer(BaseModel):
    prediction: float
    unit: str
    prediction_id: str
    model: str
    version: str


class _Rows(BaseModel):
    instances: list[HousingFeatures]


class _Answers(BaseModel):
    predictions: list[float]
    unit: str
    prediction_id: str
    model: str
    version: str


_FACTS = {"unit": "100k USD", "model": "housing", "version": "1"}


def create_app(model: OnnxModel) -> FastAPI:
    """What the FastAPI tutorial would have one write."""
    app = FastAPI()

    @app.post("/predict")
    async def predict(row: HousingFeatures) -> _Answer:
        predictions, _ = model.run(np.array([list(row.model_dump().values())], dtype=np.float64))
        return _Answer(prediction=float(predictions[0]), prediction_id=str(uuid4()), **_FACTS)

    @app.post("/predict/many")
    async def predict_many(rows: _Rows) -> _Answers:
        array = np.array([list(row.model_dump().values()) for row in rows.instances], dtype=np.float64)
        predictions, _ = model.run(array)
        return _Answers(predictions=predictions.tolist(), prediction_id=str(uuid4()), **_FACTS)

    return app


if __name__ == "__main__":
    serve(create_app(OnnxModel(HOUSING, Path(sys.argv[2]).read_bytes())), "127.0.0.1", int(sys.argv[1]))
