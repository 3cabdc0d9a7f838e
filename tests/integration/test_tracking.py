"""The trainer against a real MLflow server."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import mlflow
import numpy as np
import pytest
from sqlalchemy import insert

from mlplatform.contracts import HOUSING, IRIS, Contract
from mlplatform.errors import ModelVersionNotFound, RegistryUnavailable
from mlplatform.registry.manifest import CHAMPION, MANIFEST_TAG, Manifest
from mlplatform.runtime.session import OnnxModel
from tests.helpers.ports import free_port
from trainer.card.facts import Card
from trainer.composition import RegisteredTraining
from trainer.db.engine import connect
from trainer.db.migrate import migrate
from trainer.db.tables import feedback
from trainer.errors import RegistryRefused
from trainer.gate.champion import Champion, load_champion
from trainer.options import Effort, Options
from trainer.pipeline import Sources, TrainedVersion, train
from trainer.promotions.registry import MlflowRegistry
from trainer.recipes import RECIPES, Recipe
from trainer.settings import TrainerSettings
from trainer.tracker import Release
from trainer.tracking import MlflowTracker

DATA = Path(__file__).parents[2] / "data"


def registered(recipe: Recipe, url: str, processed_dir: Path, highest: int = 0) -> TrainedVersion:
    with closing(MlflowRegistry(url)) as registry:

        def find_champion(contract: Contract) -> Champion | None:
            version = registry.aliases(contract.registered_model).get(CHAMPION)
            return load_champion(contract, registry, version) if version else None

        return train(
            recipe,
            sources=Sources(DATA, processed_dir, find_champion, find_highest=lambda _: highest),
            tracker=MlflowTracker(url),
            progress=lambda _stage, _percent: None,
            reason="an integration test",
        )


@pytest.fixture
def registry(mlflow_url: str) -> Iterator[MlflowRegistry]:
    with closing(MlflowRegistry(mlflow_url)) as registry:
        yield registry


@pytest.fixture(scope="module")
def trained(mlflow_url: str, tmp_path_factory: pytest.TempPathFactory) -> TrainedVersion:
    return registered(RECIPES["iris"], mlflow_url, tmp_path_factory.mktemp("processed"))


@pytest.fixture
def api(mlflow_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{mlflow_url}/api/2.0") as client:
        yield client


def test_predictors_can_fetch_the_files_and_trust_them(trained: TrainedVersion, api: httpx.Client) -> None:
    version = {"name": trained.registered_model, "version": trained.version}
    found = api.get("/mlflow/model-versions/get", params=version).json()["model_version"]
    tags = {tag["key"]: tag["value"] for tag in found["tags"]}
    uri = api.get("/mlflow/model-versions/get-download-uri", params=version).json()["artifact_uri"]
    assert uri.startswith("mlflow-artifacts:/")
    folder = "/mlflow-artifacts/artifacts/" + uri.removeprefix("mlflow-artifacts:/").lstrip("/")

    content = api.get(f"{folder}/manifest.json").content
    assert hashlib.sha256(content).hexdigest() == tags["manifest_sha256"]
    manifest = Manifest.model_validate_json(content)
    onnx = api.get(f"{folder}/model.onnx").content
    assert hashlib.sha256(onnx).hexdigest() == manifest.onnx_sha256 == tags["onnx_sha256"]

    answer = OnnxModel(IRIS, onnx).predict(np.array(manifest.golden.rows))
    assert answer.predictions == manifest.golden.predictions
    assert np.allclose(answer.probabilities, manifest.golden.probabilities, atol=manifest.golden.tolerance)
    assert tags["candidate"] == trained.candidate
    assert json.loads(tags["parity"])["passed"]
    assert tags["library.scikit-learn"]
    assert found["run_id"] == trained.run_id


def test_mlflow_itself_can_load_the_version(
    trained: TrainedVersion, mlflow_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_url)
    model = mlflow.sklearn.load_model(f"models:/{trained.registered_model}/{trained.version}")
    assert model.classes_.tolist() == list(IRIS.labels)


def test_each_candidate_is_a_run_under_the_training(trained: TrainedVersion, mlflow_url: str) -> None:
    client = MlflowTracker(mlflow_url).client
    experiment = client.get_experiment_by_name("iris")
    assert experiment is not None
    nested = client.search_runs([experiment.experiment_id], f"tags.`mlflow.parentRunId` = '{trained.run_id}'")
    assert {run.data.tags["candidate"] for run in nested} == set(RECIPES["iris"].candidates)
    for run in nested:
        assert run.info.status == "FINISHED"
        assert run.data.params
        assert len(client.get_metric_history(run.info.run_id, "cv_accuracy")) == RECIPES["iris"].validation_fits
    parent = client.get_run(trained.run_id)
    assert parent.data.metrics == pytest.approx(trained.metrics)
    assert parent.data.tags["reason"] == "an integration test"
    assert parent.data.tags["data_rows"] == "150"
    assert parent.data.params


def test_a_version_serves_once_it_is_promoted(
    trained: TrainedVersion, mlflow_url: str, registry: MlflowRegistry
) -> None:
    assert MlflowTracker(mlflow_url).champion(IRIS) is None
    registry.set_alias(trained.registered_model, "champion", trained.version)
    assert MlflowTracker(mlflow_url).champion(IRIS) == trained.version
    assert load_champion(IRIS, registry, trained.version).version == trained.version
    registry.drop_alias(trained.registered_model, "champion")
    assert registry.aliases(trained.registered_model) == {}


def test_the_api_sees_versions_metrics_and_the_gates_report(trained: TrainedVersion, registry: MlflowRegistry) -> None:
    name = trained.registered_model
    assert [version["version"] for version in registry.versions(name)][-1] == trained.version
    version = registry.version(name, trained.version)
    assert version["tags"]["gate"] == "promote"
    assert registry.metrics(version["run_id"]) == pytest.approx(trained.metrics)
    assert json.loads(registry.file(name, trained.version, "gate.json"))["verdict"] == "promote"
    card = registry.file(name, trained.version, "card.json")
    assert hashlib.sha256(card).hexdigest() == version["tags"]["card_sha256"]
    assert Card.model_validate_json(card).making.run_id == trained.run_id
    assert json.loads(version["tags"]["parameters"])
    with pytest.raises(ModelVersionNotFound):
        registry.version(name, "999")
    with pytest.raises(ModelVersionNotFound):
        registry.file(name, trained.version, "nothing.json")
    assert registry.aliases("NobodysModel") == {}


def test_a_second_training_makes_a_second_version(trained: TrainedVersion, mlflow_url: str, tmp_path: Path) -> None:
    recipe = RECIPES["iris"]
    small = replace(recipe, candidates={"logistic_regression": recipe.candidates["logistic_regression"]})
    assert int(registered(small, mlflow_url, tmp_path).version) == int(trained.version) + 1


def test_a_model_that_was_never_registered_has_no_champion(mlflow_url: str) -> None:
    unknown = replace(HOUSING, registered_model="NeverRegistered")
    assert MlflowTracker(mlflow_url).champion(unknown) is None


def test_a_server_that_is_down_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RegistryUnavailable):
        MlflowTracker(f"http://127.0.0.1:{free_port()}").champion(IRIS)


def test_runs_whose_training_is_gone_are_ended_and_finished_ones_left_alone(
    trained: TrainedVersion, mlflow_url: str, api: httpx.Client
) -> None:
    tracker = MlflowTracker(mlflow_url)
    lost = [tracker.start_run("iris", name, tags={}) for name in ("lost", "lost, too")]
    assert sorted(tracker.abandon_runs("iris")) == sorted(lost)
    assert tracker.abandon_runs("iris") == []
    statuses = [
        api.get("/mlflow/runs/get", params={"run_id": run}).json()["run"]["info"]["status"]
        for run in (*lost, trained.run_id)
    ]
    assert statuses == ["KILLED", "KILLED", "FINISHED"]


def test_an_experiment_that_is_not_there_has_no_runs_to_end(mlflow_url: str) -> None:
    assert MlflowTracker(mlflow_url).abandon_runs("wine") == []


def test_a_worker_trains_on_the_feedback_of_its_database(mlflow_url: str, tmp_path: Path) -> None:
    settings = TrainerSettings(
        database_url=f"sqlite:///{tmp_path}/trainer.db",
        mlflow_url=mlflow_url,
        data_dir=DATA,
        processed_dir=tmp_path / "processed",
        code_revision="0123abc",
    )
    engine = connect(settings.database_url)
    migrate(engine)
    now = datetime.now(UTC)
    rows = [
        {
            "prediction_id": f"{number}",
            "model": "iris",
            "version": "1",
            "features": {**IRIS.example, "petal_width": 0.2 + number / 100},
            "truth": truth,
            "observed_at": now,
            "received_at": now,
        }
        for number, truth in enumerate(["setosa", "setosa", "tulip"])
    ]
    with engine.begin() as connection:
        connection.execute(insert(feedback), rows)

    with closing(RegisteredTraining(settings, engine)) as training, closing(MlflowRegistry(mlflow_url)) as registry:
        options = Options(Effort.QUICK, feedback=True)
        trained = training.train("iris", reason="feedback", options=options, progress=lambda _stage, _percent: None)
        tags = registry.version(trained.registered_model, trained.version)["tags"]
        card = Card.model_validate_json(registry.file(trained.registered_model, trained.version, "card.json"))

    assert (tags["feedback_rows"], tags["effort"], tags["code_revision"]) == ("2", "quick", "0123abc")
    assert card.data.feedback is not None
    assert card.data.feedback.refused == {"truth cannot be": 1}


def test_a_run_that_is_registered_again_keeps_its_version(mlflow_url: str, tmp_path: Path) -> None:
    class Twice(MlflowTracker):
        """As when the first answer was lost."""

        def register(self, release: Release) -> str:
            first = super().register(release)
            assert super().register(release) == first
            return first

    with closing(MlflowRegistry(mlflow_url)) as registry:
        recipe = RECIPES["iris"].with_effort(Effort.QUICK)
        trained = train(
            recipe,
            sources=Sources(DATA, tmp_path),
            tracker=Twice(mlflow_url),
            progress=lambda _stage, _percent: None,
            reason="registered twice",
        )
        versions = registry.versions(trained.registered_model)
    assert [version["version"] for version in versions if version["run_id"] == trained.run_id] == [trained.version]


def test_a_refusal_is_told_from_a_server_that_is_away(mlflow_url: str) -> None:
    with pytest.raises(RegistryRefused):
        MlflowTracker(mlflow_url).end_run("0" * 32, succeeded=True)


def test_a_registry_that_lost_its_store_gives_no_known_number_out_again(
    trained: TrainedVersion, mlflow_url: str, registry: MlflowRegistry, tmp_path: Path
) -> None:
    name = trained.registered_model
    newest = int(registry.versions(name)[0]["version"])
    known = newest + 3
    again = registered(RECIPES["iris"], mlflow_url, tmp_path, highest=known)
    assert int(again.version) == known + 1
    numbers = [int(version["version"]) for version in registry.versions(name)]
    assert numbers[:2] == [known + 1, newest]  # those between were used up
    assert registry.version(name, again.version)["tags"][MANIFEST_TAG]
