"""What a task needs, opened from the settings in the process that runs it."""

from mlplatform.contracts import Contract, contract_of
from trainer.db.engine import connect
from trainer.jobs import JobStore
from trainer.pipeline import Progress, TrainedVersion, train
from trainer.promotion import promote
from trainer.recipes import RECIPES
from trainer.settings import TrainerSettings
from trainer.tracking import MlflowTracker, answering


def open_jobs(settings: TrainerSettings) -> JobStore:
    """The jobs of the settings' database."""
    return JobStore(connect(settings.database_url))


class RegisteredTraining:
    """Trains on the data of the settings and registers in their MLflow; a `trainer.execution.Training`."""

    def __init__(self, settings: TrainerSettings) -> None:
        self._settings = settings
        self._tracker = MlflowTracker(settings.mlflow_url)

    def train(self, model: str, *, reason: str, progress: Progress) -> TrainedVersion:
        return train(
            RECIPES[contract_of(model).model],
            data_dir=self._settings.data_dir,
            processed_dir=self._settings.processed_dir,
            tracker=self._tracker,
            progress=progress,
            reason=reason,
        )

    def promote(self, trained: TrainedVersion) -> None:
        with answering():
            promote(self._tracker.client, trained.registered_model, trained.version)

    def champion(self, contract: Contract) -> str | None:
        return self._tracker.champion(contract)
