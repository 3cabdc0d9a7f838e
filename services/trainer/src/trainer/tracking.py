"""MLflow as the trainer's tracker and registry; only this module imports it."""

import hashlib
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version as library_version
from pathlib import Path

# MLflow's own defaults would let one call to a dead server last for many minutes. A value of the operator's wins.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")  # for a connection gone stale; `Patience` does the rest
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_CONFIGURE_LOGGING", "false")  # it would write past ours, in a form of its own

import mlflow.sklearn
from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelStatus, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.models import Model, infer_signature
from skops.io import dumps, get_untrusted_types

from mlplatform.contracts import Contract
from mlplatform.errors import RegistryUnavailable
from mlplatform.registry.manifest import CHAMPION, MANIFEST_FILE, MANIFEST_TAG, MODEL_FILE, MODEL_TAG
from trainer.errors import RegistryRefused
from trainer.tracker import Release

_ALREADY_EXISTS = "RESOURCE_ALREADY_EXISTS"
_OUR_FAULT = ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")
_TOO_BUSY = 429
_SERVER_ERROR = 500
_DOES_NOT_EXIST = "RESOURCE_DOES_NOT_EXIST"
_PARENT_TAG = "mlflow.parentRunId"
_LOADING_NEEDS = ("scikit-learn", "skl2onnx", "skops", "numpy", "pandas")


class MlflowTracker:
    """A `Tracker` on an MLflow server.

    Args:
        url: of the server, such as `http://mlflow:5000`.
    """

    def __init__(self, url: str) -> None:
        self.client = MlflowClient(tracking_uri=url, registry_uri=url)

    def start_run(self, experiment: str, name: str, *, tags: Mapping[str, str], parent: str | None = None) -> str:
        nesting = {_PARENT_TAG: parent} if parent else {}
        with answering():
            run = self.client.create_run(self._experiment_id(experiment), tags={**tags, **nesting}, run_name=name)
        return str(run.info.run_id)

    def log_params(self, run_id: str, params: Mapping[str, str]) -> None:
        with answering():
            self.client.log_batch(run_id, params=[Param(name, value) for name, value in params.items()])

    def log_metrics(self, run_id: str, metrics: Mapping[str, float]) -> None:
        self._log(run_id, [(name, value, 0) for name, value in metrics.items()])

    def log_series(self, run_id: str, name: str, values: Sequence[float]) -> None:
        self._log(run_id, [(name, value, step) for step, value in enumerate(values)])

    def set_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        with answering():
            self.client.log_batch(run_id, tags=[RunTag(name, value) for name, value in tags.items()])

    def end_run(self, run_id: str, *, succeeded: bool) -> None:
        with answering():
            self.client.set_terminated(run_id, status="FINISHED" if succeeded else "FAILED")

    def register(self, release: Release) -> str:
        name = release.contract.registered_model
        known = self._version_of_run(name, release.run_id)
        if known:
            return known
        with answering(), tempfile.TemporaryDirectory() as folder:
            experiment = self._experiment_id(release.contract.model)
            model = self.client.create_logged_model(
                experiment, name=release.contract.model, source_run_id=release.run_id, model_type="sklearn"
            )
            files = Path(folder) / "model"
            manifest_sha256 = _write(release, Model(run_id=release.run_id, model_id=model.model_id), files)
            self.client.log_model_artifacts(model.model_id, str(files))
            self.client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
            self._ensure_registered_model(name)
            self._use_up(release, model)
            version = self.client.create_model_version(
                name,
                # The resolved address, not `runs:/...`: predictors fetch the files without an MLflow client.
                source=model.artifact_location,
                run_id=release.run_id,
                model_id=model.model_id,
                tags={
                    **release.tags,
                    MODEL_TAG: release.manifest.onnx_sha256,
                    MANIFEST_TAG: manifest_sha256,
                },
                description=release.description,
                await_creation_for=30,
            )
        return str(version.version)

    def _use_up(self, release: Release, model: LoggedModel) -> None:
        """Let the next number be a greater one, where the registry has lost its store and counts anew.

        What it takes has no manifest: should any of it stay, nobody would load it or promote it.
        """
        name = release.contract.registered_model
        newest = self.client.search_model_versions(f"name = '{name}'", 1, ["version_number DESC"])
        number = int(newest[0].version) if newest else 0
        while number < release.above:
            taken = self.client.create_model_version(
                name, source=model.artifact_location, run_id=release.run_id, model_id=model.model_id
            )
            self.client.delete_model_version(name, str(taken.version))
            number = int(taken.version)

    def _version_of_run(self, name: str, run_id: str) -> str | None:
        with answering():
            found = self.client.search_model_versions(f"run_id = '{run_id}'")
        registered = (version for version in found if version.name == name and MANIFEST_TAG in version.tags)
        return next((str(version.version) for version in registered), None)

    def abandon_runs(self, experiment: str) -> list[str]:
        """End the runs of an experiment whose training is gone; returns their ids.

        Raises:
            RegistryUnavailable: the server does not answer.
        """
        with answering():
            found = self.client.get_experiment_by_name(experiment)
            open_runs = self.client.search_runs([found.experiment_id], "attributes.status = 'RUNNING'") if found else []
            ids = [str(run.info.run_id) for run in open_runs]
            for run_id in ids:
                self.client.set_terminated(run_id, status="KILLED")
        return ids

    def champion(self, contract: Contract) -> str | None:
        """The version that serves, if any.

        Raises:
            RegistryUnavailable: the server does not answer.
        """
        with answering():
            try:
                model = self.client.get_registered_model(contract.registered_model)
            except MlflowException as error:
                if error.error_code == _DOES_NOT_EXIST:
                    return None
                raise
        version = model.aliases.get(CHAMPION)
        return None if version is None else str(version)

    def _log(self, run_id: str, values: Sequence[tuple[str, float, int]]) -> None:
        now = int(time.time() * 1000)
        with answering():
            self.client.log_batch(run_id, metrics=[Metric(name, value, now, step) for name, value, step in values])

    def _experiment_id(self, name: str) -> str:
        experiment = self.client.get_experiment_by_name(name)
        if experiment is None:
            with _unless_it_exists():
                self.client.create_experiment(name)
            experiment = self.client.get_experiment_by_name(name)
        if experiment is None:
            raise RegistryUnavailable(f"experiment {name!r} was deleted")
        return str(experiment.experiment_id)

    def _ensure_registered_model(self, name: str) -> None:
        with _unless_it_exists():
            self.client.create_registered_model(name)


def _write(release: Release, model: Model, files: Path) -> str:
    """All files of a version into a folder; returns the sha256 of the manifest."""
    # skops, not pickle: whoever loads it runs only the types that this file names.
    untrusted = get_untrusted_types(data=dumps(release.estimator))
    mlflow.sklearn.save_model(
        release.estimator,
        str(files),
        mlflow_model=model,
        signature=infer_signature(release.example, release.estimator.predict(release.example)),
        input_example=release.example,
        serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_SKOPS,
        skops_trusted_types=untrusted,
        # Given, because MLflow would find them out by loading the model in a process of its own.
        pip_requirements=[f"{name}=={library_version(name)}" for name in _LOADING_NEEDS],
    )
    manifest = release.manifest.model_dump_json(indent=2).encode()
    (files / MODEL_FILE).write_bytes(release.onnx)
    (files / MANIFEST_FILE).write_bytes(manifest)
    for name, content in release.files.items():
        (files / name).write_bytes(content)
    return hashlib.sha256(manifest).hexdigest()


@contextmanager
def answering() -> Iterator[None]:
    """Raises `RegistryUnavailable` when MLflow is away or in trouble, `RegistryRefused` when it will not do it.

    What it blames on the caller is a bug, and stays what it is.
    """
    try:
        yield
    except MlflowException as error:
        if error.error_code in _OUR_FAULT:
            raise
        status = error.get_http_status_code()  # type: ignore[no-untyped-call] # MLflow types none; 500 where there was no answer
        if status < _SERVER_ERROR and status != _TOO_BUSY:
            raise RegistryRefused(f"MLflow refused: {error}") from error
        raise RegistryUnavailable(f"MLflow did not answer as agreed: {error}") from error


@contextmanager
def _unless_it_exists() -> Iterator[None]:
    try:
        yield
    except MlflowException as error:
        if error.error_code != _ALREADY_EXISTS:
            raise
