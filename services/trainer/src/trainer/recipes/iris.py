"""How the Iris model is trained."""

import numpy as np
import pandas as pd
from skl2onnx.sklapi import CastTransformer
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from mlplatform.contracts import IRIS
from trainer.datasets import Source
from trainer.gate.policy import Policy
from trainer.recipes.base import ACCURACY, Quick, Recipe

_SEED = 42


def _logistic_regression() -> BaseEstimator:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000, random_state=_SEED))


def _support_vectors() -> BaseEstimator:
    # An SVM has no probabilities of its own; one sigmoid for each class, fitted on out-of-fold scores, gives them.
    calibrated = CalibratedClassifierCV(SVC(random_state=_SEED), ensemble=False)
    return make_pipeline(StandardScaler(), calibrated)


def _random_forest() -> BaseEstimator:
    # scikit-learn's forests see float32; the cast says so to ONNX, too.
    forest = RandomForestClassifier(n_estimators=100, min_samples_leaf=2, random_state=_SEED)
    return make_pipeline(CastTransformer(dtype=np.float32), forest)


def _nearest_neighbours() -> BaseEstimator:
    return make_pipeline(StandardScaler(), KNeighborsClassifier(n_neighbors=9))


def _slices(rows: pd.DataFrame) -> dict[str, "pd.Series[str]"]:
    return {"species": rows[IRIS.target].astype(str)}


IRIS_RECIPE = Recipe(
    contract=IRIS,
    source=Source(
        file="iris_raw.csv",
        description="Flowers measured by Edgar Anderson, 50 of each of three species, one a row",
        period="published in 1936",
        limits=(
            "Every flower is taken for one of the three species, whatever it is.",
            "The lengths are rounded to a millimetre.",
        ),
        repeated_rows=1,
    ),
    candidates={
        "logistic_regression": _logistic_regression,
        "support_vectors": _support_vectors,
        "random_forest": _random_forest,
        "nearest_neighbours": _nearest_neighbours,
    },
    metric=ACCURACY,
    quick=Quick(candidates=("logistic_regression", "support_vectors")),
    # Of the 24 rows of a fold one is four percent, and which rows share it decides between candidates.
    repeats=10,
    # Of thirty rows in the hold-out, one label is three percent, and a tenth of its species.
    policy=Policy(worst_loss=0.1, margin=0.1, slice_margin=0.15, slice_rows=5),
    slices=_slices,
)
