"""The composition root of a predictor's process."""

import gc
import os
import sys

from mlplatform.contracts import Contract
from mlplatform.serving.app import PATH, create_app
from mlplatform.serving.at_once import answering_at_once
from mlplatform.settings import PredictorSettings, load_settings
from mlplatform.telemetry.logging import configure_logging
from mlplatform.telemetry.tracing import open_tracing
from mlplatform.web.server import serve

# How long the bulk lane may keep the interpreter from the event loop; Python's own 5 ms are a hundred requests.
_SWITCH_SECONDS = 0.0005


# Requests leave no cycles behind; looking for them after every 700 allocations costs more than it finds.
_COLLECT_EVERY = 50_000


def run(contract: Contract) -> None:
    """Serve the champion of a contract's model until told to stop."""
    settings = load_settings(PredictorSettings)
    service = f"{contract.model}-predictor"
    configure_logging(service, settings.log_format, settings.log_level, model=contract.model)
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.set_threshold(_COLLECT_EVERY)
    app = create_app(contract, settings, tracing=open_tracing(service, settings.otlp_endpoint))

    def leave() -> None:
        app.state.is_leaving = True

    status = 1
    try:
        serve(
            app,
            settings.host,
            settings.port,
            http=answering_at_once(PATH, app.state.predict),
            leaving=leave,
            drain_seconds=settings.drain_seconds,
        )
        status = 0
    finally:
        if app.state.shadows.is_stuck:  # the interpreter cannot end beside a thread that never comes back
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
