"""The model that everything serves: the housing recipe's real champion, trained once and kept.

The folder is named for what makes the model: recipe, conversion, data and libraries.
"""

import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from time import time

import numpy as np
from numpy.typing import NDArray

from mlplatform.contracts import HOUSING
from mlplatform.registry import ArtifactCache, LastSeen
from tests.load.options import ROOT
from tests.load.say import say

VERSION = "1"

_TRAINER = ROOT / "services" / "trainer" / "src" / "trainer"
_MAKERS = ("recipes/base.py", "recipes/housing.py", "datasets.py", "export.py", "release.py", "tree_conversion.py")
_SCORING_NEEDS = ("scikit-learn", "skl2onnx", "skops", "numpy", "pandas")
_LIBRARIES = ("mlflow-skinny", "numpy", "onnx", "scikit-learn", "skl2onnx")


@dataclass(frozen=True)
class Model:
    """A folder with the champion in each form that a contender wants."""

    folder: Path

    @property
    def cache(self) -> Path:
        """What a predictor starts from: a version and the note that it is the champion."""
        return self.folder / "cache"

    @property
    def onnx(self) -> Path:
        return self.cache / VERSION / "model.onnx"

    @property
    def mlflow(self) -> Path:
        """The same estimator in MLflow's scikit-learn flavour."""
        return self.folder / "mlflow"

    def rows(self, count: int) -> NDArray[np.float64]:
        """The first rows of the hold-out, and from the start again where there are not enough."""
        holdout: NDArray[np.float64] = np.load(self.folder / "rows.npy")
        return np.resize(holdout, (count, holdout.shape[1]))


def trained_model(folder: Path) -> Model:
    """The model kept in `folder`, trained first if need be."""
    kept = folder / _key()
    if not kept.exists():
        say("Training the housing recipe once, about a minute ...")
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as draft:
            _train(Path(draft) / "model")
            shutil.move(Path(draft) / "model", kept)
    ArtifactCache(kept / "cache").remember(LastSeen(answered_at=time(), serves=VERSION))
    return Model(kept)


def _train(folder: Path) -> None:
    # The trainer's libraries take seconds to import and are needed once.
    import mlflow.sklearn
    from mlflow.models import infer_signature
    from skops.io import dumps, get_untrusted_types

    from trainer.datasets import load, split
    from trainer.evaluation import features_and_target
    from trainer.in_memory_tracker import InMemoryTracker
    from trainer.pipeline import Sources, train
    from trainer.recipes import RECIPES

    tracker, recipe, data = InMemoryTracker(), RECIPES[HOUSING.model], ROOT / "data"
    trained = train(
        recipe,
        sources=Sources(data, folder / "processed"),
        tracker=tracker,
        progress=lambda stage, _percent: say(f"  {stage}"),
        reason="benchmark",
    )
    (release,) = tracker.releases
    cache = ArtifactCache(folder / "cache")
    cache.put(VERSION, release.manifest.model_dump_json().encode(), release.onnx)
    holdout, _ = features_and_target(HOUSING, split(HOUSING, load(HOUSING, recipe.source, data).frame).holdout)
    np.save(folder / "rows.npy", holdout.to_numpy(dtype=np.float64))
    mlflow.sklearn.save_model(
        release.estimator,
        str(folder / "mlflow"),
        signature=infer_signature(release.example, release.estimator.predict(release.example)),
        serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_SKOPS,
        skops_trusted_types=get_untrusted_types(data=dumps(release.estimator)),
        pip_requirements=[f"{name}=={version(name)}" for name in _SCORING_NEEDS],
    )
    (folder / "facts.json").write_text(json.dumps({"candidate": trained.candidate, "metrics": trained.metrics}))


def _key() -> str:
    digest = hashlib.sha256()
    for name in _MAKERS:
        digest.update((_TRAINER / name).read_bytes())
    digest.update((ROOT / "data" / "housing_raw.csv").read_bytes())
    digest.update(" ".join(f"{library}={version(library)}" for library in _LIBRARIES).encode())
    return digest.hexdigest()[:16]
