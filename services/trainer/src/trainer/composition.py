"""What a task needs, opened from the settings in the process that runs it."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from mlplatform.contracts import Contract, contract_of
from mlplatform.errors import ModelVersionNotFound
from mlplatform.messaging.events import RedisModelEvents
from mlplatform.telemetry.tracing import NoTracing, Tracing
from trainer.candidates import Progress
from trainer.db.engine import connect
from trainer.deadline import Deadline
from trainer.feedback import FeedbackStore
from trainer.gate.champion import Champion, load_champion
from trainer.jobs import Job, JobStore, State
from trainer.options import Options
from trainer.patience import Patience, PatientTracker
from trainer.pipeline import Sources, TrainedVersion, train
from trainer.promotions.history import highest_version
from trainer.promotions.ledger import Ledger
from trainer.promotions.registry import MlflowRegistry
from trainer.promotions.replicas import HttpReplicas
from trainer.promotions.steward import Steward
from trainer.promotions.traffic import TrafficControl
from trainer.recipes import RECIPES
from trainer.settings import TrainerSettings
from trainer.stages import traced_stages
from trainer.tracking import MlflowTracker


@contextmanager
def opened_database(settings: TrainerSettings) -> Iterator[Engine]:
    """The settings' database, for one task."""
    engine = connect(settings.database_url)
    try:
        yield engine
    finally:
        engine.dispose()


class RegisteredTraining:
    """Trains on the data of the settings and registers in their MLflow; a `trainer.execution.Training`.

    For one task, whose time begins now. To be closed after use.
    """

    def __init__(self, settings: TrainerSettings, engine: Engine, tracing: Tracing | None = None) -> None:
        self._tracker = MlflowTracker(settings.mlflow_url)
        self._deadline = Deadline(settings.soft_limit_seconds)
        self._patience = Patience(check=self._deadline.check)
        self._registry = MlflowRegistry(settings.mlflow_url)
        self._events = RedisModelEvents(settings.redis_url)
        self._ledger = Ledger(engine, self._registry, self._events)
        self._replicas = HttpReplicas(settings.predictor_urls)
        self._traffic = TrafficControl(self._ledger, self._registry)
        self._tracing = tracing or NoTracing()
        self._sources = Sources(
            data_dir=settings.data_dir,
            processed_dir=settings.processed_dir,
            find_champion=lambda contract: self._patience.ask(lambda: self._find_champion(contract)),
            find_feedback=FeedbackStore(engine).newest_first,
            find_highest=lambda contract: max(
                JobStore(engine).highest_version(contract), highest_version(self._ledger.entries(contract))
            ),
            code_revision=settings.code_revision,
        )

    def close(self) -> None:
        """Hang up."""
        self._registry.close()
        self._replicas.close()
        self._events.close()

    def train(self, model: str, *, reason: str, options: Options, progress: Progress) -> TrainedVersion:
        with self._deadline.told(), traced_stages(self._tracing, self._deadline.checked(progress)) as told:
            return train(
                RECIPES[contract_of(model).model],
                sources=self._sources,
                tracker=PatientTracker(self._tracker, self._patience),
                progress=told,
                reason=reason,
                options=options,
            )

    def _find_champion(self, contract: Contract) -> Champion | None:
        version = self._ledger.champion(contract)
        return load_champion(contract, self._registry, version) if version else None

    def promote(self, trained: TrainedVersion, job: Job, jobs: JobStore) -> None:
        contract, actor = contract_of(job.model), _actor(job)
        with self._deadline.told(), self._tracing.step("promote", {"model.version": trained.version}):
            self._patience.ask(
                lambda: self._ledger.promote(
                    contract,
                    trained.version,
                    reason=job.reason,
                    actor=actor,
                    expected_champion=trained.champion,  # it is better than that one, not than any other
                    together=jobs.ending(job, State.PROMOTED),
                )
            )

    def hold(self, trained: TrainedVersion, job: Job, jobs: JobStore) -> None:
        contract, actor = contract_of(job.model), _actor(job)
        with self._deadline.told():
            self._patience.ask(
                lambda: self._traffic.challenge(
                    contract, trained.version, reason=job.reason, actor=actor, together=jobs.ending(job, State.HELD)
                )
            )

    def settle_all(self) -> list[str]:
        return self._ledger.settle_all()

    def tend_ramps(self) -> None:
        Steward(self._traffic, self._replicas).go_round()

    def abandon_runs(self, contract: Contract) -> list[str]:
        return self._tracker.abandon_runs(contract.model)

    def has(self, contract: Contract, version: str) -> bool:
        try:
            self._registry.version(contract.registered_model, version)
        except ModelVersionNotFound:
            return False
        return True

    def champion(self, contract: Contract) -> str | None:
        return self._tracker.champion(contract)


def _actor(job: Job) -> str:
    return f"job:{job.id}"
