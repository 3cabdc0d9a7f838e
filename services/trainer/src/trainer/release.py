"""What a version says of itself to predictors: manifest and golden rows."""

import hashlib

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from mlplatform.contracts import Contract
from mlplatform.registry.manifest import GoldenRows, Manifest
from trainer.evaluation import features_and_target

_GOLDEN_ROWS = 32


def make_manifest(
    contract: Contract, estimator: BaseEstimator, onnx: bytes, *, train: pd.DataFrame, holdout: pd.DataFrame
) -> Manifest:
    """The facts a predictor needs, with the pipeline's own answers to golden rows."""
    seen, _ = features_and_target(contract, train)
    return Manifest(
        model=contract.model,
        features=list(contract.feature_names),
        labels=list(contract.labels),
        onnx_sha256=hashlib.sha256(onnx).hexdigest(),
        onnx_bytes=len(onnx),
        training_range={name: (float(seen[name].min()), float(seen[name].max())) for name in seen.columns},
        golden=golden_rows(contract, estimator, holdout),
    )


def golden_rows(contract: Contract, estimator: BaseEstimator, holdout: pd.DataFrame) -> GoldenRows:
    """Hold-out rows spread evenly from the least to the greatest answer, or over labels and certainty."""
    features, _ = features_and_target(contract, holdout)
    answers = estimator.predict(features)
    if contract.is_classification:
        order = np.lexsort((estimator.predict_proba(features).max(axis=1), answers))
    else:
        order = np.argsort(answers, kind="stable")
    spread = np.unique(np.linspace(0, len(order) - 1, _GOLDEN_ROWS).round().astype(int))
    chosen = features.iloc[order[spread]]
    return GoldenRows(
        rows=chosen.to_numpy(dtype=np.float64).tolist(),
        predictions=estimator.predict(chosen).tolist(),
        probabilities=estimator.predict_proba(chosen).tolist() if contract.is_classification else [],
    )
