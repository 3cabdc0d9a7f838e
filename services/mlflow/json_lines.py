"""One line of JSON for each event of MLflow's server, with the names that the platform's own processes use.

Of the standard library, since the image holds none of the platform's.
"""

import json
import logging
from datetime import UTC, datetime


class JsonLine(logging.Formatter):
    """For `logging.json`, which uvicorn is given."""

    def format(self, record: logging.LogRecord) -> str:
        event = {
            "service": "mlflow",
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps(event, default=str)
