"""What a task needs, opened from the settings in the process that runs it."""

from mlplatform.contracts import Contract, contract_of
from mlplatform.registry.manifest import CHALLENGER
from trainer.db.engine import connect
from trainer.gate.champion import load_champion
from trainer.jobs import Job, JobStore
from trainer.pipeline import Progress, TrainedVersion, train
from trainer.promotions.ledger import Ledger
from trainer.promotions.registry import MlflowRegistry
from trainer.recipes import RECIPES
from trainer.settings import TrainerSettings
from trainer.tracking import MlflowTracker


def open_jobs(settings: TrainerSettings) -> JobStore:
    """The jobs of the settings' database."""
    return JobStore(connect(settings.database_url))


class RegisteredTraining:
    """Trains on the data of the settings and registers in their MLflow; a `trainer.execution.Training`.

    To be closed after use.
    """

    def __init__(self, settings: TrainerSettings) -> None:
        self._settings = settings
        self._tracker = MlflowTracker(settings.mlflow_url)
        self._registry = MlflowRegistry(settings.mlflow_url)
        self._ledger = Ledger(connect(settings.database_url), self._registry)

    def close(self) -> None:
        """Hang up."""
        self._registry.close()

    def train(self, model: str, *, reason: str, progress: Progress) -> TrainedVersion:
        return train(
            RECIPES[contract_of(model).model],
            data_dir=self._settings.data_dir,
            processed_dir=self._settings.processed_dir,
            tracker=self._tracker,
            find_champion=lambda contract: load_champion(contract, self._registry),
            progress=progress,
            reason=reason,
        )

    def promote(self, trained: TrainedVersion, job: Job) -> None:
        contract = contract_of(job.model)
        self._ledger.promote(contract, trained.version, reason=job.reason, actor=_actor(job))

    def hold(self, trained: TrainedVersion) -> None:
        self._registry.set_alias(trained.registered_model, CHALLENGER, trained.version)

    def promoted_by(self, job: Job) -> str | None:
        return self._ledger.promoted_by(contract_of(job.model), _actor(job))

    def settle_all(self) -> None:
        self._ledger.settle_all()

    def abandon_runs(self, contract: Contract) -> list[str]:
        return self._tracker.abandon_runs(contract.model)

    def champion(self, contract: Contract) -> str | None:
        return self._tracker.champion(contract)


def _actor(job: Job) -> str:
    return f"job:{job.id}"
