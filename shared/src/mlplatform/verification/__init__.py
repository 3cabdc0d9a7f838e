"""Whether a version may take traffic: tried where it can do no harm, then loaded."""

from mlplatform.verification.load import Load, load
from mlplatform.verification.trial import SubprocessTrial, Trial

__all__ = ["Load", "SubprocessTrial", "Trial", "load"]
