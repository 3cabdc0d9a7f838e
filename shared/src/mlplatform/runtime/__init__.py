"""ONNX Runtime and the slot that holds the live model. The only importer of onnxruntime."""

from mlplatform.runtime.session import RUNTIME, Answer, OnnxModel
from mlplatform.runtime.slot import CHALLENGER, CHAMPION, PINNED, LiveModel, Slot, TrainingRange
from mlplatform.runtime.split import Split
from mlplatform.runtime.table import VersionTable

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "PINNED",
    "RUNTIME",
    "Answer",
    "LiveModel",
    "OnnxModel",
    "Slot",
    "Split",
    "TrainingRange",
    "VersionTable",
]
