"""Where a version comes from: data, code and libraries, as facts and as tags of its run and of itself."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from trainer.card.facts import Code, Data, Feedback
from trainer.datasets import Dataset, Source, Split
from trainer.labelled import Labelled
from trainer.options import Options
from trainer.recipes.base import Recipe

_LIBRARIES = ("scikit-learn", "skl2onnx", "onnx", "onnxruntime", "mlflow-skinny", "numpy", "pandas", "scipy")
_OUR_PACKAGES = ("mlplatform", "trainer")
_SHOWN_DIGITS = 12


@cache
def code_version() -> str:
    """The release and a digest of our own source: the same code has the same, committed or not, in an image or not."""
    digest = hashlib.sha256()
    for package in _OUR_PACKAGES:
        root = Path(str(files(package)))
        for file in sorted(root.rglob("*.py")):
            content = file.read_bytes()
            digest.update(f"{package}/{file.relative_to(root).as_posix()} {len(content)}\n".encode())
            digest.update(content)
    return f"{version('trainer')}+{digest.hexdigest()[:_SHOWN_DIGITS]}"


def code_facts(revision: str) -> Code:
    """What trains, as installed here."""
    return Code(version=code_version(), revision=revision, libraries={name: version(name) for name in _LIBRARIES})


def data_facts(source: Source, dataset: Dataset, parts: Split, labelled: Labelled | None) -> Data:
    """What is trained on."""
    feedback = None
    if labelled is not None:
        feedback = Feedback(used=len(labelled.frame), refused=dict(labelled.refused), sha256=labelled.sha256)
    return Data(
        file=source.file,
        sha256=dataset.sha256,
        description=source.description,
        period=source.period,
        rows=len(dataset.frame),
        train_rows=len(parts.train),
        holdout_rows=len(parts.holdout),
        feedback=feedback,
    )


def origin_tags(recipe: Recipe, data: Data, code: Code, reason: str, options: Options) -> Mapping[str, str]:
    """The same for whoever looks at a run or at the registry."""
    feedback: dict[str, str] = {}
    if data.feedback:
        feedback = {
            "feedback_rows": str(data.feedback.used),
            "feedback_refused": json.dumps(data.feedback.refused),
            "feedback_sha256": data.feedback.sha256,
        }
    return {
        "reason": reason,
        "effort": str(options.effort),
        "seed": str(recipe.seed),
        "data_sha256": data.sha256,
        "data_period": data.period,
        "data_rows": str(data.rows),
        "train_rows": str(data.train_rows),
        "holdout_rows": str(data.holdout_rows),
        **feedback,
        "code_version": code.version,
        "code_revision": code.revision,
        **{f"library.{name}": number for name, number in code.libraries.items()},
    }
