"""Every expected failure of the trainer, named for the fact.

PlatformError
├── DataInvalid          a dataset is not what it should be; file, row and column are named
├── ExportFailed         ONNX cannot express the candidate
├── ParityCheckFailed    the ONNX model does not answer as the scikit-learn pipeline
├── JobNotFound          no job has that id
├── TrainingInProgress   the model has an active job
├── TrainingCancelled    somebody wants no more of it
├── TrainingTooLong      it took longer than a training may
├── AttemptLost          an attempt was taken for lost, and its job is another's
├── JobFinished          what is at its end cannot be cancelled
├── KeyReused            an idempotency key came with another request than before
├── VersionUnverified    a version without a manifest cannot serve
├── VersionRolledBack    a version that was taken back is not promoted again by itself
├── ChampionChanged      the champion is not the one that was expected
├── ChallengerMissing    there is nobody to share the champion's traffic with
├── ChampionItself       the champion cannot be its own challenger
├── VersionRejected      a version that the gate rejected becomes no challenger by itself
├── ChampionUnmet        there is a champion, and the gate cannot have it
├── RampInProgress       the challenger's share grows by itself already
├── RampMissing          no ramp is under way, or not the step that was spoken of
├── NothingToRollBackTo  the model has had no champion before this one
├── RegistryRefused      the registry answers, and will not do what it was asked
├── CardNotFound         a version has no card, or none that can be read
├── DatabaseUnavailable  the jobs cannot be read or written
└── BrokerUnavailable    the job could not be handed to the worker
"""

from mlplatform.errors import PlatformError


class DataInvalid(PlatformError):
    """A dataset is not what it should be; file, row and column are named."""


class ExportFailed(PlatformError):
    """ONNX cannot express the candidate."""


class ParityCheckFailed(PlatformError):
    """The ONNX model does not answer as the scikit-learn pipeline; `report` says where."""

    def __init__(self, message: str, report: object = None) -> None:
        super().__init__(message)
        self.report = report


class JobNotFound(PlatformError):
    """No job has that id."""


class TrainingInProgress(PlatformError):
    """The model has an active job, `job_id`."""

    def __init__(self, message: str, job_id: str) -> None:
        super().__init__(message)
        self.members = {"job_id": job_id}


class TrainingCancelled(PlatformError):
    """Somebody wants no more of it; raised between two stages."""


class TrainingTooLong(PlatformError):
    """It took longer than a training may."""


class AttemptLost(PlatformError):
    """An attempt was taken for lost: its job waits for another, or has one, and what this one writes has no effect."""


class JobFinished(PlatformError):
    """What is at its end cannot be cancelled."""


class KeyReused(PlatformError):
    """An idempotency key came with another request than before."""


class VersionUnverified(PlatformError):
    """A version without a manifest cannot serve: no predictor would take it."""


class VersionRolledBack(PlatformError):
    """A version that was taken back is not promoted again unless that is forced."""


class ChampionChanged(PlatformError):
    """The champion is not the one that was expected."""


class ChampionUnmet(PlatformError):
    """There is a champion, `version`, and its files cannot be had or loaded."""

    def __init__(self, message: str, version: str) -> None:
        super().__init__(message)
        self.version = version


class ChallengerMissing(PlatformError):
    """There is nobody to share the champion's traffic with."""


class ChampionItself(PlatformError):
    """The champion cannot be its own challenger."""


class VersionRejected(PlatformError):
    """A version that the gate rejected becomes no challenger unless that is forced."""


class RampInProgress(PlatformError):
    """The challenger's share grows by itself already."""


class RampMissing(PlatformError):
    """No ramp is under way, or not the step that was spoken of."""


class NothingToRollBackTo(PlatformError):
    """The model has had no champion before this one."""


class RegistryRefused(PlatformError):
    """The registry answers, and will not do what it was asked; asking again would not help."""


class CardNotFound(PlatformError):
    """A version has no card, or none that can be read."""


class DatabaseUnavailable(PlatformError):
    """The jobs cannot be read or written."""


class BrokerUnavailable(PlatformError):
    """The job could not be handed to the worker."""
