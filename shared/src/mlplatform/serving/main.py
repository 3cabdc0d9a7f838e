"""The composition root of a predictor's process."""

import sys

from mlplatform.contracts import Contract
from mlplatform.serving.app import create_app
from mlplatform.settings import PredictorSettings, load_settings
from mlplatform.telemetry.logging import configure_logging
from mlplatform.web.server import serve

# How long the bulk lane may keep the interpreter from the event loop; Python's own 5 ms are a hundred requests.
_SWITCH_SECONDS = 0.0005


def run(contract: Contract) -> None:
    """Serve the champion of a contract's model until told to stop."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    settings = load_settings(PredictorSettings)
    configure_logging(f"{contract.model}-predictor", settings.log_format, settings.log_level)
    serve(create_app(contract, settings), settings.host, settings.port)
