"""ONNX Runtime and the slot that holds the live model. The only importer of onnxruntime."""

from mlplatform.runtime.session import Answer, OnnxModel
from mlplatform.runtime.slot import LiveModel, Slot, TrainingRange

__all__ = ["Answer", "LiveModel", "OnnxModel", "Slot", "TrainingRange"]
