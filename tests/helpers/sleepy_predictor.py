"""A predictor of the housing model whose version 2 sleeps before each answer, once it is loaded.

Run as `python -m tests.helpers.sleepy_predictor`, with the settings of any predictor.
"""

import time
from dataclasses import replace

from mlplatform.contracts import HOUSING, Contract
from mlplatform.registry import StoredVersion
from mlplatform.runtime import LiveModel, OnnxModel
from mlplatform.runtime.session import Answer, Rows
from mlplatform.serving.app import PATH, create_app
from mlplatform.serving.at_once import answering_at_once
from mlplatform.settings import PredictorSettings, load_settings
from mlplatform.telemetry.logging import configure_logging
from mlplatform.verification import load
from mlplatform.web.server import serve

SECONDS = 10.0
SLEEPY_VERSION = "2"


class Sleepy:
    """A model that does nothing for a while, and then answers."""

    def __init__(self, model: OnnxModel) -> None:
        self._model = model

    def predict(self, rows: Rows) -> Answer:
        time.sleep(SECONDS)  # to be slow is what it is for
        return self._model.predict(rows)


def load_sleepy(contract: Contract, stored: StoredVersion) -> LiveModel:
    """As any version is loaded."""
    live = load(contract, stored)
    if stored.version != SLEEPY_VERSION:
        return live
    return replace(live, model=Sleepy(live.model))  # type: ignore[arg-type] # as far as a shadow asks it


def main() -> None:
    """Serve until told to stop."""
    settings = load_settings(PredictorSettings)
    configure_logging("housing-predictor", settings.log_format, settings.log_level, model=HOUSING.model)
    app = create_app(HOUSING, settings, load=load_sleepy)
    serve(app, settings.host, settings.port, http=answering_at_once(PATH, app.state.predict))


if __name__ == "__main__":
    main()
